"""Whole sets of training options under one name, for ``carpal train --preset``; an option that is given goes first."""

from __future__ import annotations

from typing import Any

from carpal.errors import InvalidArgument

__all__ = ["PRESETS", "preset"]

PRESETS: dict[str, dict[str, Any]] = {
    # A few hundred radiographs on a CPU, from a network that has seen thumbnails (recipes/pretrained): how the shipped
    # networks were fine-tuned (recipes/crossval.sh). Nothing is chosen by the validation side, so its figure is honest.
    "fine-tune": {
        "backbone": "mobilenetv2_100",
        "recipe": "narrow",
        "size": 192,
        "epochs": 6,
        "samples_per_epoch": 1250,
        "batch_size": 16,
        "learning_rate": 4e-4,
        "layer_decay": 0.9,
        "ema_decay": 0.99,
        "start_share": 0.2,
        "augment": 0.5,
        "keep": "last",
    },
    # The original download (12,611 radiographs of 1 to 3 Mpx) on one GPU. Choices after the best documented open
    # recipes: a ConvNeXt-tiny at 512 px with the child's sex, moderate augmentation, averaged weights; larger inputs,
    # histogram equalisation and label distributions of other shapes were measured there as worth nothing.
    "rsna-full": {
        "backbone": "convnext_tiny.fb_in22k_ft_in1k",
        "init": "imagenet",
        "size": 512,
        "epochs": 30,
        "batch_size": 32,
        "learning_rate": 3e-4,
        "layer_decay": 0.85,
        "ema_decay": 0.999,
        "validation": 500,
        "workers": 8,
    },
    # The same data for a network that reads on a laptop within a few hundredths of a second.
    "rsna-full-light": {
        "backbone": "efficientnet_lite0",
        "init": "imagenet",
        "size": 384,
        "epochs": 40,
        "batch_size": 64,
        "learning_rate": 1e-3,
        "layer_decay": 0.95,
        "ema_decay": 0.999,
        "validation": 500,
        "workers": 8,
    },
}


def preset(name: str) -> dict[str, Any]:
    """The options of a preset, named as those of ``carpal train``. Raises InvalidArgument."""
    if name not in PRESETS:
        raise InvalidArgument(f"there is no preset {name!r}: choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
