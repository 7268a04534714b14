"""results/performance.md, from what benchmarks/performance.py has measured."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from films import KINDS
from serve_load import latency_table, memory_lines
from stand_ins import STAND_INS

__all__ = ["page"]

STEPS = ("decode", "gate", "prepare", "network", "rest", "all")


def middle(values: Sequence[float], digits: int = 1) -> str:
    """Median and quartiles."""
    low, half, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{half:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def row(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | " + " | ".join(cells) + " |"


def step_lines(found: dict[str, list[dict[str, float]]]) -> list[str]:
    """A row per kind of file."""
    head = ["| CPU ms | " + " | ".join(STEPS) + " |", "|---" * (len(STEPS) + 1) + "|"]
    names = KINDS | {"enlarged": "JPEG of children, enlarged"}
    rows = [row(names[kind], [middle([of[step] for of in films]) for step in STEPS]) for kind, films in found.items()]
    return head + rows


def beside_lines(found: dict[str, list[dict[str, float]]]) -> list[str]:
    """Stand-ins, and how many times as much as carpal each costs for the same film at the same time."""
    own = [of["all"] for of in found["carpal"]]
    lines = [
        "| JPEG, CPU ms | decode | resize | networks | all | carpal costs of it |",
        "|---|---|---|---|---|---|",
        row("carpal, all in", ["", "", "", middle(own), ""]),
    ]
    for name in STAND_INS:
        films = found[name]
        share = middle([mine / of["all"] for mine, of in zip(own, films, strict=True)], 3)
        cells = [middle([of[step] for of in films]) for step in ("decode", "prepare", "network", "all")]
        lines.append(row(name, [*cells, share]))
    return lines


def start_lines(found: dict[str, list[list[float]]]) -> list[str]:
    lines = ["| new process | CPU s | s by the clock | MiB at most |", "|---|---|---|---|"]
    for name, runs in found.items():
        cpu, wall, most = zip(*runs, strict=True)
        lines.append(row(f"`{name}`", [middle(cpu, 2), middle(wall, 2), middle(most, 0)]))
    return lines


def rest_lines(found: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for clients, of in found.items():
        lines += [
            f"{clients} client(s) at once:",
            "",
            *latency_table(of),
            "",
            *(f"- {text}" for text in memory_lines(of)),
            "",
        ]
    return lines


def page(found: dict[str, Any]) -> list[str]:
    """results/performance.md"""
    (films, *memory), workers, about = found["reader"], found["workers"], found["about"]
    twice = [2 * one / two for one, two in zip(workers["1"], workers["2"], strict=True)]
    enlarged = ["The last row: 40 radiographs of the RSNA set (800 px), enlarged to 3 million pixels, with grain.", ""]
    return [
        "# What a radiograph costs", "",
        f"`python benchmarks/performance.py`, {about['date']}, {about['machine']}.",
        "One thread, CPU time, medians (quartiles); films of 2000 x 1500, model `default` unless another is named.", "",
        "## By step and kind of file", "", *step_lines(found["steps"]), "",
        "`rest` is what `Reader.read` costs beside its steps. DICOM is compressed without loss.",
        *(enlarged if "enlarged" in found["steps"] else [""]),
        "| after preparation, all views | CPU ms |", "|---|---|",
        *(row(f"`{name}`", [middle(costs)]) for name, costs in found["networks"].items()), "",
        "| preparation to 512 rows | CPU ms |", "|---|---|",
        *(row(f"`{name}`", [middle(costs)]) for name, costs in found["recipes"].items()), "",
        "## Beside what else one might take", "",
        "Random weights, ONNX Runtime with the same settings, decoded and resized by OpenCV, no gate.",
        "EfficientNets: B0 at 512 px, B0 at 1024 px, B4 at 512 px, grey. ConvNeXts: V2 tiny at 512 px thrice, RGB.",
        "The last column is a median of ratios: both read the same film one after the other.", "",
        *beside_lines(found["beside"]), "",
        "## Start and memory", "", *start_lines(found["starts"]), "",
        f"A `Reader` that has read {films:.0f} JPEGs: {memory[2]:.0f} MiB ({memory[3]:.0f} at most), "
        f"of which {memory[0]:.0f} are the libraries and {memory[1] - memory[0]:.0f} the networks.", "",
        "## Workers", "", "| `carpal bulk`, JPEG | CPU ms per radiograph, without the start |", "|---|---|",
        *(row(f"{count} worker(s)", [middle(costs)]) for count, costs in workers.items()), "",
        f"Two workers on a core each: {middle(twice, 2)} times one worker's throughput.", "",
        "## REST", "",
        f"`POST /readings` of a PNG of 1024 x 800, two workers; server and clients share {about['cores']} core(s) "
        f"with other work (load average {about['load']:.1f} before). Times by the clock.", "",
        *rest_lines(found["rest"]),
    ]  # fmt: skip
