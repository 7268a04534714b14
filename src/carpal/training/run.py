"""The folder of a training run: what is written there, how, and how weights are read back."""

from __future__ import annotations

import csv
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

try:
    import fcntl
except ImportError:  # Windows has no advisory locks of this kind
    fcntl = None  # type: ignore[assignment]

from carpal import __version__
from carpal.errors import TrainingError, WeightsUnavailable
from carpal.files import replacing
from carpal.training.backbones import former_scale, initialise
from carpal.training.config import TrainConfig
from carpal.training.network import BoneAgeNetwork, NetworkConfig
from carpal.training.splits import Split, read_split, write_split

__all__ = ["RunFolder", "load_checkpoint", "load_weights", "scale_of"]


class RunFolder:
    """Everything on disk of one run. Files are replaced whole, so a kill leaves the old ones."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._writer: Any = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps a second process out of the folder. Raises TrainingError where one is at work in it."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("w") as handle:
            if fcntl is not None:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a kill lets go of it
                except OSError as error:
                    raise TrainingError(f"{self.path}: another process is at work in this folder") from error
            yield

    @property
    def has_begun(self) -> bool:
        """Whether a run was started here."""
        return (self.path / "config.json").exists()

    @property
    def split_file(self) -> Path:
        """The split that the run began with."""
        return self.path / "split.json"

    def open(self, config: TrainConfig, data_digest: str, facts: dict[str, Any], split: Split) -> None:
        """Start the run, or go on with it. Raises TrainingError where the folder holds a different run."""
        self.path.mkdir(parents=True, exist_ok=True)
        wanted = {**config.to_dict(), "data_digest": data_digest}
        if self.has_begun:
            present = {
                **self._read_json("config.json"),
                "data_digest": self._read_json("environment.json")["data_digest"],
            }
            changed = sorted(k for k, v in _plain(wanted).items() if present.get(k) != v)
            if changed:
                raise TrainingError(
                    f"{self.path} is a run with other settings ({', '.join(changed)}): choose another --out"
                )
            if read_split(self.split_file) != split:
                raise TrainingError(f"{self.path} is a run with another split: it would be judged by what it has seen")
            return
        environment = {
            "carpal": __version__,
            "torch": str(torch.__version__),
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
            "data_digest": data_digest,
            **facts,
        }
        write_split(split, self.split_file)
        self._write_json("environment.json", environment)
        self._write_json("config.json", config.to_dict())  # last: its presence says that the folder is a run

    def _read_json(self, name: str) -> dict[str, Any]:
        try:
            return dict(json.loads((self.path / name).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise TrainingError(f"{self.path}: its {name} is missing or damaged; choose another --out") from error

    def _write_json(self, name: str, values: dict[str, Any]) -> None:
        with replacing(self.path / name) as part:
            part.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")

    def _save(self, name: str, values: dict[str, Any]) -> None:
        with replacing(self.path / name, durable=True) as part:  # an epoch of work: the power may fail
            torch.save(values, part)

    def save_best(self, network: BoneAgeNetwork, config: TrainConfig, metrics: dict[str, float]) -> None:
        """The weights that are kept, with what is needed to use them."""
        weights = {k: v.cpu().contiguous() for k, v in network.state_dict().items()}
        content = {"weights": weights, "scale": network.scale, "config": _plain(config.to_dict()), "metrics": metrics}
        self._save("best.pt", content)

    def save_last(self, state: dict[str, Any], history: list[dict[str, float]]) -> None:
        """All that is needed to go on, then the table and the picture that are made from it."""
        self._save("last.pt", state)
        self.tell(history)

    def tell(self, history: list[dict[str, float]]) -> None:
        """The table and the picture of a history, and its last epoch for TensorBoard."""
        with replacing(self.path / "metrics.csv") as part, part.open("w", newline="", encoding="utf-8") as handle:
            table = csv.DictWriter(handle, list(history[0]))
            table.writeheader()
            table.writerows({k: round(v, 6) for k, v in row.items()} for row in history)
        self._tensorboard(history[-1])
        _draw_curves(history, self.path / "curves.png")

    def catch_up(self, history: list[dict[str, float]]) -> None:
        """A kill after the checkpoint of an epoch, before its line in the table, took that line: nothing else would
        write it again where the epoch was the last one."""
        try:
            table = (self.path / "metrics.csv").read_text(encoding="utf-8")
        except OSError:
            table = ""
        if len(table.splitlines()) <= len(history) or not (self.path / "curves.png").exists():
            self.tell(history)

    def load_last(self, device: torch.device) -> dict[str, Any] | None:
        """The state to go on from, None at the start."""
        path = self.path / "last.pt"
        if not path.exists():
            return None
        try:
            return torch.load(path, map_location=device, weights_only=True)
        except Exception as error:
            raise TrainingError(f"{path}: damaged, so the run cannot go on; choose another --out") from error

    def _tensorboard(self, row: dict[str, float]) -> None:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self.path / "tensorboard"))
        for name, value in row.items():
            self._writer.add_scalar(name, value, int(row["epoch"]))
        self._writer.flush()

    def close(self) -> None:
        """Nothing is lost without it."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(values))  # tuples become lists, as in the file


