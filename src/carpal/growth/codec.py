"""Frozen dataclasses to plain values for JSON and back, by their own type hints."""

from __future__ import annotations

import dataclasses
import types
import typing
from functools import cache
from typing import Any, TypeVar, Union

from carpal.errors import InvalidArgument

__all__ = ["from_plain", "to_plain"]

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """Dataclasses become dicts and tuples lists; numbers stay what they are, to the last digit."""
    if dataclasses.is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [to_plain(entry) for entry in value]
    return value


def from_plain(kind: type[T], values: Any) -> T:
    """What ``to_plain`` made a dict of. Raises InvalidArgument for anything else."""
    try:
        made = _build(kind, values)
    except (TypeError, KeyError, AttributeError) as error:
        raise InvalidArgument(f"no {kind.__name__} that carpal wrote: {error}") from None
    return typing.cast(T, made)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _build(hint: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(hint):
        hints = _hints(typing.cast(type, hint))
        if unknown := sorted(set(value) - set(hints)):
            raise KeyError(f"unknown: {', '.join(unknown)}")
        built = {name: _build(hints[name], entry) for name, entry in value.items()}
        return typing.cast(Any, hint)(**built)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        return _build(next(kind for kind in inner if kind is not type(None)), value)
    if origin is tuple:
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
        if len(kinds) != len(value):
            raise TypeError(f"{len(value)} entries where {len(kinds)} belong")
        return tuple(_build(kind, entry) for kind, entry in zip(kinds, value, strict=True))
    if origin is typing.Literal:
        if value not in inner:
            raise TypeError(f"{value!r} is none of {', '.join(map(repr, inner))}")
        return value
    expected = (int, float) if hint is float else hint
    if not isinstance(value, expected) or (isinstance(value, bool) and hint is not bool):
        raise TypeError(f"{value!r} is no {hint.__name__}")
    return value
