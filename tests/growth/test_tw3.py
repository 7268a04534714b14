from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpal.errors import InvalidArgument
from carpal.growth import parse_stages, tw3_bone_age
from carpal.growth.lookup import column, rows_of
from carpal.growth.tw3 import BONES, rus_score
from carpal.plain import SEXES, Sex

TOP = {bone: "H" if bone == "ulna" else "I" for bone in BONES}


@pytest.mark.parametrize(("sex", "years"), [("F", 15.0), ("M", 16.5)])
def test_the_last_stages_sum_to_a_thousand(sex: Sex, years: float) -> None:
    found = tw3_bone_age(sex, TOP)
    assert (found.rus_score, found.mature) == (1000, True)
    assert found.bone_age_months == pytest.approx(12 * years)


def test_nothing_seen_yet_counts_nothing() -> None:
    found = tw3_bone_age("M", dict.fromkeys(BONES, "A"))
    assert (found.rus_score, found.bone_age_months) == (0, None)
    assert "begins at 42" in str(found.reason)


def test_a_score_is_the_sum_of_its_bones() -> None:
    all_g = {bone: "G" for bone in BONES}
    assert rus_score("F", all_g) == 114 + 118 + 43 + 37 + 35 + 44 + 37 + 35 + 36 + 35 + 48 + 33 + 32
    assert rus_score("F", all_g | {"radius": "H"}) == rus_score("F", all_g) + 160 - 114


@pytest.mark.parametrize("sex", SEXES)
def test_scores_and_ages_rise_together(sex: Sex) -> None:
    rows = rows_of("tw3_rus_score_to_bone_age", sex=sex)
    scores, years = column(rows, "rus_score"), column(rows, "bone_age_years")
    assert all(a < b for a, b in pairwise(scores))
    assert [round(10 * year) for year in years] == list(range(20, 20 + len(years)))


@pytest.mark.parametrize("sex", SEXES)
def test_no_stage_counts_less_than_the_one_before(sex: Sex) -> None:
    for row in rows_of("tw3_rus_stage_scores", sex=sex):
        scores = [int(row[stage]) for stage in "BCDEFGHI" if row[stage]]
        assert scores == sorted(scores), row["bone"]
        assert len(scores) == (7 if row["bone"] == "ulna" else 8)


def test_an_age_on_a_row_and_between_rows() -> None:
    # girls: 331 is 7.0 years, 335 is 7.1
    stages = parse_stages("E" * 13)
    base = rus_score("F", stages)
    assert base == 56 + 45 + 24 + 16 + 17 + 20 + 19 + 18 + 18 + 18 + 22 + 15 + 15
    found = tw3_bone_age("F", stages)
    assert (found.rus_score, found.bone_age_months) == (303, pytest.approx(12 * 6.35))  # 301: 6.3, 305: 6.4


def test_stages_by_name_and_in_order_are_the_same() -> None:
    named = ",".join(f"{bone.lower()}={stage}" for bone, stage in TOP.items())
    assert parse_stages(named) == parse_stages("IHIII IIIII III") == parse_stages("ihiiiiiiiiiii") == TOP


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("GGG", "3 stages: thirteen are needed"),
        ("ß" * 13, "26 stages: thirteen are needed"),
        ("radius=G", "no stage for ulna, MC1"),
        ("radius=G,radius=F", "twice a bone"),
        ("hamate=G", "no bone of radius"),
        ("I" * 13, "ulna: 'I' is no stage, A to H"),
        ("ZHIIIIIIIIIII", "radius: 'Z' is no stage, A to I"),
        ("=" + "G" * 13, "no bone"),
    ],
)
def test_what_are_no_stages_gets_one_sentence(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        tw3_bone_age("M", parse_stages(text))


def test_a_carpal_is_no_bone_of_rus() -> None:
    with pytest.raises(InvalidArgument, match="capitate"):
        rus_score("F", TOP | {"capitate": "D"})
    with pytest.raises(InvalidArgument, match="radius: 'sex' is no stage"):
        rus_score("F", TOP | {"radius": "sex"})


@given(st.lists(st.sampled_from("ABCDEFGH"), min_size=13, max_size=13), st.integers(0, 12), st.sampled_from(SEXES))
def test_a_further_stage_is_never_a_younger_hand(stages: list[str], which: int, sex: Sex) -> None:
    before = dict(zip(BONES, stages, strict=True))
    if before[BONES[which]] == "H":
        return
    after = before | {BONES[which]: chr(ord(before[BONES[which]]) + 1)}
    first, second = tw3_bone_age(sex, before), tw3_bone_age(sex, after)
    assert first.rus_score <= second.rus_score
    assert (first.bone_age_months or 0) <= (second.bone_age_months or 0)
