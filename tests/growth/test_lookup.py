"""The tables equal the printed facts, above all where public copies of them are wrong."""

from __future__ import annotations

from importlib import resources

import pytest

from carpal.growth.lookup import column, interpolate, read_table, rows_of

PERCENT, RWT, TANNER = "bayley_pinneau_percent", "rwt_1975_coefficients", "tanner_1975_adult_height"


@pytest.mark.parametrize(
    ("table", "where", "name", "value"),
    [
        # wrong in public copies of Bayley & Pinneau: 77.8, 89.7, 96.8, 99.9
        (PERCENT, {"sex": "M", "group": "accelerated", "skeletal_age_label": "11-6"}, "percent_of_adult_height", 78.6),
        (PERCENT, {"sex": "F", "group": "accelerated", "skeletal_age_label": "11-3"}, "percent_of_adult_height", 88.7),
        (PERCENT, {"sex": "F", "group": "accelerated", "skeletal_age_label": "13-6"}, "percent_of_adult_height", 96.3),
        (PERCENT, {"sex": "F", "group": "accelerated", "skeletal_age_label": "17-6"}, "percent_of_adult_height", 99.95),
        (PERCENT, {"sex": "F", "group": "average", "skeletal_age_label": "17-6"}, "percent_of_adult_height", 99.95),
        (PERCENT, {"sex": "F", "group": "average", "skeletal_age_label": "6-10"}, "skeletal_age_months", 82),
        (PERCENT, {"sex": "F", "group": "retarded", "skeletal_age_label": "8-10"}, "skeletal_age_months", 106),
        # wrong in public copies of Roche, Wainer & Thissen: -.623, 18.908, 1.192, -.690, 23.017; misprinted: 84.136
        (RWT, {"sex": "F", "age_label": "2-3"}, "beta_skeletal_age_y", -0.625),
        (RWT, {"sex": "F", "age_label": "2-3"}, "beta0", 18.905),
        (RWT, {"sex": "F", "age_label": "2-6"}, "beta_recumbent_length_cm", 1.195),
        (RWT, {"sex": "F", "age_label": "2-6"}, "beta_weight_kg", -0.693),
        (RWT, {"sex": "F", "age_label": "7-3"}, "beta0", 23.011),
        (RWT, {"sex": "F", "age_label": "11-3"}, "beta0", 64.136),
        (RWT, {"sex": "M", "age_label": "16-0"}, "beta_weight_kg", -0.014),
        (RWT, {"sex": "F", "age_label": "13-9"}, "beta_weight_kg", -0.085),
        # wrong in public copies of Tanner 1975: 1.29; 3.1; 2.5
        (TANNER, {"sex": "M", "age_min_y": "4.0"}, "height_coef", 1.2),
        (TANNER, {"sex": "M", "age_min_y": "14.0"}, "residual_sd_cm", 2.9),
        (TANNER, {"sex": "M", "age_min_y": "16.0"}, "residual_sd_cm", 2.0),
        (TANNER, {"chart": "postmenarche", "age_min_y": "11.0"}, "residual_sd_cm", 2.6),
        # where the two references of bone age differ most
        ("brush_foundation", {"sex": "F", "chronological_age_months": "144"}, "skeletal_age_sd_months", 10.24),
        ("stanford_sd", {"sex": "F", "chronological_age_months": "144"}, "skeletal_age_sd_months", 14.0),
    ],
)
def test_a_cell_is_as_printed(table: str, where: dict[str, str], name: str, value: float) -> None:
    (row,) = rows_of(table, **where)
    assert float(row[name]) == value


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("brush_foundation", 47),
        ("stanford_sd", 42),
        (PERCENT, 251),
        (RWT, 61 + 53),
        (TANNER, 50),
        ("tw3_rus_stage_scores", 26),
        ("tw3_rus_score_to_bone_age", 146 + 131),
    ],
)
def test_no_row_is_lost(table: str, rows: int) -> None:
    assert len(read_table(table)) == rows


def test_every_table_says_where_it_comes_from() -> None:
    tables = [entry for entry in (resources.files("carpal.growth") / "tables").iterdir() if entry.name.endswith(".csv")]
    assert len(tables) == 9
    for table in tables:
        first = table.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("# ") and any(word in first for word in ("SINGLE", "MULTI", "ORIGINAL", "in print"))


def test_percentages_never_fall_as_the_bones_grow_older() -> None:
    for sex in "FM":
        for group in ("average", "accelerated", "retarded"):
            rows = rows_of(PERCENT, sex=sex, group=group)
            for name in ("skeletal_age_months", "percent_of_adult_height"):
                values = column(rows, name)
                assert list(values) == sorted(values), (sex, group)


def test_between_rows_there_is_a_straight_line_and_outside_nothing() -> None:
    assert interpolate((0, 10, 20), (0, 100, 300), 15) == 200
    assert interpolate((0, 10, 20), (0, 100, 300), 20) == 300
    assert interpolate((0, 10, 20), (0, 100, 300), 0) == 0
    assert interpolate((0, 10, 20), (0, 100, 300), 20.01) is None
    assert interpolate((0, 10, 20), (0, 100, 300), -0.01) is None
