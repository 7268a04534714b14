"""The rules of the house, read off the syntax tree: who may import whom, and how long a module may be."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "carpal"
MODULES = {
    ".".join(("carpal", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}


def imports(path: Path) -> set[str]:
    """Every module that a file imports; those under TYPE_CHECKING do not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for child in block.body
        for node in ast.walk(child)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = inside & set(MODULES)  # "from package import module" imports the module
            found |= modules if modules == inside else modules | {node.module}
    return found


def own(names: set[str]) -> set[str]:
    return {name for name in names if name in MODULES}


@pytest.mark.parametrize("name", MODULES)
def test_torch_lives_under_training_and_nowhere_else(name: str) -> None:
    heavy = {i.split(".")[0] for i in imports(MODULES[name])} & {"torch", "timm", "torchvision", "optuna", "onnx"}
    assert not heavy or name.startswith("carpal.training")


@pytest.mark.parametrize("name", MODULES)
def test_the_web_lives_under_service_and_nowhere_else(name: str) -> None:
    web = {i.split(".")[0] for i in imports(MODULES[name])} & {"fastapi", "starlette", "uvicorn", "alembic"}
    assert not web or name.startswith("carpal.service")


@pytest.mark.parametrize("name", MODULES)
def test_no_module_pickles(name: str) -> None:
    """Whoever can write what is unpickled can run what they like."""
    assert not {i.split(".")[0] for i in imports(MODULES[name])} & {"pickle", "marshal", "shelve", "cloudpickle"}


def test_imports_never_run_in_a_circle() -> None:
    graph = {name: own(imports(path)) - {name} for name, path in MODULES.items()}
    # A package's front door imports from inside it; what counts is whether anybody inside goes back through the door.
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for other in graph[name]:
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


LOWER_FIRST = (
    "errors",
    "plain",
    "growth",
    "silence",
    "files",
    "distribution",
    "radiograph",
    "hand",
    "straighten",
    "outline",
    "exposure",
    "prepare",
    "views",
    "modelfile",
    "site",
    "quality",
    "reader",
    "explain",
    "annotate",
    "report",
    "table",
    "batch",
    "bulk",
    "deliver",
    "check",
    "service",
    "cli",
)


def test_imports_run_downwards() -> None:
    for position, name in enumerate(LOWER_FIRST):
        above = {f"carpal.{other}" for other in LOWER_FIRST[position + 1 :]}
        for module, path in MODULES.items():
            if module == f"carpal.{name}" or module.startswith(f"carpal.{name}."):
                assert not imports(path) & above, f"{module} reaches up"


@pytest.mark.parametrize("name", [m for m in MODULES if m.startswith("carpal.growth")])
def test_growth_is_plain_arithmetic(name: str) -> None:
    allowed = ("carpal.growth", "carpal.errors", "carpal.plain")
    assert all(i.startswith(allowed) for i in imports(MODULES[name]) if i.startswith("carpal"))
    assert not {i.split(".")[0] for i in imports(MODULES[name])} - sys.stdlib_module_names - {"carpal"}


@pytest.mark.parametrize("name", [m for m in MODULES if not m.startswith(("carpal.training", "carpal.cli"))])
def test_only_the_command_line_and_exploring_know_of_training(name: str) -> None:
    if name.startswith("carpal.explore"):
        assert all(i.startswith("carpal.training.datasets") for i in imports(MODULES[name]) if "carpal.training" in i)
    else:
        assert not any(i.startswith("carpal.training") for i in imports(MODULES[name]))


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_small(name: str) -> None:
    lines = MODULES[name].read_text(encoding="utf-8").count("\n")
    assert lines <= 450, f"{name} has {lines} lines: it is probably two things"


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is(name: str) -> None:
    assert ast.get_docstring(ast.parse(MODULES[name].read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", MODULES)
def test_public_names_are_listed_and_documented(name: str) -> None:
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    listed = next(
        (
            ast.literal_eval(n.value)
            for n in tree.body
            if isinstance(n, ast.Assign) and "__all__" in ast.dump(n.targets[0])
        ),
        [],
    )
    defined = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    for public in set(listed) & set(defined):
        assert ast.get_docstring(defined[public]), f"{name}.{public} has no docstring"
