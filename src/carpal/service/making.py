"""What a worker makes of a radiograph beside its reading: reports, pictures, DICOM objects, a child's chart.

A document is about the reading that is stored: where reading the radiograph again says something else (another model,
calibration or version of carpal), none is made.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from carpal.errors import CarpalError, Gone, InvalidArgument
from carpal.explain import Evidence
from carpal.files import replacing
from carpal.growth import Assessment, PastReading
from carpal.plain import Sex
from carpal.radiograph import Radiograph, read_radiograph
from carpal.reader import Reader
from carpal.report import Given, Look, Report, make_report
from carpal.report.figures import chart_svg
from carpal.report.texts import Texts
from carpal.report.write import report_bytes
from carpal.service.facts import Facts

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["DOCUMENTS", "Chart", "Document", "Job", "Kind", "given_of", "make", "make_chart"]

State = Literal["queued", "done", "refused", "failed"]

_LONGEST_SIDE = 2048
_NARROW = 0.5  # of all greys: pictures that use fewer are stretched
_STRONGEST = 0.6  # how much of the radiograph the strongest evidence hides
_SAME_MONTHS = 0.05
_NAME = "the radiograph"


@dataclass(frozen=True)
class Document:
    """Which of DOCUMENTS, where it goes, how a page is to look; ``result`` is the stored one it must agree with, or
    ``refused`` the gate's reason, or ``failed`` says why there is neither; ``written_at_s`` is what its date says, so
    that made twice it is the same."""

    name: str
    target: Path
    look: Look
    result: dict[str, Any] | None
    refused: str | None
    written_at_s: float
    failed: str | None = None


@dataclass(frozen=True)
class Job:
    """A radiograph to read, or to make ``documents`` of from one reading: the first is what is asked for, the others
    soon will be."""

    path: Path
    given: Given
    accept_anything: bool
    documents: tuple[Document, ...] = ()


@dataclass(frozen=True)
class Chart:
    """A child's bone ages against age, as SVG."""

    assessment: Assessment
    language: str
    target: Path


@dataclass(frozen=True)
class Kind:
    """A kind of document: what it is, its media type, for readings of which states there is one, whether it needs a
    DICOM radiograph, whether it has a look, and whether the network has to be asked."""

    summary: str
    media_type: str
    make: Callable[[_Work], bytes] = field(repr=False)
    states: tuple[State, ...] = ("done", "refused")
    of_dicom: bool = False
    has_look: bool = False
    asks_network: bool = True

    @property
    def is_picture(self) -> bool:
        """Whether it shows the radiograph and tells nothing of the child."""
        return self.media_type == _PNG


class _Work:
    """One job at work: what it needs is made when it is first needed."""

    def __init__(self, reader: Reader, job: Job, document: Document) -> None:
        self.reader, self.job, self.document = reader, job, document

    @cached_property
    def radiograph(self) -> Radiograph:
        return read_radiograph(self.job.path.read_bytes())

    @cached_property
    def report(self) -> Report:
        """Raises Gone where it is not about what is stored."""
        made = make_report(self.reader, self.radiograph, self.job.given, accept_anything=self.job.accept_anything)
        _check_same(made, self.document)
        return made

    @cached_property
    def evidence(self) -> Evidence:
        if self.report.evidence is None:
            raise Gone("a refused radiograph has no evidence")
        return self.report.evidence

    @cached_property
    def source(self) -> Dataset:
        from carpal.dicom.source import read_source

        return read_source(self.job.path, _NAME)

    def of(self, document: Document) -> _Work:
        """The same for another document; what is made already is not made again."""
        other = copy(self)
        other.document = document
        return other

    @property
    def written_at(self) -> datetime:
        return datetime.fromtimestamp(self.document.written_at_s).astimezone()


def given_of(sex: Sex | None, age_months: float | None, facts: Facts, history: tuple[PastReading, ...] = ()) -> Given:
    """What is told of a child, as a report takes it."""
    return Given(
        sex,
        age_months,
        facts.height_cm,
        facts.weight_kg,
        facts.mother_height_cm,
        facts.father_height_cm,
        facts.menarche,
        history,
        facts.study_date,
    )


def make(reader: Reader, job: Job) -> None:
    """Write its documents, each whole or not at all. Raises Gone where the first cannot be about the stored reading any
    more, InvalidArgument, UnreadableRadiograph."""
    first, *others = job.documents
    work = _Work(reader, job, first)
    _write(work)
    for document in others:
        if not document.target.is_file():
            with suppress(CarpalError):  # it is said when that one is asked for
                _write(work.of(document))


def _write(work: _Work) -> None:
    data = DOCUMENTS[work.document.name].make(work)
    with replacing(work.document.target) as part:
        part.write_bytes(data)


def make_chart(chart: Chart) -> None:
    """Write the chart. Raises InvalidArgument where there is nothing to draw."""
    data = chart_svg(chart.assessment, Texts(chart.language))
    if data is None:
        raise InvalidArgument("without an age and a bone age there is nothing to draw")
    with replacing(chart.target) as part:
        part.write_bytes(data)


