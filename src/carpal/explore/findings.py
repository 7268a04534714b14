"""What there is to say about a data set, as numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from carpal import __version__
from carpal.distribution import CLASS_EDGES
from carpal.errors import CarpalError
from carpal.radiograph import Sex, read_radiograph
from carpal.training.datasets import Dataset, Problem, Sample, load_radiograph

__all__ = [
    "BAND_MONTHS",
    "GALLERY_COLUMNS",
    "SEXES",
    "Child",
    "FileFacts",
    "Findings",
    "Thumbnail",
    "class_counts",
    "examine",
    "pick_gallery",
    "quantile_edges",
    "summary_of",
]

SEXES: tuple[Sex, Sex] = ("F", "M")
BAND_MONTHS = 24
GALLERY_COLUMNS = 3  # radiographs of each sex in an age band
_THUMBNAIL = 220  # px, the long side


@dataclass(frozen=True)
class Child:
    """One id of the data set: it counts once however many files show it."""

    id: str
    age_months: float
    sex: Sex


@dataclass(frozen=True)
class FileFacts:
    """One measured file as it is stored; ``mean`` and ``sd`` of its grey values in 0..1, bone bright."""

    group: str
    width: int
    height: int
    mean: float
    sd: float


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A small copy of one radiograph, (h, w) float32 in 0..1, for place ``column`` of its band and sex."""

    pixels: NDArray[np.float32]
    age_months: float
    sex: Sex
    band: int
    column: int


@dataclass(frozen=True, eq=False)
class Findings:
    """All that the page tells. ``problems`` are the data set's and those of the files that were opened."""

    dataset: Dataset
    children: tuple[Child, ...]
    files: tuple[FileFacts, ...]
    thumbnails: tuple[Thumbnail, ...]
    problems: tuple[Problem, ...]
    seed: int

    def ages(self, sex: Sex | None = None) -> NDArray[np.float64]:
        """(N,) months of the girls, the boys, or all children."""
        return np.array([c.age_months for c in self.children if sex in (None, c.sex)], np.float64)

    @property
    def sexes(self) -> list[Sex]:
        """Those that occur."""
        return [sex for sex in SEXES if any(child.sex == sex for child in self.children)]

    @property
    def groups(self) -> list[str]:
        """The folders' names, in order of appearance; one empty name where there is one kind only."""
        return list(dict.fromkeys(sample.group for sample in self.dataset.samples))


Slot = tuple[int, Sex, list[Sample]]  # age band, sex, candidates in order of preference


