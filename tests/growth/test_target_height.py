from __future__ import annotations

import pytest

from carpal.growth import REFERENCES, Child
from carpal.growth.target_height import target_height


def test_thirteen_centimetres_lie_between_brother_and_sister() -> None:
    girl = target_height(Child("F", mother_height_cm=165, father_height_cm=180))
    boy = target_height(Child("M", mother_height_cm=165, father_height_cm=180))
    assert (girl.height_cm, boy.height_cm) == (166.0, 179.0)
    assert girl.range_cm == (157.5, 174.5)


@pytest.mark.parametrize("parents", [{}, {"mother_height_cm": 165}, {"father_height_cm": 180}])
def test_one_parent_is_not_enough(parents: dict[str, float]) -> None:
    found = target_height(Child("F", **parents))
    assert (found.height_cm, found.range_cm) == (None, None)
    assert found.reason == "both parents' heights are needed"


def test_it_says_which_way_it_errs_for_parents_of_unusual_height() -> None:
    limits = REFERENCES["Mid-parental height"].limits
    assert "too low for very short parents" in limits and "too high for very tall" in limits
