"""What a compressed frame says about itself, read without decoding it."""

from __future__ import annotations

from carpal.errors import UnreadableRadiograph

__all__ = ["claimed_dimensions", "is_complete"]

# Start-of-frame markers: JPEG (all processes; C4, C8 and CC are tables) and JPEG-LS.
_FRAME_MARKERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_J2K_START = b"\xff\x4f\xff\x51"


def is_complete(frame: bytes) -> bool:
    """JPEG, JPEG-LS and JPEG 2000 end in FF D9, which never occurs in coded data; padding may follow."""
    return b"\xff\xd9" in frame[-64:]


def claimed_dimensions(frame: bytes) -> tuple[int, int, int]:
    """(rows, columns, bits per sample) of a JPEG, JPEG-LS or JPEG 2000 frame; a decoder would allocate them unasked."""
    start = frame[:512].find(_J2K_START)  # after the boxes, where a JP2 file was embedded
    if start >= 0:
        width, height, left, top = (_big(frame, start + 8 + 4 * i, 4) for i in range(4))
        return height - top, width - left, (_big(frame, start + 42, 1) & 0x7F) + 1
    if frame[:2] == b"\xff\xd8":
        position = 2
        while position + 9 <= len(frame) and frame[position] == 0xFF:
            marker = frame[position + 1]
            if marker == 0xFF:  # fill byte
                position += 1
            elif marker in _FRAME_MARKERS:
                return _big(frame, position + 5, 2), _big(frame, position + 7, 2), frame[position + 4]
            else:
                position += 2 + _big(frame, position + 2, 2)
    raise UnreadableRadiograph("its compressed pixel data are damaged (no frame header)")


def _big(data: bytes, start: int, length: int) -> int:
    return int.from_bytes(data[start : start + length], "big")
