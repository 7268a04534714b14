"""What a model file says of itself. It lies in the ONNX metadata, so a file cannot be parted from its facts."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from carpal.calibration import Calibration, calibration_from_dict, uncalibrated
from carpal.errors import CarpalError, ModelError
from carpal.prepare import Recipe, recipe_from_dict, recipe_to_dict
from carpal.views import VIEWS

__all__ = [
    "METADATA_KEY",
    "ModelFacts",
    "facts_from_json",
    "file_digest",
    "find_model",
    "gate_file",
    "open_session",
    "shipped_models",
]

METADATA_KEY = "carpal"
_FORMAT = 2


@dataclass(frozen=True)
class ModelFacts:
    """``recipe`` is what the network must be fed, ``views`` (names of ``carpal.views``) are averaged, ``calibration``
    makes the distribution's intervals hold. ``card`` holds data, licence, training, metrics and limits.
    """

    name: str
    recipe: Recipe
    views: tuple[str, ...] = ("",)
    calibration: Calibration = field(default_factory=uncalibrated)
    card: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """For the metadata of an ONNX file."""
        return json.dumps(
            {
                "format": _FORMAT,
                "name": self.name,
                "recipe": recipe_to_dict(self.recipe),
                "views": list(self.views),
                "calibration": self.calibration.to_dict(),
                "card": self.card,
            }
        )


def facts_from_json(text: str, file: Path) -> ModelFacts:
    """What ``to_json`` wrote. Raises ModelError."""
    try:
        values = json.loads(text)
        if values["format"] != _FORMAT:
            raise ModelError(f"{file.name}: made by another version of carpal (format {values['format']})")
        views, calibration = tuple(values["views"]), calibration_from_dict(values["calibration"])
        if not views or not set(views) <= set(VIEWS):
            raise ModelError(f"{file.name}: its views {views} make no sense")
        recipe, name = recipe_from_dict(values["recipe"]), str(values["name"])
        if not name.isprintable():
            raise ModelError(f"{file.name}: its name {name!r} cannot be shown on a line")
        return ModelFacts(name, recipe, views, calibration, dict(values["card"]))
    except ModelError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError, CarpalError) as error:
        raise ModelError(f"{file.name}: its carpal metadata cannot be understood ({error})") from error


def file_digest(path: Path) -> str:
    """SHA-256 of the file. Raises ModelError where a shipped one is no longer what was shipped: most damage leaves a
    file that opens, and reads wrongly without a word."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if path.parent == _folder() and _shipped_digests().get(path.name, digest) != digest:
        raise ModelError(f"{path.name}: this shipped model is damaged or was changed: install carpal again")
    return digest


def _shipped_digests() -> dict[str, str]:
    """By file name, as ``sha256sum`` wrote them (recipes/checksums.sh)."""
    lines = (_folder() / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def shipped_models() -> dict[str, Path]:
    """The models that came with carpal and read bone age, by name."""
    return {path.stem: path for path in sorted(_folder().glob("*.onnx")) if path != gate_file()}


def gate_file() -> Path:
    """The shipped network that says what may be read (``carpal.quality``)."""
    return _folder() / "gate.onnx"


def _folder() -> Path:
    return Path(str(resources.files("carpal") / "models"))


def find_model(name: str | Path) -> Path:
    """A shipped model's file by its name, or the file itself. Raises ModelError."""
    shipped = shipped_models()
    if str(name) in shipped:
        return shipped[str(name)]
    path = Path(name)
    if path.is_file():
        return path
    if (path / "config.json").is_file():
        raise ModelError(f"{name}: a run folder; make a model file of it first with carpal export")
    known = ", ".join(shipped) or "none"
    raise ModelError(f"{name}: neither a model file nor a shipped model ({known})")


def open_session(path: Path, threads: int) -> Any:
    """An ONNX Runtime session on the CPU. Raises ModelError."""
    # From 1.29 on its builds for Linux report their use to their maker unless this is set before they are loaded.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Waiting threads that spin steal the core from whatever else runs beside carpal.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except Exception as error:
        raise ModelError(f"{path.name}: not a readable ONNX model") from error
