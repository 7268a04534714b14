"""Decoders in a process of their own: what goes over their pipe is data, whatever a crafted frame has made of them."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from carpal.dicom.apart import DecodingFailed, _receive, _send, decode_frame


def sent(*parts: bytes) -> io.BytesIO:
    return io.BytesIO(b"".join(len(part).to_bytes(8, "little") + part for part in parts))


def test_a_message_arrives_as_it_was_sent() -> None:
    pipe = io.BytesIO()
    _send(pipe, {"shape": (2, 3), "dtype": "<u2"}, bytes(12))
    _send(pipe, None)
    pipe.seek(0)
    assert _receive(pipe) == ({"shape": [2, 3], "dtype": "<u2"}, bytes(12))
    assert _receive(pipe) == (None, b"")
    with pytest.raises(EOFError):
        _receive(pipe)


@pytest.mark.parametrize("cut", [1, 7, 8, 11, 40])
def test_a_message_cut_short_is_none(cut: int) -> None:
    whole = sent(b'{"shape": [2, 3]}', bytes(12)).getvalue()
    with pytest.raises(EOFError):
        _receive(io.BytesIO(whole[:cut]))


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    class Crafted:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "run"),)

    with pytest.raises(ValueError):
        _receive(sent(pickle.dumps(Crafted()), b""))
    assert not list(tmp_path.iterdir())


def test_after_a_frame_that_is_none_the_next_is_decoded() -> None:
    """RLE of 32 x 32 zeros: 64-byte header, then runs of 128."""
    rle = "1.2.840.10008.1.2.5"
    description = {"Rows": 32, "Columns": 32, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    description |= {"PixelRepresentation": 0, "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2"}
    header = np.array([1, 64] + [0] * 14, "<u4").tobytes()
    with pytest.raises(DecodingFailed):
        decode_frame(b"no frame at all ", description, rle)
    pixels = decode_frame(header + b"\x81\x00" * 8, description, rle)
    assert pixels.shape == (32, 32)
    assert not pixels.any()
