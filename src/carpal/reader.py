"""Reading bone age: a shipped or given network at work on one radiograph after the other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from carpal.calibration import UNSURE_MONTHS
from carpal.distribution import MONTHS, class_masses, expected_months, reported_months
from carpal.errors import InvalidArgument, MissingSex, ModelError, RefusedRadiograph
from carpal.modelfile import METADATA_KEY, ModelFacts, facts_from_json, file_digest, find_model, open_session
from carpal.plain import MATURE_MONTHS, SEXES, Sex, check_sex, years_and_months
from carpal.prepare import Prepared, prepare
from carpal.quality import Examined, Gate, Quality
from carpal.radiograph import Radiograph, read_radiograph
from carpal.site import SiteCalibration, read_site_calibration
from carpal.views import seen_as

__all__ = ["Reader", "Reading", "check_sex", "years_and_months"]


@dataclass(frozen=True, eq=False)
class Reading:
    """The bone age of one radiograph.

    ``reported_months`` is what a reader of an atlas would report: nearer to single readers on average, but it jumps
    from plate to plate. ``interval_90_months`` is calibrated by sex and age on radiographs that the network had not
    seen.
    ``bone_age_class`` is the quantile class (0-4) that holds the largest probability mass. ``sex_origin`` says where
    the sex came from, ``quality`` what the gate found and put right. ``notes`` are sentences that a reader of the
    result must see. ``calibration`` names the site's calibration that was applied, if any.
    """

    bone_age_months: float
    reported_months: int
    interval_90_months: tuple[float, float]
    bone_age_class: int
    class_masses: tuple[float, ...]
    distribution: NDArray[np.float64]
    sex: Sex
    sex_origin: Literal["given", "header"]
    hand_found: bool | None
    quality: Quality
    notes: tuple[str, ...]
    model: str
    calibration: str | None
    model_digest: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ages in months rounded to a hundredth, without the distribution."""
        return {
            "bone_age_months": round(self.bone_age_months, 2),
            "reported_months": self.reported_months,
            "interval_90_months": [round(edge, 2) for edge in self.interval_90_months],
            "bone_age_class": self.bone_age_class,
            "class_probabilities": [round(mass, 4) for mass in self.class_masses],
            "sex": self.sex,
            "sex_origin": self.sex_origin,
            "hand_found": self.hand_found,
            "refused_because": self.quality.refusal and self.quality.refusal.reason,
            "corrections": list(self.quality.corrections),
            "hand_probability": round(self.quality.hand_probability, 4),
            "embedding": list(self.quality.embedding),
            "notes": list(self.notes),
            "model": self.model,
            "calibration": self.calibration,
            "model_sha256": self.model_digest,
        }

    def __str__(self) -> str:
        low, high = self.interval_90_months
        years = years_and_months(self.bone_age_months)
        return f"{self.bone_age_months:.1f} months ({years}), 90 % interval {low:.0f}-{high:.0f}"


