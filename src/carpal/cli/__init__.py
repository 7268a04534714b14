"""The command line: each command parses, calls one function, prints. Heavy imports happen inside the commands."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from carpal import __version__
from carpal.cli import bulk, data, dicom, evaluate, growth, read, report, serve, site, stress, train
from carpal.errors import CarpalError, sentence_of

__all__ = ["app", "main"]

app = typer.Typer(
    name="carpal",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Bone age from radiographs of a child's left hand. Research use and decision support; not a medical device.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"carpal {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


app.command("read")(read.read)
app.command("check")(read.check)
app.command("report")(report.report)
app.command("bulk")(bulk.bulk)
app.command("growth")(growth.growth)
app.command("tw3")(growth.tw3)
app.command("phantom")(data.phantom)
app.command("prepare")(data.prepare)
app.command("explore")(data.explore)
app.command("features")(data.features)
app.command("train")(train.train)
app.command("tune")(train.tune)
app.command("export")(train.export)
app.command("evaluate")(evaluate.evaluate)
app.command("average")(evaluate.average)
app.command("coverage")(evaluate.coverage)
app.command("bias")(evaluate.bias)
app.command("compare")(evaluate.compare)
app.command("stress")(stress.stress)
app.command("calibrate")(site.calibrate)
app.command("drift")(site.drift)
app.add_typer(dicom.app, name="dicom")
app.add_typer(serve.app, name="serve")


def main() -> None:
    """Run the command line; what carpal refuses is said in one line on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file name may hold what the terminal cannot show
    try:
        app()
    except CarpalError as error:
        print(f"carpal: {sentence_of(error, 'it')}", file=sys.stderr)
        sys.exit(error.exit_code)
    except MemoryError:
        print("carpal: not enough memory", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # Whoever read our output has gone; leave quietly, as other Unix tools do.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        print(f"carpal: {error.filename or 'output'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(2)
