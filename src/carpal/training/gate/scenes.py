"""Pictures that are no radiographs at all, drawn: pages of text, screens, noise, plain areas, clouds, shapes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["SCENES", "drawn_scene"]


def drawn_scene(name: str, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(h, w) uint8, the long side ``size``; ``name`` is one of SCENES."""
    short = max(32, int(size * rng.uniform(0.6, 1.0)))
    rows, columns = (size, short) if rng.random() < 0.6 else (short, size)
    return np.clip(SCENES[name](rows, columns, rng), 0, 255).astype(np.uint8)


def _page(rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Lines of text, dark on light or light on dark."""
    page = np.full((rows, columns), 245, np.float32)
    step = int(rng.integers(5, 14))
    for y in range(step, rows - 2, step):
        x, end = int(0.08 * columns), int(columns * rng.uniform(0.4, 0.95))
        while x < end:
            word = int(rng.integers(4, 16))
            cv2.line(page, (x, y), (min(x + word, end), y), int(rng.integers(0, 90)), max(1, step // 4))
            x += word + int(rng.integers(2, 5))
    return 255 - page if rng.random() < 0.4 else page


def _screen(rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Windows, tables and charts."""
    screen = np.full((rows, columns), float(rng.integers(256)), np.float32)
    for _ in range(int(rng.integers(4, 16))):
        x, y = int(rng.integers(columns)), int(rng.integers(rows))
        w, h = int(rng.integers(4, columns)), int(rng.integers(3, rows))
        cv2.rectangle(screen, (x, y), (x + w, y + h), int(rng.integers(256)), int(rng.choice([-1, -1, 1, 2])))
    return screen


def _noise(rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.float32]:
    noise = rng.normal(rng.uniform(40, 215), rng.uniform(5, 90), (rows, columns)).astype(np.float32)
    return noise if rng.random() < 0.5 else cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.5, 3)) * 2 - noise.mean()


def _clouds(rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise at all scales: landscapes, skin, tissue."""
    total = np.zeros((rows, columns), np.float32)
    decay = rng.uniform(0.4, 0.9)
    for octave in range(6):
        small = rng.normal(0, 1, (2 ** (octave + 1), 2 ** (octave + 1))).astype(np.float32)
        total += decay**octave * cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC)
    low, high = np.percentile(total, (1, 99))
    return (total - low) * (255 / (high - low))


def _plain_area(rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Next to nothing: a level or a slope, a little noise."""
    slope = np.add.outer(np.linspace(0, rng.uniform(-90, 90), rows), np.linspace(0, rng.uniform(-90, 90), columns))
    return (slope + rng.uniform(0, 255) + rng.normal(0, rng.uniform(0, 4), slope.shape)).astype(np.float32)


def _shapes(rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Discs, ellipses and bars, soft or hard: phantoms, implants, things on a table."""
    picture = np.full((rows, columns), float(rng.integers(60)), np.float32)
    for _ in range(int(rng.integers(1, 9))):
        centre = (int(rng.integers(columns)), int(rng.integers(rows)))
        axes = (int(rng.integers(2, columns // 2)), int(rng.integers(2, rows // 2)))
        angle, value = float(rng.uniform(0, 180)), int(rng.integers(60, 256))
        if rng.random() < 0.7:
            cv2.ellipse(picture, centre, axes, angle, 0, 360, value, int(rng.choice([-1, -1, 2, 5])))
        else:
            end = (int(rng.integers(columns)), int(rng.integers(rows)))
            cv2.line(picture, centre, end, value, int(rng.integers(2, 24)))
    return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 4))


SCENES = {
    "page": _page,
    "screen": _screen,
    "noise": _noise,
    "clouds": _clouds,
    "plain area": _plain_area,
    "shapes": _shapes,
}
