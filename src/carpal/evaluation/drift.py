"""Whether the radiographs that arrive are still like those the model is known to read well.

A stream of readings (``carpal read --json``) is held against a reference stream: bone ages by sex, the gate's
probability of a whole hand, what was refused, and the gate's embedding of each picture. A flag says that something has
changed, not that readings are wrong: another clinic has other children, too.
"""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carpal.errors import DatasetError, InvalidArgument
from carpal.evaluation.predictions import OLDEST_MONTHS
from carpal.files import replacing
from carpal.radiograph import SEXES

__all__ = ["FEWEST", "Drift", "Flag", "Stream", "measure_drift", "read_stream", "reference_stream", "write_stream"]

FEWEST = 30
_FEWEST_OF_SEX = 10
_FEWEST_FREE = 10  # readings of the reference beyond as many as an embedding has numbers
_ALARM = 0.001  # one false flag in a thousand quiet streams
_NOTICEABLE_MONTHS, _NOTICEABLE_SHIFT, _NOTICEABLE_SHARE = 6.0, 0.5, 0.02


@dataclass(frozen=True, eq=False)
class Stream:
    """N readings: ``ages_months``, ``sexes``, ``hand_probability`` (N,), ``embedding`` (N, D); and how many pictures
    were ``refused`` beside them."""

    ages_months: NDArray[np.float64]
    sexes: NDArray[np.str_]
    hand_probability: NDArray[np.float64]
    embedding: NDArray[np.float64]
    refused: int

    def __len__(self) -> int:
        return len(self.ages_months)


@dataclass(frozen=True)
class Flag:
    """One thing compared: ``effect`` in words, ``p_value``, and whether it is raised: unlikely by chance and large
    enough to matter."""

    what: str
    effect: str
    p_value: float
    raised: bool


@dataclass(frozen=True)
class Drift:
    """The comparison of ``n`` readings with ``reference_n``."""

    n: int
    reference_n: int
    flags: tuple[Flag, ...]

    @property
    def raised(self) -> tuple[Flag, ...]:
        """The flags that are up."""
        return tuple(flag for flag in self.flags if flag.raised)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "n": self.n,
            "reference_n": self.reference_n,
            "drift": bool(self.raised),
            "flags": [
                {"what": f.what, "effect": f.effect, "p_value": f.p_value, "raised": f.raised} for f in self.flags
            ],
        }


def measure_drift(stream: Stream, reference: Stream) -> Drift:
    """Raises InvalidArgument below 30 readings, or where the two were described by different gates."""
    if len(stream) < FEWEST:
        raise InvalidArgument(f"{len(stream)} readings are too few to tell a change from chance: {FEWEST} at least")
    if stream.embedding.shape[1] != reference.embedding.shape[1]:
        raise InvalidArgument("the readings were made by another version of carpal than the reference")
    flags = [_age_flag(stream, reference, sex) for sex in SEXES]
    flags += [_quality_flag(stream, reference), _refusal_flag(stream, reference), _embedding_flag(stream, reference)]
    return Drift(len(stream), len(reference), tuple(flags))


def _age_flag(stream: Stream, reference: Stream, sex: str) -> Flag:
    own, known = (s.ages_months[s.sexes == sex] for s in (stream, reference))
    name = f"bone ages of {'girls' if sex == 'F' else 'boys'}"
    if len(own) < _FEWEST_OF_SEX:
        return Flag(name, f"only {len(own)} readings: not compared", 1.0, False)
    if len(known) < _FEWEST_OF_SEX:  # of a reference of girls alone there may be none
        return Flag(name, f"only {len(known)} readings in the reference: not compared", 1.0, False)
    p, shift = _smirnov(own, known), float(np.median(own) - np.median(known))
    spread = float(np.subtract(*np.percentile(own, (75, 25))) - np.subtract(*np.percentile(known, (75, 25))))
    large = max(abs(shift), abs(spread)) >= _NOTICEABLE_MONTHS
    return Flag(name, f"median {shift:+.0f} months, middle half {spread:+.0f} wider", p, p < _ALARM and large)


def _quality_flag(stream: Stream, reference: Stream) -> Flag:
    low = float(np.quantile(reference.hand_probability, 0.05))
    share = float((stream.hand_probability < low).mean())
    p = _smirnov(stream.hand_probability, reference.hand_probability)
    effect = f"{100 * share:.0f} % look as little like a hand as the lowest 5 % of the reference"
    return Flag("picture quality", effect, p, p < _ALARM and share - 0.05 > _NOTICEABLE_SHARE)


def _refusal_flag(stream: Stream, reference: Stream) -> Flag:
    shares = [s.refused / (s.refused + len(s)) for s in (stream, reference)]
    p = _fisher(stream.refused, len(stream), reference.refused, len(reference))
    effect = f"{100 * shares[0]:.1f} % refused, {100 * shares[1]:.1f} % in the reference"
    return Flag("refusals", effect, p, p < _ALARM and shares[0] - shares[1] > _NOTICEABLE_SHARE)


