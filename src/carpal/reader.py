"""Reading bone age: a shipped or given network at work on one radiograph after the other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from carpal.distribution import class_masses, expected_months
from carpal.errors import InvalidArgument, MissingSex, ModelError
from carpal.modelfile import METADATA_KEY, ModelFacts, facts_from_json, file_digest, find_model
from carpal.prepare import Prepared, prepare
from carpal.radiograph import SEXES, Radiograph, Sex, read_radiograph
from carpal.views import seen_as

__all__ = ["Reader", "Reading", "check_sex", "years_and_months"]


@dataclass(frozen=True, eq=False)
class Reading:
    """The bone age of one radiograph.

    ``interval_90_months`` is calibrated by sex and age on radiographs that the network had not seen.
    ``bone_age_class`` is the quantile class (0-4) that holds the largest probability mass. ``sex_origin`` says where
    the sex came from. ``notes`` are sentences that a reader of the result must see.
    """

    bone_age_months: float
    interval_90_months: tuple[float, float]
    bone_age_class: int
    class_masses: tuple[float, ...]
    distribution: NDArray[np.float64]
    sex: Sex
    sex_origin: Literal["given", "header"]
    hand_found: bool | None
    notes: tuple[str, ...]
    model: str
    model_digest: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ages in months rounded to a hundredth, without the distribution."""
        return {
            "bone_age_months": round(self.bone_age_months, 2),
            "interval_90_months": [round(edge, 2) for edge in self.interval_90_months],
            "bone_age_class": self.bone_age_class,
            "class_probabilities": [round(mass, 4) for mass in self.class_masses],
            "sex": self.sex,
            "sex_origin": self.sex_origin,
            "hand_found": self.hand_found,
            "notes": list(self.notes),
            "model": self.model,
            "model_sha256": self.model_digest,
        }

    def __str__(self) -> str:
        low, high = self.interval_90_months
        years = years_and_months(self.bone_age_months)
        return f"{self.bone_age_months:.1f} months ({years}), 90 % interval {low:.0f}-{high:.0f}"


def years_and_months(months: float) -> str:
    """``11 y 4 mo`` for 136.2."""
    whole = round(months)
    return f"{whole // 12} y {whole % 12} mo"


def check_sex(sex: str | None) -> Sex | None:
    """F or M in either case; anything else is refused, "False" and "0" too. Raises InvalidArgument."""
    if sex is None:
        return None
    for known in SEXES:
        if isinstance(sex, str) and sex.strip().upper() == known:
            return known
    raise InvalidArgument(f"{sex!r} is no sex: give F or M")


class Reader:
    """A network, loaded once, that reads any number of radiographs; one thread per reader unless told otherwise.

    ``model`` is the name of a shipped model or a file. Raises ModelError.
    """

    def __init__(self, model: str | Path = "default", *, threads: int = 1) -> None:
        path = find_model(model)
        self._session = _open_session(path, threads)
        text = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if text is None:
            raise ModelError(f"{path.name}: an ONNX file, but not one that carpal exported")
        self.facts: ModelFacts = facts_from_json(text, path)
        self.digest = file_digest(path)
        if self._session.get_inputs()[0].shape[1:] != list(self.facts.recipe.shape):
            raise ModelError(f"{path.name}: its network and its recipe are of different sizes")

    def read(
        self,
        source: str | os.PathLike[str] | bytes | BinaryIO | Radiograph,
        sex: str | None = None,
        *,
        prefer_header: bool = False,
    ) -> Reading:
        """The bone age of one radiograph: a path, the bytes of a file, a file object, or a Radiograph.

        ``sex`` is F or M; without it the DICOM header must say it. With ``prefer_header`` the header's sex goes before
        ``sex``. Raises UnreadableRadiograph, MissingSex, InvalidArgument.
        """
        given = check_sex(sex)
        radiograph = source if isinstance(source, Radiograph) else read_radiograph(source)
        chosen, origin = _choose_sex(given, radiograph.sex, prefer_header)
        prepared = prepare(radiograph, self.facts.recipe)
        distribution = self.distributions(prepared.pixels[None], [chosen])[0]
        notes = _notes(prepared, given, radiograph.sex, chosen)
        if self.facts.calibration.is_none:
            notes += ("the interval is the network's own: it was never calibrated",)
        masses = class_masses(distribution)
        return Reading(
            bone_age_months=float(expected_months(distribution)),
            interval_90_months=self.interval(distribution, chosen),
            bone_age_class=int(masses.argmax()),
            class_masses=tuple(float(mass) for mass in masses),
            distribution=distribution,
            sex=chosen,
            sex_origin=origin,
            hand_found=prepared.hand_found,
            notes=notes,
            model=self.facts.name,
            model_digest=self.digest,
        )

    def distributions(self, prepared: NDArray[np.uint8], sexes: Sequence[Sex]) -> NDArray[np.float64]:
        """(N, 240) probabilities per month for N prepared radiographs (N, rows, columns) uint8."""
        sex = np.array([SEXES.index(s) for s in sexes], np.int64)
        total = np.zeros((len(sex), 240))
        for view in self.facts.views:
            (seen,) = self._session.run(None, {"radiograph": seen_as(prepared, view), "sex": sex})
            total += seen
        if not (np.isfinite(total).all() and (total.sum(axis=1) > 0).all()):
            raise ModelError(f"model {self.facts.name} answers with something that is no distribution")
        return total / total.sum(axis=1, keepdims=True)

    def interval(self, distribution: NDArray[np.float64], sex: Sex, coverage: float = 0.9) -> tuple[float, float]:
        """The calibrated interval in months; ``coverage`` is one of 0.8, 0.9 and 0.95."""
        return self.facts.calibration.interval(distribution, sex, coverage)


def _open_session(path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Waiting threads that spin steal the core from whatever else runs beside carpal.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"{path.name}: not a readable ONNX model") from error


def _choose_sex(given: Sex | None, header: Sex | None, prefer_header: bool) -> tuple[Sex, Literal["given", "header"]]:
    if header is not None and (given is None or prefer_header):
        return header, "header"
    if given is not None:
        return given, "given"
    raise MissingSex("the child's sex is needed and the file does not say it: give F or M (--sex F)")


def _notes(prepared: Prepared, given: Sex | None, header: Sex | None, chosen: Sex) -> tuple[str, ...]:
    notes = []
    if prepared.hand_found is False:
        notes.append("no hand was found: the whole picture was read, do not rely on the age")
    other = header if chosen == given else given
    if other is not None and other != chosen:
        notes.append(f"read as {chosen}, although the {'header' if chosen == given else 'caller'} says {other}")
    return tuple(notes)
