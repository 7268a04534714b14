"""A multipart form as an order for a reading. Nothing is guessed: what cannot be meant is refused."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from carpal.errors import InvalidArgument, ServiceRefusal, UnreadableRadiograph
from carpal.growth import age_between, parse_date
from carpal.growth.child import require_number
from carpal.plain import check_sex
from carpal.radiograph import is_dicom
from carpal.service.facts import Facts, check_told
from carpal.service.incoming import while_there_is_room
from carpal.service.records import Order, Source

__all__ = ["FORM_SCHEMA", "check_key", "form_of", "order_and_file"]


def _number(low: float, high: float, description: str) -> dict[str, Any]:
    return {"type": "number", "minimum": low, "maximum": high, "description": description}


def _day(description: str) -> dict[str, Any]:
    return {"type": "string", "format": "date", "description": description}


FORM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["file"],
    "additionalProperties": False,
    "properties": {
        "file": {
            "type": "string",
            "format": "binary",
            "description": "PNG, JPEG, TIFF, BMP or DICOM; its name is ignored",
        },
        "sex": {"type": "string", "enum": ["F", "M"], "description": "needed unless the DICOM header says it"},
        "age_months": _number(0, 240, "at the exposure; like all below kept beside the reading, never used for it"),
        "birth_date": _day("instead of age_months; only the age is kept"),
        "study_date": _day("of the exposure; needed with birth_date unless the DICOM header says it"),
        "height_cm": _number(35, 238, "standing, from two years on"),
        "weight_kg": _number(1, 250, "on the day of the exposure"),
        "mother_height_cm": _number(110, 230, "for the adult height"),
        "father_height_cm": _number(110, 230, "for the adult height"),
        "menarche": {"type": "string", "enum": ["true", "false"], "description": "whether a girl has had it"},
        "child": {
            "type": "string",
            "minLength": 1,
            "maxLength": 64,
            "description": "a code of yours by which this child's readings are found together; no name",
        },
        "accept_anything": {
            "type": "string",
            "enum": ["true", "false"],
            "description": "read also what the quality gate refuses; a note says so",
        },
    },
}
_NAMES: tuple[str, ...] = tuple(FORM_SCHEMA["properties"])
_MOST_PARTS = 16  # files, too, so that several can be told from a damaged form; the body's size is bounded anyway
_TEXT_BYTES = 1024
_KEY = re.compile(r"[!-~]{1,255}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@asynccontextmanager
async def form_of(request: Request) -> AsyncIterator[FormData]:
    """The form that is sent, its files closed at the end. Raises ServiceRefusal where it cannot be understood."""
    try:
        with while_there_is_room():
            form = await request.form(max_files=_MOST_PARTS, max_fields=_MOST_PARTS, max_part_size=_TEXT_BYTES)
    except HTTPException:
        raise ServiceRefusal(
            f"the form is damaged, or has more than {_MOST_PARTS} files or fields or a text of more than {_TEXT_BYTES} "
            "bytes"
        ) from None
    try:
        yield form
    finally:
        await form.close()


def order_and_file(form: FormData, who: str, source: Source) -> tuple[Order, UploadFile]:
    """Reads the file where its header must say when the study was. Raises InvalidArgument, UnreadableRadiograph."""
    names = [name for name, _ in form.multi_items()]
    if sum(isinstance(value, UploadFile) for _, value in form.multi_items()) > 1:
        raise InvalidArgument("the form has more than one file: send each radiograph in a request of its own")
    if not set(names) <= set(_NAMES):
        raise InvalidArgument(f"there is a form field that is not known: known are {', '.join(_NAMES)}")
    if len(set(names)) < len(names):
        raise InvalidArgument("a form field is there twice")
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise InvalidArgument("the radiograph is missing: send it as a file in the form field 'file'")
    if not file.size:
        raise UnreadableRadiograph("the file is empty")
    sex, facts = check_sex(_text(form, "sex")), _facts(form)
    order = Order(
        who=who,
        sex=sex,
        age_months=_age(form, facts, file),
        accept_anything=_switch(form, "accept_anything") or False,
        facts=facts,
        source=source,
    )
    check_told(sex, order.age_months, facts)
    return order, file


def _facts(form: FormData) -> Facts:
    study = _date(form, "study_date")
    if study is not None and study > date.today() + timedelta(days=1):  # it may be tomorrow already where it was sent
        raise InvalidArgument(f"study_date {study} has not come yet")
    return Facts(
        study_date=study,
        height_cm=_measure(form, "height_cm"),
        weight_kg=_measure(form, "weight_kg"),
        mother_height_cm=_measure(form, "mother_height_cm"),
        father_height_cm=_measure(form, "father_height_cm"),
        menarche=_switch(form, "menarche"),
        child=_text(form, "child"),
    )


def _age(form: FormData, facts: Facts, file: UploadFile) -> float | None:
    months, birth = _measure(form, "age_months"), _date(form, "birth_date")
    if birth is None:
        return months
    if months is not None:
        raise InvalidArgument("give age_months or birth_date, not both")
    study = facts.study_date or _study_of_header(file)
    if study is None:
        raise InvalidArgument("birth_date needs study_date, the date of the exposure, which the file does not say")
    return age_between(birth, study)


def _study_of_header(file: UploadFile) -> date | None:
    file.file.seek(0)
    if not is_dicom(file.file.read(132)):
        return None
    from carpal.dicom.read import study_date
    from carpal.service.instance import INFLATED_BYTES, header_bytes

    return study_date(header_bytes(file.file), INFLATED_BYTES)


def check_key(key: str | None) -> str | None:
    """An Idempotency-Key. Raises InvalidArgument."""
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidArgument("an Idempotency-Key is 1 to 255 printable characters without spaces")
    return key


def _text(form: FormData, name: str) -> str | None:
    value = form.get(name)
    if isinstance(value, UploadFile):
        raise InvalidArgument(f"the form field '{name}' is text, not a file")
    return value


def _measure(form: FormData, name: str) -> float | None:
    text = _text(form, name)
    try:
        return None if text is None else require_number(float(text), name)
    except ValueError:
        raise InvalidArgument(f"{name} is a number") from None


def _date(form: FormData, name: str) -> date | None:
    text = _text(form, name)
    if text is None:
        return None
    if not _DAY.fullmatch(text):
        raise InvalidArgument(f"{name} is a date written as 2024-05-31")
    return parse_date(text)


def _switch(form: FormData, name: str) -> bool | None:
    text = _text(form, name)
    if text not in (None, "true", "false"):
        raise InvalidArgument(f"{name} is true or false")
    return None if text is None else text == "true"
