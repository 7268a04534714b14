"""From a bone age to what it means: SDS, advanced or delayed, adult height, velocity, each with its reference.

    from carpal.growth import BoneAge, Child, assess
    assess(Child("F", age_months=112, height_cm=131), BoneAge(118.0, (107.0, 130.0)))

Plain arithmetic on printed tables, which lie in ``tables/`` with their sources. Every number names its reference; where
a table does not reach there is a reason instead of a number. ``docs/explanation/growth.md`` says what each cannot say.
"""

from __future__ import annotations

from carpal.growth.adult_height import AdultHeight
from carpal.growth.assessment import Assessment, assess
from carpal.growth.bone_age import METHODS, BoneAge
from carpal.growth.child import Child, age_between, parse_age
from carpal.growth.history import HistoryEntry, PastReading, Velocity, parse_date, read_history
from carpal.growth.references import REFERENCES, Reference
from carpal.growth.sds import SDS_REFERENCES, BandRow, BoneAgeSds, VerdictProbabilities, band
from carpal.growth.target_height import TargetHeight
from carpal.growth.tw3 import Tw3Result, parse_stages, tw3_bone_age

__all__ = [
    "METHODS",
    "REFERENCES",
    "SDS_REFERENCES",
    "AdultHeight",
    "Assessment",
    "BandRow",
    "BoneAge",
    "BoneAgeSds",
    "Child",
    "HistoryEntry",
    "PastReading",
    "Reference",
    "TargetHeight",
    "Tw3Result",
    "Velocity",
    "VerdictProbabilities",
    "age_between",
    "assess",
    "band",
    "parse_age",
    "parse_date",
    "parse_stages",
    "read_history",
    "tw3_bone_age",
]