def _check_same(made: Report, document: Document) -> None:
    if document.result is None and made.refusal is not None and made.refusal.reason == document.refused:
        return
    was, now = document.result or {}, {} if made.reading is None else made.reading.to_dict()
    if not (was and now) or any(now[key] != was[key] for key in ("sex", "calibration", "model_sha256")):
        raise Gone("it would be read otherwise now than it was: nothing more can be made of that reading")
    before, after = ([r["bone_age_months"], *r["interval_90_months"]] for r in (was, now))
    if max(abs(a - b) for a, b in zip(before, after, strict=True)) > _SAME_MONTHS:
        raise Gone(
            "this version of carpal reads it otherwise than it was read: nothing more can be made of that reading"
        )


# ----------------------------------------------------------------- pictures


def _radiograph_png(work: _Work) -> bytes:
    """As it was given: neither turned nor inverted. Few greys are stretched over all, or nothing could be seen."""
    pixels = work.radiograph.pixels
    small = cv2.resize(pixels, _shown_size(pixels.shape), interpolation=cv2.INTER_AREA)
    low, high = (float(edge) for edge in np.percentile(small, (0.05, 99.95)))
    if high - low < _NARROW:
        small = (small - low) / max(high - low, 1e-3)
    return _png(np.rint(255 * np.clip(small, 0, 1)).astype(np.uint8))


def _prepared_png(work: _Work) -> bytes:
    """What the network saw: the hand upright, bones bright."""
    return _png(work.evidence.prepared)


def _evidence_png(work: _Work) -> bytes:
    """RGBA to lay over ``radiograph.png``: nothing where nothing moves the age."""
    from matplotlib import colormaps

    found = work.evidence
    columns, rows = _shown_size(found.source_shape)
    # Pixel centres lie at whole numbers: the outer edges of both pictures coincide.
    sx, sy = columns / found.source_shape[1], rows / found.source_shape[0]
    to_shown = np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1]]) @ found.to_source
    moved = cv2.warpAffine(found.months_moved, to_shown[:2], (columns, rows), flags=cv2.INTER_LINEAR)
    strength = np.clip(moved / max(float(found.months_moved.max()), 1e-6), 0, 1)
    coloured = colormaps["inferno"](strength)
    coloured[..., 3] = _STRONGEST * strength
    return _png(np.rint(255 * coloured).astype(np.uint8))


def _overlay_png(work: _Work) -> bytes:
    from carpal.annotate import annotated_png

    evidence, reading = work.evidence, work.report.reading
    assert reading is not None  # where there is evidence there is a reading
    return annotated_png(work.radiograph, reading, evidence)


def _shown_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """(columns, rows) of a radiograph of that (H, W) as it is shown."""
    scale = min(1.0, _LONGEST_SIDE / max(shape))
    return max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=3)
    return file.getvalue()


# ----------------------------------------------------------------- reports and DICOM objects


def _report(suffix: str) -> Callable[[_Work], bytes]:
    return lambda work: report_bytes(work.report, suffix, work.document.look)


def _structured_dcm(work: _Work) -> bytes:
    from carpal.deliver import failure_object, report_object

    if work.document.failed is not None:
        model = (work.reader.facts.name, work.reader.digest)
        return _dicom(failure_object(work.source, model, work.document.failed, work.written_at))
    return _dicom(report_object(work.source, work.report, work.job.given.age_months, work.written_at))


def _capture_dcm(work: _Work) -> bytes:
    from carpal.deliver import picture_object

    return _dicom(picture_object(work.source, work.report, work.job.given.age_months, work.written_at))


def _page_dcm(work: _Work) -> bytes:
    from carpal.deliver import page_object

    return _dicom(page_object(work.source, work.report, work.document.look, work.written_at))


def _dicom(dataset: Dataset) -> bytes:
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


_READ: tuple[State, ...] = ("done",)
_OVER: tuple[State, ...] = ("done", "refused", "failed")
_ANY: tuple[State, ...] = ("queued", "done", "refused", "failed")
_PNG, _DICOM = "image/png", "application/dicom"
DOCUMENTS: dict[str, Kind] = {
    "report.pdf": Kind("A page about the reading", "application/pdf", _report(".pdf"), has_look=True),
    "report.html": Kind("The same page as HTML", "text/html", _report(".html"), has_look=True),
    "report.json": Kind("The reading and what it means for the child", "application/json", _report(".json")),
    "report.fhir.json": Kind("A FHIR R4 Observation", "application/fhir+json", _report(".fhir.json")),
    "sr.dcm": Kind("A DICOM structured report", _DICOM, _structured_dcm, _OVER, of_dicom=True),
    "sc.dcm": Kind("A DICOM secondary capture", _DICOM, _capture_dcm, _READ, of_dicom=True),
    "report.dcm": Kind("The page as a DICOM object", _DICOM, _page_dcm, of_dicom=True, has_look=True),
    "radiograph.png": Kind("The radiograph as it was given", _PNG, _radiograph_png, _ANY, asks_network=False),
    "prepared.png": Kind("What the network saw", _PNG, _prepared_png, _READ),
    "evidence.png": Kind("Evidence to lay over radiograph.png", _PNG, _evidence_png, _READ),
    "overlay": Kind("Radiograph, bone age, distribution and evidence", _PNG, _overlay_png, _READ),
}
