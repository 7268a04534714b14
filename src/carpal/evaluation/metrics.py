"""How good predictions are: error, class, interval; for all, by sex, by age, and in the worst corner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carpal.distribution import CLASS_NAMES
from carpal.errors import InvalidArgument
from carpal.evaluation.bootstrap import Estimate, estimate
from carpal.evaluation.predictions import ClassOrigin, Predictions

__all__ = ["Cell", "Evaluation", "Metrics", "evaluate", "measure"]

BAND_MONTHS = 24
# A cell of three children is the worst by chance; only cells with this many are named (unless none has).
WORST_CELL_MIN_N = 10

_CLASSES = range(len(CLASS_NAMES))


@dataclass(frozen=True)
class Metrics:
    """The figures of some predictions. Errors are predicted minus reference; shares are 0..1; SD has n - 1 below.

    ``mae_as_reported_months`` is that of the ages as a reader would report them. ``class_precision`` and
    ``class_recall`` hold one estimate per class; the interval figures are over those predictions that have one.
    """

    n: int
    mae_months: Estimate
    mae_as_reported_months: Estimate
    rmse_months: Estimate
    median_absolute_error_months: Estimate
    bias_months: Estimate
    sd_of_error_months: Estimate
    r_squared: Estimate
    share_within_6_months: Estimate
    share_within_12_months: Estimate
    class_accuracy: Estimate
    interval_90_coverage: Estimate
    interval_90_mean_width_months: Estimate
    class_precision: tuple[Estimate, ...]
    class_recall: tuple[Estimate, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON; units are in the names, undefined figures are None."""
        values: dict[str, Any] = {"n": self.n}
        for name in (field.name for field in fields(self) if field.name != "n"):
            found = getattr(self, name)
            if isinstance(found, Estimate):
                values[name] = found.to_dict()
            else:
                values[name] = {f"class_{k}": figure.to_dict() for k, figure in enumerate(found)}
        return values


@dataclass(frozen=True)
class Cell:
    """A part of the predictions: of a sex, of a band of reference ages (from, up to and including), of a group."""

    metrics: Metrics
    sex: str | None = None
    band_months: tuple[int, int] | None = None
    group: str | None = None

    @property
    def name(self) -> str:
        """For people: "girls, 24-47 months"."""
        sex = {"F": "girls", "M": "boys", None: ""}[self.sex]
        band = "" if self.band_months is None else f"{self.band_months[0]}-{self.band_months[1]} months"
        return ", ".join(part for part in (self.group or "", sex, band) if part)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        where = {"name": self.name, "sex": self.sex, "group": self.group}
        low, high = self.band_months or (None, None)
        return {**where, "band_from_months": low, "band_to_months": high, **self.metrics.to_dict()}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything measured. ``confusion`` (5, 5) counts, a row per reference class, a column per predicted class."""

    overall: Metrics
    confusion: NDArray[np.int64]
    class_origin: ClassOrigin
    by_sex: tuple[Cell, ...]
    by_band: tuple[Cell, ...]
    by_sex_and_band: tuple[Cell, ...]
    by_group: tuple[Cell, ...]
    resamples: int
    seed: int

    @property
    def n(self) -> int:
        """How many predictions."""
        return self.overall.n

    @property
    def worst_cell(self) -> Cell:
        """The sex and band with the largest MAE, among those with 10 predictions or more if there are any."""
        large = [cell for cell in self.by_sex_and_band if cell.metrics.n >= WORST_CELL_MIN_N]
        return max(large or self.by_sex_and_band, key=lambda cell: cell.metrics.mae_months.value or 0.0)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: no NaN, units in the names."""
        worst = self.worst_cell
        return {
            "n": self.n,
            "bootstrap": {"resamples": self.resamples, "seed": self.seed, "level": 0.95, "drawn": "ids"},
            "class_origin": self.class_origin,
            "class_names_months": list(CLASS_NAMES),
            "overall": self.overall.to_dict(),
            "confusion_reference_by_predicted": self.confusion.tolist(),
            "worst_cell": {
                "name": worst.name,
                "n": worst.metrics.n,
                "mae_months": worst.metrics.mae_months.to_dict(),
            },
            "by_sex": [cell.to_dict() for cell in self.by_sex],
            "by_band": [cell.to_dict() for cell in self.by_band],
            "by_sex_and_band": [cell.to_dict() for cell in self.by_sex_and_band],
            "by_group": [cell.to_dict() for cell in self.by_group],
        }


