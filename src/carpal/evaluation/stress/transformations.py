"""What may happen to a radiograph on its way: turned, flipped, exposed otherwise, inverted, marked, made smaller, and
more. The first seven kinds are those of Santomartino et al. 2024 (rotation, flip, brightness, contrast, inversion,
laterality marker, resolution).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from carpal.hand import find_hand

__all__ = ["TRANSFORMATIONS", "Transformation"]

Grey = NDArray[np.float32]  # (H, W) in 0..1
Change = Callable[[Grey, np.random.Generator], Grey]


@dataclass(frozen=True)
class Transformation:
    """A named change of a radiograph's pixels, (H, W) float32 in 0..1, bone bright; the generator is the picture's own,
    so that every reader gets the same picture."""

    name: str
    kind: str
    change: Change

    def __call__(self, pixels: Grey, rng: np.random.Generator) -> Grey:
        changed = np.clip(self.change(pixels, rng), 0, 1).astype(np.float32)
        return np.ascontiguousarray(changed)


def _rotated(degrees: float) -> Change:
    def change(pixels: Grey, rng: np.random.Generator) -> Grey:
        if degrees % 90 == 0:
            return np.rot90(pixels, round(degrees / 90))
        height, width = pixels.shape
        turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
        # The film grows so that nothing is cut off, as in a viewer.
        cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
        size = (int(height * sin + width * cos) + 1, int(height * cos + width * sin) + 1)
        turn[:, 2] += (np.array(size) - (width, height)) / 2
        return cv2.warpAffine(pixels, turn, size, flags=cv2.INTER_LINEAR)

    return change


def _mirrored(pixels: Grey, rng: np.random.Generator) -> Grey:
    return pixels[:, ::-1]


def _upside_down(pixels: Grey, rng: np.random.Generator) -> Grey:
    return pixels[::-1]


def _brightness(by: float) -> Change:
    return lambda pixels, rng: pixels + np.float32(by)


def _contrast(factor: float) -> Change:
    return lambda pixels, rng: (pixels - pixels.mean()) * np.float32(factor) + pixels.mean()


def _gamma(exponent: float) -> Change:
    return lambda pixels, rng: pixels ** np.float32(exponent)


def _inverted(pixels: Grey, rng: np.random.Generator) -> Grey:
    return 1 - pixels


def _marker(row: float, column: float, text: str = "L", height: float = 0.08) -> Change:
    """A bright letter whose middle lies at that share of height and width."""

    def change(pixels: Grey, rng: np.random.Generator) -> Grey:
        mask = np.zeros(pixels.shape, np.uint8)
        scale = height * pixels.shape[0] / 22  # OpenCV's letters are 22 pixels high at scale 1
        thick = max(1, round(scale * 3))
        (width, tall), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
        at = (int(column * pixels.shape[1] - width / 2), int(row * pixels.shape[0] + tall / 2))
        cv2.putText(mask, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thick, cv2.LINE_AA)
        return _metal(pixels, mask)

    return change


def _metal(pixels: Grey, mask: NDArray[np.uint8]) -> Grey:
    """White where the mask is."""
    return np.maximum(pixels, mask.astype(np.float32) / 255)


def _long_side(pixels_wanted: int) -> Change:
    def change(pixels: Grey, rng: np.random.Generator) -> Grey:
        scale = pixels_wanted / max(pixels.shape)
        size = (max(32, round(pixels.shape[1] * scale)), max(32, round(pixels.shape[0] * scale)))
        return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)

    return change


def _squeezed(factor: float) -> Change:
    def change(pixels: Grey, rng: np.random.Generator) -> Grey:
        return cv2.resize(pixels, (round(pixels.shape[1] * factor), pixels.shape[0]), interpolation=cv2.INTER_AREA)

    return change


def _jpeg(quality: int) -> Change:
    def change(pixels: Grey, rng: np.random.Generator) -> Grey:
        eight_bit = (pixels * 255 + 0.5).astype(np.uint8)
        _, coded = cv2.imencode(".jpg", eight_bit, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255

    return change


def _noise(spread: float) -> Change:
    return lambda pixels, rng: pixels + rng.normal(0, spread, pixels.shape).astype(np.float32)


def _blur(share: float) -> Change:
    """A Gaussian whose SD is that share of the long side."""
    return lambda pixels, rng: cv2.GaussianBlur(pixels, (0, 0), share * max(pixels.shape))


def _cropped(top: float, bottom: float, sides: float) -> Change:
    def change(pixels: Grey, rng: np.random.Generator) -> Grey:
        height, width = pixels.shape
        left = int(sides * width)
        return pixels[int(top * height) : height - int(bottom * height), left : width - left]

    return change


def _border(share: float, grey: float) -> Change:
    def change(pixels: Grey, rng: np.random.Generator) -> Grey:
        margin = int(share * max(pixels.shape))
        return cv2.copyMakeBorder(pixels, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=grey)

    return change


def _in_hand(draw: Callable[[NDArray[np.uint8], tuple[float, float], float], None]) -> Change:
    """Metal in or on the hand; ``draw`` is told the palm's centre and radius in pixels and paints it white. A picture
    in which no hand is found stays as it is."""

    def change(pixels: Grey, rng: np.random.Generator) -> Grey:
        hand = find_hand(pixels)
        if hand is None:
            return pixels
        mask = np.zeros(pixels.shape, np.uint8)
        draw(mask, hand.palm, hand.palm_radius)
        return _metal(pixels, mask)

    return change


def _wire(mask: NDArray[np.uint8], palm: tuple[float, float], radius: float) -> None:
    """A Kirschner wire across the second metacarpal."""
    start = (int(palm[0] + 0.1 * radius), int(palm[1] + 0.9 * radius))
    end = (int(palm[0] + 0.5 * radius), int(palm[1] - 1.2 * radius))
    cv2.line(mask, start, end, 255, max(2, int(0.05 * radius)), cv2.LINE_AA)


def _plate(mask: NDArray[np.uint8], palm: tuple[float, float], radius: float) -> None:
    """A plate with screws on the distal radius."""
    x, y = palm[0] + 0.25 * radius, palm[1] + 1.3 * radius
    low, high = (int(x - 0.12 * radius), int(y)), (int(x + 0.12 * radius), int(y + 0.9 * radius))
    cv2.rectangle(mask, low, high, 255, -1)
    for k in range(4):
        at = (int(x), int(y + (0.12 + 0.22 * k) * radius))
        cv2.line(mask, (at[0] - int(0.3 * radius), at[1]), (at[0] + int(0.3 * radius), at[1]), 255, 2, cv2.LINE_AA)


def _ring(mask: NDArray[np.uint8], palm: tuple[float, float], radius: float) -> None:
    """A ring on the fourth finger."""
    at = (int(palm[0] - 0.45 * radius), int(palm[1] - 1.35 * radius))
    size = (int(0.22 * radius), max(2, int(0.07 * radius)))
    cv2.ellipse(mask, at, size, 0, 0, 360, 255, -1, cv2.LINE_AA)


def _cast(pixels: Grey, rng: np.random.Generator) -> Grey:
    """Plaster around wrist and forearm: a haze with a woven grain."""
    hand = find_hand(pixels)
    if hand is None:
        return pixels
    radius, (x, y) = hand.palm_radius, hand.palm
    left, right = max(0, int(x - 1.25 * radius)), int(x + 1.25 * radius)
    covered = pixels.copy()
    area = covered[int(y + 0.6 * radius) :, left:right]
    rows, columns = np.indices(area.shape)
    thread = max(0.03 * radius, 1.0)
    area[:] = 0.22 + 0.72 * area + 0.03 * np.sin(rows / thread) * np.sin(columns / thread)
    area += rng.normal(0, 0.01, area.shape).astype(np.float32)
    return covered


TRANSFORMATIONS: tuple[Transformation, ...] = (
    *(
        Transformation(f"turned by {degrees:+d}°", "rotation", _rotated(degrees))
        for degrees in (-20, -10, -5, 5, 10, 20, 45, 90, 180, 270)
    ),
    Transformation("mirrored", "flip", _mirrored),
    Transformation("upside down, mirrored", "flip", _upside_down),
    *(
        Transformation(f"brightness {by:+.1f}", "brightness", _brightness(by))
        for by in (-0.3, -0.2, -0.1, 0.1, 0.2, 0.3)
    ),
    *(Transformation(f"contrast x {by:g}", "contrast", _contrast(by)) for by in (0.4, 0.6, 0.8, 1.25, 1.6, 2.0)),
    *(Transformation(f"gamma {by:g}", "contrast", _gamma(by)) for by in (0.6, 1.7)),
    Transformation("inverted", "inversion", _inverted),
    Transformation("letter at the top left", "laterality marker", _marker(0.08, 0.1)),
    Transformation("letter at the top right", "laterality marker", _marker(0.08, 0.9)),
    Transformation("letter at the bottom left", "laterality marker", _marker(0.9, 0.1)),
    Transformation("letter at the bottom right", "laterality marker", _marker(0.9, 0.9)),
    Transformation("words at the wrist", "laterality marker", _marker(0.93, 0.5, "LEFT", 0.05)),
    *(Transformation(f"long side {side} px", "resolution", _long_side(side)) for side in (1600, 512, 256, 160, 100)),
    *(Transformation(f"width x {by:g}", "aspect", _squeezed(by)) for by in (0.85, 1.15)),
    *(Transformation(f"JPEG quality {quality}", "JPEG", _jpeg(quality)) for quality in (50, 20, 8)),
    *(Transformation(f"noise SD {spread:g}", "noise", _noise(spread)) for spread in (0.02, 0.05, 0.1)),
    *(Transformation(f"blur SD {share:.1%} of length", "blur", _blur(share)) for share in (0.001, 0.002, 0.004)),
    Transformation("cropped by 3 % all round", "crop", _cropped(0.03, 0.03, 0.03)),
    Transformation("forearm cropped by 12 %", "crop", _cropped(0, 0.12, 0)),
    *(
        Transformation(f"{name} border of 20 %", "border", _border(0.2, grey))
        for name, grey in (("black", 0.0), ("grey", 0.5), ("white", 1.0))
    ),
    Transformation("wire in a metacarpal", "implant or cast", _in_hand(_wire)),
    Transformation("plate at the radius", "implant or cast", _in_hand(_plate)),
    Transformation("ring", "implant or cast", _in_hand(_ring)),
    Transformation("plaster cast", "implant or cast", _cast),
)
