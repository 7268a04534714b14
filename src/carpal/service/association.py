"""Objects sent to a DICOM node by C-STORE, several over one association."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pynetdicom
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    SecondaryCaptureImageStorage,
)

from carpal.dicom.objects import IMPLEMENTATION_UID
from carpal.service.destinations import Away, Declined, Destination, Line

__all__ = ["associate"]

_SENT = (ComprehensiveSRStorage, SecondaryCaptureImageStorage, EncapsulatedPDFStorage)
_SECONDS = 60.0
_ALREADY_THERE = 0x0111  # duplicate SOP instance


@contextmanager
def associate(destination: Destination, own_title: str) -> Iterator[Line]:
    """An association for the objects that carpal makes. Raises Away."""
    pynetdicom._config.STORE_SEND_CHUNKED_DATASET = True  # from the file as it is, without decoding it
    entity = AE(ae_title=own_title)
    entity.implementation_class_uid, entity.implementation_version_name = IMPLEMENTATION_UID, "CARPAL"
    entity.connection_timeout = entity.acse_timeout = 20.0
    entity.dimse_timeout = entity.network_timeout = _SECONDS
    for sop_class in _SENT:
        entity.add_requested_context(sop_class, ExplicitVRLittleEndian)
    try:
        association = entity.associate(destination.host, destination.port, ae_title=destination.ae_title)
    except (OSError, RuntimeError):
        raise Away("no such host is known") from None
    if not association.is_established:
        if association.is_rejected:
            raise Away(f"it does not let {own_title} in")
        raise Away("no answer")
    try:
        yield _Line(association)
    finally:
        if association.is_established:
            association.release()


class _Line:
    def __init__(self, association: Association) -> None:
        self._association = association

    def send(self, path: Path) -> None:
        try:
            status = self._association.send_c_store(path).get("Status")
        except ValueError:  # pynetdicom's for a kind of object that the node did not accept
            raise Declined("it does not take this kind of object") from None
        except (OSError, RuntimeError):
            raise Away("the association broke") from None
        if status is None:
            raise Away("the association broke")
        if status in (0x0000, _ALREADY_THERE) or 0xB000 <= status <= 0xBFFF:
            return
        if 0xA700 <= status <= 0xA7FF or status == 0x0124:
            raise Away(f"it answered {status:04X}")
        raise Declined(f"it answered {status:04X}")
