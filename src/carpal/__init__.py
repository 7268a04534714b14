"""carpal reads bone age from a radiograph of a child's left hand.

    from carpal import Reader
    Reader().read("hand.png", sex="F")

Research use and decision support only; not a medical device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from carpal.radiograph import Radiograph, read_radiograph
    from carpal.reader import Reader, Reading

__all__ = ["Radiograph", "Reader", "Reading", "read_radiograph"]
__version__ = "0.1.0"

_HOME = {
    "Radiograph": "carpal.radiograph",
    "read_radiograph": "carpal.radiograph",
    "Reader": "carpal.reader",
    "Reading": "carpal.reader",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that `carpal --help` pays neither for OpenCV nor for the inference engine.
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'carpal' has no attribute {name!r}")
