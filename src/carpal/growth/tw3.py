"""TW3 RUS: from the stages of thirteen bones to a score and a bone age. Numbers only; how a stage looks is in the book.

The scores are those of TW2 as well, the ages are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from carpal.errors import InvalidArgument
from carpal.growth.lookup import column, interpolate, rows_of
from carpal.plain import Sex

__all__ = ["BONES", "Tw3Result", "parse_stages", "rus_score", "tw3_bone_age"]

BONES: tuple[str, ...] = (
    *("radius", "ulna", "MC1", "MC3", "MC5", "PP1", "PP3", "PP5", "MP3", "MP5", "DP1", "DP3", "DP5"),
)
_MATURE_SCORE = 1000


@dataclass(frozen=True)
class Tw3Result:
    """``rus_score`` 0 to 1000 and the ``bone_age_months``, or the ``reason`` why there is none. ``mature``: all bones
    are in their last stage, and the age is the table's last."""

    sex: Sex
    rus_score: int
    bone_age_months: float | None
    mature: bool = False
    reason: str | None = None


def parse_stages(text: str) -> dict[str, str]:
    """Stages of ``radius=G,ulna=F,...`` or of thirteen letters in the order of ``BONES``. Raises InvalidArgument."""
    plain = text.strip()
    if "=" not in plain:
        letters = "".join(plain.replace(",", " ").split()).upper()  # a sharp s becomes two letters
        if len(letters) != len(BONES):
            raise InvalidArgument(f"{len(letters)} stages: thirteen are needed, in the order {' '.join(BONES)}")
        return dict(zip(BONES, letters, strict=True))
    stages: dict[str, str] = {}
    for part in plain.split(","):
        name, _, stage = (piece.strip() for piece in part.partition("="))
        bone = {known.lower(): known for known in BONES}.get(name.lower())
        if bone is None or bone in stages:
            raise InvalidArgument(f"{name!r}: {'no' if bone is None else 'twice a'} bone of {' '.join(BONES)}")
        stages[bone] = stage.upper()
    return stages


def rus_score(sex: Sex, stages: Mapping[str, str]) -> int:
    """The sum of the thirteen scores; stage A counts 0, the ulna has no stage I. Raises InvalidArgument."""
    if missing := [bone for bone in BONES if bone not in stages]:
        raise InvalidArgument(f"no stage for {', '.join(missing)}: TW3 RUS needs all thirteen bones")
    if unknown := sorted(set(stages) - set(BONES)):
        raise InvalidArgument(f"{', '.join(unknown)}: no bone of TW3 RUS")
    total = 0
    for row in rows_of("tw3_rus_stage_scores", sex=sex):
        stage = stages[row["bone"]]
        score = "0" if stage == "A" else row.get(stage) if stage in tuple("BCDEFGHI") else None
        if not score:
            last = "H" if row["bone"] == "ulna" else "I"
            raise InvalidArgument(f"{row['bone']}: {stage!r} is no stage, A to {last}")
        total += int(score)
    return total


def tw3_bone_age(sex: Sex, stages: Mapping[str, str]) -> Tw3Result:
    """Score and bone age; between the rows of the table, a tenth of a year apart, straight lines."""
    score = rus_score(sex, stages)
    rows = rows_of("tw3_rus_score_to_bone_age", sex=sex)
    scores, years = column(rows, "rus_score"), column(rows, "bone_age_years")
    found = interpolate(scores, years, score)
    if found is None:
        reason = f"a score of {score} is below the table, which begins at {scores[0]:g} (2 years)"
        return Tw3Result(sex, score, None, reason=reason)
    return Tw3Result(sex, score, 12 * found, mature=score == _MATURE_SCORE)