def evaluate(predictions: Predictions, *, resamples: int = 2000, seed: int = 0) -> Evaluation:
    """Everything there is to measure, with 95 % bootstrap intervals over ids. Raises InvalidArgument."""
    _check_resamples(resamples)
    bands = (predictions.reference_months // BAND_MONTHS).astype(int)
    groups = np.array(predictions.groups) if predictions.groups is not None else np.full(len(predictions), "")
    named = sorted(set(groups.tolist()))

    def cell(mask: NDArray[np.bool_], **where: Any) -> Iterator[Cell]:
        if mask.any():
            yield Cell(measure(predictions.subset(mask), resamples=resamples, seed=seed), **where)

    limits = {band: (int(band) * BAND_MONTHS, (int(band) + 1) * BAND_MONTHS - 1) for band in np.unique(bands)}
    of_sex = {sex: predictions.sexes == sex for sex in ("F", "M")}
    return Evaluation(
        overall=measure(predictions, resamples=resamples, seed=seed),
        confusion=confusion_counts(predictions),
        class_origin=predictions.class_origin,
        by_sex=tuple(c for sex, mask in of_sex.items() for c in cell(mask, sex=sex)),
        by_band=tuple(c for b, limit in limits.items() for c in cell(bands == b, band_months=limit)),
        by_sex_and_band=tuple(
            c
            for sex, mask in of_sex.items()
            for b, limit in limits.items()
            for c in cell(mask & (bands == b), sex=sex, band_months=limit)
        ),
        by_group=tuple(c for g in named for c in cell(groups == g, group=g or "(none)")) if len(named) > 1 else (),
        resamples=resamples,
        seed=seed,
    )


def _check_resamples(resamples: int) -> None:
    if not 1 <= resamples <= 1_000_000:
        raise InvalidArgument(f"a bootstrap takes 1 to 1,000,000 resamples, not {resamples}")


def confusion_counts(predictions: Predictions) -> NDArray[np.int64]:
    """(5, 5) counts, a row per reference class, a column per predicted class."""
    counts = np.zeros((len(CLASS_NAMES), len(CLASS_NAMES)), np.int64)
    np.add.at(counts, (predictions.reference_classes, predictions.predicted_classes), 1)
    return counts


def measure(predictions: Predictions, *, resamples: int = 2000, seed: int = 0) -> Metrics:
    """The figures of these predictions taken together, with 95 % bootstrap intervals over ids."""
    terms = _terms(predictions)
    absolute = np.abs(predictions.errors_months)
    order = np.argsort(absolute, kind="stable")
    matrix = np.column_stack(list(terms.values()))

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = dict(zip(terms, (weights @ matrix).T, strict=True))
        median = _weighted_median(absolute[order], weights[:, order])
        return np.column_stack([*_figures(sums).values(), median])

    names = [*_figures({name: np.zeros(1) for name in terms}), "median_absolute_error_months"]
    found = dict(zip(names, estimate(predictions.ids, statistic, resamples, seed), strict=True))
    precision = tuple(found.pop(f"precision_{k}") for k in _CLASSES)
    recall = tuple(found.pop(f"recall_{k}") for k in _CLASSES)
    return Metrics(n=len(predictions), class_precision=precision, class_recall=recall, **found)


def _terms(predictions: Predictions) -> dict[str, NDArray[np.float64]]:
    """What each prediction adds to the sums that the figures are made of; (N,) each."""
    error = predictions.errors_months
    # Around the mean, because a variance from raw sums of squares loses digits.
    reference = predictions.reference_months - predictions.reference_months.mean()
    centre = error - error.mean()
    low, high = predictions.intervals.T
    has_interval = np.isfinite(low)
    true, said = predictions.reference_classes, predictions.predicted_classes
    inside = (predictions.reference_months >= low) & (predictions.reference_months <= high)  # NaN compares false
    reported = predictions.reported_months
    terms: dict[str, NDArray[Any]] = {
        "n": np.ones(len(error)),
        "error": error,
        "absolute": np.abs(error),
        "reported": np.full(len(error), reported is not None),
        "reported_absolute": np.abs(
            (predictions.reference_months if reported is None else reported) - predictions.reference_months
        ),
        "square": error**2,
        "centre": centre,
        "centre_square": centre**2,
        "reference": reference,
        "reference_square": reference**2,
        # Differences of numbers with 3 decimals: exactly 6 must count as within 6.
        "within_6": np.abs(error) <= 6 + 1e-6,
        "within_12": np.abs(error) <= 12 + 1e-6,
        "right_class": true == said,
        "intervals": has_interval,
        "inside": inside,
        "width": np.where(has_interval, high - low, 0.0),
    }
    for k in _CLASSES:
        terms |= {f"true_{k}": true == k, f"said_{k}": said == k, f"hit_{k}": (true == k) & (said == k)}
    return {name: np.asarray(values, np.float64) for name, values in terms.items()}


def _figures(sums: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """The figures of each resample from its sums, all (R,), NaN where undefined."""
    n = sums["n"]
    spread = sums["centre_square"] - _divide(sums["centre"] ** 2, n)
    total = sums["reference_square"] - _divide(sums["reference"] ** 2, n)
    figures = {
        "mae_months": _divide(sums["absolute"], n),
        "mae_as_reported_months": _divide(sums["reported_absolute"], sums["reported"]),
        "rmse_months": np.sqrt(_divide(sums["square"], n)),
        "bias_months": _divide(sums["error"], n),
        "sd_of_error_months": np.sqrt(np.maximum(_divide(spread, n - 1), 0.0)),
        "r_squared": 1 - _divide(sums["square"], np.where(total > 1e-6, total, 0.0)),
        "share_within_6_months": _divide(sums["within_6"], n),
        "share_within_12_months": _divide(sums["within_12"], n),
        "class_accuracy": _divide(sums["right_class"], n),
        "interval_90_coverage": _divide(sums["inside"], sums["intervals"]),
        "interval_90_mean_width_months": _divide(sums["width"], sums["intervals"]),
    }
    for k in _CLASSES:
        figures[f"precision_{k}"] = _divide(sums[f"hit_{k}"], sums[f"said_{k}"])
        figures[f"recall_{k}"] = _divide(sums[f"hit_{k}"], sums[f"true_{k}"])
    return figures


def _divide(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)


def _weighted_median(ascending: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R,) the median of (N,) ascending values of which each stands there (R, N) times: mean of the middle two."""
    cumulative = np.cumsum(weights, axis=1)
    total = cumulative[:, -1:]
    lower = np.argmax(cumulative > (total - 1) // 2, axis=1)
    upper = np.argmax(cumulative > total // 2, axis=1)
    return (ascending[lower] + ascending[upper]) / 2
