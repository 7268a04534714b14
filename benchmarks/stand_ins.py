"""What else one might take for bone age, by architecture and input size; random weights, which cost what others do.

``three EfficientNets``: B0 at 512 px, B0 at 1024 px and B4 at 512 px, one grey channel. ``three ConvNeXts``: ConvNeXtV2
tiny at 512 px three times, three channels. Both are read as their users would: one decoding by OpenCV, one resize per
input size, the mean of the networks.

usage: python benchmarks/stand_ins.py FOLDER      writes the ONNX files there; needs carpal[train]
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from carpal.modelfile import open_session

__all__ = ["STAND_INS", "StandIn"]


@dataclass(frozen=True)
class Member:
    """A network of timm's, the side of its square input and the number of its channels."""

    network: str
    side: int
    channels: int

    @property
    def file(self) -> str:
        return f"{self.network}-{self.side}.onnx"


STAND_INS: dict[str, tuple[Member, ...]] = {
    "three EfficientNets": (
        Member("efficientnet_b0", 512, 1),
        Member("efficientnet_b0", 1024, 1),
        Member("efficientnet_b4", 512, 1),
    ),
    "three ConvNeXts": (Member("convnextv2_tiny", 512, 3),) * 3,
}
_MEAN, _SPREAD = 0.449, 0.226


class StandIn:
    """One of them, loaded, one thread each."""

    def __init__(self, name: str, folder: Path) -> None:
        self.members = [(member, open_session(folder / member.file, 1)) for member in STAND_INS[name]]

    def read(self, path: Path) -> dict[str, float]:
        """CPU milliseconds of decoding, of resizing and of the networks, for one radiograph."""
        marks = [time.process_time()]
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        marks.append(time.process_time())
        inputs = {(m.side, m.channels): fed(grey, m) for m, _ in self.members}
        marks.append(time.process_time())
        ages = [session.run(None, {"x": inputs[m.side, m.channels]})[0].item() for m, session in self.members]
        assert np.isfinite(np.mean(ages))
        marks.append(time.process_time())
        steps = 1e3 * np.diff(marks)
        return {"decode": steps[0], "prepare": steps[1], "network": steps[2], "all": float(steps.sum())}


def fed(grey: NDArray[np.uint8], member: Member) -> NDArray[np.float32]:
    """(1, channels, side, side)"""
    small = cv2.resize(grey, (member.side, member.side), interpolation=cv2.INTER_AREA)
    scaled = (small.astype(np.float32) / 255 - _MEAN) / _SPREAD
    return np.ascontiguousarray(np.broadcast_to(scaled, (1, member.channels, member.side, member.side)))


def export(folder: Path) -> None:
    """The networks as ONNX files, one answer each."""
    import torch

    from carpal.training.backbones import timm_library

    for member in {m.file: m for members in STAND_INS.values() for m in members}.values():
        network = timm_library().create_model(member.network, in_chans=member.channels, num_classes=1).eval()
        example = torch.zeros(1, member.channels, member.side, member.side)
        options = {"dynamo": True, "opset_version": 20, "external_data": False, "verbose": False}
        torch.onnx.export(network, (example,), folder / member.file, input_names=["x"], **options)


if __name__ == "__main__":
    export(Path(sys.argv[1]))
