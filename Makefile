# Two commands: `make demo` sets up and reads a radiograph, `make test` sets up and passes the tests.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DEMO   := demo

# Pins keep a fresh clone working; they also name the torch that fits the torchvision.
export PIP_CONSTRAINT := $(CURDIR)/constraints-ci.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test lint audit clean

demo: $(VENV)/read.installed
	mkdir -p $(DEMO)
	$(BIN)/carpal phantom $(DEMO)/hand.dcm --age-months 118 --sex F
	$(BIN)/carpal read $(DEMO)/hand.dcm --annotate $(DEMO)/reading.png
	@echo "Open $(DEMO)/reading.png. The hand is drawn, not a child's: its age proves nothing."

test: $(VENV)/dev.installed
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: $(VENV)/dev.installed
	$(BIN)/ruff check src tests benchmarks recipes
	$(BIN)/ruff format --check src tests benchmarks recipes
	$(BIN)/mypy
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive src

# Asks the vulnerability service of PyPI about every pinned package: it needs the internet, so it is no part of CI.
audit: $(VENV)/bin/python
	$(BIN)/pip install --quiet 'pip-audit>=2.7'
	$(BIN)/pip-audit --strict --requirement constraints-ci.txt --no-deps --disable-pip || \
	    { echo "what it found stands above; or it could not ask, and nothing is known" >&2; exit 1; }

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/read.installed: $(VENV)/bin/python pyproject.toml constraints-ci.txt
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/dev.installed: $(VENV)/bin/python pyproject.toml constraints-ci.txt
	$(BIN)/pip install --quiet --editable '.[train,dicom,bulk,serve,postgres,dev]'
	touch $@ $(VENV)/read.installed

clean:
	rm -rf $(VENV) $(DEMO) build dist .pytest_cache .mypy_cache .ruff_cache
