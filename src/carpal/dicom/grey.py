"""From stored values to grey: modality LUT or rescale, then VOI LUT or window, then polarity.

PS3.3 C.11.1, C.11.2, C.7.6.3. The whole chain is a function of the stored value alone, so it is worked out once per
value (at most 65,536) and looked up per pixel. Written here and not left to pydicom.pixels because that returns the
output range of the *stored* values, which reverses under a negative slope, and its index wraps for a VOI LUT of more
than 256 entries of 8 bits (pydicom 3.0).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

__all__ = ["not_applied", "to_display"]

_Values = NDArray[np.float64]


def to_display(stored: NDArray[Any], dataset: pydicom.Dataset) -> tuple[NDArray[Any], bool]:
    """Grey values of a MONOCHROME image (H, W), and whether the minimum is white.

    With a VOI LUT or window: float32 in 0..1 through the first of them. Without: unsigned stored values as they are,
    and rescaled or signed values stretched from their minimum to their maximum. A window that cannot be meant
    (malformed, or leaving one single grey) counts as none. Padding pixels become black and take no part in any range.
    """
    inverted = _is_inverted(dataset)
    lowest, highest = int(stored.min()), int(stored.max())
    base = min(lowest, 0)
    inputs = np.arange(base, highest + 1, dtype=np.float64)
    padding = _padding(inputs, dataset)
    present = inputs >= lowest
    if padding.any():
        present = np.bincount(_index(stored, base).ravel(), minlength=inputs.size) > 0
        padding &= present
        present &= ~padding
    if not present.any():
        return np.zeros(stored.shape, np.float32), False
    values, is_rescaled = _modality(inputs, dataset)
    table = _voi(values, dataset, present)
    if table is None or np.ptp(table[present]) == 0:
        if base == 0 and not is_rescaled and not padding.any():
            return stored, inverted
        table = _stretch(values, present)
    table[padding] = 1.0 if inverted else 0.0
    return np.take(table.astype(np.float32), _index(stored, base)), inverted


def not_applied(dataset: pydicom.Dataset) -> tuple[str, ...]:
    """Sentences on what the header says of its grey values and ``to_display`` cannot follow, as it is no number."""
    keywords = ("RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth")
    odd = [keyword for keyword in keywords if _is_there(dataset, keyword) and _number(dataset, keyword) is None]
    return tuple(f"the header's {keyword} is no number: its grey values were read without it" for keyword in odd)


def _is_there(dataset: pydicom.Dataset, keyword: str) -> bool:
    try:
        return dataset.get(keyword) not in (None, "", [])
    except Exception:  # what pydicom cannot convert is there
        return True


def _is_inverted(dataset: pydicom.Dataset) -> bool:
    # In the DX module INVERSE goes with MONOCHROME1 and says the same thing again: one inversion, not two.
    shape = str(dataset.get("PresentationLUTShape", "")).strip().upper()
    return dataset.PhotometricInterpretation == "MONOCHROME1" or shape == "INVERSE"


def _index(stored: NDArray[Any], base: int) -> NDArray[Any]:
    return stored if base == 0 else stored.astype(np.int32) - base


def _padding(inputs: _Values, dataset: pydicom.Dataset) -> NDArray[np.bool_]:
    first = _number(dataset, "PixelPaddingValue")
    if first is None:
        return np.zeros(inputs.shape, bool)
    last = _number(dataset, "PixelPaddingRangeLimit")
    low, high = sorted((first, first if last is None else last))
    return (inputs >= low) & (inputs <= high)


def _modality(inputs: _Values, dataset: pydicom.Dataset) -> tuple[_Values, bool]:
    """Values after the modality step, and whether it changed anything."""
    sequence = dataset.get("ModalityLUTSequence")
    if sequence:
        return _look_up(inputs, sequence[0], dataset), True
    slope, intercept = _number(dataset, "RescaleSlope"), _number(dataset, "RescaleIntercept")
    if not slope or intercept is None or (slope == 1 and intercept == 0):
        return inputs, False
    return inputs * slope + intercept, True


def _voi(values: _Values, dataset: pydicom.Dataset, present: NDArray[np.bool_]) -> _Values | None:
    """0..1 through the first VOI LUT, white its brightest of the values ``present``, else the first window; None where
    neither can be meant."""
    sequence = dataset.get("VOILUTSequence")
    if sequence:
        try:
            output = _look_up(values, sequence[0], dataset)
            white = output.max(where=present, initial=0)
            return np.minimum(output / white, 1) if white > 0 else None
        except (AttributeError, KeyError, TypeError, ValueError, IndexError):
            pass  # a malformed LUT is none; a window may stand beside it
    centre, width = _number(dataset, "WindowCenter"), _number(dataset, "WindowWidth")
    if centre is None or width is None or width <= 0:
        return None
    function = str(dataset.get("VOILUTFunction", "") or "LINEAR").strip().upper()
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -80, 80)))
    if function == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0, 1)
    if width <= 1:  # PS3.3 C.11.2.1.2.1: width 1 is a threshold, less is not allowed
        return (values > centre - 0.5).astype(np.float64) if width == 1 else None
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)


def _stretch(values: _Values, present: NDArray[np.bool_]) -> _Values:
    low, high = float(values[present].min()), float(values[present].max())
    return np.clip((values - low) / ((high - low) or 1.0), 0, 1)


def _look_up(values: _Values, item: pydicom.Dataset, dataset: pydicom.Dataset) -> _Values:
    """A LUT of PS3.3 C.11.1.1: values below the first mapped one give the first entry, above the last one the last."""
    entries, first, _ = (int(v) for v in item.LUTDescriptor)
    lut = _entries(item, entries or 65536, little=bool(dataset.original_encoding[1]))
    if first > 32767 and values.min() < 0:  # a signed first value that was written as unsigned
        first -= 65536
    return lut[np.clip(np.rint(values) - first, 0, lut.size - 1).astype(np.intp)]


def _entries(item: pydicom.Dataset, count: int, *, little: bool) -> _Values:
    data = item.LUTData
    if isinstance(data, bytes):  # OW: words of the data set's byte order, or bytes
        words = np.frombuffer(data[: len(data) // 2 * 2], "<u2" if little else ">u2")
    else:
        words = np.atleast_1d(np.asarray(data)).astype(np.uint16)
    if 2 * words.size in (count, count + 1):  # 8-bit entries, two to a word
        return words.astype("<u2").view(np.uint8)[:count].astype(np.float64)
    if words.size == 0:
        raise ValueError("an empty LUT")
    return words[:count].astype(np.float64)


def _number(dataset: pydicom.Dataset, keyword: str) -> float | None:
    """The first value as a finite number, or None if it is missing or malformed."""
    try:
        value = dataset.get(keyword)
        number = float(value[0] if isinstance(value, (list, pydicom.multival.MultiValue)) else value)
    except Exception:
        return None
    return number if math.isfinite(number) else None
