from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import fisher_exact

from carpal.errors import DatasetError, InvalidArgument
from carpal.evaluation.drift import Drift, Stream, measure_drift, read_stream, reference_stream, write_stream


def stream(n: int, seed: int, *, older: float = 0.0, shifted: float = 0.0, refused: int = 0) -> Stream:
    rng = np.random.default_rng(seed)
    sexes = np.array(["F", "M"])[rng.integers(2, size=n)]
    embedding = rng.normal(0, 1, (n, 16))
    embedding[:, 0] += shifted
    return Stream(rng.normal(125 + older, 40, n), sexes, rng.beta(30, 1, n), embedding, refused)


@pytest.fixture(scope="module")
def reference() -> Stream:
    return stream(900, 99, refused=5)


def names(drift: Drift) -> set[str]:
    return {flag.what for flag in drift.raised}


def test_a_quiet_stream_raises_no_flag(reference: Stream) -> None:
    raised = [bool(measure_drift(stream(120, seed, refused=1), reference).raised) for seed in range(60)]
    assert sum(raised) <= 1


def test_p_values_of_quiet_streams_are_spread_evenly(reference: Stream) -> None:
    found = [measure_drift(stream(150, seed), stream(900, 1000 + seed)) for seed in range(200)]
    for what in ("bone ages of girls", "appearance"):
        p = np.array([flag.p_value for drift in found for flag in drift.flags if flag.what == what])
        assert (p < 0.1).mean() == pytest.approx(0.1, abs=0.06)


def test_a_small_reference_raises_no_flag_by_chance() -> None:
    found = [measure_drift(stream(30, seed), stream(30, 500 + seed)) for seed in range(150)]
    appearance = [flag for drift in found for flag in drift.flags if flag.what == "appearance"]
    assert sum(flag.raised for flag in appearance) <= 1
    p = np.array([flag.p_value for flag in appearance])
    assert (p < 0.1).mean() == pytest.approx(0.1, abs=0.07)
    told = [float(flag.effect.split(" SD")[0].rsplit(" ", 1)[1]) for flag in appearance]
    assert np.median(told) < 0.4  # without what chance does to two small samples, which is 1.4
    tiny = measure_drift(stream(60, 1), stream(20, 2))
    assert {f.what: f.effect for f in tiny.flags}["appearance"] == "a reference of only 20 readings: not compared"


@pytest.mark.parametrize(
    ("refused", "read", "known_refused", "known_read", "raised"),
    [(2, 30, 0, 195, False), (4, 30, 2, 195, False), (3, 30, 0, 1000, True), (9, 60, 2, 195, True)],
)
def test_refusals_are_counted_exactly(
    refused: int, read: int, known_refused: int, known_read: int, raised: bool
) -> None:
    drift = measure_drift(stream(read, 1, refused=refused), stream(known_read, 2, refused=known_refused))
    flag = next(flag for flag in drift.flags if flag.what == "refusals")
    table = [[refused, read], [known_refused, known_read]]
    assert flag.p_value == pytest.approx(fisher_exact(table, alternative="greater").pvalue, rel=1e-6)
    assert flag.raised == raised


def test_each_change_raises_its_own_flag(reference: Stream) -> None:
    assert names(measure_drift(stream(200, 1, older=30), reference)) == {"bone ages of girls", "bone ages of boys"}
    assert names(measure_drift(stream(200, 1, shifted=0.9), reference)) == {"appearance"}
    assert names(measure_drift(stream(200, 1, refused=40), reference)) == {"refusals"}
    blurred = replace(stream(200, 1), hand_probability=np.full(200, 0.6))
    assert names(measure_drift(blurred, reference)) == {"picture quality"}


def test_a_change_too_small_to_matter_raises_none_however_sure(reference: Stream) -> None:
    many = stream(60_000, 5, older=3)
    found = {flag.what: flag for flag in measure_drift(many, replace(reference)).flags}
    assert not found["bone ages of girls"].raised


def test_few_readings_and_other_versions_are_refused(reference: Stream) -> None:
    with pytest.raises(InvalidArgument, match="too few"):
        measure_drift(stream(29, 0), reference)
    with pytest.raises(InvalidArgument, match="another version"):
        measure_drift(replace(stream(60, 0), embedding=np.zeros((60, 3))), reference)


