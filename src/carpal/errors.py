"""Everything carpal refuses, in one place.

CarpalError
├── InvalidArgument          an argument that cannot be meant: a sex that is none, an age of -3
│   └── MissingSex           neither the caller nor the header says whether the child is a girl or a boy
├── UnreadableRadiograph     the file is no radiograph that can be read: truncated, not an image, wrong DICOM object
│   └── ImageTooLarge        more pixels than any radiograph has: refused before anything is decoded
├── RefusedRadiograph        it can be read, but does not show one whole hand (``carpal.quality``)
├── DatasetError             a folder or table that is no data set
├── ModelError               a network file that is missing, damaged, or no carpal model
├── TrainingError            training cannot start or go on
│   └── WeightsUnavailable   initial weights that cannot be had here
└── MissingDependency        an optional part of carpal is not installed

Each message is one sentence for a person: what was wrong with which file, and what to do.
"""

from __future__ import annotations

__all__ = [
    "CarpalError",
    "DatasetError",
    "ImageTooLarge",
    "InvalidArgument",
    "MissingDependency",
    "MissingSex",
    "ModelError",
    "RefusedRadiograph",
    "TrainingError",
    "UnreadableRadiograph",
    "WeightsUnavailable",
    "sentence_of",
]


class CarpalError(Exception):
    """Anything carpal refuses to do, said in one sentence; the command line exits with ``exit_code``."""

    exit_code = 2


class InvalidArgument(CarpalError, ValueError):
    """An argument that cannot be meant."""


class MissingSex(InvalidArgument):
    """The child's sex is neither given nor in the header; carpal never guesses it."""


class UnreadableRadiograph(CarpalError):
    """The file cannot be read as one radiograph."""


class ImageTooLarge(UnreadableRadiograph):
    """More pixels than any radiograph has; nothing was decoded."""


class RefusedRadiograph(CarpalError):
    """The quality gate refuses it; ``reason`` is the short slug of ``carpal.quality.Refusal``."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class DatasetError(CarpalError):
    """A folder or table that is no data set carpal knows."""


class ModelError(CarpalError):
    """A network file that is missing, damaged, or no carpal model."""


class TrainingError(CarpalError):
    """Training cannot start or go on."""


class WeightsUnavailable(TrainingError):
    """Initial weights that cannot be had on this machine."""


class MissingDependency(CarpalError):
    """An optional part of carpal is not installed."""


def sentence_of(error: Exception, place: object) -> str:
    """What went wrong with ``place``, on one line."""
    text = str(error) if isinstance(error, CarpalError) else f"{place}: {getattr(error, 'strerror', None) or error}"
    return " ".join(text.split())
