"""``carpal serve --demo``: drawn hands, two children with a history, and nothing else is read."""

from __future__ import annotations

import hashlib
import io
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from PIL import Image

from carpal.phantom import write_phantom
from carpal.plain import Sex
from carpal.service.facts import Facts
from carpal.service.readings import ReadingStore
from carpal.service.records import Order

__all__ = ["Demo", "Phantom", "make_demo"]

_SHAPE = (1024, 800)
_WHO = "demonstration"


@dataclass(frozen=True)
class Phantom:
    """A drawn radiograph and of what kind of child it is; no hand at all where there is no sex."""

    name: str
    sex: Sex | None
    age_months: float
    height_cm: float
    data: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of its file."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class _Visit:
    child: str
    exposed: date
    phantom: Phantom


@dataclass(frozen=True)
class Demo:
    """``offered`` can be sent by whoever looks at the demonstration; ``visits`` are read already."""

    offered: tuple[Phantom, ...]
    visits: tuple[_Visit, ...]

    @property
    def digests(self) -> frozenset[str]:
        """Of all files that are taken."""
        return frozenset(p.digest for p in (*self.offered, *(visit.phantom for visit in self.visits)))

    def file(self, name: str) -> bytes | None:
        """An offered file."""
        return next((phantom.data for phantom in self.offered if phantom.name == name), None)

    def send(self, store: ReadingStore) -> None:
        """Have the visits read."""
        for visit in self.visits:
            facts = Facts(visit.exposed, visit.phantom.height_cm, None, *_PARENTS_CM[visit.child], child=visit.child)
            order = Order(_WHO, visit.phantom.sex, visit.phantom.age_months, facts=facts, source="web")
            store.accept(io.BytesIO(visit.phantom.data), order, None, len(self.visits))


# Seeds with which the network, which has never seen a drawing, is not far out.
_PARENTS_CM: dict[str, tuple[float, float]] = {"demo-girl": (166.0, 181.0), "demo-boy": (169.0, 184.0)}
_VISITS: tuple[tuple[str, Sex, date, float, float, int], ...] = (
    ("demo-girl", "F", date(2021, 3, 9), 30.2, 90.5, 3),
    ("demo-girl", "F", date(2022, 3, 15), 42.4, 98.0, 3),
    ("demo-girl", "F", date(2023, 4, 4), 55.1, 105.5, 0),
    ("demo-boy", "M", date(2021, 9, 20), 48.3, 103.0, 0),
    ("demo-boy", "M", date(2022, 10, 11), 61.0, 110.5, 0),
    ("demo-boy", "M", date(2023, 10, 26), 73.5, 117.0, 0),
)
_OFFERED: tuple[tuple[str, Sex, float, float, int], ...] = (
    ("drawn-girl.png", "F", 66.0, 113.0, 0),
    ("drawn-boy.png", "M", 70.0, 115.0, 0),
)


def make_demo() -> Demo:
    """All drawn anew; some seconds."""
    with tempfile.TemporaryDirectory() as folder:
        visits = tuple(
            _Visit(child, exposed, _drawn(Path(folder), f"{child}.png", sex, age_months, height_cm, seed))
            for child, sex, exposed, age_months, height_cm, seed in _VISITS
        )
        hands = [_drawn(Path(folder), *offered) for offered in _OFFERED]
    return Demo((*hands, Phantom("no-hand.png", None, 0.0, 0.0, _no_hand())), visits)


def _drawn(folder: Path, name: str, sex: Sex, age_months: float, height_cm: float, seed: int) -> Phantom:
    data = write_phantom(folder / name, round(age_months, 1), sex, seed=seed, shape=_SHAPE).read_bytes()
    return Phantom(name, sex, age_months, height_cm, data)


def _no_hand() -> bytes:
    """Blurred noise, which the gate refuses."""
    noise = np.random.default_rng(0).integers(0, 256, (16, 12)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).resize(_SHAPE[::-1], Image.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()
