"""One part read and written, wherever that happens: here, in a process of its own, or in an actor of Ray."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from carpal.bulk.parts import PartsFolder
from carpal.bulk.work import Item, is_url
from carpal.errors import CarpalError, RefusedRadiograph, UnreadableRadiograph, sentence_of
from carpal.radiograph import MAX_FILE_BYTES, read_radiograph
from carpal.reader import Reader

__all__ = ["PartReader", "Plan"]

_LEAST_SIDE = 800  # px: what the gate's measures of noise and light were set on
_LEAST_TIMES = 3  # as many rows as the network sees: the preparation averages down from there


@dataclass(frozen=True)
class Plan:
    """All that whoever reads a part must know beside its items; ``reduced`` lets JPEG 2000 be decoded at a half, a
    quarter ... of its size."""

    folder: PartsFolder
    model: str
    accept_anything: bool
    reduced: bool = False


class PartReader:
    """A network, loaded once, for any number of parts. Raises ModelError."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._reader = Reader(plan.model)
        rows = self._reader.facts.recipe.size
        self._least_side = max(_LEAST_SIDE, _LEAST_TIMES * rows) if plan.reduced else None

    def make(
        self,
        index: int,
        items: Sequence[Item],
        tell: Callable[[int], None] = lambda position: None,
        given_up: Collection[int] = (),
    ) -> None:
        """Read ``items`` and write them as part ``index``; ``tell`` hears the position of each before it is read, and
        the number of items before they are written. Positions in ``given_up`` killed whoever read them before."""
        readings, failures = [], []
        for position, item in enumerate(items):
            tell(position)
            named = {"id": item.id, "file": item.location, "extra": item.extra}
            try:
                if position in given_up:
                    raise UnreadableRadiograph(f"cannot read {item.location}: whatever reads it dies")
                readings.append(named | self._read(item))
            except Exception as error:  # one in a million must not end the rest
                reason = error.reason if isinstance(error, RefusedRadiograph) else None
                failures.append(named | {"sex": item.sex, "refused_because": reason, "error": _sentence(error, item)})
        tell(len(items))
        self._plan.folder.write(index, readings, failures)

    def _read(self, item: Item) -> dict[str, Any]:
        source = _fetched(item.location) if is_url(item.location) else item.location
        radiograph = read_radiograph(source, least_side=self._least_side)
        return self._reader.read(radiograph, item.sex, accept_anything=self._plan.accept_anything).to_dict()


class _Fetched(io.BytesIO):
    """A fetched file that knows where it came from, for the messages about it."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


def _fetched(url: str) -> _Fetched:
    import fsspec

    try:
        with fsspec.open(url, "rb") as file:
            return _Fetched(file.read(MAX_FILE_BYTES + 1), url)
    except FileNotFoundError:
        raise UnreadableRadiograph(f"cannot read {url}: no such file or directory") from None
    except Exception as error:  # each protocol has errors of its own
        raise UnreadableRadiograph(f"cannot read {url}: it cannot be fetched ({type(error).__name__})") from error


def _sentence(error: Exception, item: Item) -> str:
    if isinstance(error, CarpalError | OSError):
        return sentence_of(error, item.location, "the column sex of a table, --sex F for a folder")
    # What a library says may quote the header: only the kind of failure is told.
    return f"cannot read {item.location}: reading it failed ({type(error).__name__})"
