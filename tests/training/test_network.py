from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from carpal.errors import InvalidArgument, WeightsUnavailable
from carpal.training.backbones import BACKBONES, backbone, build_backbone, find_backbone, initialise
from carpal.training.network import BoneAgeNetwork, ClassesHead, NetworkConfig

NAMED = ("custom", "efficientnet_b0", "inception_v3", "resnet50", "efficientnet_lite0", "mobilenetv3_small_050")


@pytest.mark.parametrize("name", NAMED)
def test_every_named_network_sees_radiograph_and_sex(name: str) -> None:
    # In training mode, where batch norm sees to it that untrained features stay of a sensible size.
    network = BoneAgeNetwork(NetworkConfig(backbone=name, dropout=0.0)).train()
    for layer in network.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
    images = torch.rand(2, 1, 96, 96)
    with torch.no_grad():
        girls, boys = network(images, torch.tensor([0, 0])), network(images, torch.tensor([1, 1]))
    assert girls.shape == (2, 240)
    torch.testing.assert_close(girls.sum(1), torch.ones(2), atol=1e-4, rtol=0)
    assert float((girls - boys).abs().max()) > 1e-5


def test_sex_can_be_left_out() -> None:
    network = BoneAgeNetwork(NetworkConfig(backbone="custom", use_sex=False)).eval()
    images = torch.rand(2, 1, 64, 64)
    same = network(images, torch.tensor([0, 0]))
    torch.testing.assert_close(same, network(images, torch.tensor([1, 1])))


@pytest.mark.parametrize("target", ["distribution", "regression", "classes"])
def test_every_target_learns_and_answers_with_a_distribution(target) -> None:
    torch.manual_seed(0)
    network = BoneAgeNetwork(NetworkConfig(backbone="custom", target=target, dropout=0.0))
    images, sex = torch.rand(8, 1, 64, 64), torch.tensor([0, 1] * 4)
    ages = torch.linspace(20, 220, 8)
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3)
    losses = []
    for _ in range(25):
        loss = network.loss(images, sex, ages)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0] or losses[-1] < losses[0] - 0.5
    seen = network(images, sex)
    assert seen.shape == (8, 240)
    assert bool((seen >= 0).all())
    torch.testing.assert_close(seen.sum(1), torch.ones(8), atol=1e-4, rtol=0)


def test_the_classes_head_spreads_months_as_the_training_set_does() -> None:
    head = ClassesHead(4)
    head.learn_spread(torch.tensor([30.0, 30.0, 90.0, 100.0, 130.0, 150.0, 200.0]))
    sure = torch.tensor([[50.0, 0, 0, 0, 0]])
    distribution = head.distribution(sure)[0]
    assert float(distribution[30]) == pytest.approx(2 / 3, abs=1e-3)
    assert float(distribution[90]) == pytest.approx(1 / 3, abs=1e-3)


def test_a_new_backbone_is_one_decorated_function() -> None:
    @backbone("mean_only")
    def make() -> torch.nn.Module:
        module = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
        module.num_features = 3
        return module

    try:
        assert BoneAgeNetwork(NetworkConfig(backbone="mean_only")).features(torch.rand(2, 1, 8, 8)).shape == (2, 3)
    finally:
        del BACKBONES["mean_only"]


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("resnet50", (0.449, 0.226)),
        ("mobilenetv3_large_100", (0.449, 0.226)),
        ("tf_efficientnetv2_b0", (0.449, 0.226)),
        ("efficientnet_lite0", (0.5, 0.5)),
        ("inception_v3", (0.5, 0.5)),
        ("vit_tiny_patch16_224", (0.5, 0.5)),
    ],
)
def test_grey_values_are_scaled_as_the_weights_of_that_name_were_trained(name: str, scale: tuple[float, float]) -> None:
    kind = find_backbone(name)
    assert (kind.mean, kind.std) == pytest.approx(scale, abs=1e-9)


def test_an_unknown_backbone_is_named_in_the_error() -> None:
    with pytest.raises(InvalidArgument, match="resnet5000"):
        find_backbone("resnet5000")


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    network = build_backbone("custom")
    wrong, garbage = tmp_path / "wrong.safetensors", tmp_path / "garbage.safetensors"
    save_file({"a": torch.zeros(3)}, wrong)
    garbage.write_bytes(b"not a tensor file")
    for init, message in ((wrong, "fit"), (garbage, "not a readable"), (tmp_path / "no.safetensors", "no such file")):
        with pytest.raises(WeightsUnavailable, match=message):
            initialise(network, "custom", str(init))
    with pytest.raises(WeightsUnavailable, match="own network"):
        initialise(network, "custom", "imagenet")


def test_a_hub_that_cannot_be_reached_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsUnavailable, match="hub"):
        initialise(build_backbone("mobilenetv3_small_050"), "mobilenetv3_small_050", "imagenet")


def test_imagenet_weights_load_into_lite0(shared: Path) -> None:
    network = build_backbone("efficientnet_lite0")
    note = initialise(network, "efficientnet_lite0", str(shared / "weights" / "tf_efficientnet_lite0.safetensors"))
    assert "tensors" in note
    with pytest.raises(WeightsUnavailable):
        initialise(build_backbone("custom"), "custom", str(shared / "weights" / "tf_efficientnet_lite0.safetensors"))
