"""How much a reader of bone age loses when radiographs come out of another machine or hand than it learned from."""

from __future__ import annotations

from carpal.evaluation.stress.run import Case, Stressed, command_answer, reader_answer, stress
from carpal.evaluation.stress.transformations import TRANSFORMATIONS, Transformation

__all__ = [
    "TRANSFORMATIONS",
    "Case",
    "Stressed",
    "Transformation",
    "command_answer",
    "reader_answer",
    "stress",
]