def pick_gallery(dataset: Dataset, seed: int) -> list[Slot]:
    """Who may show each age band of each sex: a seeded order of ids, the best copy of each."""
    best: dict[str, Sample] = {}
    for sample in dataset.samples:
        if sample.id not in best or (best[sample.id].aspect is not None and sample.aspect is None):
            best[sample.id] = sample
    order = np.random.default_rng(seed).permutation(sorted(best))
    slots: dict[tuple[int, Sex], list[Sample]] = {}
    for name in order:
        sample = best[str(name)]
        slots.setdefault((int(sample.age_months // BAND_MONTHS), sample.sex), []).append(sample)
    return [(band, sex, candidates) for (band, sex), candidates in sorted(slots.items())]


def examine(
    dataset: Dataset, slots: list[Slot], *, files: int, seed: int, progress: Callable[[int, int], None]
) -> Findings:
    """Open the sampled files and the gallery's; what cannot be read becomes a problem."""
    chosen = _sample_files(dataset, files, seed)
    total = len(chosen) + sum(min(GALLERY_COLUMNS, len(candidates)) for _, _, candidates in slots)
    problems = list(dataset.problems)
    unreadable: dict[str, Problem] = {}
    facts = []
    for done, sample in enumerate(chosen):
        progress(done, total)
        try:
            facts.append(_measure(sample))
        except CarpalError as error:
            unreadable[str(sample.path)] = Problem("unreadable", sample.path.name, str(error))
    thumbnails: list[Thumbnail] = []
    done = len(chosen)
    for band, sex, candidates in slots:
        progress(done, total)
        thumbnails += _thumbnails(band, sex, candidates, unreadable)
        done += min(GALLERY_COLUMNS, len(candidates))
    progress(total, total)
    children = tuple(dict.fromkeys(Child(s.id, s.age_months, s.sex) for s in dataset.samples))
    return Findings(
        dataset, children, tuple(facts), tuple(thumbnails), tuple(problems + list(unreadable.values())), seed
    )


def _sample_files(dataset: Dataset, files: int, seed: int) -> list[Sample]:
    """At most ``files`` samples, as evenly over the groups as their sizes allow: a small group is not lost."""
    groups: dict[str, list[Sample]] = {}
    for sample in dataset.samples:
        groups.setdefault(sample.group, []).append(sample)
    rng = np.random.default_rng(seed)
    chosen: list[Sample] = []
    for left, members in enumerate(sorted(groups.values(), key=len)):
        share = (files - len(chosen)) // (len(groups) - left)
        picked = rng.permutation(len(members))[:share]
        chosen += [members[k] for k in sorted(picked)]
    return chosen


def _measure(sample: Sample) -> FileFacts:
    pixels = read_radiograph(sample.path).pixels
    height, width = pixels.shape
    return FileFacts(sample.group, width, height, float(pixels.mean()), float(pixels.std()))


def _thumbnails(band: int, sex: Sex, candidates: list[Sample], unreadable: dict[str, Problem]) -> list[Thumbnail]:
    """The first readable candidates, by age."""
    found: list[tuple[float, NDArray[np.float32]]] = []
    for sample in candidates[: 4 * GALLERY_COLUMNS]:  # a folder of damaged files is not searched to its end
        try:
            found.append((sample.age_months, _small(load_radiograph(sample).pixels)))
        except CarpalError as error:
            unreadable[str(sample.path)] = Problem("unreadable", sample.path.name, str(error))
        if len(found) == GALLERY_COLUMNS:
            break
    found.sort(key=lambda item: item[0])
    return [Thumbnail(pixels, age, sex, band, k) for k, (age, pixels) in enumerate(found)]


def _small(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = pixels.shape
    scale = min(1.0, _THUMBNAIL / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32)


# --------------------------------------------------------------------------- numbers


def quantile_edges(age_months: ArrayLike) -> tuple[float, ...]:
    """The six edges of five classes of about equal size: quantiles 0, 0.2, 0.4, 0.6, 0.8 and 1 of the ages."""
    return tuple(float(edge) for edge in np.quantile(np.asarray(age_months, np.float64), np.linspace(0, 1, 6)))


def class_counts(age_months: ArrayLike, edges: tuple[float, ...]) -> list[int]:
    """How many ages each class holds: those above its lower edge, up to and including its upper one."""
    classes = np.searchsorted(edges[1:-1], np.asarray(age_months, np.float64), side="left")
    return np.bincount(classes, minlength=len(edges) - 1).tolist()


def summary_of(findings: Findings) -> dict[str, Any]:
    """Plain values, for JSON; ages in months, grey values in 0..1."""
    samples = findings.dataset.samples
    edges = quantile_edges(findings.ages())
    return {
        "carpal": __version__,
        "data_digest": findings.dataset.digest(),
        "seed": findings.seed,
        "radiographs": len(samples),
        "ids": len(findings.dataset.ids),
        "radiographs_by_group": dict(Counter(sample.group or "all" for sample in samples)),
        "ids_by_sex": {sex: len({c.id for c in findings.children if c.sex == sex}) for sex in SEXES},
        "age_months": {"all": spread(findings.ages())} | {sex: spread(findings.ages(sex)) for sex in findings.sexes},
        "classes": {"these": _classes(findings, edges), "carpal": _classes(findings, CLASS_EDGES)},
        "files": {group or "all": _file_summary(findings.files, group) for group in findings.groups},
        "problems": dict(Counter(problem.kind for problem in findings.problems)),
    }


def spread(values: ArrayLike) -> dict[str, float]:
    """n, mean, SD and the five quartiles of some numbers."""
    array = np.asarray(values, np.float64)
    quartiles = np.quantile(array, np.linspace(0, 1, 5)).tolist()
    moments = {"n": len(array), "mean": float(array.mean()), "sd": float(array.std())}
    return moments | dict(zip(("min", "q1", "median", "q3", "max"), quartiles, strict=True))


def _classes(findings: Findings, edges: Iterable[float]) -> dict[str, Any]:
    edges = tuple(float(edge) for edge in edges)
    return {"edges": list(edges)} | {sex: class_counts(findings.ages(sex), edges) for sex in SEXES}


def _file_summary(files: Iterable[FileFacts], group: str) -> dict[str, Any]:
    own = [file for file in files if file.group == group]
    if not own:
        return {"n": 0}
    columns: dict[str, list[float]] = {
        "width": [file.width for file in own],
        "height": [file.height for file in own],
        "aspect": [file.height / file.width for file in own],
        "brightness": [file.mean for file in own],
        "contrast": [file.sd for file in own],
    }
    return {"n": len(own), **{name: spread(values) for name, values in columns.items()}}
