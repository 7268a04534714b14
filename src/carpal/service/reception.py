"""A DICOM object has arrived, by C-STORE or by STOW-RS: is it to be read, and is it safe on the disk?"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Literal

from carpal.errors import CarpalError, InvalidArgument, NotWanted
from carpal.service.blobs import stream_digest
from carpal.service.facts import Facts
from carpal.service.incoming import while_there_is_room
from carpal.service.instance import Instance, read_instance
from carpal.service.metrics import Metrics
from carpal.service.readings import ReadingStore
from carpal.service.records import Order
from carpal.service.settings import Settings

__all__ = ["Expected", "Receipt", "Reception", "Way"]

Way = Literal["dicom", "stow"]


@dataclass(frozen=True)
class Expected:
    """What the request says that the object is; None where it does not say."""

    sop_class_uid: str | None = None
    sop_instance_uid: str | None = None
    study_uid: str | None = None


@dataclass(frozen=True)
class Receipt:
    """What came of an object. Without ``error`` it may be acknowledged; ``reading_id`` is None where the rule passes it
    over. ``instance`` is None where not even its header can be read."""

    instance: Instance | None
    reading_id: str | None = None
    error: CarpalError | None = None


class Reception:
    """What C-STORE and STOW-RS have in common. ``wake`` is called when there is something new to read."""

    def __init__(self, store: ReadingStore, settings: Settings, metrics: Metrics, wake: Callable[[], None]) -> None:
        self._store = store
        self._settings = settings
        self._metrics = metrics
        self._wake = wake

    def take(self, file: IO[bytes], who: str, way: Way, expected: Expected) -> Receipt:
        """Accept a DICOM file, pass it over or refuse it. What the receipt lets be acknowledged is on the disk, or
        nobody wants it. The same object again of the same sender is the same reading."""
        instance = None
        try:
            instance = read_instance(file)
            _compare(instance, expected)
            if self._settings.dicom.rule.wants(instance):
                return self._accept(file, instance, who, way)
            if self._settings.dicom.refuse_others:
                raise NotWanted("it is no hand radiograph by this service's rule")
        except CarpalError as error:
            self._metrics.arrived(way, "refused")
            return Receipt(instance, error=error)
        self._metrics.arrived(way, "passed over")
        return Receipt(instance)

    def _accept(self, file: IO[bytes], instance: Instance, who: str, way: Way) -> Receipt:
        order = Order(who, facts=Facts(child=instance.patient_id), source=way)
        with while_there_is_room():
            key = hashlib.sha256(f"{instance.sop_instance_uid} {stream_digest(file)}".encode()).hexdigest()
            stored, new = self._store.accept(file, order, f"dicom:{key}", self._settings.queue)
        self._metrics.arrived(way, "accepted" if new else "known")
        if new:
            self._wake()
        return Receipt(instance, stored.id)


def _compare(instance: Instance, expected: Expected) -> None:
    for name, what in (
        ("sop_class_uid", "SOP class"),
        ("sop_instance_uid", "SOP instance"),
        ("study_uid", "study"),
    ):
        said = getattr(expected, name)
        if said is not None and said != getattr(instance, name):
            raise InvalidArgument(f"the object is of another {what} than the request says")
