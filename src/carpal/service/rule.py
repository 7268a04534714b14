"""Which DICOM objects are hand radiographs to be read. An archive sends whole studies, and its headers are written by
many hands: the rule looks first at what the header says of this image, then of its series, then of its study.

1. An object of carpal's own, or one without pixels, is never read: it would be answered again and again.
2. The modality must be one of ``modalities``.
3. A body part examined that is one of ``body_parts``, or a coded region that is one of ``region_codes``, counts; a body
   part that names another part of the body rules the object out, unless it is one of ``vague_parts``.
4. Else one of ``words`` in the series' descriptions counts, one of ``other_words`` there rules the object out.
5. Else one of ``words`` in the study's descriptions counts.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from carpal.errors import InvalidArgument
from carpal.service.instance import Instance

__all__ = ["Rule", "is_own", "read_rule"]

_MODALITIES = ("CR", "DX", "DR", "RG", "XR")
_BODY_PARTS = (
    "HAND", "HANDS", "LHAND", "RHAND", "WRIST", "WRISTS", "CARPUS", "CARPAL", "CARPALS", "BONE AGE", "BONEAGE",
    "SKELETAL AGE", "HAND*", "KNOCHENALTER", "MAIN", "MAINS", "POIGNET", "POIGNETS", "MANO", "MANOS", "MANI", "POLSO",
    "MUNECA", "PULSO", "POLS", "PUNHO", "MAO",
)  # fmt: skip
_VAGUE_PARTS = (
    "", "EXTREMITY", "EXTREMITIES", "UPPER EXTREMITY", "UPPER EXTREMITIES", "UPPEREXTREMITY", "UP EXM", "UEXT",
    "UPPER LIMB", "LIMB", "ARM", "EXTREMITAET*", "EXTREMITAT*", "OBERE EXTREMITA*T", "SKELETON", "BONE", "BONES",
    "OTHER", "UNKNOWN", "UNDEFINED", "UNSPECIFIED", "DEFAULT", "OT", "NONE", "MISC",
)  # fmt: skip
_WORDS = (
    "HAND", "HANDS", "HANDE", "HAENDE", "HANDWURZEL*", "HANDGELENK*", "HANDSKELETT*", "HANDAUFNAHME*", "HANDRADIO*",
    "HANDROENTGEN*", "HANDRONTGEN*", "RONTGENHAND*", "KNOCHENALTER*", "SKELETTALTER*", "WRIST", "WRISTS", "CARPUS",
    "BONE AGE", "BONEAGE", "BONE AGES", "SKELETAL AGE", "SKELETAL MATURITY", "GREULICH*", "TANNER WHITEHOUSE",
    "MAIN GAUCHE", "MAIN DROITE", "MAINS", "DE LA MAIN", "RX MAIN", "RADIO* MAIN", "MAIN F", "MAIN ET POIGNET",
    "POIGNET*", "AGE OSSEUX", "MANO", "MANOS", "MUNECA*", "EDAD OSEA", "POLSO", "POLSI", "ETA OSSEA", "HANDPOLS*",
    "BOTLEEFTIJD*", "SKELETLEEFTIJD*", "IDADE OSSEA", "PUNHO*", "BENALDER", "SKELETTALDER*",
    "*左手*", "*右手*", "*両手*", "*双手*", "手関節*", "手根骨*", "手部*", "手腕*", "*骨年齢*", "*骨龄*", "*骨齡*",
)  # fmt: skip
_OTHER_WORDS = (
    "CHEST", "THORAX*", "LUNG", "ABDOM*", "PELVI*", "BECKEN*", "HIP", "HIPS", "HUFT*", "HUEFT*", "KNEE*", "KNIE*",
    "GENOU*", "RODILLA*", "FOOT", "FEET", "FUSS*", "PIED*", "ANKLE*", "SPRUNGGELENK*", "ELBOW*", "ELLENBOGEN*",
    "ELLBOGEN*", "COUDE", "CODO", "SHOULDER*", "SCHULTER*", "EPAULE", "SPINE*", "WIRBEL*", "RACHIS", "SKULL",
    "SCHADEL*", "SCHAEDEL*", "FEMUR*", "TIBIA*", "LEG", "LEGS", "UNTERSCHENKEL*", "OBERSCHENKEL*", "FOREARM*",
    "UNTERARM*", "HUMERUS", "OBERARM*", "FINGER*", "THUMB*", "DAUMEN*", "DIGIT*",
)  # fmt: skip
# SNOMED CT (and its predecessor SNOMED RT) for hand, wrist and wrist joint: DICOM CID 4009 and 4031.
_REGION_CODES = ("85562004", "T-D8700", "8205005", "T-D8600", "74670003", "T-15460")


@dataclass(frozen=True)
class Rule:
    """Words are matched whole, whatever their case, accents and punctuation; ``*`` stands for any letters. Raises
    InvalidArgument for what cannot be meant."""

    modalities: tuple[str, ...] = _MODALITIES
    body_parts: tuple[str, ...] = _BODY_PARTS
    vague_parts: tuple[str, ...] = _VAGUE_PARTS
    region_codes: tuple[str, ...] = _REGION_CODES
    words: tuple[str, ...] = _WORDS
    other_words: tuple[str, ...] = _OTHER_WORDS

    def __post_init__(self) -> None:
        for each in fields(self):
            values = getattr(self, each.name)
            if not isinstance(values, tuple) or not all(isinstance(value, str) for value in values):
                raise InvalidArgument(f"a DICOM rule's {each.name} is a list of texts")
        if not self.modalities:
            raise InvalidArgument("a DICOM rule without modalities would read nothing")

    def wants(self, instance: Instance) -> bool:
        """Whether it is a hand radiograph."""
        if is_own(instance) or not instance.has_pixels:
            return False
        if instance.modality.upper() not in {modality.upper() for modality in self.modalities}:
            return False
        part = _plain(instance.body_part)
        if _holds(part, self.body_parts) or instance.region_codes & set(self.region_codes):
            return True
        if not _is_one_of(part, self.vague_parts):
            return False
        series = [_plain(text) for text in instance.series_texts]
        if any(_holds(text, self.words) for text in series):
            return True
        if any(_holds(text, self.other_words) for text in series):
            return False
        return any(_holds(_plain(text), self.words) for text in instance.study_texts)


def is_own(instance: Instance) -> bool:
    """Whether carpal has made it: a report, a picture or a page that comes back."""
    made = (instance.manufacturer.lower(), instance.model_name.lower()) == ("carpal", "carpal")
    return made or any(text.startswith("Bone age by carpal") for text in instance.series_texts)


def read_rule(path: Path) -> Rule:
    """A rule from a JSON object with some of the fields of ``Rule``; the others keep their defaults. Raises
    InvalidArgument."""
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidArgument(f"cannot read {path}: {(error.strerror or 'the system refuses it').lower()}") from None
    except ValueError:
        raise InvalidArgument(f"{path} is no JSON file") from None
    known = [each.name for each in fields(Rule)]
    if not isinstance(stated, dict) or not set(stated) <= set(known):
        raise InvalidArgument(f"{path}: a DICOM rule is a JSON object with some of {', '.join(known)}")
    try:
        return Rule(**{name: tuple(value) if isinstance(value, list) else value for name, value in stated.items()})
    except InvalidArgument as error:
        raise InvalidArgument(f"{path}: {error}") from None


def _folded(text: str) -> str:
    """In capital letters without accents."""
    return "".join(
        letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter)
    ).upper()


def _plain(text: str) -> tuple[str, ...]:
    """The words of a text, letters and digits only."""
    return tuple(re.findall(r"[^\W_]+", _folded(text)))


@cache
def _pattern(phrase: str) -> tuple[str, ...]:
    return tuple(_folded(phrase).split())


def _holds(words: tuple[str, ...], phrases: tuple[str, ...]) -> bool:
    """Whether one of the phrases stands somewhere among the words."""
    for pattern in filter(None, map(_pattern, phrases)):
        places = range(len(words) - len(pattern) + 1)
        if any(_match(words[place : place + len(pattern)], pattern) for place in places):
            return True
    return False


def _is_one_of(words: tuple[str, ...], phrases: tuple[str, ...]) -> bool:
    """Whether the words are one of the phrases, no more and no less."""
    return any(len(words) == len(pattern) and _match(words, pattern) for pattern in map(_pattern, phrases))


def _match(words: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    return all(fnmatchcase(word, part) for word, part in zip(words, pattern, strict=True))
