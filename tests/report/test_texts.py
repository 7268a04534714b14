"""One table of texts: complete in every language, another language is another column."""

from __future__ import annotations

import ast
import csv
import re
from importlib import resources
from pathlib import Path

import pytest

import carpal
from carpal.dicom.findings import DISCLAIMER
from carpal.errors import InvalidArgument
from carpal.growth import REFERENCES, BoneAge, Child, PastReading, assess
from carpal.quality import _REFUSALS, Quality
from carpal.report import texts as module
from carpal.report.texts import Texts, languages

ROWS = list(csv.DictReader((resources.files("carpal.report") / "texts.csv").read_text(encoding="utf-8").splitlines()))
SOURCE = Path(carpal.__file__).parent


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["key"])
def test_every_key_has_every_language_with_the_same_values(row: dict[str, str]) -> None:
    assert set(row) == {"key", *languages()}
    assert all(row[language].strip() for language in languages())
    names = {language: set(re.findall(r"\{(\w+)\}", row[language])) for language in languages()}
    assert len({frozenset(found) for found in names.values()}) == 1


def test_no_key_is_there_twice() -> None:
    keys = [row["key"] for row in ROWS]
    assert len(set(keys)) == len(keys)


def said_by_the_code() -> tuple[set[str], tuple[str, ...]]:
    """The keys that ``say`` is called with, and the beginnings of those put together on the spot."""
    keys: set[str] = set()
    families: set[str] = {"note.", "word."}
    for path in (SOURCE / "report").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                keys.add(node.value)
            elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                families.add(str(node.values[0].value))
    return keys, tuple(family for family in families if family.endswith("."))


def test_no_text_is_left_over() -> None:
    keys, families = said_by_the_code()
    assert [row["key"] for row in ROWS if row["key"] not in keys and not row["key"].startswith(families)] == []


def test_a_key_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        Texts("en").say("no such key")


def test_another_language_is_another_column(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {row["key"]: {"en": row["en"], "de": row["de"], "xx": row["en"].upper()} for row in ROWS}
    monkeypatch.setattr(module, "_table", lambda room: table)
    assert languages() == ("en", "de", "xx")
    assert Texts("xx").say("sex.F") == "GIRL"
    assert Texts("xx").sentence("the child's age is not known").text == "THE CHILD'S AGE IS NOT KNOWN"


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="en, de"):
        Texts("fr")


@pytest.mark.parametrize(
    ("language", "expected"),
    [("en", ("1,234.5", "−0.30", "+2", "9 y 4 mo")), ("de", ("1,5", "−0,30", "+2", "9 J. 4 Mon."))],
)
def test_numbers_are_written_as_the_language_does(language: str, expected: tuple[str, ...]) -> None:
    texts = Texts(language)
    assert texts.number(-0.3, 2, signed=True) == expected[1]
    assert texts.number(2, signed=True) == expected[2]
    assert texts.age(112.2).replace("\u00a0", " ") == expected[3]
    assert texts.number(1234.5, 1) == ("1234.5" if language == "en" else "1234,5")


@pytest.mark.parametrize(("share", "said"), [(0.0, "< 1 %"), (0.004, "< 1 %"), (0.5, "50 %"), (0.997, "> 99 %")])
def test_a_probability_is_never_said_to_be_none_or_all(share: float, said: str) -> None:
    assert Texts("de").percent(share) == said


def test_values_inside_a_sentence_are_translated_too() -> None:
    german = Texts("de")
    begins = german.sentence("the table for retarded boys begins at a bone age of 6 y 0 mo").text
    assert (
        begins.replace("\u00a0", " ")
        == "die Tabelle für retardierte Jungen beginnt bei einem Skelettalter von 6 J. 0 Mon."
    )
    assert german.sentence("bone age and age are 61.5 months apart: check that age, sex and units are right").text == (
        "Skelettalter und chronologisches Alter liegen 61,5 Monate auseinander: Alter, Geschlecht und Einheiten prüfen"
    )
    forced = german.sentence(f"the quality gate refuses it and it was read all the same: {_REFUSALS['no hand']}").text
    assert forced.endswith("es zeigt keine Hand; das Röntgenbild der linken Hand wählen")


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("by its neighbours very likely +0.014)", "nach den Nachbarn sehr wahrscheinlich +0,014)"),
        ("by its neighbours likely -0.095)", "nach den Nachbarn wahrscheinlich -0,095)"),
        ("by its neighbours 64.136)", "nach den Nachbarn 64,136)"),
    ],
)
def test_what_is_likely_in_place_of_a_misprint_is_not_left_in_english(english: str, german: str) -> None:
    note = next(said for said in sentences_of_growth() if english in said)
    assert german in Texts("de").sentence(note).text


