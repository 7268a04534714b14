"""From what recipes/gate/crossval.py wrote: where the gate refuses, and what it refuses, by kind. Writes
results/quality.md.

usage: python recipes/gate/plain.py; python recipes/gate/report.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from carpal.evaluation.figures import wilson
from carpal.quality import Gate

RESULTS = Path(__file__).resolve().parents[2] / "results"
REFUSED_HANDS = 0.005  # share of RSNA's hands that may be refused: the commercial product refuses 0.4 % of them
WAYS = [f"way_{k}" for k in range(8)]


def read_answers(name: str) -> pd.DataFrame:
    return pd.read_csv(RESULTS / "quality" / name, dtype={"name": str})


def least_hand_probability(answers: pd.DataFrame) -> float:
    """Where the gate refuses: so that it accepts all but ``REFUSED_HANDS`` of the out-of-fold hands."""
    return round(float(answers.loc[answers.group == "RSNA", "hand"].quantile(REFUSED_HANDS)), 3)


def share(count: int, n: int, radiographs: int | None = None) -> str:
    """``97.6 % [93.1, 99.2]``: a share with its 95 % interval (Wilson), of n copies of so many radiographs."""
    low, high = wilson(count / n, radiographs or n)
    return f"{100 * count / n:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def refusals(answers: pd.DataFrame, least: float) -> list[str]:
    lines = ["| what | n | refused |", "|---|---|---|"]
    refused = answers.hand < least
    real = answers.kind.eq("no hand")
    lines.append(f"| **all that is no hand** | {real.sum()} | {share(int(refused[real].sum()), int(real.sum()))} |")
    for group in sorted(set(answers.group[real]), key=lambda g: (-answers.group.eq(g).sum(), g)):
        those = answers.group.eq(group)
        lines.append(f"| {group} | {those.sum()} | {refused[those].sum()} |")
    named = {
        "RSNA": "**hands of RSNA**",
        "adult whole hand": "whole hands of adults, of other origin (should be accepted)",
        "oblique or lateral hand": "hands seen obliquely or from the side",
        "wrist alone": "wrists alone",
        "fingers alone": "fingers alone",
    }
    for group, name in named.items():
        those = answers.group.eq(group)
        said = share(int(refused[those].sum()), int(those.sum()))
        if group == "RSNA":
            said = f"{100 * refused[those].mean():.1f} %, so chosen"
        lines.append(f"| {name} | {those.sum()} | {said} |")
    for kind, name in (
        ("part", "hands of RSNA cut short"),
        ("two hands", "two hands of RSNA on one film"),
        ("no radiograph", "drawn scenes"),
    ):
        those = answers.kind.eq(kind) & answers.group.isin(("made of RSNA", "drawn scene"))
        lines.append(f"| {name} | {those.sum()} | {share(int(refused[those].sum()), int(those.sum()))} |")
    return lines


def plain_measures(answers: pd.DataFrame, least: float) -> list[str]:
    """What carpal.exposure refuses of the hands of RSNA beside the network."""
    plain = read_answers("plain.csv").set_index("name")
    hands = answers[answers.group.eq("RSNA")].set_index("name")
    problem = plain.problem.reindex(hands.index).notna()
    by_network, n = hands.hand < least, len(hands)
    kinds = ", ".join(f"{kind} {count}" for kind, count in plain.problem.value_counts().items())
    lines = {
        f"refused by plain measures ({kinds})": int(problem.sum()),
        "refused by them or by the network of its own fold": int((by_network | problem).sum()),
        "smoothed: noise or blocks are strong for the hand's contrast": int(plain.smoothed.sum()),
        "straightened: the film lies askew": int(plain.straightened.sum()),
    }
    rows = [f"| {name} | {n} | {share(count, n)} |" for name, count in lines.items()]
    return ["| hands of RSNA | n | share |", "|---|---|---|", *rows]


def outlines() -> list[str]:
    """How many outlines have not the shape of a hand, of what the shapes were fitted to and of what they were not."""
    limit = Gate().outlines.limit
    table = read_answers("outlines.csv")
    lines = [f"| outlines farther than {limit:g} from those of hands | n | share |", "|---|---|---|"]
    for group, name in (("highres", "radiographs of 800 px"), ("lowres", "thumbnails")):
        for seen, which in ((1, "that the shapes were fitted to"), (0, "others")):
            far = table.distance[table.group.eq(group) & table.seen.eq(seen)].dropna()
            lines.append(f"| {name}, {which} | {len(far)} | {share(int((far > limit).sum()), len(far))} |")
    far = table.distance[table.group.eq("adult")].dropna()
    beyond = share(int((far > limit).sum()), len(far))
    lines.append(f"| whole hands of adults, of other origin (some cut off at the wrist) | {len(far)} | {beyond} |")
    return lines


def corrections(turned: pd.DataFrame) -> list[str]:
    ways = turned[WAYS].to_numpy()
    turns = ways[:, :4] + ways[:, 4:]
    # As the gate does it: whoever seems mirrored when upright is looked at in the mirror as well.
    seems = pd.Series(ways[:, 4:].sum(1), index=pd.MultiIndex.from_frame(turned[["name", "way", "dark"]]))
    upright = np.array([seems[name, 4 if way > 3 else 0, 0] for name, way in zip(turned.name, turned.way, strict=True)])
    flipped = np.array([seems[name, 0 if way > 3 else 4, 0] for name, way in zip(turned.name, turned.way, strict=True)])
    right = {
        "way up": turns.argmax(1) == turned.way % 4,
        "way round": ((upright > 0.3) & (upright > flipped)) == (turned.way > 3),
        "bones bright or dark": (turned.inverted > 0.5) == (turned.dark == 1),
    }
    right["all three"] = np.logical_and.reduce(list(right.values()))
    cases = {
        "as it is": (turned.way == 0) & (turned.dark == 0),
        "turned by 90, 180 or 270 degrees": (turned.way % 4 > 0) & (turned.way < 4) & (turned.dark == 0),
        "mirrored": (turned.way == 4) & (turned.dark == 0),
        "inverted": (turned.way == 0) & (turned.dark == 1),
        "all sixteen ways": turned.way >= 0,
    }
    lines = ["| copies | n | " + " | ".join(right) + " |", "|---|---|" + "---|" * len(right)]
    for name, rows in cases.items():
        films = turned.name[rows].nunique()
        shares = " | ".join(share(int(of[rows].sum()), int(rows.sum()), films) for of in right.values())
        lines.append(f"| {name} | {rows.sum()} | {shares} |")
    return lines


def main() -> None:
    answers, turned = read_answers("predictions.csv"), read_answers("turned.csv")
    least = least_hand_probability(answers)
    data = (RESULTS / "quality" / "data.txt").read_text(encoding="utf-8").strip()
    text = [
        "# What the gate refuses and puts right",
        "",
        "`recipes/gate/crossval.py`, `plain.py`, then `report.py`. Every picture was judged by a network that",
        "had seen neither it nor another of its kind (body parts and drawn scenes are held back whole). Brackets: 95 %",
        f"intervals (Wilson; copies of one radiograph count once). It refuses below a probability of {least} for one",
        f"whole hand, chosen so that {100 * REFUSED_HANDS:.1f} % of the hands of RSNA are refused.",
        "",
        *refusals(answers, least),
        "",
        "## What plain measures add",
        "",
        "Their limits were set by what these radiographs and their transformed copies show, so they are not held back.",
        "",
        *plain_measures(answers, least),
        "",
        *outlines(),
        "",
        "## What is put right",
        "",
        "Copies of all `highres` radiographs, each judged by the network of its own fold. Some of RSNA's are",
        "mirrored or right hands; they count as errors of the way round here.",
        "",
        *corrections(turned),
        "",
        "Per picture: [predictions.csv](quality/predictions.csv); the turned copies: [turned.csv](quality/turned.csv);",
        "the shapes of outlines (`recipes/gate/outlines.py`): [outlines.csv](quality/outlines.csv);",
        f"the plain measures: [plain.csv](quality/plain.csv), on data {data}.",
    ]
    (RESULTS / "quality.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    print("\n".join(text))


if __name__ == "__main__":
    main()