def readings(n: int) -> list[dict[str, Any]]:
    return [
        {
            "file": f"secret-name-{k}.png",
            "bone_age_months": 100.0 + k,
            "sex": "F",
            "hand_probability": 0.99,
            "embedding": [0.5] * 16,
            "refused_because": None,
        }
        for k in range(n)
    ]


def test_readings_are_taken_from_json_and_kept_without_names(tmp_path: Path) -> None:
    rows = readings(3)
    rows.append(rows[0] | {"bone_age_months": None, "refused_because": "no hand"})
    rows.append(rows[0] | {"bone_age_months": None, "error": "it is truncated"})
    path = tmp_path / "readings.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    found = read_stream([path, path])
    assert (len(found), found.refused) == (6, 2)
    write_stream(found, tmp_path / "reference.npz")
    again = reference_stream(tmp_path / "reference.npz")
    assert np.allclose(again.ages_months, found.ages_months, atol=0.1)
    assert again.refused == 2
    assert b"secret" not in (tmp_path / "reference.npz").read_bytes()


def test_what_is_no_reading_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{", encoding="utf-8")
    with pytest.raises(DatasetError, match="not what carpal read --json prints"):
        read_stream([tmp_path / "x.json"])
    (tmp_path / "y.json").write_text('[{"bone_age_months": 3, "sex": "F"}]', encoding="utf-8")
    with pytest.raises(DatasetError, match="read them anew"):
        read_stream([tmp_path / "y.json"])
    with pytest.raises(DatasetError, match="no such file"):
        read_stream([tmp_path / "z.json"])
    with pytest.raises(DatasetError, match="no reference"):
        reference_stream(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"embedding": [float("nan")] * 16}, "no finite number"),
        ({"hand_probability": float("inf")}, "no finite number"),
        ({"bone_age_months": float("nan")}, "no finite number"),
        ({"bone_age_months": -500}, "between 0 and 240"),
        ({"sex": "X"}, "sex 'X' is none of F, M"),
    ],
)
def test_a_value_that_no_reading_has_is_refused(tmp_path: Path, wrong: dict[str, Any], message: str) -> None:
    first, *others = readings(40)
    path = tmp_path / "readings.json"
    path.write_text(json.dumps([first | wrong, *others]), encoding="utf-8")
    with pytest.raises(DatasetError, match=message):
        read_stream([path])


def test_damaged_files_are_refused_in_a_sentence(tmp_path: Path) -> None:
    whole = tmp_path / "whole.npz"
    write_stream(stream(40, 0), whole)
    content = bytearray(whole.read_bytes())
    content[len(content) // 3] ^= 0x40
    (tmp_path / "damaged.npz").write_bytes(content)
    with pytest.raises(DatasetError, match="no reference"):
        reference_stream(tmp_path / "damaged.npz")
    (tmp_path / "deep.json").write_text("[" * 200_000, encoding="utf-8")
    with pytest.raises(DatasetError, match="not what carpal read --json prints"):
        read_stream([tmp_path / "deep.json"])


def test_a_sex_with_too_few_readings_is_named_as_not_compared(reference: Stream) -> None:
    boys = replace(stream(80, 3), sexes=np.array(["M"] * 75 + ["F"] * 5))
    found = {flag.what: flag for flag in measure_drift(boys, reference).flags}
    assert found["bone ages of girls"].effect == "only 5 readings: not compared"
    assert not found["bone ages of girls"].raised


def test_a_sex_that_the_reference_lacks_is_named_as_not_compared() -> None:
    found, girls = stream(60, 1), stream(60, 2)
    girls = replace(girls, sexes=np.full(60, "F"))
    flags = {flag.what: flag for flag in measure_drift(found, girls).flags}
    assert flags["bone ages of boys"].effect == "only 0 readings in the reference: not compared"
    assert not flags["bone ages of boys"].raised
    assert flags["bone ages of girls"].p_value < 1


def test_a_stream_of_refusals_alone_is_too_few_readings(reference: Stream, tmp_path: Path) -> None:
    rows = [{"file": f"{k}.png", "bone_age_months": None, "refused_because": "no hand"} for k in range(40)]
    (tmp_path / "january.json").write_text(json.dumps(rows), encoding="utf-8")
    found = read_stream([tmp_path / "january.json"])
    assert (len(found), found.refused) == (0, 40)
    with pytest.raises(InvalidArgument, match="0 readings are too few"):
        measure_drift(found, reference)
