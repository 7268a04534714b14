"""A left hand seen from its back, as outlines in millimetres: x towards the thumb, y towards the finger tips.

The origin is the middle of the capitate. Sizes are those of a grown man's hand, measured by eye on radiographs; a
child's hand is the same plan scaled by ``maturity.growth`` with thicker bones, more cartilage and missing centres.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from carpal.phantom.maturity import (
    CARPALS,
    Epiphysis,
    carpal_size,
    chubbiness,
    epiphysis,
    growth,
)
from carpal.phantom.outlines import Frame, Points, blend_to_ellipse, capsule, smooth, superellipse, tube

__all__ = ["Bone", "Flesh", "HandPlan", "build_hand"]


@dataclass(frozen=True)
class Bone:
    """One piece of bone: the union of ``outlines``, a shell of compact bone round spongy bone.

    ``axis`` (two points, mm) is where the shell thickens from ``rim_mm`` at both ends to ``cortex_mm`` in the middle;
    ``depth_mm`` is how deep the bone is along the beam; ``weight`` below 1 fades it (a plate that is closing).
    """

    outlines: tuple[Points, ...]
    depth_mm: float
    rim_mm: float
    cortex_mm: float = 0.0
    axis: tuple[Points, Points] | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class Flesh:
    """Soft tissue: an outline in mm and how deep it is along the beam."""

    outline: Points
    depth_mm: float


@dataclass
class HandPlan:
    """Everything there is to draw, in mm. ``landmarks`` are single points named after the anatomy."""

    scale: float
    bones: list[Bone] = field(default_factory=list)
    flesh: list[Flesh] = field(default_factory=list)
    landmarks: dict[str, Points] = field(default_factory=dict)


@dataclass(frozen=True)
class _Tubular:
    """Adult measures in mm: joint to joint, and widths of base, shaft and head."""

    length: float
    base: float
    shaft: float
    head: float


@dataclass(frozen=True)
class _Child:
    """What the builders need to know of the child and of its pose."""

    age_months: float
    sex: str
    scale: float
    chubby: float
    spread: float
    vary: Mapping[str, float]


_METACARPALS = {
    1: _Tubular(46, 15.0, 9.5, 14.5),
    2: _Tubular(68, 17.0, 8.5, 15.0),
    3: _Tubular(65, 14.5, 8.5, 15.0),
    4: _Tubular(58, 12.5, 7.2, 13.2),
    5: _Tubular(54, 13.5, 7.6, 12.6),
}
_PHALANGES = {
    "proximal_phalanx_1": _Tubular(32, 14.5, 8.8, 11.5),
    "proximal_phalanx_2": _Tubular(41, 14.8, 9.2, 11.2),
    "proximal_phalanx_3": _Tubular(45, 15.5, 9.6, 12.0),
    "proximal_phalanx_4": _Tubular(42, 14.4, 8.8, 11.0),
    "proximal_phalanx_5": _Tubular(33, 12.8, 7.6, 9.2),
    "middle_phalanx_2": _Tubular(24, 12.8, 7.8, 9.6),
    "middle_phalanx_3": _Tubular(29, 13.6, 8.2, 10.4),
    "middle_phalanx_4": _Tubular(27, 12.8, 7.8, 9.8),
    "middle_phalanx_5": _Tubular(19, 10.6, 6.4, 8.2),
    "distal_phalanx_1": _Tubular(22, 13.2, 7.2, 8.8),
    "distal_phalanx_2": _Tubular(17.5, 10.8, 4.8, 6.8),
    "distal_phalanx_3": _Tubular(18.5, 11.2, 5.0, 7.4),
    "distal_phalanx_4": _Tubular(18.5, 10.8, 4.8, 7.2),
    "distal_phalanx_5": _Tubular(16, 9.0, 4.2, 5.8),
}
# Where each metacarpal stands (mm) and its turn in degrees; then how far its finger turns on when fully spread.
_RAYS = {
    1: ((35.0, 2.5), 43.0, 3.0),
    2: ((17.5, 11.0), 7.0, 7.0),
    3: ((1.8, 15.0), 0.0, -1.0),
    4: ((-10.5, 15.2), -7.0, -8.0),
    5: ((-20.5, 13.2), -16.0, -14.0),
}
_CARPAL_CORNERS: dict[str, tuple[tuple[float, float], ...]] = {
    "capitate": ((-6.5, 13), (0, 14.5), (7, 12.5), (7.8, 4), (6.8, -5), (3, -12.5), (-2.5, -13), (-6, -8), (-7, 2)),
    "hamate": ((-24, 8), (-23, 13.5), (-15, 14.5), (-8, 13), (-8, 3), (-7.6, -6.5), (-10.5, -9.5), (-15, -4), (-21, 2)),
    "triquetrum": ((-29, -4), (-25.5, 1.2), (-20.5, 0), (-14.5, -7), (-14.5, -13), (-18, -18), (-23, -19), (-27, -13)),
    "lunate": ((-18.2, -20), (-15.5, -14.8), (-9, -14.6), (-2.5, -16), (-1, -21), (-5, -26), (-11, -27), (-16.5, -25)),
    "scaphoid": ((-0.6, -20), (0.8, -15.5), (5, -11.8), (9, -6.5), (14, -4.2), (19.5, -7), (19.5, -11.5), (15, -16.5),
                 (9, -22), (3, -23.8)),
    "trapezium": ((20, -5), (22, 1.5), (27, 4), (33, 2), (36, -4), (31, -10.5), (25, -11), (21, -9)),
    "trapezoid": ((9.3, 8), (12.5, 11.5), (19, 10.5), (24, 6), (23.5, -1), (17.5, -3.6), (10, -3)),
    "pisiform": ((-27, -11), (-24.5, -5.5), (-20, -5), (-16.5, -9.5), (-18, -15.5), (-23.5, -16.5)),
}  # fmt: skip
# Unit shapes: across -0.5..0.5, along 0 (growth plate) to 1 (joint).
_RADIUS_EPIPHYSIS = ((-0.5, 0.06), (-0.25, 0.0), (0.0, 0.04), (0.25, 0.0), (0.49, 0.06), (0.54, 0.42), (0.5, 0.82),
                     (0.42, 1.0), (0.3, 0.9), (0.05, 0.62), (-0.3, 0.48), (-0.5, 0.4))  # fmt: skip
_ULNA_EPIPHYSIS = ((-0.5, 0.06), (0.0, 0.0), (0.5, 0.06), (0.5, 0.46), (0.25, 0.6), (-0.08, 0.54), (-0.24, 0.66),
                   (-0.34, 0.96), (-0.47, 0.97), (-0.53, 0.45))  # fmt: skip
_RADIUS = Frame((3.8, -37.5))
_ULNA = Frame((-25.0, -38.0))
_FOREARM_MM = 260.0


def build_hand(age_months: float, sex: str, spread: float, vary: Mapping[str, float]) -> HandPlan:
    """Lay out every bone that is ossified at this age, the flesh round it and the landmarks.

    ``spread`` 0..1 opens the fingers; ``vary`` gives factors near 1 for the lengths named "metacarpal_1" and so on.
    """
    scale = growth(age_months, sex)
    child = _Child(age_months, sex, scale, chubbiness(age_months), spread, vary)
    hand = HandPlan(scale)
    for name in CARPALS:
        _carpal(hand, child, name)
    _forearm(hand, child)
    rays = {finger: _ray(hand, child, finger) for finger in _RAYS}
    hand.flesh.extend(_flesh(rays, child))
    hand.landmarks["wrist"] = Frame((0.0, -30.0 * scale)).place([(0, 0)])[0]
    return hand


def _carpal(hand: HandPlan, child: _Child, name: str) -> None:
    outline = smooth(_CARPAL_CORNERS[name])
    centre = (outline.min(0) + outline.max(0)) / 2
    hand.landmarks[name] = np.asarray(centre * child.scale)
    size = carpal_size(name, child.age_months, child.sex)
    if not size:
        return
    outline = blend_to_ellipse(outline, float(np.clip((0.97 - size) / 0.4, 0, 1)))
    # A young centre is round whatever the bone will be: its longer side is held back more than its shorter one.
    spans = np.ptp(outline, 0)
    even = (spans.min() / spans) ** (1 - size)
    outline = (centre + (outline - centre) * 1.05 * size * even) * child.scale
    hand.bones.append(Bone((outline,), 8.0 * size * child.scale, 0.75 * child.scale**0.5))


def _epiphysis_bones(
    shaft: Bone, frame: Frame, unit: Points, width: float, band: tuple[float, float], state: Epiphysis | None
) -> Iterator[Bone]:
    """A shaft with its epiphysis: two bones while the plate is open, one when it is fused, a mixture in between.

    ``unit`` is the final shape in a unit box (see above), which fills ``band`` (plate side, joint side, mm along the
    frame); while the plate is open, it stands off from the shaft.
    """
    if state is None:
        yield shaft
        return
    plate_side, joint_side = band
    direction = np.sign(joint_side - plate_side)
    stand_off = direction * (0.5 + 1.3 * state.plate) * min(1.0, width / 14)
    height = joint_side - plate_side - stand_off
    shape = blend_to_ellipse(unit, float(np.clip((0.98 - state.size) / 0.4, 0, 1)))
    # Wide early and thick late: a young centre is a small lens in the middle of the cartilage.
    wide, thick = state.size, 0.3 + 0.7 * state.size
    along = plate_side + stand_off + height * (0.5 + (shape[:, 1] - 0.5) * thick)
    cap = frame.place(np.stack([shape[:, 0] * width * wide, along], 1))
    if state.fusion < 1:
        yield Bone(shaft.outlines, shaft.depth_mm, shaft.rim_mm, shaft.cortex_mm, shaft.axis, 1 - state.fusion)
        yield Bone((cap,), shaft.depth_mm * (0.35 + 0.65 * state.size), shaft.rim_mm, weight=1 - state.fusion)
    if state.fusion > 0:
        reach = 0.49 * width
        seam = [plate_side - direction * 1.2, plate_side + stand_off + direction * 1.2]
        bridge = frame.place([(-reach, seam[0]), (reach, seam[0]), (reach, seam[1]), (-reach, seam[1])])
        whole = (*shaft.outlines, cap, bridge)
        yield Bone(whole, shaft.depth_mm, shaft.rim_mm, shaft.cortex_mm, shaft.axis, state.fusion)


def _disc(squareness: float, dome: float = 0.0) -> Points:
    """A unit epiphysis: a flat box with round corners, its joint side a dome where ``dome`` is 1."""
    flat = superellipse(1.0, 1.0, squareness)
    round_ = superellipse(1.0, 1.0, 2.2)
    mixed = np.where(flat[:, 1:] > 0, (1 - dome) * flat + dome * round_, flat)
    return np.asarray(mixed + np.array([0.0, 0.5]))


def _tubular_profile(kind: str, base: float, shaft: float, head: float) -> list[tuple[float, float]]:
    b, s, h = base / 2, shaft / 2, head / 2
    if kind == "distal":
        return [(0, 0.86 * b), (0.04, b), (0.13, 0.84 * b), (0.36, 1.12 * s), (0.6, 0.96 * s), (0.76, 0.8 * h),
                (0.87, h), (0.96, 0.8 * h), (1.0, 0.3 * h)]  # fmt: skip
    if kind == "metacarpal":
        return [(0, 0.7 * b), (0.03, 0.97 * b), (0.09, 0.95 * b), (0.24, 1.16 * s), (0.48, s), (0.7, 1.14 * s),
                (0.88, 0.88 * h), (0.97, 0.95 * h), (1.0, 0.82 * h)]  # fmt: skip
    return [(0, 0.86 * b), (0.03, b), (0.1, 0.93 * b), (0.3, 1.12 * s), (0.55, s), (0.74, 1.05 * s),
            (0.87, 0.92 * h), (0.94, h), (0.985, 0.8 * h), (0.975, 0.22 * h)]  # fmt: skip


def _tubular(hand: HandPlan, child: _Child, name: str, frame: Frame, size: _Tubular) -> Frame:
    """Add one metacarpal or phalanx with its epiphysis; returns the frame of the joint at its far end."""
    g = child.scale
    long = size.length * g * child.vary[name]
    thick = g * (1 + 0.45 * child.chubby)
    shaft = size.shaft * thick
    # An infant's shafts are nearly straight: what flares in the adult is still cartilage.
    base, head = (end * g + child.chubby * (1.22 * shaft - end * g) for end in (size.base, size.head))
    at_head = name.startswith("metacarpal") and name != "metacarpal_1"
    cap_height = g * (0.68 * size.head if at_head else 0.34 * size.base)
    cartilage = g * (0.35 + 2.2 * child.chubby)  # the end without an epiphysis is not all bone either
    low, high = (cartilage, long - cap_height) if at_head else (cap_height, long - cartilage)
    kind = name.split("_")[0]
    profile = _tubular_profile("proximal" if name == "metacarpal_1" else kind, base, shaft, head)
    body = tube(profile, high - low, low)
    axis = (frame.place([(0, low)])[0], frame.place([(0, high)])[0])
    cortex = shaft * (0.14 if kind == "distal" else 0.21)
    bone = Bone((frame.place(body),), 0.55 * shaft + 0.6 * g, 0.45 * g**0.5, cortex, axis)
    state = epiphysis(name, child.age_months, child.sex)
    band = (high, long - 0.4 * g) if at_head else (low, 0.4 * g)
    width = head if at_head else base
    unit = _disc(3.4, 1.0) if at_head else _disc(3.0)
    hand.bones.extend(_epiphysis_bones(bone, frame, unit, width, band, state))
    hand.landmarks[name] = np.asarray((axis[0] + axis[1]) / 2)
    return frame.ahead(long + 0.9 * g)


def _ray(hand: HandPlan, child: _Child, finger: int) -> list[Points]:
    """Add one finger; returns its joints and tip in mm, from the wrist outwards."""
    (x, y), turn, open_by = _RAYS[finger]
    frame = Frame((x * child.scale, y * child.scale), turn + (0.3 * open_by + 6) * (child.spread - 0.5) * (finger == 1))
    joints = [np.asarray(frame.origin)]
    frame = _tubular(hand, child, f"metacarpal_{finger}", frame, _METACARPALS[finger])
    frame = frame.ahead(0.0, frame.turn + open_by * (2 * child.spread - 0.2))
    for part in ("proximal", "middle", "distal"):
        name = f"{part}_phalanx_{finger}"
        if name in _PHALANGES:
            joints.append(np.asarray(frame.origin))
            frame = _tubular(hand, child, name, frame, _PHALANGES[name])
    joints.append(np.asarray(frame.ahead(-2.1 * child.scale).origin))
    hand.landmarks[f"fingertip_{finger}"] = joints[-1]
    return joints


def _forearm(hand: HandPlan, child: _Child) -> None:
    g, thick = child.scale, child.scale * (1 + 0.35 * child.chubby)
    for name, home, width, shaft, cap, unit in (
        ("distal_radius", _RADIUS, 32.5, 19.5, 18.0, _RADIUS_EPIPHYSIS),
        ("distal_ulna", _ULNA, 17.5, 12.5, 11.0, _ULNA_EPIPHYSIS),
    ):
        frame = Frame((home.origin[0] * g, home.origin[1] * g))
        w, s = width * g * (1 + 0.06 * child.chubby), shaft * thick
        flare = 44.0 * g
        profile = [(1.0, s / 2), (0.3, s / 2), (flare / _FOREARM_MM, s * 0.54), (0.5 * flare / _FOREARM_MM, w * 0.39)]
        profile += [(0.15 * flare / _FOREARM_MM, w * 0.47), (0.03 * flare / _FOREARM_MM, w * 0.5), (0.0, w * 0.46)]
        body = frame.place(tube(profile, -_FOREARM_MM))
        axis = (frame.place([(0, 0)])[0], frame.place([(0, -150.0 * g)])[0])
        bone = Bone((body,), 0.5 * s + 1.0 * g, 0.5 * g**0.5, s * 0.23, axis)
        state = epiphysis(name, child.age_months, child.sex)
        hand.bones.extend(_epiphysis_bones(bone, frame, smooth(unit), w, (0.0, cap * g), state))
        hand.landmarks[f"{name}_metaphysis"] = frame.place([(0, -3.0 * g)])[0]
        hand.landmarks[f"{name}_growth_plate"] = frame.place([(0, 0.9 * g)])[0]
        hand.landmarks[f"{name}_epiphysis"] = frame.place([(0, 0.36 * cap * g)])[0]


def _flesh(rays: dict[int, list[Points]], child: _Child) -> Iterator[Flesh]:
    g = child.scale
    fat = g * (1 + 0.28 * child.chubby)
    for finger, joints in rays.items():
        yield from _finger_flesh(finger, joints, g, fat)
    yield Flesh(_palm_outline(rays, g, fat), 25.0 * fat)
    y = np.array([-22.0, -60.0, -_FOREARM_MM]) * g
    half = np.array([33.5, 34.0, 38.0]) * fat
    sides = [np.stack([-6.0 * g + sign * half, y], 1) for sign in (1, -1)]
    yield Flesh(np.concatenate([sides[0], sides[1][::-1]]), 36.0 * fat)


def _finger_flesh(finger: int, joints: list[Points], g: float, fat: float) -> Iterator[Flesh]:
    girth = {1: 1.08, 2: 1.0, 3: 1.04, 4: 0.97, 5: 0.86}[finger] * fat
    radii = [12.5, 11.2, 10.0, 9.0, 7.8] if finger > 1 else [13.5, 12.0, 10.4, 8.6]
    depths = [24.0, 20.0, 17.5, 15.5] if finger > 1 else [24.0, 20.0, 17.0]
    for index, depth in enumerate(depths):
        a, b = joints[index], joints[index + 1]
        if index == len(depths) - 1:  # the pulp reaches past the bone, its round end no further
            b = b + (b - a) / np.hypot(*(b - a)) * (4.5 * g - radii[-1] * girth)
        yield Flesh(capsule(a, b, radii[index] * girth, radii[index + 1] * girth), depth * fat)


def _palm_outline(rays: dict[int, list[Points]], g: float, fat: float) -> Points:
    web = {finger: joints[1] + 0.36 * (joints[2] - joints[1]) for finger, joints in rays.items()}
    thumb, index, little = rays[1], rays[2], rays[5]
    # The web between thumb and index finger hangs towards the wrist.
    hollow = 0.44 * index[1] + 0.44 * thumb[1] + 0.06 * (index[0] + thumb[0])
    out = np.array([0.72, -0.69])  # away from the palm, across the thumb
    return np.array(
        [
            (-6.0 * g - 34.5 * fat, -36 * g), (-6.0 * g - 33.5 * fat, -10 * g), little[0] + (-14.5 * fat, 6 * g),
            little[1] + (-10.5 * fat, -6 * g), little[1] + (-10.5 * fat, 4 * g), web[5], web[4], web[3], web[2],
            index[1] + (11 * fat, 2 * g), index[1] + (12.5 * fat, -12 * g), hollow, thumb[1] - 6 * fat * out,
            thumb[1] + 10.5 * fat * out, 0.5 * (thumb[0] + thumb[1]) + 13.5 * fat * out, thumb[0] + 11.5 * fat * out,
            (-6.0 * g + 38.0 * fat, -17 * g), (-6.0 * g + 35.0 * fat, -38 * g),
        ]
    )  # fmt: skip
