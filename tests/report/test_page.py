"""The words of a page: complete, of one language, the same numbers as the report's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from carpal.growth import BoneAge, PastReading, assess
from carpal.quality import Refusal
from carpal.report import Report
from carpal.report.page import Page, Section, page_of
from carpal.report.texts import Texts, languages


def sections(page: Page) -> Iterator[Section]:
    for part in (page.refusal, page.sds, page.heights, page.history, page.remarks, page.references, page.made):
        if part is not None:
            yield part


def words(page: Page) -> str:
    """All that is to be read on the page, plain spaces between."""
    said = [page.title, page.disclaimer, page.bone_age, page.evidence_told, *page.result]
    said += [text for fact in page.child for text in fact]
    for section in sections(page):
        said += [section.heading, *(sentence.text for sentence in section.sentences)]
        if section.table is not None:
            said += [*section.table.heads, *(cell for row in section.table.rows for cell in row)]
    return "\n".join(said).replace("\u00a0", " ")


@pytest.mark.parametrize(("language", "claim"), [("en", "unusual"), ("de", "auffällig")])
def test_without_remarks_nothing_is_said_of_the_child(language: str, claim: str) -> None:
    assert claim not in Texts(language).say("remarks.none")  # the bone age above may be far ahead of the age


@pytest.mark.parametrize("language", languages())
def test_every_table_is_even_and_no_sentence_is_in_another_language(language: str, any_report: Report) -> None:
    page = page_of(any_report, Texts(language))
    for section in sections(page):
        assert section.heading
        assert all(sentence.language == language for sentence in section.sentences)
        if section.table is not None:
            assert {len(row) for row in section.table.rows} == {len(section.table.heads)}


def test_the_page_says_the_numbers_of_the_report(full: Report) -> None:
    said = words(page_of(full, Texts("en")))
    assert full.reading is not None
    low, high = full.reading.interval_90_months
    assert f"{full.reading.bone_age_months:.1f} months" in said
    assert f"90 % interval {low:.0f} to {high:.0f} months" in said
    for score in full.assessment.sds:
        assert score.sds is not None and f"{score.sds:+.2f}".replace("-", "−") in said
    for height in full.assessment.adult_heights[:2]:
        assert f"{height.height_cm:.1f} cm" in said
    for piece in (full.model_digest, full.radiograph.digest, full.carpal_version, "as given", "9 y 4 mo", "131.0 cm"):
        assert piece in said
    for reference in full.assessment.references:
        assert reference.citation in said


def test_german_numbers_have_a_comma(full: Report) -> None:
    said = words(page_of(full, Texts("de")))
    assert full.reading is not None
    assert f"{full.reading.bone_age_months:.1f} Monate".replace(".", ",") in said
    assert "Mädchen (laut Angabe)" in said and "Endgrößenprognose" in said and "90-%-Intervall" in said


def test_the_verdict_stands_beside_the_age_with_its_probability(full: Report, bare: Report) -> None:
    score = full.assessment.sds[0]
    assert score.verdict is not None and score.probabilities is not None
    (line,) = page_of(full, Texts("en")).result[4:]
    assert line.lower().startswith(score.verdict) and line.endswith("by Brush Foundation")
    assert Texts("en").percent(getattr(score.probabilities, score.verdict)) in line
    assert page_of(bare, Texts("en")).result[4:] == ()


def test_a_refused_radiograph_says_why_and_what_to_do_and_shows_no_age(refused: Report) -> None:
    page = page_of(refused, Texts("en"))
    assert page.result == ("No bone age: the radiograph was refused",)
    assert page.refusal is not None and page.refusal.sentences[0].text.startswith("Nothing can be seen on it")
    assert "export the radiograph again" in page.refusal.sentences[0].text
    assert (page.evidence, page.distribution, page.chart, page.sds, page.heights) == (None,) * 5
    assert page.radiograph.data


def test_without_an_age_there_is_no_chart_and_a_reason_for_every_number(bare: Report) -> None:
    page = page_of(bare, Texts("en"))
    assert page.chart is None
    assert page.sds is not None and page.sds.table is None
    assert [s.text for s in page.sds.sentences] == [
        "Brush Foundation: The child's age is not known",
        "Stanford: The child's age is not known",
    ]
    assert page.heights is not None and page.heights.table is not None
    assert all(row[1] == "none" and row[4] for row in page.heights.table.rows)


@pytest.mark.parametrize(
    ("language", "head", "range_told"),
    [
        ("en", "90 % interval by the paper's errors", "Range as in the paper: 157.5 to 174.5 cm"),
        ("de", "90-%-Intervall nach den Fehlern der Publikation", "Bereich nach der Publikation: 157,5 bis 174,5 cm"),
    ],
)
def test_no_range_of_the_parents_stands_under_a_90_percent_interval(
    language: str, head: str, range_told: str, full: Report
) -> None:
    read_at_nine = assess(full.assessment.child, BoneAge(108.0, (90.0, 126.0)), [])
    page = page_of(replace(full, assessment=read_at_nine), Texts(language))
    assert page.heights is not None and page.heights.table is not None
    rows = {row[0]: tuple(cell.replace("\u00a0", " ") for cell in row) for row in page.heights.table.rows}
    assert page.heights.table.heads[2] == head
    assert rows[Texts(language).say("target")][2:] == ("–", "–", range_told)
    assert rows["Bayley-Pinneau"][2] != "–"


def test_corrections_and_foreign_notes_are_told(full: Report) -> None:
    assert full.reading is not None
    odd = replace(full.reading, notes=("its grey values were inverted (bones are bright now)", "something new"))
    page = page_of(replace(full, reading=odd), Texts("de"))
    assert page.remarks is not None
    assert [(s.text[:16], s.language) for s in page.remarks.sentences[:2]] == [
        ("Die Grauwerte wa", "de"),
        ("Something new", "en"),
    ]


def test_the_pictures_say_in_words_what_they_show(full: Report) -> None:
    page = page_of(full, Texts("en"))
    for picture in (page.radiograph, page.evidence, page.distribution, page.chart):
        assert picture is not None and picture.alt and picture.caption and min(picture.width, picture.height) > 100
    assert page.chart is not None and "9\u00a0y\u00a04\u00a0mo" in page.chart.alt


def test_a_history_is_a_table_with_todays_reading_last(full: Report, make: Callable[..., Report]) -> None:
    page = page_of(full, Texts("en"))
    assert page.history is not None and page.history.table is not None
    assert [row[0].replace("\u00a0", " ") for row in page.history.table.rows] == ["7 y 0 mo", "8 y 2 mo", "9 y 4 mo"]
    assert page.history.sentences[0].text.startswith("From first to last")
    assert page_of(make(age_months=112.0), Texts("en")).history is None


@pytest.mark.parametrize(
    ("language", "heading"),
    [("en", "Earlier readings, without this radiograph"), ("de", "Frühere Befunde, ohne dieses Röntgenbild")],
)
def test_the_history_of_a_refused_radiograph_does_not_end_with_it(
    language: str, heading: str, full: Report, refused: Report
) -> None:
    past = [PastReading(40.0, BoneAge(41.0)), PastReading(50.0, BoneAge(52.0))]
    told = assess(refused.assessment.child, None, past, refused_because="it is blank")
    page = page_of(replace(refused, assessment=told), Texts(language))
    assert page.history is not None and page.history.table is not None
    assert page.history.heading == heading and len(page.history.table.rows) == 2
    read = page_of(full, Texts(language)).history
    assert read is not None and read.heading != heading


def test_a_refusal_that_nobody_knows_stays_english(refused: Report) -> None:
    page = page_of(replace(refused, refusal=Refusal("new", "it is upside down; turn it")), Texts("de"))
    assert page.refusal is not None
    assert [s.language for s in page.refusal.sentences] == ["en", "de"]
