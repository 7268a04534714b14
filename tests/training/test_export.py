from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from carpal.calibration import uncalibrated
from carpal.distribution import expected_months
from carpal.errors import CarpalError, InvalidArgument, ModelError
from carpal.reader import Reader
from carpal.training import export as export_module
from carpal.training.config import TrainConfig
from carpal.training.export import export_onnx
from carpal.training.loop import predict
from carpal.training.network import NetworkConfig
from carpal.training.run import load_checkpoint
from carpal.training.train import prepare_sides, train
from carpal.training.validation import validation_side


@pytest.fixture(scope="module")
def exported(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    side = validation_side(tiny_run, tiny_run.parent / "cache")
    out = tmp_path_factory.mktemp("model") / "anything.onnx"
    done = export_onnx([tiny_run], out, name="tiny", validation=side, views=("", "mirror"))
    assert done.parity_months <= 0.05
    assert done.compared == 8
    return out


def test_the_file_says_what_it_is(exported: Path) -> None:
    facts = Reader(exported).facts
    assert facts.name == "tiny"
    assert facts.recipe.name == "hand"
    assert facts.recipe.size == 64
    assert facts.views == ("", "mirror")
    assert facts.card["train_images"] == 24
    assert "research" in facts.card["licence"]


def test_intervals_that_were_never_calibrated_say_so(exported: Path, phantom_png: Path) -> None:
    assert Reader(exported).facts.calibration.is_none  # eight validation radiographs are too few
    assert any("never calibrated" in note for note in Reader(exported).read(phantom_png, "F").notes)
    assert not any("calibrated" in note for note in Reader().read(phantom_png, "F").notes)


def test_reader_and_torch_agree(exported: Path, tiny_run: Path) -> None:
    side = validation_side(tiny_run, tiny_run.parent / "cache")
    network, _ = load_checkpoint(tiny_run)
    expected = predict(network, side, torch.device("cpu"), views=("", "mirror"))
    reader = Reader(exported)
    images = np.stack([side.image(k) for k in range(len(side))])
    seen = reader.distributions(images, [s.sex for s in side.samples])
    np.testing.assert_allclose(expected_months(seen), expected_months(expected), atol=0.05)
    by_path = reader.read(side.samples[0].path, side.samples[0].sex)
    assert by_path.bone_age_months == pytest.approx(float(expected_months(expected[0])), abs=0.05)


def test_a_file_that_differs_from_torch_is_not_written(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = validation_side(tiny_run, tiny_run.parent / "cache")
    monkeypatch.setattr(export_module, "_PARITY_MONTHS", -1.0)  # nothing agrees this well
    with pytest.raises(ModelError, match="differ"):
        export_onnx([tiny_run], tmp_path / "m.onnx", name="tiny", validation=side)
    assert list(tmp_path.iterdir()) == []


def test_two_runs_answer_with_the_mean_of_their_distributions(tiny_run: Path, tmp_path: Path) -> None:
    side = validation_side(tiny_run, tiny_run.parent / "cache")
    other = tmp_path / "run"
    shutil.copytree(tiny_run, other)
    content = torch.load(other / "best.pt", weights_only=True)
    content["weights"]["head.raw.bias"] += torch.linspace(0, 3, 240)  # sees older children everywhere
    torch.save(content, other / "best.pt")
    export_onnx([tiny_run, other], tmp_path / "both.onnx", name="both", validation=side)
    expected = [predict(load_checkpoint(run)[0], side, torch.device("cpu")) for run in (tiny_run, other)]
    assert np.abs(expected_months(expected[0]) - expected_months(expected[1])).min() > 1
    images = np.stack([side.image(k) for k in range(len(side))])
    seen = Reader(tmp_path / "both.onnx").distributions(images, [s.sex for s in side.samples])
    np.testing.assert_allclose(expected_months(seen), expected_months(np.mean(expected, axis=0)), atol=0.05)


def test_intervals_are_not_fitted_to_what_one_of_the_networks_has_learned(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = validation_side(tiny_run, tiny_run.parent / "cache")
    other = tmp_path / "run"
    shutil.copytree(tiny_run, other)
    split = json.loads((other / "split.json").read_text())
    held_back = split["validation"][:5]
    (other / "split.json").write_text(json.dumps(split | {"validation": held_back}))
    fitted: list[str] = []
    monkeypatch.setattr(export_module, "FEWEST", 2)
    monkeypatch.setattr(export_module, "fit_calibration", lambda found, _: fitted.extend(found.ids) or uncalibrated())
    export_onnx([tiny_run, other], tmp_path / "both.onnx", name="both", validation=side, half=False)
    assert sorted(fitted) == sorted(held_back)


def test_a_network_of_upright_rectangles_is_shipped_like_any_other(phantom_set: Path, tmp_path: Path) -> None:
    network = NetworkConfig(backbone="custom")
    config = TrainConfig(
        str(phantom_set), recipe="narrow", network=network, size=64, epochs=1, batch_size=8, validation=8
    )
    train(config, prepare_sides(config, tmp_path / "cache"), tmp_path / "run")
    side = validation_side(tmp_path / "run", tmp_path / "cache")
    export_onnx([tmp_path / "run"], tmp_path / "narrow.onnx", name="narrow", validation=side)
    reader = Reader(tmp_path / "narrow.onnx")
    assert reader.facts.recipe.shape == (64, 48)
    expected = predict(load_checkpoint(tmp_path / "run")[0], side, torch.device("cpu"))
    seen = reader.read(side.samples[0].path, side.samples[0].sex).bone_age_months
    assert seen == pytest.approx(float(expected_months(expected[0])), abs=0.05)


def test_networks_of_two_sizes_share_a_file_and_a_preparation(phantom_set: Path, tmp_path: Path) -> None:
    runs = []
    for size in (64, 96):  # 48 and 72 columns: the same scale
        network = NetworkConfig(backbone="custom")
        config = TrainConfig(
            str(phantom_set), recipe="narrow", network=network, size=size, epochs=1, batch_size=8, validation=8
        )
        runs.append(tmp_path / str(size))
        train(config, prepare_sides(config, tmp_path / "cache"), runs[-1])
    sides = [validation_side(run, tmp_path / "cache") for run in runs]
    with pytest.raises(InvalidArgument, match="largest"):
        export_onnx(runs, tmp_path / "both.onnx", name="both", validation=sides[0])
    export_onnx(runs, tmp_path / "both.onnx", name="both", validation=sides[1])
    reader = Reader(tmp_path / "both.onnx")
    assert reader.facts.recipe.shape == (96, 72)
    cpu = torch.device("cpu")
    apart = [predict(load_checkpoint(run)[0], side, cpu) for run, side in zip(runs, sides, strict=True)]
    samples = sides[1].samples
    images = np.stack([sides[1].image(k) for k in range(len(samples))])
    together = reader.distributions(images, [s.sex for s in samples])
    # Not the same pixels as its own preparation's, but the same picture.
    assert np.abs(expected_months(together) - expected_months(np.mean(apart, axis=0))).max() < 0.5


def test_half_precision_halves_the_file_and_changes_no_age(exported: Path, tiny_run: Path, tmp_path: Path) -> None:
    side = validation_side(tiny_run, tiny_run.parent / "cache")
    export_onnx([tiny_run], tmp_path / "s.onnx", name="s", validation=side, views=("", "mirror"), half=False)
    assert exported.stat().st_size < 0.6 * (tmp_path / "s.onnx").stat().st_size
    image, sex = side.image(0)[None], [side.samples[0].sex]
    ages = [expected_months(Reader(path).distributions(image, sex))[0] for path in (exported, tmp_path / "s.onnx")]
    assert ages[0] == pytest.approx(ages[1], abs=0.05)


def test_runs_on_different_preparations_cannot_share_a_file(tiny_run: Path, tmp_path: Path) -> None:
    side = validation_side(tiny_run, tiny_run.parent / "cache")
    other = tmp_path / "run"
    shutil.copytree(tiny_run, other)
    content = torch.load(other / "best.pt", weights_only=True)
    content["config"]["recipe"] = "plain"
    torch.save(content, other / "best.pt")
    with pytest.raises(InvalidArgument, match="preparations"):
        export_onnx([tiny_run, other], tmp_path / "both.onnx", name="both", validation=side)


def test_the_file_names_no_path(exported: Path, tiny_run: Path) -> None:
    content = exported.read_bytes()
    assert str(tiny_run.parent).encode() not in content
    assert b"site-packages" not in content


def test_a_network_that_answers_with_nonsense_is_not_written(tiny_run: Path, tmp_path: Path) -> None:
    side = validation_side(tiny_run, tiny_run.parent / "cache")
    broken = tmp_path / "run"
    shutil.copytree(tiny_run, broken)
    content = torch.load(broken / "best.pt", weights_only=True)
    content["weights"]["head.raw.bias"][:] = float("nan")
    torch.save(content, broken / "best.pt")
    with pytest.raises(CarpalError):
        export_onnx([broken], tmp_path / "m.onnx", name="broken", validation=side)
    assert not (tmp_path / "m.onnx").exists()
    with pytest.raises(InvalidArgument, match=r"something\.onnx"):
        export_onnx([tiny_run], tiny_run / "best.pt", name="tiny", validation=side)
