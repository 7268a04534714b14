"""JPEG 2000 decoded at a half, a quarter ... of its resolution: its wavelets allow that, at a fraction of the time."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom import uid
from pydicom.encaps import get_frame

from carpal.dicom.codestream import claimed_dimensions

__all__ = ["decode_reduced"]

_SYNTAXES = (uid.JPEG2000, uid.JPEG2000Lossless)
_MOST_HALVINGS = 5  # the decompositions that encoders make unless told otherwise


def decode_reduced(dataset: pydicom.Dataset, syntax: uid.UID, least_side: int) -> NDArray[Any] | None:
    """Stored values (rows / 2^k, columns / 2^k), rounded up, with the largest k that leaves a long side of at least
    ``least_side`` pixels. None where it has to be decoded whole: for k = 0, other codings, colour, signed values, and
    padding, whose value would mix with its neighbours."""
    shape = (int(dataset.Rows), int(dataset.Columns))
    halvings = min(int(np.log2(max(1.0, max(shape) / least_side))), _MOST_HALVINGS)
    signed, padded = dataset.get("PixelRepresentation", 0) != 0, "PixelPaddingValue" in dataset
    grey = str(dataset.PhotometricInterpretation).startswith("MONOCHROME")
    if halvings == 0 or syntax not in _SYNTAXES or signed or padded or not grey:
        return None
    try:
        frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
        with Image.open(io.BytesIO(frame)) as image:
            image.reduce = halvings  # as Pillow documents it for JPEG 2000
            pixels = np.asarray(image)
    except Exception:  # fewer decompositions, or damage, which decoding it whole will name
        return None
    if pixels.shape != tuple(-(-side // 2**halvings) for side in shape):
        return None
    if pixels.dtype == np.uint16:  # Pillow moves the stored bits to the top
        pixels = pixels >> (16 - claimed_dimensions(frame)[2])
    return pixels
