"""All that a report says, in every language, from one table: ``texts.csv``, one row a text, one column a language.

Another language is another column. Another room of carpal that speaks to people has a table of its own beside its code,
which adds to this one. Rows whose key begins with ``note.`` are the sentences that other parts of carpal
say: their English column is the sentence as it is said, with its numbers as ``{names}``. A sentence that the table does
not hold stays English, and is marked as English where the page can say so.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from carpal.errors import InvalidArgument
from carpal.plain import years_and_months

__all__ = ["ENGLISH", "Sentence", "Texts", "languages"]

ENGLISH = "en"
_REPORT = "carpal.report"
_NOTE, _WORD = "note.", "word."
_COMMA_LANGUAGES = {"de"}  # those that write 1,5 for 1.5
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_AGE = re.compile(r"(\d+) y (\d+) mo")


@dataclass(frozen=True)
class Sentence:
    """What is said, and the code of the language that it is said in."""

    text: str
    language: str


@cache
def _table(room: str) -> dict[str, dict[str, str]]:
    text = (resources.files(room) / "texts.csv").read_text(encoding="utf-8")
    own = {row.pop("key"): row for row in csv.DictReader(text.splitlines())}
    return own if room == _REPORT else _table(_REPORT) | own


def languages() -> tuple[str, ...]:
    """The codes of the languages that the table has."""
    return tuple(next(iter(_table(_REPORT).values())))


@cache
def _patterns(room: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """The English of each sentence as a pattern, and its key; the order of the table decides."""
    found = []
    for key, row in _table(room).items():
        if key.startswith(_NOTE):
            parts = re.split(r"\{(\w+)\}", row[ENGLISH])
            pattern = "".join(f"(?P<{part}>.+?)" if k % 2 else re.escape(part) for k, part in enumerate(parts))
            found.append((re.compile(pattern), key))
    return tuple(found)


@dataclass(frozen=True)
class Texts:
    """The texts of one language, those of ``room`` among them. Raises InvalidArgument for a language that the table
    does not have."""

    language: str = ENGLISH
    room: str = _REPORT

    def __post_init__(self) -> None:
        if self.language not in languages():
            raise InvalidArgument(f"{self.language!r} is no language of the reports: {', '.join(languages())}")

    def say(self, key: str, **values: str) -> str:
        """The text of that key with its ``{names}`` filled in. Raises KeyError."""
        return _table(self.room)[key][self.language].format(**values)

    def family(self, beginning: str) -> dict[str, str]:
        """The texts of all keys that begin so, their ``{names}`` still in them."""
        return {key: row[self.language] for key, row in _table(self.room).items() if key.startswith(beginning)}

    def number(self, value: float, digits: int = 0, *, signed: bool = False) -> str:
        """A number as this language writes it, with a real minus sign."""
        text = f"{value:{'+' if signed else ''}.{digits}f}".replace("-", "−")
        return text.replace(".", ",") if self.language in _COMMA_LANGUAGES else text

    def age(self, months: float) -> str:
        """``9 y 4 mo`` for 112.3."""
        return self._age(years_and_months(months))

    def percent(self, share: float) -> str:
        """A probability in whole per cent; what rounds to 0 or 100 says so."""
        if 0.005 <= share <= 0.995:
            return f"{100 * share:.0f} %"
        return "< 1 %" if share < 0.5 else "> 99 %"

    def range(self, low: str, high: str) -> str:
        """``low to high``."""
        return self.say("range", low=low, high=high)

    def sentence(self, english: str) -> Sentence:
        """What another part of carpal said in English, said in this language as far as the table holds it."""
        if self.language == ENGLISH:
            return Sentence(english, ENGLISH)
        for pattern, key in _patterns(self.room):
            if found := pattern.fullmatch(english):
                values = {name: self._value(value) for name, value in found.groupdict().items()}
                return Sentence(self.say(key, **values), self.language)
        return Sentence(english, ENGLISH)

    def word(self, english: str) -> str:
        """A word or a phrase of the table, else itself."""
        row = _table(self.room).get(_WORD + english)
        return english if row is None else row[self.language]

    def _value(self, text: str) -> str:
        if _NUMBER.fullmatch(text):
            return text.replace(".", ",") if self.language in _COMMA_LANGUAGES else text
        if _AGE.fullmatch(text):
            return self._age(text)
        word = self.word(text)
        return word if word != text else self.sentence(text).text

    def _age(self, text: str) -> str:
        years, months = _AGE.fullmatch(text).groups()  # type: ignore[union-attr]  # years_and_months wrote it
        return self.say("years_and_months", y=years, m=months)
