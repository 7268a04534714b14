"""MODEL_CARD.md: what carpal as a whole is for, what it was measured to do, and who must not rely on it. Words are
written here, figures taken from results/ and from the cards of the two models.

usage: python recipes/whole_card.py > MODEL_CARD.md
"""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"


def tables(name: str) -> str:
    """The tables of a page under results/, with the headings between them."""
    text = (RESULTS / name).read_text(encoding="utf-8")
    kept = [line for line in text.splitlines()[1:] if line.startswith(("|", "## ")) or not line]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept).replace("## ", "### ")).strip()


def paragraph(name: str) -> str:
    """The first paragraph of a page under results/."""
    blocks = (RESULTS / name).read_text(encoding="utf-8").split("\n\n")
    return next(block for block in blocks[1:] if block and not block.startswith(("|", "#", "`")))


def figure(folder: str, name: str, percent: bool = False) -> str:
    value = json.loads((RESULTS / folder / "metrics.json").read_text(encoding="utf-8"))["overall"][name]
    factor, unit = (100, " %") if percent else (1, "")
    low, high = value["ci_95_low"] * factor, value["ci_95_high"] * factor
    return f"{value['value'] * factor:.2f}{unit} [{low:.2f}, {high:.2f}]"


def main() -> None:
    models = {"default": ("oof/mobilenetv2_100-192", "default"), "ensemble": ("oof/ensemble", "ensemble")}
    rows = [
        f"| `{name}` | {figure(oof, 'mae_months')} | {figure(oof, 'mae_as_reported_months')} | "
        f"{figure(locked, 'mae_months')} | "
        f"{figure(oof, 'interval_90_coverage', True)} | {figure(oof, 'class_accuracy', True)} |"
        for name, (oof, locked) in models.items()
    ]
    print(f"""# Model card: carpal

carpal reads bone age in months from a radiograph of a child's left hand and the child's sex, with an interval, and
refuses what is not such a radiograph. **Decision support for research; not a medical device.** Every figure was printed
by a command that is named where it stands; brackets are 95 % intervals.

## What it is for

- Research on bone age: measuring cohorts, comparing methods, checking readers.
- A second number beside a qualified reader's own, who looks at the radiograph, at the notes and at the evidence map.

## Who must not rely on it

- Anybody who decides about a child without a qualified reader having seen the radiograph.
- Anybody who wants the age of an adult or of a person near the end of growth, above all for legal purposes: from
  216 months on it reads some 8 to 11 months too young (n 10).
- Whoever reads bones with disease (dysplasia, rickets, endocrine disease that changes shape and not only age), metal,
  casts or injured hands: none were in the data.
- Whoever reads populations or machines other than those of the data without calibrating first: published systems are
  off by 3 to 7 months there, and one open model's error nearly tripled.
- Anybody in a commercial setting: the data's terms are non-commercial research.

## Data

RSNA 2017 Pediatric Bone Age Challenge, training set: 12,311 thumbnails of 100 px and 986 radiographs of 800 px, of two
American hospitals, girls and boys, 1 to 228 months, one reader's bone age each. Few are younger than 60 months. The
gate has also seen most of 171 teaching radiographs (CC BY-NC-SA) of other parts and of adult or injured hands.
Ethnicity, machine, chronological age and disease are unknown.

## Bone age

| model | MAE out of fold, n 986 (months) | the same of the age as reported | MAE on the locked fold, n 197 | \
90 % interval holds | five-class accuracy |
|---|---|---|---|---|---|
{chr(10).join(rows)}

*Age as reported*: what a reader of an atlas would report, as readers' ages are heaped on the plates of the atlas and on
half years, and so are these references. It is nearer to single readers; to follow a child take the mean.

By sex and age, worst cell named: [default](src/carpal/models/default.md), [ensemble](src/carpal/models/ensemble.md).
Single human readers are 4.8 to 7.0 months from a consensus.

## What is refused and put right

{tables("quality.md")}

### On radiographs that neither gate nor model has seen

{tables("corrections.md")}

## Under stress

{paragraph("stress/report.md")}

What is lost is lost for a reason that can be seen: a film darkened by 0.3 of the scale has no soft tissue and no
fingertips left (the gate knows a third of these, not all), plaster hides the carpals behind its weave, a plate lies
across the distal radius, and JPEG at quality 8 leaves flat squares of 8 pixels. Metal, plaster and disease are drawn
or absent here: nobody has measured real ones. All transformations:
[results/stress/report.md](results/stress/report.md).

## Evidence

{tables("evidence.md")}

## At another site (simulated)

{tables("site.md")}

## Damaged files

{(RESULTS / "fuzz.txt").read_text(encoding="utf-8").strip().splitlines()[-2]}
({(RESULTS / "fuzz.txt").read_text(encoding="utf-8").strip().splitlines()[-1]}; `benchmarks/fuzz/fuzz.py`)

## What the gate does not know

Hands seen obliquely or from the side were too few to learn from. Disease, casts and metal are no reason for it to
refuse. Its pages, screens and noise were drawn; of photographs only one was tried (it
is refused), and never one of a radiograph on a light box.""")


if __name__ == "__main__":
    main()
