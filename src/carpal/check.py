"""Many radiographs before the quality gate: which may be read, which not and why, what would be put right."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from carpal.errors import CarpalError
from carpal.files import shown
from carpal.quality import Gate, Quality
from carpal.radiograph import read_radiograph

__all__ = ["Verdict", "check_all", "format_verdicts"]


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a file, or the sentence that says why it could not be opened."""

    path: Path
    quality: Quality | None
    error: str | None

    @property
    def accepted(self) -> bool:
        """Whether it may be read."""
        return self.quality is not None and self.quality.accepted

    def to_dict(self) -> dict[str, Any]:
        """Plain values, the same keys for every file."""
        keys = ("reason", "advice", "corrections", "turned_degrees", "tilt_degrees", "hand_probability")
        nothing = dict.fromkeys(keys)
        found = self.quality.to_dict() if self.quality else {"accepted": False, **nothing}
        return {"file": str(self.path), **found, "error": self.error}


def check_all(files: Sequence[Path], progress: Callable[[int, int], None] = lambda done, total: None) -> list[Verdict]:
    """A verdict per file, in order."""
    gate, verdicts = Gate(), []
    for number, path in enumerate(files, start=1):
        try:
            verdicts.append(Verdict(path, gate.examine(read_radiograph(path)).quality, None))
        except CarpalError as error:
            verdicts.append(Verdict(path, None, " ".join(str(error).split())))
        progress(number, len(files))
    return verdicts


def format_verdicts(verdicts: Sequence[Verdict], how: Literal["text", "json", "csv"]) -> str:
    """The verdicts as text for people, a JSON list, or CSV."""
    if how == "json":
        return json.dumps([verdict.to_dict() for verdict in verdicts], indent=1)
    if how == "text":
        return "\n".join(_as_line(verdict) for verdict in verdicts)
    text = io.StringIO()
    rows = [verdict.to_dict() for verdict in verdicts]
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows({k: " ".join(v) if isinstance(v, list) else v for k, v in row.items()} for row in rows)
    return text.getvalue().rstrip("\n")


def _as_line(verdict: Verdict) -> str:
    if verdict.quality is None:
        return f"{shown(verdict.path)}: NOT OPENED: {verdict.error}"
    refusal = verdict.quality.refusal
    found = f"REFUSED ({refusal.reason}): {refusal.advice}" if refusal else "accepted"
    return "; ".join([f"{shown(verdict.path)}: {found}", *verdict.quality.sentences()])
