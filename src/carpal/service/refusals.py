"""Log-ins, tokens and DICOM associations that were refused, in the audit log. Whoever is refused decides how often, so
the log takes only so many: an attack is seen in it, and cannot fill the disk with it."""

from __future__ import annotations

import threading
from typing import Literal

from carpal.service.audit import add_entry
from carpal.service.database import Database

__all__ = ["Refusal", "Refusals"]

Refusal = Literal["log-in refused", "token refused", "association refused"]

_NOBODY = "nobody known"
_SAME_S = 300.0  # after which the same happening from the same address has an entry again
_MOST, _WITHIN_S = 60, 3600.0  # entries in all, some 100 bytes each


class Refusals:
    """What is told of each is where it came from, nothing that was sent."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._written: list[tuple[float, tuple[str, str, str]]] = []  # when; what, where and why; of the last hour
        self._left_out = 0

    def note(self, what: Refusal, address: str, now_s: float, why: str = "") -> bool:
        """Write it down, or (False) only count it where there was enough of it; the next entry says how many were
        counted. ``why`` is in words of ours."""
        same = (what, address, why)
        with self._lock:
            self._written = [entry for entry in self._written if now_s - entry[0] < _WITHIN_S]
            known = any(now_s - at_s < _SAME_S and before == same for at_s, before in self._written)
            if known or len(self._written) >= _MOST:
                self._left_out += 1
                return False
            self._written.append((now_s, same))
            more, self._left_out = self._left_out, 0
        detail = f"from {address}: {why}" if why else f"from {address}"
        if more:
            detail += f"; {more} other{'s' if more > 1 else ''} since the entry before"
        with self._database.writing() as connection:
            add_entry(connection, _NOBODY, what, detail=detail)
        return True