def _draw_curves(history: list[dict[str, float]], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    loss, error = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    loss.plot(epochs, [row["train_loss"] for row in history], marker=".")
    loss.set(xlabel="epoch", title="training loss")
    for name in sorted(k for k in history[0] if k.startswith("validation_mae")):
        error.plot(
            epochs,
            [row[name] for row in history],
            marker=".",
            label=name.removeprefix("validation_mae").strip("_") or "all",
        )
    error.set(xlabel="epoch", title="validation MAE (months)")
    error.legend(frameon=False)
    for axes in (loss, error):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    with replacing(path) as part:
        figure.savefig(part, format="png", dpi=110)


def load_checkpoint(path: str | Path) -> tuple[BoneAgeNetwork, dict[str, Any]]:
    """The network in a ``best.pt`` (or in the run folder) and what is known of it. Raises TrainingError."""
    path = Path(path)
    file = path / "best.pt" if path.is_dir() else path
    if not file.is_file():
        raise TrainingError(f"{path}: no trained network here (no best.pt); train first")
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
        network = BoneAgeNetwork(NetworkConfig(**content["config"]["network"]))
        network.load_state_dict(content["weights"])
        network.scale = scale_of(content, network)
    except Exception as error:
        raise TrainingError(f"{file}: not a checkpoint of this version of carpal ({type(error).__name__})") from error
    return network.eval(), content


def scale_of(content: dict[str, Any], network: BoneAgeNetwork) -> tuple[float, float]:
    """By what the grey values were scaled for the weights of a checkpoint."""
    mean, std = content.get("scale") or former_scale(network.config.backbone)
    return float(mean), float(std)


def load_weights(network: BoneAgeNetwork, init: str, *, whole: bool = False) -> str:
    """Start a network from ``random``, ``imagenet``, a backbone's safetensors file, or another run's best.pt.

    ``whole`` asks for its sex embedding and head too. Returns a sentence on what was done. Raises WeightsUnavailable.
    """
    path = Path(init)
    if not (path.is_dir() or path.suffix == ".pt"):
        if whole:
            raise WeightsUnavailable(f"--init {init} cannot read ages yet, so no part of it is kept: --start-share 0")
        return initialise(network.backbone, network.config.backbone, init)
    other, content = load_checkpoint(path)
    if asdict(other.config)["backbone"] != network.config.backbone:
        raise WeightsUnavailable(
            f"--init {init} holds a {other.config.backbone}, not a {network.config.backbone}: "
            f"give --backbone {other.config.backbone}"
        )
    own = network.state_dict()
    fitting = {k: v for k, v in other.state_dict().items() if k in own and own[k].shape == v.shape}
    if whole and len(fitting) < len(own):
        raise WeightsUnavailable(f"--init {init} is another network, so no part of it is kept: --start-share 0")
    network.load_state_dict(fitting, strict=False)
    network.scale = other.scale
    seen = f"{content['config']['recipe']} at {content['config']['size']} rows"  # another one is allowed, not unsaid
    return f"run {path.name}, which saw {seen}: {len(fitting)} of {len(own)} tensors"
