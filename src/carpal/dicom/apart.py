"""Decoders at work in a process of their own: GDCM, because a damaged JPEG lossless or JPEG-LS frame makes it abort the
process, and pylibjpeg's RLE, which panics on a damaged frame and prints a backtrace.

One worker per carpal process is started with the first such frame (0.4 s), serves all later ones, is started again
after an abort, and ends when its parent does. It is given the pixel description and the frame, nothing else of the
header, and its standard error goes nowhere. A message is two parts, each behind its length (8 bytes): JSON and bytes.
No pickle: whoever takes the worker over with a crafted frame must not get any further by what it answers.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import threading
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DecodingFailed", "decode_frame"]

TIMEOUT_SECONDS = 60.0


class DecodingFailed(Exception):
    """The frame cannot be decoded; the worker said so, died of it, or ran out of time."""


def decode_frame(frame: bytes, description: dict[str, Any], syntax: str) -> NDArray[Any]:
    """Pixels (rows, columns[, 3]) of one compressed frame; ``description`` holds the Image Pixel attributes.

    Raises DecodingFailed.
    """
    return _WORKER.decode({"description": description, "syntax": syntax}, frame)


class _Worker:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def decode(self, request: dict[str, Any], frame: bytes) -> NDArray[Any]:
        with self._lock:
            process = self._running()
            assert process.stdin is not None and process.stdout is not None
            timer = threading.Timer(TIMEOUT_SECONDS, process.kill)
            timer.start()
            try:
                _send(process.stdin, request, frame)
                reply, data = _receive(process.stdout)
            except BaseException as error:  # interrupted as well: a late reply must not answer the next request
                self._discard(process)
                if isinstance(error, (OSError, EOFError, ValueError)):
                    raise DecodingFailed from None
                raise
            finally:
                timer.cancel()
        if reply is None:
            raise DecodingFailed
        return np.frombuffer(data, reply["dtype"]).reshape(reply["shape"])

    def _running(self) -> subprocess.Popen[bytes]:
        # After a fork the pipes belong to the parent: a child starts a worker of its own.
        if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
            path = os.pathsep.join(entry for entry in sys.path if entry)
            self._process = subprocess.Popen(  # nosec B603  # this Python, with a command that is written here
                [sys.executable, "-c", "from carpal.dicom.apart import serve; serve()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
            )
            self._owner = os.getpid()
            atexit.register(self._discard, self._process)
        return self._process

    def _discard(self, process: subprocess.Popen[bytes]) -> None:
        if self._owner != os.getpid():
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:  # what was not yet sent to a dead worker
                continue
        self._process = None


_WORKER = _Worker()


def serve() -> None:
    """The worker's loop: requests on standard input until it closes. Whatever GDCM prints must not join the replies."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            request, frame = _receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            pixels = _decode(frame, **request)
            _send(replies, {"shape": pixels.shape, "dtype": pixels.dtype.str}, pixels.tobytes())
        except BaseException:  # a panic of Rust is no Exception
            _send(replies, None)


def _decode(frame: bytes, description: dict[str, Any], syntax: str) -> NDArray[Any]:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.pixels import pixel_array
    from pydicom.uid import UID, JPEGExtended12Bit, RLELossless

    dataset = Dataset()
    for keyword, value in description.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    if syntax == JPEGExtended12Bit:
        return _decode_twelve_bit_jpeg(dataset)
    return pixel_array(dataset, decoding_plugin="pylibjpeg" if syntax == RLELossless else "gdcm")


def _decode_twelve_bit_jpeg(dataset: Any) -> NDArray[Any]:
    """12-bit lossy JPEG (process 4): GDCM decodes it from a file only, not from a frame as pydicom hands it over."""
    import gdcm  # type: ignore[import-untyped]
    from pydicom.uid import DigitalXRayImageStorageForPresentation

    dataset.SOPClassUID, dataset.SOPInstanceUID = DigitalXRayImageStorageForPresentation, "1.2.3"
    with tempfile.TemporaryFile() as file:  # without a name: gone with this process, whatever becomes of it
        dataset.save_as(file, enforce_file_format=True)
        file.flush()
        file.seek(0)
        reader = gdcm.ImageReader()
        reader.SetFileName(f"/dev/fd/{file.fileno()}")
        if not reader.Read():
            raise DecodingFailed
        # GDCM returns char* as text
        data = reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape")
    return np.frombuffer(data, np.uint16).reshape(dataset.Rows, dataset.Columns)


def _send(pipe: IO[bytes], facts: dict[str, Any] | None, data: bytes = b"") -> None:
    for part in (json.dumps(facts).encode(), data):
        pipe.write(len(part).to_bytes(8, "little"))
        pipe.write(part)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> tuple[Any, bytes]:
    facts, data = _part(pipe), _part(pipe)
    return json.loads(facts), data


def _part(pipe: IO[bytes]) -> bytes:
    length = pipe.read(8)
    part = pipe.read(int.from_bytes(length, "little")) if len(length) == 8 else b""
    if len(length) < 8 or len(part) < int.from_bytes(length, "little"):
        raise EOFError
    return part
