from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpal.errors import InvalidArgument
from carpal.growth import BoneAge, Child, PastReading, read_history
from carpal.growth.history import parse_date, trace, velocities

NOW = BoneAge(112, (101, 124))


def table(folder: Path, text: str) -> Path:
    path = folder / "history.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_readings_by_age_or_by_date(tmp_path: Path) -> None:
    by_age = table(
        tmp_path,
        "age,bone_age_months,interval_90_low_months,interval_90_high_months,height_cm\n7y6m,95,85,104,120\n8y4m,104,,,\n",
    )
    first, second = read_history(by_age)
    assert first == PastReading(90, BoneAge(95, (85, 104)), 120)
    assert second == PastReading(100, BoneAge(104), None)
    by_date = table(tmp_path, "\ufeffdate, bone_age_months\n2022-07-31,95\n")
    assert read_history(by_date, date(2015, 1, 31)) == [PastReading(90, BoneAge(95), None)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no readings; columns: date or age"),
        ("age,bone_age_months\n", "no readings"),
        ("age,bone_age_months\n8,90\n", "line 2: age '8': say the unit"),
        ("age,bone_age_months\n7y,90\n8y,\n", "line 3: no bone_age_months"),
        ("age,bone_age_months\n\n7y,90\n\n8y,eight\n", "line 5: bone_age_months: 'eight'"),
        ("age,bone_age_months\n8y,eight\n", "line 2: bone_age_months: 'eight' is no number"),
        ("age,bone_age_months\n8y,1_12\n", "line 2: bone_age_months: '1_12' is no number"),
        ("age,bone_age_months\n8y,nan\n", "line 2: bone age: nan is no number"),
        ("years,bone_age_months\n8y,90\n", "line 1: there is no column 'years'"),
        ("age,bone_age_months,heightcm\n8y,90,125\n", "line 1: there is no column 'heightcm'"),
        ("age;bone_age_months\n8y;90\n", "line 1: there is no column 'age;bone_age_months'"),
        ("age,bone_age_months,bone_age_months\n8y,90,120\n", "line 1: a column stands there twice"),
        ("age,bone_age_months\n8y,90,5\n", "line 2: more fields than columns"),
        ("age,bone_age_months\n" + "8y,90\n" * 201, "more than 200 readings"),
        ("age,date,bone_age_months\n8y,2024-01-01,90\n", "line 2: give a date or an age, and one of them"),
        ("date,bone_age_months\n2024-01-01,90\n", "line 2: a date needs the date of birth"),
        ("age,bone_age_months,height_cm\n8y,90,50.2\n", "line 2: a height of 50.2 cm .* inches"),
        ("age,bone_age_months,interval_90_low_months\n8y,90,80\n", "line 2: an interval has two ends"),
    ],
)
def test_a_table_that_cannot_be_meant_gets_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message) as refused:
        read_history(table(tmp_path, text))
    assert "history.csv" in str(refused.value)


def test_dates_are_checked_too(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"line 2: '31\.5\.2024' is no date"):
        read_history(table(tmp_path, "date,bone_age_months\n31.5.2024,90\n"), date(2015, 1, 31))
    with pytest.raises(InvalidArgument, match="line 2: the date of birth 2015-01-31 lies after"):
        read_history(table(tmp_path, "date,bone_age_months\n2014-05-31,90\n"), date(2015, 1, 31))


@pytest.mark.parametrize("text", ["20150101", "2024-W01-1", "2024-1-1", "2024-02-30"])
def test_a_date_has_one_form_on_every_python(text: str) -> None:
    with pytest.raises(InvalidArgument, match="is no date"):
        parse_date(text)
    assert parse_date(" 2024-02-29 ") == date(2024, 2, 29)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="no such file"):
        read_history(tmp_path / "nowhere.csv")
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff")
    with pytest.raises(InvalidArgument, match="not a CSV table"):
        read_history(tmp_path / "picture.csv")


def test_velocity_is_bone_age_gained_per_year() -> None:
    child = Child("F", 112, 131)
    past = [PastReading(100, BoneAge(106, (96, 115)), 125), PastReading(88, BoneAge(85), 119)]
    entries = trace(child, past, NOW)
    assert [entry.age_months for entry in entries] == [88, 100, 112]
    first, second = velocities(entries)
    assert first.bone_age_months_per_year == pytest.approx(21)
    assert first.interval_90_months_per_year is None
    assert second.bone_age_months_per_year == pytest.approx(6)
    down, up = (9**2 + 11**2) ** 0.5, (10**2 + 12**2) ** 0.5
    assert second.interval_90_months_per_year == pytest.approx((6 - down, 6 + up))


def test_each_reading_is_seen_by_the_references_at_its_own_age_and_height() -> None:
    entries = trace(Child("F", 112, 131), [PastReading(100, BoneAge(104), 125)], NOW)
    assert entries[0].sds[1].sds == pytest.approx(4 / (8.8 + (9.3 - 8.8) * 4 / 12))
    assert entries[0].adult_height.height_cm == pytest.approx(125 / (0.81 + 0.011 * 2 / 4))
    assert entries[-1].bone_age is NOW
    assert entries[-1].height_cm == 131


@pytest.mark.parametrize(
    ("age", "past", "message"),
    [
        (None, [PastReading(90, BoneAge(95))], "needs the child's age"),
        (112, [PastReading(120, BoneAge(95))], "later than today's 112"),
        (112, [PastReading(90, BoneAge(95)), PastReading(90, BoneAge(96))], "two readings at an age of 90"),
        (112, [PastReading(112, BoneAge(95))], "two readings at an age of 112"),
        (112, [PastReading(90, BoneAge(95, method="TW2 RUS"))], "by Greulich-Pyle and TW2 RUS: a history is of one"),
    ],
)
def test_a_past_that_cannot_be_is_refused(age: float | None, past: list[PastReading], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        trace(Child("F", age), past, NOW)


def test_no_past_is_no_history() -> None:
    assert trace(Child("F"), [], NOW) == ()


@given(st.floats(24, 100), st.floats(1, 60), st.floats(5, 100), st.floats(0, 60), st.floats(0, 5))
def test_velocity_lies_in_its_interval(age: float, span: float, months: float, gain: float, reach: float) -> None:
    first = PastReading(age, BoneAge(months, (months - reach, months + reach)))
    now = BoneAge(months + gain, (months + gain - reach, months + gain + reach))
    (velocity,) = velocities(trace(Child("M", age + span), [first], now))
    low, high = velocity.interval_90_months_per_year
    assert low <= velocity.bone_age_months_per_year <= high
    assert velocity.bone_age_months_per_year == pytest.approx(12 * gain / span, abs=1e-6)
