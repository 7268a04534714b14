"""``carpal growth`` and ``carpal tw3``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from carpal.cli import child

if TYPE_CHECKING:
    from carpal.growth.bone_age import BoneAge, Method

_METHODS: dict[str, Method] = {"gp": "Greulich-Pyle", "tw2": "TW2 RUS", "tw3": "TW3 RUS"}


def growth(
    bone_age: Annotated[str, typer.Option("--bone-age", metavar="MONTHS", help="Months, or as in 9y4m.")],
    sex: Annotated[Optional[str], typer.Option(metavar="F|M", help="The child's sex.")] = None,
    age: child.Age = None,
    birth: child.Birth = None,
    study: child.Study = None,
    interval: Annotated[
        Optional[str], typer.Option(metavar="LOW-HIGH", help="90 % interval of the bone age in months.")
    ] = None,
    method: Annotated[str, typer.Option(metavar="gp|tw2|tw3", help="Whose bone age: carpal's are gp.")] = "gp",
    height_cm: child.HeightCm = None,
    weight_kg: child.WeightKg = None,
    mother_cm: child.MotherCm = None,
    father_cm: child.FatherCm = None,
    menarche: child.Menarche = None,
    history: child.History = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a bone age means: SDS, advanced or delayed, adult height, each with its reference."""
    import json

    from carpal.growth import Child, assess, read_history
    from carpal.growth.text import format_assessment

    age_months, born = child.age_and_birth(age, birth, study)
    subject = Child(sex, age_months, height_cm, weight_kg, mother_cm, father_cm, menarche)  # type: ignore[arg-type]
    found = _bone_age(bone_age, interval, method)
    past = read_history(history, born, found.method) if history is not None else ()
    assessment = assess(subject, found, past)
    print(json.dumps(assessment.to_dict(), indent=1) if as_json else format_assessment(assessment))


def tw3(
    sex: Annotated[str, typer.Option(metavar="F|M", help="The child's sex.")],
    stages: Annotated[
        str,
        typer.Option(
            metavar="STAGES",
            help="radius=G,ulna=F,... or thirteen letters: radius ulna MC1 MC3 MC5 PP1 PP3 PP5 MP3 MP5 DP1 DP3 DP5.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """TW3 RUS score and bone age from the stages of thirteen bones."""
    import json
    from dataclasses import asdict

    from carpal.errors import InvalidArgument
    from carpal.growth import parse_stages, tw3_bone_age
    from carpal.plain import check_sex, years_and_months

    checked = check_sex(sex)
    if checked is None:
        raise InvalidArgument("the child's sex is needed: give F or M")
    found = tw3_bone_age(checked, parse_stages(stages))
    if as_json:
        print(json.dumps(asdict(found), indent=1))
    elif found.bone_age_months is None:
        print(f"RUS score {found.rus_score}; no bone age: {found.reason}")
    else:
        mature = "; mature, later ages look alike" if found.mature else ""
        months = f"{found.bone_age_months:.1f} months ({years_and_months(found.bone_age_months)})"
        print(f"RUS score {found.rus_score}; TW3 bone age {months}{mature}")


def _bone_age(text: str, interval: str | None, method: str) -> BoneAge:
    from carpal.errors import InvalidArgument
    from carpal.growth import BoneAge, parse_age
    from carpal.plain import number_in

    if method.lower() not in _METHODS:
        raise InvalidArgument(f"--method {method} is none of {', '.join(_METHODS)}")
    try:
        months = number_in(text)
    except ValueError:
        months = parse_age(text)
    edges = None
    if interval is not None:
        low, _, high = interval.partition("-")
        try:
            edges = (number_in(low), number_in(high))
        except ValueError:
            raise InvalidArgument(f"--interval {interval}: two numbers of months, as in 101-124") from None
    return BoneAge(months, edges, method=_METHODS[method.lower()])
