"""The card of a shipped model, from what its file says and what ``carpal evaluate`` and ``coverage`` measured.

usage: python recipes/model_card.py MODEL OUT_OF_FOLD_FOLDER LOCKED_FOLD_FOLDER > MODEL.md
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

from carpal.modelfile import find_model
from carpal.prepare import recipe_to_dict
from carpal.reader import Reader

FIGURES = (
    ("MAE (months)", "mae_months", False),
    ("MAE of the age as reported (months)", "mae_as_reported_months", False),
    ("RMSE (months)", "rmse_months", False),
    ("median absolute error (months)", "median_absolute_error_months", False),
    ("bias (months)", "bias_months", False),
    ("within 6 months", "share_within_6_months", True),
    ("within 12 months", "share_within_12_months", True),
    ("five-class accuracy", "class_accuracy", True),
    ("90 % interval holds", "interval_90_coverage", True),
    ("width of the 90 % interval (months)", "interval_90_mean_width_months", False),
)

NETWORKS = {"default": "one network", "ensemble": "two networks, at 192 and at 384 rows"}


def estimate(value: dict[str, Any], percent: bool = False) -> str:
    factor, unit = (100, " %") if percent else (1, "")
    said = f"{value['value'] * factor:.2f}{unit}"
    if value["ci_95_low"] is None:  # too few children for an interval
        return said
    return f"{said} [{value['ci_95_low'] * factor:.2f}, {value['ci_95_high'] * factor:.2f}]"


def either(value: Any) -> str:
    """A fact that the networks of an ensemble agree on, or theirs one after the other."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def main(model: str, out_of_fold: Path, locked: Path) -> None:
    reader, path = Reader(model), find_model(model)
    facts, card = reader.facts, reader.facts.card
    oof, held_back = (json.loads((f / "metrics.json").read_text(encoding="utf-8")) for f in (out_of_fold, locked))
    print(f"# Model card: {facts.name}\n")
    print("Bone age in months from a radiograph of a child's left hand and the child's sex.")
    print("**Research use and decision support; not a medical device.**\n")
    print("| | |\n|---|---|")
    for name, value in (
        ("file", f"{path.name}, {path.stat().st_size / 1e6:.1f} MB, SHA-256 `{reader.digest}`"),
        (
            "network",
            f"{NETWORKS[model]}: {either(card['backbone'])}, an embedding of the sex, a distribution over 240 months",
        ),
        ("preparation", f"`{json.dumps(recipe_to_dict(facts.recipe))}`"),
        ("views averaged", ", ".join(view or "as it is" for view in facts.views)),
        (
            "trained on",
            f"{either(card['train_images'])} images of the RSNA 2017 training set, 11,025 thumbnails first; each "
            "weight lies a fifth of the way back to that of the thumbnails",
        ),
        ("data SHA-256", f"`{either(card['data_digest'])}`"),
        ("made by", "`recipes/crossval.sh`, `recipes/ship.sh`"),
        ("licence of the weights", card["licence"]),
        ("limits", card["limits"]),
        ("intervals", f"calibrated by sex and age on {facts.calibration.source}"),
    ):
        print(f"| {name} | {value} |")
    print("\n## Figures (95 % bootstrap intervals)\n")
    print("*Out of fold*: five networks of this recipe, each on the fifth of the 986 radiographs that it did not see "
          "(`recipes/crossval.sh`; intervals calibrated on the other folds). *Locked fold*: the shipped file itself on "
          "the fifth that it did not see; as that fold has been looked at in the choice of sizes, out of fold is the "
          "surer figure, though one setting (how far back the weights lie, of four tried) and the ensemble's views "
          "were chosen there, and two outlines mended that stood out there; and its intervals are calibrated on all "
          "986, these among them. *Age as reported*: what a reader of an atlas would report, "
          "heaped on its plates as the references are.\n")  # fmt: skip
    print(f"| | out of fold, n {oof['overall']['n']} | locked fold, n {held_back['overall']['n']} |\n|---|---|---|")
    for title, name, percent in FIGURES:
        print(
            f"| {title} | {estimate(oof['overall'][name], percent)} | {estimate(held_back['overall'][name], percent)} |"
        )
    worst = oof["worst_cell"]
    print(f"\nWorst cell out of fold: {worst['name']} (n {worst['n']}), MAE {estimate(worst['mae_months'])} months.\n")
    print("## Bias: out of fold, by sex and 24-month band of reference age\n")
    print("| | n | MAE (months) | bias (months) |\n|---|---|---|---|")
    for cell in oof["by_sex_and_band"]:
        if cell["n"] > 1:
            mae, bias = estimate(cell["mae_months"]), estimate(cell["bias_months"])
            print(f"| {cell['name']} | {cell['n']} | {mae} | {bias} |")
    print("\n## Do the intervals hold?\n")
    print("| cell | n | wanted | held | mean width (months) |\n|---|---|---|---|---|")
    for row in csv.DictReader((out_of_fold / "coverage.csv").open(encoding="utf-8")):
        if row["intervals"] == "calibrated" and (row["wanted"] == "0.9" or row["cell"] == "all"):
            held, wanted = (f"{100 * float(row[name]):.1f} %" for name in ("held", "wanted"))
            print(f"| {row['cell']} | {row['n']} | {wanted} | {held} | {row['mean_width_months']} |")
    print(f"\nEvery prediction: `{out_of_fold}/predictions.csv` and `{locked}/predictions.csv`.")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python recipes/model_card.py MODEL OUT_OF_FOLD_FOLDER LOCKED_FOLD_FOLDER > MODEL.md")
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
