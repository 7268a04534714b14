"""A DICOM radiograph is read and answered in DICOM: structured report, picture and page for the archive it came from.

[delivery] = deliver_all([Path("hand.dcm")], Path("answer"), Request())
delivery.reading, delivery.written
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset

from carpal import __version__
from carpal.annotate import annotated_picture
from carpal.batch import files_among
from carpal.dicom.capture import secondary_capture
from carpal.dicom.document import encapsulated_pdf
from carpal.dicom.findings import Findings
from carpal.dicom.source import read_source
from carpal.dicom.structured import structured_report
from carpal.errors import CarpalError, InvalidArgument, sentence_of
from carpal.files import replacing, shown, stem_of
from carpal.plain import check_sex, years_and_months
from carpal.radiograph import Radiograph, read_radiograph
from carpal.reader import Reader, Reading
from carpal.report import Given, Look, Report, make_report
from carpal.report.texts import Texts
from carpal.report.write import report_bytes

__all__ = [
    "Delivery",
    "Request",
    "deliver_all",
    "failure_object",
    "findings_of",
    "format_deliveries",
    "page_object",
    "picture_object",
    "report_object",
]

REPORT, PICTURE, PAGE = "sr.dcm", "sc.dcm", "report.dcm"


@dataclass(frozen=True)
class Request:
    """How the radiographs are to be read, what is ``given`` of the child before what the headers say, and how the page
    is to look."""

    model: str = "default"
    given: Given = field(default_factory=Given)
    look: Look = field(default_factory=Look)


@dataclass(frozen=True, eq=False)
class Delivery:
    """What came of one radiograph. ``header`` is what its header says of sex and age, for a person; ``written`` are the
    objects, a refused radiograph's report among them; ``error`` says why there is no reading, or no picture of it."""

    path: Path
    header: str
    reading: Reading | None
    written: tuple[Path, ...]
    error: str | None


def deliver_all(
    paths: Sequence[Path],
    out: Path,
    request: Request,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Delivery]:
    """Read each radiograph and write its answer: into ``out`` for one file, else into a folder per file in ``out``.

    A radiograph that cannot be read or is refused is reported and the others are read. Raises InvalidArgument, before
    anything is read, for an answer that is there already, for two files of one name and for one child's facts given of
    several files; ModelError.
    """
    check_sex(request.given.sex)
    files = files_among(paths)
    if request.given.of_one_child and len(files) > 1:
        raise InvalidArgument(
            f"age, heights and history are one child's at one exposure, not of {len(files)} radiographs"
        )
    single = len(paths) == 1 and not paths[0].is_dir()
    folders = [out] if single else [out / stem_of(path) for path in files]
    _check_targets(folders)
    reader = Reader(request.model)
    deliveries = []
    for number, (path, folder) in enumerate(zip(files, folders, strict=True), start=1):
        deliveries.append(_deliver(reader, path, folder, request, clock()))
        progress(number, len(files))
    return deliveries


def _check_targets(folders: Sequence[Path]) -> None:
    if len(set(folders)) < len(folders):
        raise InvalidArgument("several radiographs differ only in folder or suffix: answer them folder by folder")
    for folder in folders:
        for name in (REPORT, PICTURE, PAGE):
            if (folder / name).exists():
                raise InvalidArgument(f"{folder / name} is there already: choose another folder")


def _deliver(reader: Reader, path: Path, folder: Path, request: Request, written_at: datetime) -> Delivery:
    header, written, reading, refused = "", [], None, None
    try:
        source = read_source(path)
        radiograph = read_radiograph(path)
        header = _header(radiograph)
        report = make_report(reader, radiograph, request.given)
        reading = report.reading
        refused = None if report.refusal is None else f"refused: {report.refusal.advice}"
        age_months = request.given.age_months
        written.append(_save(report_object(source, report, age_months, written_at), folder / REPORT))
        if reading is not None:
            written.append(_save(picture_object(source, report, age_months, written_at), folder / PICTURE))
        written.append(_save(page_object(source, report, request.look, written_at), folder / PAGE))
    except CarpalError as error:
        return Delivery(path, header, reading, tuple(written), refused or sentence_of(error, path))
    except OSError:
        raise
    except Exception as error:  # no radiograph may keep the others from their answer, and a text may quote a header
        why = f"{path}: answering it failed ({type(error).__name__})"
        return Delivery(path, header, reading, tuple(written), refused or why)
    return Delivery(path, header, reading, tuple(written), refused)