class Reader:
    """A network and the quality gate, loaded once, for any number of radiographs; one thread unless told otherwise.

    ``model`` is the name of a shipped model or a file, ``calibration`` a site's own or the file that holds it.
    Raises ModelError, InvalidArgument.
    """

    def __init__(
        self,
        model: str | Path = "default",
        *,
        calibration: SiteCalibration | str | Path | None = None,
        threads: int = 1,
    ) -> None:
        path = find_model(model)
        self.gate = Gate(threads=threads)
        self._session = open_session(path, threads)
        text = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if text is None:
            raise ModelError(f"{path.name}: an ONNX file, but not one that carpal exported")
        self.facts: ModelFacts = facts_from_json(text, path)
        self.digest = file_digest(path)
        sides = {put.name: put for put in (*self._session.get_inputs(), *self._session.get_outputs())}
        kinds = {name: put.type for name, put in sides.items()}
        if kinds != {"radiograph": "tensor(uint8)", "sex": "tensor(int64)", "distribution": "tensor(float)"}:
            raise ModelError(f"{path.name}: its network takes or gives something else than one that carpal exported")
        if sides["radiograph"].shape[1:] != list(self.facts.recipe.shape):
            raise ModelError(f"{path.name}: its network and its recipe are of different sizes")
        if isinstance(calibration, str | Path):
            calibration = read_site_calibration(calibration)
        self.site = calibration
        if self.site is not None and self.site.model_digest != self.digest:
            raise InvalidArgument(
                f"the calibration {self.site.name!r} was made for another model than {self.facts.name}"
            )

    def read(
        self,
        source: str | os.PathLike[str] | bytes | BinaryIO | Radiograph,
        sex: str | None = None,
        *,
        prefer_header: bool = False,
        accept_anything: bool = False,
    ) -> Reading:
        """The bone age of one radiograph: a path, the bytes of a file, a file object, or a Radiograph.

        ``sex`` is F or M; without it the DICOM header must say it. With ``prefer_header`` the header's sex goes before
        ``sex``. What the quality gate refuses is read only with ``accept_anything``, and a note says so.
        Raises UnreadableRadiograph, RefusedRadiograph, MissingSex, InvalidArgument.
        """
        given = check_sex(sex)
        radiograph = source if isinstance(source, Radiograph) else read_radiograph(source)
        chosen, origin = _choose_sex(given, radiograph.sex, prefer_header)
        examined = self.admit(radiograph, accept_anything=accept_anything)
        quality = examined.quality
        prepared = prepare(examined.radiograph, self.facts.recipe, examined.found)
        seen = self.distributions(prepared.pixels[None], [chosen])[0]
        distribution = self.site.distribution(seen, chosen) if self.site else seen
        notes = _quality_notes(quality) + _notes(prepared, given, radiograph.sex, chosen) + radiograph.notes
        if self.facts.calibration.is_none:
            notes += ("the interval is the network's own: it was never calibrated",)
        interval = self.interval(seen, chosen)
        notes += _unsure_notes(interval) + _maturity_notes(interval, chosen)
        masses = class_masses(distribution, chosen)
        return Reading(
            bone_age_months=float(expected_months(distribution)),
            reported_months=int(reported_months(distribution, chosen)),
            interval_90_months=interval,
            bone_age_class=int(masses.argmax()),
            class_masses=tuple(float(mass) for mass in masses),
            distribution=distribution,
            sex=chosen,
            sex_origin=origin,
            hand_found=prepared.hand_found,
            quality=quality,
            notes=notes,
            model=self.facts.name,
            calibration=self.site.name if self.site else None,
            model_digest=self.digest,
        )

    def admit(self, radiograph: Radiograph, *, accept_anything: bool = False) -> Examined:
        """The radiograph put right, if the quality gate lets it pass. Raises RefusedRadiograph."""
        examined = self.gate.examine(radiograph)
        refusal = examined.quality.refusal
        if refusal is not None and not accept_anything:
            raise RefusedRadiograph(f"refused: {refusal.advice}", refusal.reason)
        return examined

    def distributions(
        self, prepared: NDArray[np.uint8], sexes: Sequence[Sex], views: Sequence[str] = ()
    ) -> NDArray[np.float64]:
        """(N, 240) probabilities per month for N prepared radiographs (N, rows, columns) uint8, from the model's own
        views unless others are named."""
        views = views or self.facts.views
        # All views in one call: one of three costs a twelfth less than three of one.
        seen = np.concatenate([seen_as(prepared, view) for view in views])
        sex = np.tile(np.array([SEXES.index(s) for s in sexes], np.int64), len(views))
        (said,) = self._session.run(None, {"radiograph": seen, "sex": sex})
        wrong = ModelError(f"model {self.facts.name} answers with something that is no distribution")
        if said.shape != (len(seen), len(MONTHS)):
            raise wrong
        total = said.reshape(len(views), -1, len(MONTHS)).sum(axis=0, dtype=np.float64)
        if not (np.isfinite(total).all() and (total.sum(axis=1) > 0).all()):
            raise wrong
        return total / total.sum(axis=1, keepdims=True)

    def interval(self, distribution: NDArray[np.float64], sex: Sex, coverage: float = 0.9) -> tuple[float, float]:
        """The calibrated interval in months of what the network says; ``coverage`` is one of 0.8, 0.9 and 0.95."""
        own = self.facts.calibration.interval(distribution, sex, coverage)
        return self.site.interval(distribution, own, sex, coverage) if self.site else own


def _choose_sex(given: Sex | None, header: Sex | None, prefer_header: bool) -> tuple[Sex, Literal["given", "header"]]:
    if header is not None and (given is None or prefer_header):
        return header, "header"
    if given is not None:
        return given, "given"
    raise MissingSex("the child's sex is needed and the file does not say it: give F or M")


def _quality_notes(quality: Quality) -> tuple[str, ...]:
    if quality.refusal is None:
        return quality.sentences()
    return (f"the quality gate refuses it and it was read all the same: {quality.refusal.advice}", *quality.sentences())


def _unsure_notes(interval: tuple[float, float]) -> tuple[str, ...]:
    if interval[1] - interval[0] <= UNSURE_MONTHS:
        return ()
    return (f"the network is unsure: the interval spans more than {UNSURE_MONTHS:g} months, do not rely on the age",)


def _maturity_notes(interval: tuple[float, float], sex: Sex) -> tuple[str, ...]:
    """Grown skeletons look alike, and the oldest are read too young: it is the interval that must stay below."""
    if interval[1] < MATURE_MONTHS[sex]:
        return ()
    years = MATURE_MONTHS[sex] // 12
    return (f"the skeleton may be mature (bone age of {years} years or more): ages beyond that cannot be told apart",)


def _notes(prepared: Prepared, given: Sex | None, header: Sex | None, chosen: Sex) -> tuple[str, ...]:
    notes = []
    if prepared.hand_found is False:
        notes.append("no hand was found: the whole picture was read, do not rely on the age")
    other = header if chosen == given else given
    if other is not None and other != chosen:
        notes.append(f"read as {chosen}, although the {'header' if chosen == given else 'caller'} says {other}")
    return tuple(notes)
