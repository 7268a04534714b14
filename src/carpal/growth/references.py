"""Where each number comes from, how far the table at hand was checked, and what it cannot say."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["REFERENCES", "Reference"]


@dataclass(frozen=True)
class Reference:
    """``checked`` says how the table beside this code was checked, ``limits`` what its numbers cannot say."""

    name: str
    citation: str
    sample: str
    checked: str
    limits: str


def _table(*references: Reference) -> dict[str, Reference]:
    return {reference.name: reference for reference in references}


_GREULICH_PYLE = "Greulich WW, Pyle SI. Radiographic Atlas of Skeletal Development of the Hand and Wrist, 2nd ed. 1959"

REFERENCES: dict[str, Reference] = _table(
    Reference(
        "Brush Foundation",
        f"{_GREULICH_PYLE}, tables III and IV",
        "healthy white children of Cleveland, Ohio, 1931-42",
        "SD: three transcriptions agree; mean: one transcription",
        "Children of today and of other origins differ from the sample by months.",
    ),
    Reference(
        "Stanford",
        f"{_GREULICH_PYLE}, tables V and VI",
        "the copy at hand does not say",
        "one transcription",
        "It has no means: the bone age is compared with the chronological age itself.",
    ),
    Reference(
        "Bayley-Pinneau",
        "Bayley N, Pinneau SR. J Pediatr 1952;40:423-441, tables II and III; errors: tables IV and V",
        "Guidance Study; errors from the Berkeley Growth Study, 10 to 22 children an age",
        "two transcriptions agree, spot checks on the printed pages; errors: read by machine, mended by hand",
        "Healthy children, measured in inches, Greulich-Pyle bone ages read by people; parents are not asked.",
    ),
    Reference(
        "Roche-Wainer-Thissen",
        "Roche AF, Wainer H, Thissen D. Pediatrics 1975;56:1026-1033",
        "children of the Fels Longitudinal Study, Ohio",
        "the printed pages; three printed coefficients are suspect; no prediction error is at hand",
        "Median of the bones' own Greulich-Pyle ages; not where more than half of the bones are adult.",
    ),
    Reference(
        "Tanner 1975",
        "Tanner JM et al. Arch Dis Child 1975;50:14-26, tables V and VI",
        "children of London and of the Harpenden Growth Study",
        "the printed pages, both sexes",
        "TW2 RUS bone ages only: neither Greulich-Pyle nor TW3 ages belong to these equations.",
    ),
    Reference(
        "Mid-parental height",
        "Tanner JM, Goldstein H, Whitehouse RH. Arch Dis Child 1970;45:755-762",
        "English families",
        "formula and range as quoted in reviews, not compared with the paper",
        "Says nothing of the child's own growth; too low for very short parents, too high for very tall ones.",
    ),
    Reference(
        "TW3 RUS",
        "Tanner JM et al. Assessment of Skeletal Maturity and Prediction of Adult Height (TW3 Method), 2001",
        "the copy at hand does not say",
        "scores: two sources and a photograph; ages: girls by spot checks, boys one transcription",
        "Numbers only: how a stage looks is in the book.",
    ),
)