def report_object(source: Dataset, report: Report, given_age_months: float | None, written_at: datetime) -> Dataset:
    """The structured report about the radiograph of ``source``. Raises UnreadableRadiograph."""
    return structured_report(source, _findings(report, given_age_months), written_at)


def failure_object(source: Dataset, model: tuple[str, str], why: str, written_at: datetime) -> Dataset:
    """A structured report which says, for the archive, why there is no reading at all. ``model`` is the name and the
    SHA-256 of the one at work. Raises UnreadableRadiograph."""
    name, digest = model
    findings = Findings(name, digest, __version__, refused_because=why, refused_for_quality=False)
    return structured_report(source, findings, written_at)


def picture_object(source: Dataset, report: Report, given_age_months: float | None, written_at: datetime) -> Dataset:
    """The secondary capture of a radiograph that was read. Raises InvalidArgument where it was refused or its header
    says that an identity is burnt in, UnreadableRadiograph."""
    if report.reading is None:
        raise InvalidArgument("a refused radiograph has no bone age to draw: no secondary capture is made")
    picture = annotated_picture(report.radiograph, report.reading, report.evidence)
    return secondary_capture(source, picture, _findings(report, given_age_months), written_at)


def page_object(source: Dataset, report: Report, look: Look, written_at: datetime) -> Dataset:
    """The PDF page as a DICOM object. Raises InvalidArgument, UnreadableRadiograph."""
    title = Texts(look.language).say("document_title")
    return encapsulated_pdf(source, report_bytes(report, ".pdf", look), title, written_at)


def _findings(report: Report, given_age_months: float | None) -> Findings:
    """The age is the header's even where it is no child's: the report says what was said."""
    age_months = report.radiograph.age_months if given_age_months is None else given_age_months
    if report.reading is None:
        return _refused(report, age_months)
    sds = tuple((score.reference, round(score.sds, 2)) for score in report.assessment.sds if score.sds is not None)
    return replace(findings_of(report.reading, age_months, sds), notes=report.all_notes)


def findings_of(reading: Reading, age_months: float | None, sds: tuple[tuple[str, float], ...] = ()) -> Findings:
    """What the objects say of ``reading``, ages rounded to a hundredth of a month as everywhere else."""
    low, high = reading.interval_90_months
    return Findings(
        model=reading.model,
        model_digest=reading.model_digest,
        carpal_version=__version__,
        bone_age_months=round(reading.bone_age_months, 2),
        interval_90_months=(round(low, 2), round(high, 2)),
        sex=reading.sex,
        sex_origin=reading.sex_origin,
        age_months=None if age_months is None else round(age_months, 2),
        sds=sds,
        calibration=reading.calibration,
        notes=reading.notes,
    )


def _refused(report: Report, age_months: float | None) -> Findings:
    return Findings(
        model=report.model,
        model_digest=report.model_digest,
        carpal_version=__version__,
        age_months=None if age_months is None else round(age_months, 2),
        notes=report.all_notes,
        refused_because=report.refusal.advice if report.refusal is not None else None,
    )


def _save(dataset: Dataset, path: Path) -> Path:
    with replacing(path) as part:
        dataset.save_as(part, enforce_file_format=True)
    return path


def _header(radiograph: Radiograph) -> str:
    age = "no age" if radiograph.age_months is None else years_and_months(radiograph.age_months)
    return f"sex {radiograph.sex or 'not given'}, {age}"


def format_deliveries(deliveries: Sequence[Delivery], request: Request) -> str:
    """For each radiograph the reading, what its header says, and what was written."""
    return "\n".join(_as_lines(delivery, request) for delivery in deliveries)


def _as_lines(delivery: Delivery, request: Request) -> str:
    reading = delivery.reading
    if reading is None:
        lines = [f"{shown(delivery.path)}: NOT READ: {delivery.error}"]
    else:
        lines = [f"{shown(delivery.path)}: {reading} (sex {reading.sex}, {reading.sex_origin}; model {reading.model})"]
        lines += [f"  note: {note}" for note in reading.notes]
    if delivery.header:
        given = request.given.age_months
        age = "" if given is None else f"; age given: {years_and_months(given)}"
        lines.append(f"  header: {delivery.header}{age}")
    if reading is not None and delivery.error:
        made = {path.name for path in delivery.written}
        lacking = [f"no {name}" for name in (REPORT, PICTURE, PAGE) if name not in made]
        lines.append(f"  {' and '.join(lacking)}: {delivery.error}")
    return "\n".join(lines + [f"  wrote {shown(path)}" for path in delivery.written])
