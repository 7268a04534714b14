"""What FastAPI and pydantic find wrong with a request, in one sentence of carpal's own. Nothing that was sent is in it
but the names of what nobody knows, where they look like names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["invalid_sentence"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_PLACES = {"query": "query parameter", "body": "field", "header": "header", "path": "part of the path"}
_WRONG = {
    "missing": "is missing",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be {ge:g} or more",
    "less_than_equal": "must be {le:g} or less",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "bool_parsing": "must be true or false",
    "date": "must be a date and time as 2024-05-31T12:00:00Z",
    "string_type": "must be text",
    "string_too_long": "must have at most {max_length} characters",
    "value_error": "cannot be meant: {error}",
}


def invalid_sentence(errors: Sequence[Mapping[str, Any]]) -> str:
    """``errors`` are pydantic's: the first is told, and everything that is not known at once."""
    unknown = [error["loc"] for error in errors if error["type"] == "extra_forbidden"]
    if unknown:
        return _unknown(unknown)
    first = errors[0]
    if first["type"] == "json_invalid":
        return "the body is no JSON"
    place, *names = first["loc"]
    if not names:
        return "the body is missing" if first["type"] == "missing" else "the body is not what is asked for here"
    kind = "date" if "date" in first["type"] else first["type"]
    wrong = _WRONG.get(kind, "cannot be meant").format(**first.get("ctx", {}))
    return f"the {_PLACES.get(place, place)} '{names[0]}' {wrong}"


def _unknown(places: Sequence[Sequence[Any]]) -> str:
    what = _PLACES.get(places[0][0], "field")
    names = sorted({str(place[-1]) for place in places if place[0] == places[0][0]})
    told = [name for name in names if _NAME.fullmatch(name)]
    sentence = f"there are {what}s that are not known" if len(names) > 1 else f"there is a {what} that is not known"
    return f"{sentence}: {', '.join(told)}" if told else sentence
