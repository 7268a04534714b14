"""What a site's own radiographs teach: by how much its readers, children and machines differ from those of the model.

A ``SiteCalibration`` is a straight line per sex and a factor for the width of the intervals, learned by ``carpal
calibrate`` from radiographs that the site's readers have read. It belongs to one model and is named in every output.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carpal.calibration import COVERAGES
from carpal.distribution import MONTHS, expected_months
from carpal.errors import InvalidArgument
from carpal.files import replacing
from carpal.radiograph import SEXES, Sex

__all__ = ["SiteCalibration", "read_site_calibration", "write_site_calibration"]


@dataclass(frozen=True)
class SiteCalibration:
    """``lines[sex]`` is (intercept in months, slope): what the site would read is ``intercept + slope * age``.
    ``widths`` holds a factor per coverage. ``model_digest`` is the SHA-256 of the model's file, ``n`` how many
    radiographs it rests on, ``facts`` what was measured when it was made.
    """

    name: str
    model_digest: str
    lines: dict[Sex, tuple[float, float]]
    widths: dict[float, float]
    n: int
    facts: dict[str, Any]

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.name.isprintable():
            raise InvalidArgument(f"{self.name!r} is no name for a calibration: give it printable characters")
        if set(self.lines) != set(SEXES) or set(self.widths) != set(COVERAGES):
            raise InvalidArgument("a site's calibration needs a line for each sex and a width for each coverage")
        sound = all(abs(a) <= 60 and 0.5 <= b <= 2 for a, b in self.lines.values())
        if not sound or not all(0.2 <= width <= 5 for width in self.widths.values()):
            raise InvalidArgument("a site's calibration that moves ages by years or turns them round cannot be meant")

    def distribution(self, given: NDArray[np.float64], sex: Sex) -> NDArray[np.float64]:
        """(240,) the distribution moved along the line of that sex; what leaves the scale stays at its end."""
        intercept, slope = self.lines[sex]
        places = np.clip(intercept + slope * MONTHS, 0.0, MONTHS[-1])
        below = np.minimum(places.astype(int), len(MONTHS) - 2)
        share = places - below
        moved = np.zeros(len(MONTHS))
        np.add.at(moved, below, given * (1 - share))
        np.add.at(moved, below + 1, given * share)
        return moved

    def interval(
        self, given: NDArray[np.float64], interval: tuple[float, float], sex: Sex, coverage: float
    ) -> tuple[float, float]:
        """The model's interval in months about its own age, as the site has it about the moved one."""
        age, moved = float(expected_months(given)), float(expected_months(self.distribution(given, sex)))
        factor = self.widths[coverage]  # not times the slope: carpal.evaluation.site measures it without
        low, high = moved - factor * (age - interval[0]), moved + factor * (interval[1] - age)
        return max(0.0, low), min(float(MONTHS[-1]), high)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "model_sha256": self.model_digest,
            "n": self.n,
            "lines": {
                sex: {"intercept_months": round(a, 3), "slope": round(b, 5)} for sex, (a, b) in self.lines.items()
            },
            "widths": {f"{coverage:g}": round(width, 4) for coverage, width in self.widths.items()},
            "facts": self.facts,
        }


def write_site_calibration(calibration: SiteCalibration, path: str | Path) -> None:
    """As JSON, whole or not at all."""
    with replacing(path) as part:
        part.write_text(json.dumps(calibration.to_dict(), indent=1) + "\n", encoding="utf-8")


def read_site_calibration(path: str | Path) -> SiteCalibration:
    """What ``write_site_calibration`` wrote. Raises InvalidArgument."""
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
        lines = {sex: (float(v["intercept_months"]), float(v["slope"])) for sex, v in values["lines"].items()}
        widths = {float(coverage): float(width) for coverage, width in values["widths"].items()}
        return SiteCalibration(
            str(values["name"]), str(values["model_sha256"]), lines, widths, int(values["n"]), dict(values["facts"])
        )
    except InvalidArgument as error:
        raise InvalidArgument(f"{path}: {error}") from None
    except OSError as error:
        raise InvalidArgument(f"{path}: {(error.strerror or 'it cannot be read').lower()}") from None
    except (ArithmeticError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InvalidArgument(f"{path}: not a calibration written by carpal calibrate") from None
