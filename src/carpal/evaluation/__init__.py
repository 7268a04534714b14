"""How good a model is: metrics with confidence intervals, figures, comparison of models."""

from __future__ import annotations

from carpal.evaluation.bootstrap import Estimate
from carpal.evaluation.compare import Candidate, Comparison, Difference, compare
from carpal.evaluation.compare_report import write_comparison
from carpal.evaluation.metrics import Cell, Evaluation, Metrics, evaluate, measure
from carpal.evaluation.predictions import Predictions, read_predictions, write_predictions
from carpal.evaluation.report import write_evaluation

__all__ = [
    "Candidate",
    "Cell",
    "Comparison",
    "Difference",
    "Estimate",
    "Evaluation",
    "Metrics",
    "Predictions",
    "compare",
    "evaluate",
    "measure",
    "read_predictions",
    "write_comparison",
    "write_evaluation",
    "write_predictions",
]
