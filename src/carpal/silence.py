"""What decoders and DICOM libraries would say on standard error while they work on a patient's file."""

from __future__ import annotations

import logging
import threading
import warnings

__all__ = ["QUIET"]


class _Quiet:
    """Holds back warnings and log lines of the libraries while any thread is inside: they may quote the patient.

    `warnings.catch_warnings` alone is not safe with threads: leaving in another order than entering would switch
    warnings off for good. Here the first one enters and the last one leaves.
    """

    _LOGGERS = ("pydicom", "highdicom", "pylibjpeg", "openjpeg", "rle", "PIL")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._caught = warnings.catch_warnings()
        self._levels: dict[str, int] = {}

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside > 1:
                return
            self._caught = warnings.catch_warnings()
            self._caught.__enter__()
            warnings.simplefilter("ignore")
            for name in self._LOGGERS:
                self._levels[name] = logging.getLogger(name).level
                logging.getLogger(name).setLevel(logging.CRITICAL + 1)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside:
                return
            self._caught.__exit__(None, None, None)
            for name, level in self._levels.items():
                logging.getLogger(name).setLevel(level)


QUIET = _Quiet()
