from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the gate is trained with the train extra")

from carpal.errors import DatasetError
from carpal.hand import find_on_smaller
from carpal.outline import outline_shape
from carpal.phantom import draw_phantom
from carpal.prepare import prepare, recipe_named
from carpal.quality import Gate
from carpal.training.gate.export import export_gate
from carpal.training.gate.outlines import fit_outlines
from carpal.training.gate.pictures import kept_pictures, phantom_pictures
from carpal.training.gate.train import collate, train_gate

RECIPE = recipe_named("plain", 32)


def test_a_gate_is_trained_written_and_says_the_same_as_the_network(tmp_path: Path) -> None:
    losses: list[float] = []
    network = train_gate(
        phantom_pictures(4), [], RECIPE, init="random", steps=6, workers=0, progress=lambda _, loss: losses.append(loss)
    )
    assert len(losses) == 6
    assert np.isfinite(losses).all()
    radiograph = draw_phantom(100, "M")
    hands = [prepare(draw_phantom(40 + 5 * k, "FM"[k % 2], seed=k), RECIPE).pixels for k in range(24)]
    found = [find_on_smaller(draw_phantom(40 + 5 * k, "FM"[k % 2], seed=k).pixels).hand for k in range(24)]
    outlines = fit_outlines([hand for hand in found if hand], 5.0)
    path = export_gate(
        network,
        RECIPE,
        tmp_path / "gate.onnx",
        hands=hands,
        least_hand_probability=0.3,
        outlines=outlines,
        card={"hands": 4},
    )
    gate = Gate(path)
    assert gate.outlines.to_dict() == outlines.to_dict()
    assert gate.least_hand_probability == 0.3
    assert gate.recipe == RECIPE
    seen = torch.from_numpy(prepare(radiograph, RECIPE).pixels)[None, None].float() / 255
    with torch.inference_mode():
        expected = network(seen)
    said = gate.answers(radiograph)
    kinds, ways, dark = (answer[0].numpy() for answer in expected)
    assert np.allclose(said.kinds, kinds, atol=0.01)
    assert np.allclose(said.turns, ways[:4] + ways[4:], atol=0.01)
    assert said.mirrored == pytest.approx(float(ways[4:].sum()), abs=0.01)
    assert said.dark == pytest.approx(float(dark), abs=0.01)
    assert said.embedding.shape == (16,)


def test_shapes_of_outlines_leave_out_the_hundredth_that_is_far_off() -> None:
    from dataclasses import replace

    hands = [find_on_smaller(draw_phantom(40 + k, "FM"[k % 2], seed=k).pixels).hand for k in range(120)]
    right = [hand for hand in hands if hand]
    assert len(right) == 120
    wrong = replace(right[0], mask=np.ones_like(right[0].mask))
    outlines = fit_outlines([*right, wrong], 5.0)
    assert outlines.mean == pytest.approx(np.mean([outline_shape(hand) for hand in right], 0), abs=0.05)
    distances = [outlines.distance(hand) for hand in right]
    assert np.sqrt(np.mean(np.square(distances))) == pytest.approx(np.sqrt(11), rel=0.15)  # 11 measures, variance 1
    assert outlines.distance(wrong) > 10 * max(distances)


def test_a_batch_asks_no_way_of_what_has_none() -> None:
    from carpal.training.gate.draws import Example

    image = np.zeros((32, 32), np.uint8)
    images, wanted = collate([Example(image, 0, 3, True, False), Example(image, 3, -1, True, True)])
    assert images.shape == (2, 1, 32, 32)
    assert wanted.way.tolist() == [7, -1]
    assert wanted.kind.tolist() == [0, 3]
    assert wanted.inverted.tolist() == [0.0, 1.0]


def test_a_table_of_other_pictures_must_make_sense(tmp_path: Path) -> None:
    table = tmp_path / "others.csv"
    table.write_text("file,kind\nx.png,hand\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="file, kind and group"):
        kept_pictures(table, tmp_path)
    table.write_text("file,kind,group\nx.png,elephant,zoo\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="elephant"):
        kept_pictures(table, tmp_path)
