"""Mid-parental (target) height: what the parents alone lead one to expect (Tanner, Goldstein & Whitehouse 1970).

(father + mother + 13 cm for a boy, - 13 cm for a girl) / 2, and 8.5 cm either way
"""

from __future__ import annotations

from dataclasses import dataclass

from carpal.growth.child import Child

__all__ = ["TargetHeight", "target_height"]

_BETWEEN_THE_SEXES_CM = 13.0
_REACH_CM = 8.5


@dataclass(frozen=True)
class TargetHeight:
    """``height_cm`` with the ``range_cm`` (low, high) of the paper, or the ``reason`` why there is none."""

    height_cm: float | None = None
    range_cm: tuple[float, float] | None = None
    reason: str | None = None


def target_height(child: Child) -> TargetHeight:
    """The child's target height; needs both parents."""
    mean = child.midparent_height_cm
    if mean is None:
        return TargetHeight(reason="both parents' heights are needed")
    height = mean + (_BETWEEN_THE_SEXES_CM if child.sex == "M" else -_BETWEEN_THE_SEXES_CM) / 2
    return TargetHeight(height, (height - _REACH_CM, height + _REACH_CM))
