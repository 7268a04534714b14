"""The gate on pictures it has not learned from: five folds of `highres`, and of the body parts that are no hands.

usage: python recipes/gate/crossval.py [--data DATA] [--others FOLDER] [--init FILE] [--folds 0 1 2 3 4]

A fold's network sees no radiograph of the fold (`recipes/folds`), no picture of the body parts that the fold holds
back, no adult hand of it, and not its kind of drawn scene. Writes what it says of every picture to
results/quality/predictions.csv, also of radiographs cut short and of two on one film; and of every radiograph turned,
mirrored and inverted to results/quality/turned.csv. Some 15 minutes a fold on one CPU core; one that is there stays.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from carpal.prepare import prepare, recipe_named
from carpal.quality import KINDS
from carpal.radiograph import Radiograph, read_radiograph
from carpal.training.datasets import read_dataset
from carpal.training.gate.draws import cut_hand, paired_hands
from carpal.training.gate.network import GateNetwork
from carpal.training.gate.pictures import Picture, hand_pictures, kept_pictures, phantom_pictures
from carpal.training.gate.scenes import SCENES, drawn_scene
from carpal.training.gate.train import train_gate
from carpal.training.splits import read_split

RECIPE = recipe_named("plain", 128)
OUT = Path("results/quality")
PHANTOMS = 400  # three in a hundred of the hands


def folds_of(others: list[Picture], groups: dict[str, str]) -> dict[str, int]:
    """Which fold holds a picture back: body parts whole, the largest first; adult hands one by one."""
    parts = [groups[p.name] for p in others if p.kind == "no hand"]
    sizes, fold_of_part = [0] * 5, {}
    for part in sorted(set(parts), key=lambda part: (-parts.count(part), part)):
        fold_of_part[part] = int(np.argmin(sizes))
        sizes[fold_of_part[part]] += parts.count(part)
    adults = [p.name for p in others if p.kind != "no hand"]
    return {p.name: fold_of_part[groups[p.name]] for p in others if p.kind == "no hand"} | {
        name: k % 5 for k, name in enumerate(adults)
    }


def answers(network: GateNetwork, radiographs: Iterable[np.ndarray]) -> np.ndarray:
    """(N, 14) probabilities: kinds, ways, dark bones."""
    rows = []
    with torch.inference_mode():
        for pixels in radiographs:
            seen = prepare(Radiograph(np.ascontiguousarray(pixels), ""), RECIPE).pixels
            kind, way, inverted = network(torch.from_numpy(seen)[None, None].float() / 255)
            rows.append(torch.cat([kind[0], way[0], inverted]).numpy())
    return np.array(rows)


def made(hands: list[Picture], fold: int) -> Iterator[tuple[str, str, np.ndarray]]:
    """Each radiograph cut short, every second with another on one film, and scenes of the kinds held back."""
    rng = np.random.default_rng(fold)
    placed = [hand for hand in hands if hand.palm is not None]
    for k, hand in enumerate(placed):
        yield f"cut-{hand.name}", "part", cut_hand(hand, rng)
        if k % 2:
            yield f"pair-{hand.name}", "two hands", paired_hands(hand, placed[k - 1], rng)
    for name in [name for k, name in enumerate(SCENES) if k % 5 == fold]:
        for k in range(40):
            yield f"{name}-{k}", "no radiograph", drawn_scene(name, 512, rng)


def write(path: Path, heading: list[str], rows: list[list[object]]) -> None:
    """Adds the rows of a fold; those of the same fold that a killed run left behind go."""
    fold, kept = str(rows[0][1]), []
    if path.exists():
        with path.open(newline="", encoding="utf-8") as lines:
            kept = [row for row in list(csv.reader(lines))[1:] if row[1] != fold]
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerows([heading, *kept])
        writer.writerows([[round(float(c), 4) if isinstance(c, float | np.floating) else c for c in r] for r in rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/rsna"))
    parser.add_argument("--others", type=Path, default=Path("../shared/negatives"))
    parser.add_argument("--init", default="../shared/weights/mobilenetv2_100.safetensors")
    parser.add_argument("--folds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--steps", type=int, default=1000)
    chosen = parser.parse_args()
    table = Path(__file__).parent / "others.csv"
    groups = {row["file"]: row["group"] for row in csv.DictReader(table.open(encoding="utf-8"))}
    others = kept_pictures(table, chosen.others)
    fold_of = folds_of(others, groups)
    dataset = read_dataset(chosen.data)
    hands = hand_pictures(dataset.samples)
    OUT.mkdir(parents=True, exist_ok=True)
    ways = [f"way_{k}" for k in range(8)]
    for fold in chosen.folds:
        weights = Path(f"runs/gate/fold-{fold}.pt")
        if weights.exists():
            continue
        held = set(read_split(Path(f"recipes/folds/fold-{fold}.json")).validation)
        unseen = [h for h in hands if h.name.split("/")[1] in held and h.name.startswith("highres")]
        network = train_gate(
            [*phantom_pictures(PHANTOMS), *(h for h in hands if h.name.split("/")[1] not in held)],
            [p for p in others if fold_of[p.name] != fold],
            RECIPE,
            scenes=[name for k, name in enumerate(SCENES) if k % 5 != fold],
            init=chosen.init,
            steps=chosen.steps,
            progress=lambda step, loss, f=fold: (
                print(f"fold {f} step {step}: {loss:.3f}", flush=True) if step % 50 == 0 else None
            ),
        )
        test = [s for s in dataset.samples if s.id in held and s.group == "highres"]
        pictures = [read_radiograph(s.path).pixels for s in test]
        rows = [[s.id, fold, "hand", "RSNA", *a] for s, a in zip(test, answers(network, pictures), strict=True)]
        own = [p for p in others if fold_of[p.name] == fold]
        seen = answers(network, (read_radiograph(chosen.others / p.name).pixels for p in own))
        rows += [[p.name, fold, p.kind, groups[p.name], *a] for p, a in zip(own, seen, strict=True)]
        for name, kind, pixels in made(unseen, fold):
            answer = answers(network, [pixels.astype(np.float32) / 255])[0]
            rows.append([name, fold, kind, "made of RSNA" if kind in ("part", "two hands") else "drawn scene", *answer])
        write(OUT / "predictions.csv", ["name", "fold", "kind", "group", *KINDS, *ways, "inverted"], rows)
        turned = []
        for sample, pixels in zip(test, pictures, strict=True):
            for way in range(8):
                for inverted in (0, 1):
                    other = np.rot90((1 - pixels if inverted else pixels)[:, :: -1 if way > 3 else 1], way % 4)
                    turned.append([sample.id, fold, way, inverted, *answers(network, [other])[0]])
        write(OUT / "turned.csv", ["name", "fold", "way", "dark", *KINDS, *ways, "inverted"], turned)
        weights.parent.mkdir(parents=True, exist_ok=True)
        torch.save(network.state_dict(), weights)


if __name__ == "__main__":
    main()