@pytest.mark.parametrize(("who", "wer"), [("header", "der DICOM-Kopf"), ("caller", "der Anwender")])
def test_who_says_another_sex_says_it_in_the_singular(who: str, wer: str) -> None:
    said = Texts("de").sentence(f"read as F, although the {who} says M").text
    assert said == f"ausgewertet als Mädchen, obwohl {wer} Junge angibt"


def test_a_sentence_that_the_table_does_not_hold_stays_english_and_says_so() -> None:
    said = Texts("de").sentence("the moon is full")
    assert (said.text, said.language) == ("the moon is full", "en")
    assert Texts("de").sentence("the child's age is not known").language == "de"


def sentences_of_growth() -> set[str]:
    """All that growth says of many children."""
    said: set[str] = {reference.limits for reference in REFERENCES.values()}
    for sex in ("F", "M"):
        for age in (None, 1, 4, 14, 60, 95, 110, 134, 135, 164, 165, 191, 192, 200, 216, 239):
            for bone_age in (3.0, 30.0, 72.0, 118.0, 150.0, 185.0, 215.0, 235.0):
                for known in (True, False):
                    said |= _said(sex, age, bone_age, known)
    past = [PastReading(100.0, BoneAge(190.0)), PastReading(103.0, BoneAge(195.0))]
    said |= set(assess(Child("F", 110.0), BoneAge(200.0), past).notes)
    return said


def _said(sex: str, age: float | None, months: float, known: bool) -> set[str]:
    height = None if age is None or not known else 50 + 0.62 * age if age < 180 else 165.0
    more = (height, 0.00165 * height**2, 165.0, 180.0) if height else (None,) * 4
    interval = (max(0.0, months - 14), min(240.0, months + 14)) if known else None
    found = assess(Child(sex, age, *more), BoneAge(months, interval))  # type: ignore[arg-type]
    said = set(found.notes)
    for part in (*found.sds, *found.adult_heights, found.target_height):
        said |= {part.reason} if part.reason else set()
        said |= set(getattr(part, "notes", ()))
    return said


@pytest.mark.parametrize("language", [language for language in languages() if language != "en"])
def test_all_that_growth_says_is_in_the_table(language: str) -> None:
    said = sentences_of_growth()
    assert len(said) > 60
    assert [s for s in said if Texts(language).sentence(s).language != language] == []


@pytest.mark.parametrize("language", [language for language in languages() if language != "en"])
def test_all_that_the_gate_says_is_in_the_table(language: str) -> None:
    corrections = ("straightened", "inverted", "turned", "mirrored", "smoothed")
    either = [Quality(None, corrections, 90, 1.0, (), tilt) for tilt in (8.0, -8.0)]
    said = [sentence for quality in either for sentence in quality.sentences()] + [*_REFUSALS.values()]
    assert [s for s in said if Texts(language).sentence(s).language != language] == []


@pytest.mark.parametrize("language", [language for language in languages() if language != "en"])
def test_all_that_the_reader_says_is_in_the_table(language: str) -> None:
    found = re.findall(r'f?"([a-z][^"]{25,})"', (SOURCE / "reader.py").read_text(encoding="utf-8"))
    notes = [
        s for s in found if s.startswith(("the quality gate", "the skeleton", "no hand", "read as", "the interval"))
    ]
    assert len(notes) == 5
    for note in notes:
        plain = re.sub(
            r"\{.*?\}+", "16", note.replace("{quality.refusal.advice}", "it shows two hands; cut out the left one")
        )
        assert Texts(language).sentence(plain).language == language, plain


def test_the_disclaimer_is_that_of_the_dicom_objects() -> None:
    assert Texts("en").say("disclaimer") == DISCLAIMER