def _embedding_flag(stream: Stream, reference: Stream) -> Flag:
    """Hotelling's test of the mean, with the spread of the reference alone; the distance told is what is left when
    that of two samples of the same pictures is taken off."""
    middle, degrees = reference.embedding.mean(0), reference.embedding.shape[1]
    free = len(reference) - degrees
    if free < _FEWEST_FREE:
        return Flag("appearance", f"a reference of only {len(reference)} readings: not compared", 1.0, False)
    spread = np.cov(reference.embedding.T) + 1e-6 * np.eye(degrees)
    shift = stream.embedding.mean(0) - middle
    squared = float(shift @ np.linalg.solve(spread, shift))  # in SDs
    chance = 1 / len(stream) + 1 / len(reference)
    p = _f_tail(squared / chance * free / (degrees * (len(reference) - 1)), degrees, free)
    distance = math.sqrt(max(0.0, squared * (free - 2) / (len(reference) - 1) - degrees * chance))
    effect = f"the mean picture lies {distance:.2f} SD from the reference's"
    return Flag("appearance", effect, p, p < _ALARM and distance > _NOTICEABLE_SHIFT)


def _smirnov(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """P-value of the two-sample Kolmogorov-Smirnov test (Stephens' approximation)."""
    points = np.concatenate([first, second])
    gap = np.abs(
        np.searchsorted(np.sort(first), points, "right") / len(first)
        - np.searchsorted(np.sort(second), points, "right") / len(second)
    ).max()
    size = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    scaled = (size + 0.12 + 0.11 / size) * float(gap)
    total = 2 * sum((-1) ** (k - 1) * math.exp(-2 * k**2 * scaled**2) for k in range(1, 101))
    return 1.0 if scaled < 0.2 else float(np.clip(total, 0, 1))


def _fisher(refused: int, read: int, known_refused: int, known_read: int) -> float:
    """P-value of Fisher's exact test that no larger share is refused than is known."""
    total, drawn, marked = refused + read + known_refused + known_read, refused + read, refused + known_refused

    def ways(n: int, k: int) -> float:
        return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

    terms = (
        math.exp(ways(marked, k) + ways(total - marked, drawn - k) - ways(total, drawn))
        for k in range(refused, min(marked, drawn) + 1)
    )
    return min(1.0, sum(terms))


def _f_tail(value: float, above: int, below: int) -> float:
    """P(X > value) of the F distribution, by Paulson's cube root."""
    root, a, b = value ** (1 / 3), 2 / (9 * above), 2 / (9 * below)
    z = ((1 - b) * root - (1 - a)) / math.sqrt(b * root**2 + a)
    return 0.5 * math.erfc(z / math.sqrt(2))


# --------------------------------------------------------------------------- files


def read_stream(paths: Sequence[str | Path]) -> Stream:
    """The readings in files that ``carpal read --json`` printed; what could not be opened at all is passed over.

    Raises DatasetError.
    """
    rows: list[dict[str, Any]] = []
    for path in paths:
        try:
            found = json.loads(Path(path).read_text(encoding="utf-8"))
            rows += [row for row in found if isinstance(row, dict)]
        except OSError as error:
            raise DatasetError(f"{path}: {(error.strerror or 'it cannot be read').lower()}") from None
        except (ValueError, TypeError, RecursionError):
            raise DatasetError(f"{path}: not what carpal read --json prints") from None
    kept = [row for row in rows if row.get("bone_age_months") is not None]
    refused = sum(row.get("bone_age_months") is None and bool(row.get("refused_because")) for row in rows)
    try:
        found = Stream(
            np.array([float(row["bone_age_months"]) for row in kept]),
            np.array([str(row["sex"]) for row in kept], dtype=np.str_),
            np.array([float(row["hand_probability"]) for row in kept]),
            np.array([[float(v) for v in row["embedding"]] for row in kept]).reshape(len(kept), -1 if kept else 0),
            refused,
        )
    except (KeyError, TypeError, ValueError):
        raise DatasetError(f"{paths[0]}: readings without hand_probability or embedding; read them anew") from None
    _check_values(found, paths[0])
    return found


def _check_values(stream: Stream, name: str | Path) -> None:
    """A single value that is no number would make every comparison come out as nothing to see."""
    numbers = (stream.ages_months, stream.hand_probability, stream.embedding)
    if not all(np.isfinite(values).all() for values in numbers):
        raise DatasetError(f"{name}: a reading holds a value that is no finite number; read it anew")
    if not ((stream.ages_months >= 0) & (stream.ages_months <= OLDEST_MONTHS)).all():
        raise DatasetError(f"{name}: a bone age must lie between 0 and {OLDEST_MONTHS:g} months")
    if unknown := set(stream.sexes.tolist()) - set(SEXES):
        raise DatasetError(f"{name}: sex {min(unknown)!r} is none of {', '.join(SEXES)}")


def write_stream(stream: Stream, path: str | Path) -> None:
    """As a compressed npz in half precision: no names, no ids, nothing of a child but age and sex."""
    with replacing(path) as part, part.open("wb") as handle:
        np.savez_compressed(
            handle,
            ages_months=stream.ages_months.astype(np.float16),
            sexes=stream.sexes,
            hand_probability=stream.hand_probability.astype(np.float16),
            embedding=stream.embedding.astype(np.float16),
            refused=np.array(stream.refused),
        )


def reference_stream(path: str | Path | None = None) -> Stream:
    """What ``write_stream`` wrote; without a path, what the shipped ``default`` says of radiographs it had not seen.

    Raises DatasetError.
    """
    from importlib import resources

    file = Path(path) if path else Path(str(resources.files("carpal") / "models" / "reference.npz"))
    try:
        with np.load(file, allow_pickle=False) as found:
            names = ("ages_months", "hand_probability", "embedding")
            values = {name: found[name].astype(np.float64) for name in names}
            return Stream(**values, sexes=found["sexes"], refused=int(found["refused"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(f"{file}: no reference written by carpal drift") from error
