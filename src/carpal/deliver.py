"""A DICOM radiograph is read and answered in DICOM: a structured report and a picture for the archive it came from.

[delivery] = deliver_all([Path("hand.dcm")], Path("answer"), Request())
delivery.reading, delivery.written
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset

from carpal import __version__
from carpal.annotate import annotated_picture
from carpal.batch import files_among
from carpal.dicom.capture import secondary_capture
from carpal.dicom.findings import Findings
from carpal.dicom.source import read_source
from carpal.dicom.structured import structured_report
from carpal.errors import CarpalError, InvalidArgument, RefusedRadiograph
from carpal.explain import explain
from carpal.files import replacing
from carpal.radiograph import Radiograph, read_radiograph
from carpal.reader import Reader, Reading, check_sex, years_and_months

__all__ = ["Delivery", "Request", "deliver_all", "findings_of", "format_deliveries"]

REPORT, PICTURE = "sr.dcm", "sc.dcm"


@dataclass(frozen=True)
class Request:
    """How the radiographs are to be read. ``sex`` and ``age_months`` go before what the headers say."""

    model: str = "default"
    sex: str | None = None
    age_months: float | None = None


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
    anything is read, for an answer that is there already, for two files of one name and for one age of several files;
    ModelError.
    """
    check_sex(request.sex)
    files = files_among(paths)
    if request.age_months is not None and len(files) > 1:
        raise InvalidArgument(f"--age is one child's at one exposure, not that of {len(files)} radiographs")
    single = len(paths) == 1 and not paths[0].is_dir()
    folders = [out] if single else [out / path.stem for path in files]
    _check_targets(folders)
    reader = Reader(request.model)
    deliveries = []
    for number, (path, folder) in enumerate(zip(files, folders, strict=True), start=1):
        deliveries.append(_deliver(reader, path, folder, request, clock()))
        progress(number, len(files))
    return deliveries


def _check_targets(folders: Sequence[Path]) -> None:
    if len(set(folders)) < len(folders):
        raise InvalidArgument("several radiographs have the same file name: answer them folder by folder")
    for folder in folders:
        for name in (REPORT, PICTURE):
            if (folder / name).exists():
                raise InvalidArgument(f"{folder / name} is there already: choose another folder")


def _deliver(reader: Reader, path: Path, folder: Path, request: Request, written_at: datetime) -> Delivery:
    header, written = "", []
    try:
        source = read_source(path)
        radiograph = read_radiograph(path)
        header = _header(radiograph)
        age_months = radiograph.age_months if request.age_months is None else request.age_months
        try:
            reading = reader.read(radiograph, request.sex)
        except RefusedRadiograph as refusal:
            findings = _refused(reader, refusal, age_months)
            written.append(_save(structured_report(source, findings, written_at), folder / REPORT))
            return Delivery(path, header, None, tuple(written), str(refusal))
        findings = findings_of(reading, age_months)
        written.append(_save(structured_report(source, findings, written_at), folder / REPORT))
        picture = annotated_picture(radiograph, reading, explain(reader, radiograph, reading.sex))
        try:
            capture = secondary_capture(source, picture, findings, written_at)
        except InvalidArgument as refusal:
            return Delivery(path, header, reading, tuple(written), str(refusal))
        written.append(_save(capture, folder / PICTURE))
    except CarpalError as error:
        return Delivery(path, header, None, tuple(written), str(error))
    return Delivery(path, header, reading, tuple(written), None)


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


def _refused(reader: Reader, refusal: RefusedRadiograph, age_months: float | None) -> Findings:
    return Findings(
        model=reader.facts.name,
        model_digest=reader.digest,
        carpal_version=__version__,
        age_months=None if age_months is None else round(age_months, 2),
        refused_because=str(refusal).removeprefix("refused: "),
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
        lines = [f"{delivery.path}: NOT READ: {delivery.error}"]
    else:
        lines = [f"{delivery.path}: {reading} (sex {reading.sex}, {reading.sex_origin}; model {reading.model})"]
        lines += [f"  note: {note}" for note in reading.notes]
    if delivery.header:
        age = "" if request.age_months is None else f"; age given: {years_and_months(request.age_months)}"
        lines.append(f"  header: {delivery.header}{age}")
    if reading is not None and delivery.error:
        lines.append(f"  no {PICTURE}: {delivery.error}")
    return "\n".join(lines + [f"  wrote {path}" for path in delivery.written])
