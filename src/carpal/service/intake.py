"""A multipart form as an order for a reading. Nothing is guessed: what cannot be meant is refused."""

from __future__ import annotations

import math
import re
from typing import Any

from starlette.datastructures import FormData, UploadFile

from carpal.errors import InvalidArgument, UnreadableRadiograph
from carpal.plain import check_sex
from carpal.service.records import Order

__all__ = ["FORM_SCHEMA", "check_key", "order_and_file"]

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
        "age_months": {
            "type": "number",
            "minimum": 0,
            "maximum": 300,
            "description": "at the exposure; kept beside the reading, never used for it",
        },
        "accept_anything": {
            "type": "string",
            "enum": ["true", "false"],
            "description": "read also what the quality gate refuses; a note says so",
        },
    },
}
_NAMES: tuple[str, ...] = tuple(FORM_SCHEMA["properties"])
_KEY = re.compile(r"[!-~]{1,255}")


def order_and_file(form: FormData, who: str) -> tuple[Order, UploadFile]:
    """Raises InvalidArgument, UnreadableRadiograph."""
    names = [name for name, _ in form.multi_items()]
    if not set(names) <= set(_NAMES):
        raise InvalidArgument(f"there is a form field that is not known: known are {', '.join(_NAMES)}")
    if len(set(names)) < len(names):
        raise InvalidArgument("a form field is there twice")
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise InvalidArgument("the radiograph is missing: send it as a file in the form field 'file'")
    if not file.size:
        raise UnreadableRadiograph("the file is empty")
    order = Order(
        who=who,
        sex=check_sex(_text(form, "sex")),
        age_months=_age(_text(form, "age_months")),
        accept_anything=_switch(_text(form, "accept_anything")),
    )
    return order, file


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


def _age(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        months = float(text)
    except ValueError:
        months = math.nan
    if not 0 <= months <= 300:
        raise InvalidArgument("age_months is a number from 0 to 300")
    return months


def _switch(text: str | None) -> bool:
    if text not in (None, "true", "false"):
        raise InvalidArgument("accept_anything is true or false")
    return text == "true"
