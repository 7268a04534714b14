"""An error as a web client sees it: RFC 9457 problem details, whose status the error itself names (carpal.errors)."""

from __future__ import annotations

import re
from typing import Any

from carpal.errors import CarpalError, RefusedRadiograph

__all__ = ["problem_of", "retry_after_s"]


def problem_of(error: CarpalError) -> dict[str, Any]:
    """``type``, ``title``, ``status`` and ``detail``; for a refused radiograph also the gate's ``reason``."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
    problem: dict[str, Any] = {
        "type": f"urn:carpal:{words.replace(' ', '-')}",
        "title": words,
        "status": error.http_status,
        "detail": " ".join(str(error).split()),
    }
    if isinstance(error, RefusedRadiograph):
        problem["reason"] = error.reason
    return problem


def retry_after_s(error: CarpalError) -> int | None:
    """When to come back, for the errors that say it."""
    return getattr(error, "retry_after_s", None)
