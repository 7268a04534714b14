"""The card of a shipped model, from what its file says and what ``carpal evaluate`` measured.

usage: python recipes/model_card.py MODEL EVALUATION_FOLDER > MODEL.md
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from carpal.modelfile import find_model
from carpal.prepare import recipe_to_dict
from carpal.reader import Reader


def estimate(value: dict[str, Any], percent: bool = False) -> str:
    factor, unit = (100, " %") if percent else (1, "")
    return (
        f"{value['value'] * factor:.2f}{unit} [{value['ci_95_low'] * factor:.2f}, {value['ci_95_high'] * factor:.2f}]"
    )


def rows(metrics: dict[str, Any]) -> list[tuple[str, str]]:
    months = (
        "mae_months",
        "rmse_months",
        "median_absolute_error_months",
        "bias_months",
        "interval_90_mean_width_months",
    )
    shares = ("share_within_6_months", "share_within_12_months", "class_accuracy", "interval_90_coverage")
    named = [(name, estimate(metrics[name])) for name in months]
    return named + [(name, estimate(metrics[name], percent=True)) for name in shares]


def main(model: str, evaluation: Path) -> None:
    reader, path = Reader(model), find_model(model)
    facts, card = reader.facts, reader.facts.card
    measured = json.loads((evaluation / "metrics.json").read_text(encoding="utf-8"))
    overall = measured["overall"]
    print(f"# Model card: {facts.name}\n")
    print("Bone age in months from a radiograph of a child's left hand and the child's sex.")
    print("**Research use and decision support; not a medical device.**\n")
    print("| | |\n|---|---|")
    for name, value in (
        ("file", f"{path.name}, {path.stat().st_size / 1e6:.1f} MB, SHA-256 `{reader.digest}`"),
        ("network", f"{card['backbone']} with sex embedding, 240-month distribution"),
        ("preparation", f"`{json.dumps(recipe_to_dict(facts.recipe))}`"),
        ("views averaged", ", ".join(view or "as it is" for view in facts.views)),
        ("trained on", f"{card['train_images']} images of the RSNA 2017 training set ({', '.join(card['groups'])})"),
        ("data SHA-256", f"`{card['data_digest']}`"),
        ("made by", "`recipes/train_default.sh`"),
        ("licence of the weights", card["licence"]),
        ("limits", card["limits"]),
        (
            "interval",
            f"the network's own 90 % interval x {facts.interval_scale:g}, from validation radiographs; provisional",
        ),
    ):
        print(f"| {name} | {value} |")
    print(f"\n## On {overall['n']} radiographs that were never trained on\n")
    print("`carpal evaluate default --data ../shared/rsna --group highres --split recipes/split-rsna-shared.json "
          "--side test --out results/default` (95 % bootstrap intervals)\n")  # fmt: skip
    print("| figure | value |\n|---|---|")
    for name, value in rows(overall):
        print(f"| {name} | {value} |")
    worst = measured["worst_cell"]
    print(f"\nWorst cell: {worst['name']} (n {worst['n']}), MAE {estimate(worst['mae_months'])} months.")
    print("\nBy sex and by age band: `results/default/report.md`; every prediction: `results/default/predictions.csv`.")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python recipes/model_card.py MODEL EVALUATION_FOLDER > MODEL.md")
    main(sys.argv[1], Path(sys.argv[2]))
