"""The image networks, by name: each turns (N, 3, H, W) into (N, features).

``custom`` is our own; every other name is timm's. Register another one with ``@backbone("name")``.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from carpal.errors import InvalidArgument, TrainingError, WeightsUnavailable

__all__ = ["BACKBONES", "Backbone", "backbone", "build_backbone", "former_scale", "freeze_layers", "initialise"]

_IMAGENET = (0.449, 0.226)  # grey mean and spread of ImageNet
_HALF = (0.5, 0.5)


@dataclass(frozen=True)
class Backbone:
    """How to make a network and what it expects: ``mean`` and ``std`` of its input, whether bfloat16 pays on a CPU."""

    make: Callable[[], nn.Module]
    mean: float
    std: float
    bf16_on_cpu: bool = False


BACKBONES: dict[str, Backbone] = {}


def backbone(name: str, normalise: tuple[float, float] = _HALF, *, bf16_on_cpu: bool = False) -> Callable:
    """Decorator: registers a function that makes a network giving (N, ``num_features``)."""

    def register(make: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
        BACKBONES[name] = Backbone(make, *normalise, bf16_on_cpu)
        return make

    return register


class _Separable(nn.Sequential):
    """Depthwise 3 x 3, then pointwise; batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
            nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class CustomCNN(nn.Module):
    """Five blocks of two convolutions (16 to 256 channels), all but the first separable, and a dense head."""

    num_features = 512

    def __init__(self) -> None:
        super().__init__()
        widths = [16, 32, 64, 128, 256]
        first = [
            nn.Conv2d(3, 16, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, 16, 3, padding=1),
            nn.ReLU(inplace=True),
        ]
        blocks: list[nn.Module] = [nn.Sequential(*first, nn.MaxPool2d(2))]
        for inputs, outputs in pairwise(widths):
            blocks.append(nn.Sequential(_Separable(inputs, outputs), _Separable(outputs, outputs), nn.MaxPool2d(2)))
        self.blocks = nn.Sequential(*blocks)
        # A fixed 4 x 4 grid in place of flattening: the head fits any input size and still knows where things are.
        self.dense = nn.Sequential(
            nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(256 * 16, 512), nn.ReLU(inplace=True), nn.Dropout(0.3)
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.dense(self.blocks(images))

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        """Which parameters form a layer, as timm asks for layer-wise learning rates."""
        return {"blocks": r"^blocks\.(\d+)", "head": r"^dense"}


@backbone("custom")
def _custom() -> nn.Module:
    return CustomCNN()


@lru_cache(maxsize=1)
def timm_library() -> ModuleType:
    """timm, imported past a torchvision build whose compiled operators do not fit the installed torch."""
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        # A CUDA build of torchvision beside a CPU build of torch cannot register its operators; timm needs only
        # its Python parts, which import once the two schemas they look for exist.
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        timm_library.__dict__["library"] = library  # a library that is collected takes its schemas with it
    except ImportError:
        pass
    try:
        import timm
    except ImportError as error:
        raise TrainingError("training needs timm: pip install 'carpal[train]'") from error
    return timm


_TIMM_NAMES = {"efficientnet_lite0": "tf_efficientnet_lite0", "efficientnet_lite2": "tf_efficientnet_lite2"}
_DENSE = ("resnet", "inception", "vgg", "xception", "densenet", "vit", "deit", "regnet")


def find_backbone(name: str) -> Backbone:
    """The registered or timm backbone of that name. Raises InvalidArgument."""
    if name in BACKBONES:
        return BACKBONES[name]
    timm = timm_library()
    timm_name = _TIMM_NAMES.get(name, name)
    if not timm.is_model(timm_name):
        close = timm.list_models(f"*{name.split('_')[0]}*")[:5]
        hint = f"; timm has {', '.join(close)}" if close else ""
        raise InvalidArgument(f"there is no backbone {name!r}: use {', '.join(BACKBONES)} or any name of timm's{hint}")
    make = lambda: timm.create_model(timm_name, pretrained=False, num_classes=0)  # noqa: E731
    trained_on = timm.get_pretrained_cfg(timm_name)
    mean, std = (round(sum(v) / len(v), 3) for v in (trained_on.mean, trained_on.std))  # of three colours, in grey
    return Backbone(make, mean, std, bf16_on_cpu=timm_name.startswith(_DENSE))


def former_scale(name: str) -> tuple[float, float]:
    """``mean`` and ``std`` of checkpoints that do not say theirs: they were guessed by the name then."""
    if name in BACKBONES:
        return BACKBONES[name].mean, BACKBONES[name].std
    timm_name = _TIMM_NAMES.get(name, name)
    half = timm_name.startswith(("tf_", "inception")) or "mobilenetv3" in timm_name
    return _HALF if half else _IMAGENET


def build_backbone(name: str) -> nn.Module:
    """An untrained network; ``num_features`` is the width of its output."""
    return find_backbone(name).make()


def freeze_layers(network: nn.Module, count: float) -> None:
    """The first ``count`` layers stay as they are while the network trains, running means included; the rest learns.

    Layers are counted from the image on, as timm groups them: a stem, then stages or blocks. Call it after ``train()``.
    Raises InvalidArgument.
    """
    network.requires_grad_(True)
    layers = _layers(network) if count else []
    if len(layers) < count < math.inf:
        raise InvalidArgument(f"this network has {len(layers)} layers, so {count} of them cannot be frozen")
    for layer in layers[: int(min(count, len(layers)))]:
        for part in layer:
            part.requires_grad_(False).eval()


def _layers(network: nn.Module) -> list[list[nn.Module]]:
    timm_library()
    from timm.models._manipulate import group_with_matcher

    matcher = network.group_matcher(coarse=True)  # type: ignore[operator]
    named = ((name, module) for name, module in network.named_modules() if name)
    layers = group_with_matcher(named, matcher, return_values=True)
    return [layers[number] for number in sorted(layers)]


def initialise(network: nn.Module, name: str, init: str) -> str:
    """Set a backbone's weights: ``random`` leaves them, ``imagenet`` asks timm's hub, else a safetensors file.

    Returns a sentence on what was done. Raises WeightsUnavailable.
    """
    if init == "random":
        return "random weights"
    if init == "imagenet":
        state = _hub_weights(name)
        source = "ImageNet weights from timm's hub"
    else:
        state = _file_weights(Path(init))
        source = Path(init).name
    own = network.state_dict()
    fitting = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    if len(fitting) < 0.9 * len(own):
        raise WeightsUnavailable(
            f"{init}: only {len(fitting)} of {len(own)} tensors fit {name}; is it another network's file?"
        )
    network.load_state_dict(fitting, strict=False)
    return f"{source}: {len(fitting)} of {len(own)} tensors"


def _hub_weights(name: str) -> dict[str, torch.Tensor]:
    timm = timm_library()
    if name in BACKBONES:
        raise WeightsUnavailable(f"{name!r} is carpal's own network and has no ImageNet weights: use --init random")
    timm_name = _TIMM_NAMES.get(name, name)
    try:
        return timm.create_model(timm_name, pretrained=True, num_classes=0).state_dict()
    except Exception as error:
        raise WeightsUnavailable(
            f"ImageNet weights of {timm_name} cannot be had from timm's hub ({type(error).__name__}): "
            "check the network, or give --init random or --init FILE.safetensors"
        ) from error


def _file_weights(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise WeightsUnavailable(f"--init {path}: no such file; use imagenet, random or a .safetensors file")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsUnavailable(f"{path}: not a readable safetensors file") from error
