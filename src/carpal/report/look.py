"""In which language and on which paper a report is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from carpal.errors import InvalidArgument
from carpal.report.texts import ENGLISH, Texts

__all__ = ["PAPERS", "Look", "Paper"]

Paper = Literal["a4", "letter"]
PAPERS: tuple[Paper, ...] = get_args(Paper)


@dataclass(frozen=True)
class Look:
    """How a page is to be written; other systems' formats know neither. Raises InvalidArgument."""

    language: str = ENGLISH
    paper: Paper = "a4"

    def __post_init__(self) -> None:
        Texts(self.language)
        if self.paper not in PAPERS:
            raise InvalidArgument(f"{self.paper!r} is no paper of the reports: {', '.join(PAPERS)}")
