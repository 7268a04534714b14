"""Random changes that leave the bone age what it is, on prepared radiographs (rows, columns) uint8."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Augmentation", "augment"]


@dataclass(frozen=True)
class Augmentation:
    """How far each change may go at ``strength`` 1; 0 switches all of them off."""

    strength: float = 1.0
    rotation_degrees: float = 18.0
    shift: float = 0.06
    scale: float = 0.14
    aspect: float = 0.10
    mirror: float = 0.5
    gamma: float = 0.35
    contrast: float = 0.20
    brightness: float = 0.08
    low_resolution: float = 0.25  # probability; the picture loses up to ``coarsest`` of its resolution
    coarsest: float = 3.0
    noise: float = 0.02
    border: float = 0.10  # probability of a band at one side going black or bright
    marker: float = 0.15  # probability of a bright block where a lead letter may lie
    erase: float = 0.15  # probability of a hole


def augment(image: NDArray[np.uint8], rng: np.random.Generator, how: Augmentation) -> NDArray[np.uint8]:
    """A changed copy."""
    if how.strength <= 0:
        return image.copy()
    changed = _intensities(_geometry(image, rng, how), rng, how)
    changed = _resolution(changed, rng, how)
    _blocks(changed, rng, how)
    return changed


def _geometry(image: NDArray[np.uint8], rng: np.random.Generator, how: Augmentation) -> NDArray[np.uint8]:
    frame = np.array(image.shape[::-1])  # columns, rows
    angle = np.radians(rng.uniform(-1, 1) * how.rotation_degrees * how.strength)
    scale = np.exp(rng.uniform(-1, 1) * how.scale * how.strength)
    aspect = np.exp(rng.uniform(-1, 1) * how.aspect * how.strength / 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = scale * turn @ np.diag([aspect, 1 / aspect])
    if rng.random() < how.mirror:
        matrix = matrix @ np.diag([-1.0, 1.0])
    centre = (frame - 1) / 2
    shift = rng.uniform(-1, 1, 2) * how.shift * how.strength * frame
    affine = np.column_stack([matrix, centre + shift - matrix @ centre])
    return cv2.warpAffine(image, affine, image.shape[::-1], flags=cv2.INTER_LINEAR)


def _intensities(image: NDArray[np.uint8], rng: np.random.Generator, how: Augmentation) -> NDArray[np.uint8]:
    gamma = np.exp(rng.uniform(-1, 1) * how.gamma * how.strength)
    contrast = np.exp(rng.uniform(-1, 1) * how.contrast * how.strength)
    brightness = rng.uniform(-1, 1) * how.brightness * how.strength
    grey = np.linspace(0, 1, 256) ** gamma
    # Black stays black: it is what the preparation puts beside the hand.
    table = np.where(grey > 0, (grey - 0.5) * contrast + 0.5 + brightness, 0)
    changed = cv2.LUT(image, np.clip(table * 255 + 0.5, 0, 255).astype(np.uint8))
    spread = rng.uniform(0, how.noise * how.strength) * 255
    if spread >= 1:
        noise = np.empty(image.shape, np.int16)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        cv2.randn(noise, 0, spread)
        changed = np.clip(changed.astype(np.int16) + noise, 0, 255).astype(np.uint8)
    return changed


def _resolution(image: NDArray[np.uint8], rng: np.random.Generator, how: Augmentation) -> NDArray[np.uint8]:
    if rng.random() >= how.low_resolution * how.strength:
        return image
    rows, columns = image.shape
    coarse = rng.uniform(1.2, how.coarsest)
    small = (max(12, int(columns / coarse)), max(16, int(rows / coarse)))
    # Thumbnails in the wild are averaged or subsampled: learn both.
    shrink = cv2.INTER_AREA if rng.random() < 0.6 else cv2.INTER_LINEAR
    return cv2.resize(cv2.resize(image, small, interpolation=shrink), (columns, rows), interpolation=cv2.INTER_LINEAR)


def _blocks(image: NDArray[np.uint8], rng: np.random.Generator, how: Augmentation) -> None:
    size = image.shape[0]
    if rng.random() < how.border * how.strength:
        width = int(rng.uniform(0.01, 0.06) * size) + 1
        turned = np.rot90(image, int(rng.integers(4)))  # a view: writing into it writes into the image
        turned[:width] = 0 if rng.random() < 0.5 else rng.integers(120, 256)
    if rng.random() < how.marker * how.strength:
        left, top = (rng.uniform(0, 0.22, 2) * size).astype(int)
        width, height = (rng.uniform(0.03, 0.12, 2) * size).astype(int) + 1
        turned = np.rot90(image, int(rng.integers(4)))
        turned[top : top + height, left : left + width] = rng.integers(150, 256)
    if rng.random() < how.erase * how.strength:
        left, top = rng.integers(0, image.shape[::-1])
        width, height = (rng.uniform(0.05, 0.18, 2) * size).astype(int) + 1
        image[top : top + height, left : left + width] = rng.integers(0, 120)
