"""Predictions: what is accepted, what is refused with which sentence, and what survives the CSV."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carpal.errors import DatasetError, InvalidArgument
from carpal.evaluation import Predictions, evaluate, read_predictions, write_predictions

GOOD = "id,sex,reference_months,predicted_months\n1,F,100,104.5\n2,M,60,57\n"


def spike(months: int) -> np.ndarray:
    """A distribution that is sure of one month."""
    return (np.arange(240) == months).astype(float)


def write(folder: Path, text: str) -> Path:
    path = folder / "them.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_mean_interval_and_masses_come_from_the_distribution() -> None:
    found = Predictions.from_distributions(["a"], ["F"], [100], [0.5 * spike(100) + 0.5 * spike(110)])
    assert found.predicted_months[0] == 105
    assert found.interval_90_months is not None and found.class_masses is not None
    low, high = found.interval_90_months[0]
    assert 99.5 <= low < 101 and 109 < high <= 110.5
    assert found.class_masses.tolist() == [[0, 1, 0, 0, 0]]


def test_ages_as_reported_are_measured_beside_the_mean() -> None:
    near = np.exp(-0.5 * ((np.arange(240) - 131) / 3.0) ** 2)
    found = Predictions.from_distributions(["a", "b"], ["F", "M"], [132, 120], [near / near.sum()] * 2)
    assert found.predicted_months.tolist() == [131, 131]
    assert found.reported_months is not None and found.reported_months.tolist() == [132, 132]
    overall = evaluate(found, resamples=10).overall
    assert (overall.mae_months.value, overall.mae_as_reported_months.value) == (6, 6)
    assert evaluate(found.subset([0]), resamples=10).overall.mae_as_reported_months.value == 0


def test_the_class_is_the_most_probable_one_not_that_of_the_mean() -> None:
    torn = 0.4 * spike(60) + 0.6 * spike(204)  # mean 146.4 lies in class 3, where no mass is
    found = Predictions.from_distributions(["a"], ["M"], [204], [torn])
    assert found.predicted_months[0] == 146.4
    assert found.predicted_classes.tolist() == [4]
    assert found.class_origin == "most probable class"


def test_without_masses_the_class_is_that_of_the_predicted_age_and_says_so(tmp_path: Path) -> None:
    found = read_predictions(write(tmp_path, GOOD))
    assert found.predicted_classes.tolist() == [1, 0]
    measured = evaluate(found, resamples=10)
    assert found.class_origin == measured.to_dict()["class_origin"] == "predicted age"
    assert measured.overall.mae_as_reported_months.value is None
    assert np.isnan(found.intervals).all()


@pytest.mark.parametrize("bad", [np.full(240, 1.0), np.full(240, np.nan), 2 * spike(3) - spike(4)])
def test_what_is_no_distribution_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(InvalidArgument, match="id 'a' is no distribution"):
        Predictions.from_distributions(["a"], ["F"], [100], [bad])
    with pytest.raises(InvalidArgument, match=r"\(1, 240\), not \(1, 228\)"):
        Predictions.from_distributions(["a"], ["F"], [100], np.ones((1, 228)) / 228)
    with pytest.raises(InvalidArgument, match="sex 'girl' is neither F nor M"):
        Predictions.from_distributions(["a"], ["girl"], [100], [spike(100)])


def test_arrays_of_unequal_length_are_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"predicted_months of 2 predictions is \(2,\), not \(1,\)"):
        Predictions(("a", "b"), np.array(["F", "M"]), np.array([1.0, 2.0]), np.array([1.0]))
    with pytest.raises(InvalidArgument, match="no predictions"):
        Predictions((), np.array([], dtype=str), np.array([]), np.array([]))


def test_nothing_can_be_changed_afterwards() -> None:
    given_array = np.array([100.0])
    found = Predictions(("a",), np.array(["F"]), given_array, given_array)
    given_array[0] = 7
    assert found.reference_months[0] == 100
    with pytest.raises(ValueError):
        found.predicted_months[0] = 1


HEAD = "id,sex,reference_months,predicted_months"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"them\.csv is empty; a table of predictions has the columns id, sex, reference_months"),
        (f"{HEAD}\n", r"them\.csv holds no predictions, only a header"),
        ("id,sex,predicted_months\n1,F,3\n", r"has no column reference_months; it has id, sex, predicted_months"),
        (f"{HEAD},sex\n1,F,3,3,F\n", r"has the column sex more than once"),
        (f"{GOOD}3,F,abc,90\n", r"line 4: reference_months: 'abc' is no number"),
        (f"{GOOD}3,F,1_12,90\n", r"line 4: reference_months: '1_12' is no number"),
        (f"{GOOD}\n3,F,90,\n", r"line 5: predicted_months: it is empty"),
        (f"{GOOD}3,F,90,nan\n", r"line 4: predicted_months nan is not within -60 to 300 months"),
        (f"{GOOD}3,F,90,2920\n", r"line 4: predicted_months 2920 is not within"),
        (f"{GOOD}1,F,90,90\n", r"line 4: id '1' stands there a second time$"),
        (f"{GOOD},F,90,90\n", r"line 4: the id is empty"),
        (f"{GOOD}3,X,90,90\n", r"line 4: sex 'X' is neither F nor M"),
        (f"{GOOD}3,,90,90\n", r"line 4: sex '' is neither F nor M"),
        (f"{GOOD}3,F,-5,90\n", r"line 4: reference_months -5 is no bone age \(0 to 240 months\)"),
        (f'{HEAD},site\n1,F,3,3,"A\n2,F,3,3,B\n', r"line 2: .* is a quotation mark left open"),
        (f"{GOOD}3,F,90\n", r"line 4: 3 cells, where the header has 4"),
        (f"{HEAD},interval_90_low_months\n1,F,3,3,2\n", r"has no column interval_90_high_months"),
        (f"{HEAD},interval_90_low_months,interval_90_high_months\n1,F,3,3,9,2\n", r"line 2: the 90 % interval 9 to 2"),
        (f"{HEAD},interval_90_low_months,interval_90_high_months\n1,F,3,3,9,\n", r"line 2: the 90 % interval 9 to nan"),
        (f"{HEAD},p_class_0,p_class_1\n1,F,3,3,1,0\n", r"has no column p_class_2, p_class_3, p_class_4"),
        (
            f"{HEAD},p_class_0,p_class_1,p_class_2,p_class_3,p_class_4\n1,F,3,3,1,1,0,0,0\n",
            r"line 2: the class probabilities .* are not 0 to 1 with sum 1",
        ),
    ],
)
def test_a_bad_table_is_refused_with_the_line_and_the_reason(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as refusal:
        read_predictions(write(tmp_path, text))
    assert "\n" not in str(refusal.value)


def test_files_that_are_no_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such file"):
        read_predictions(tmp_path / "absent.csv")
    with pytest.raises(DatasetError, match="is a directory"):
        read_predictions(tmp_path)
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\xff\xfe\x00")
    with pytest.raises(DatasetError, match="no CSV table in UTF-8"):
        read_predictions(tmp_path / "picture.csv")


def test_other_peoples_tables_are_read(tmp_path: Path) -> None:
    text = (
        "\ufeffsplit, sex ,id,predicted_months,reference_months\r\ntest,female, 7 ,100.5,99\r\n\r\ntest,m,8,-1.5,0\r\n"
    )
    found = read_predictions(write(tmp_path, text))
    assert found.ids == ("7", "8")
    assert found.sexes.tolist() == ["F", "M"]
    assert found.predicted_months.tolist() == [100.5, -1.5]


def test_an_id_may_stand_once_in_each_group(tmp_path: Path) -> None:
    found = read_predictions(write(tmp_path, f"{HEAD},group\n1,F,9,8,highres\n1,F,9,9,lowres\n"))
    assert found.groups == ("highres", "lowres")
    with pytest.raises(DatasetError, match="line 3: id '1' stands there a second time in group 'lowres'"):
        read_predictions(write(tmp_path, f"{HEAD},group\n1,F,9,8,lowres\n1,F,9,9,lowres\n"))


TEXTS = st.text(min_size=1, max_size=8).filter(lambda text: text == text.strip() and text.isprintable())


@st.composite
def predictions(draw: st.DrawFn) -> Predictions:
    ids = draw(st.lists(TEXTS, min_size=1, max_size=5, unique=True))
    n = len(ids)
    months = st.lists(st.floats(0, 240), min_size=n, max_size=n)
    low, width = np.array(draw(months)), np.array(draw(months))
    interval = np.stack([low, low + width], axis=1)
    interval[np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))] = np.nan
    share = np.array(draw(st.lists(st.lists(st.floats(0.01, 1), min_size=5, max_size=5), min_size=n, max_size=n)))
    return Predictions(
        ids=tuple(ids),
        sexes=np.array(draw(st.lists(st.sampled_from("FM"), min_size=n, max_size=n))),
        reference_months=np.array(draw(months)),
        predicted_months=np.array(draw(months)) * 1.25 - 60,
        interval_90_months=interval,
        class_masses=share / share.sum(axis=1, keepdims=True) if draw(st.booleans()) else None,
        reported_months=np.array(draw(months)).round() if draw(st.booleans()) else None,
        groups=tuple(draw(st.lists(st.just("") | TEXTS, min_size=n, max_size=n))) if draw(st.booleans()) else None,
    )


@settings(deadline=None, max_examples=60)
@given(predictions())
def test_the_table_gives_back_the_very_same_predictions(
    tmp_path_factory: pytest.TempPathFactory, p: Predictions
) -> None:
    path = tmp_path_factory.mktemp("csv") / "predictions.csv"
    write_predictions(p, path)
    back = read_predictions(path)
    assert (back.ids, back.groups, back.sexes.tolist()) == (p.ids, p.groups, p.sexes.tolist())
    for name in ("reference_months", "predicted_months", "interval_90_months"):
        np.testing.assert_array_equal(getattr(back, name), getattr(p, name))
    np.testing.assert_array_equal(back.predicted_classes, p.predicted_classes)
    assert (back.class_masses is None) == (p.class_masses is None)
    if p.reported_months is None:
        assert back.reported_months is None
    else:
        np.testing.assert_array_equal(back.reported_months, p.reported_months)


def test_writing_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    write_predictions(read_predictions(path), path)
    assert path.read_text().startswith(HEAD)
    assert [p.name for p in tmp_path.iterdir()] == ["them.csv"]
