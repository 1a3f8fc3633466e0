"""Checks of the comparisons in a bundle: everything that a report reads of them, by its kind.

A comparison is a stranger's JSON until it is checked: a part that a page cannot show would break
the report of a study, and its words must not be taken for markup.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlite_utils import Database

from app.store.database import rows
from clpips.errors import StudyError
from clpips.io.validation import first_fault
from clpips.stats.agreement import Agreement

Count = Annotated[int, Field(ge=0, lt=2**53)]
Ends = tuple[float, float]
Probability = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(min_length=1, max_length=300)]
Sentence = Annotated[str, Field(max_length=4000)]


class Checked(BaseModel):
    """A part of a comparison; what no page reads may be anything."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


class Row(Checked):
    """One metric in the table of a fit, or over people."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    space: Name
    agreement: Agreement
    gain: float | None = None
    gain_ci: Ends | None = None
    p: Probability | None = None
    n_targets: Count = 0
    n_people: Count = 0


class Point(Checked):
    """One size of a learning curve; rankings are a mean over subsets of the targets."""

    n_rankings: Annotated[float, Field(ge=0)]
    spearman: float | None
    gain: float | None
    gain_error: float | None


class Curve(Checked):
    """A learning curve."""

    points: tuple[Point, ...]


class Forecast(Checked):
    """The agreement to expect with more rankings."""

    n_rankings: Count
    now_rankings: Count
    spearman: float
    interval: Ends
    level: Probability


class Needed(Checked):
    """Rankings that would narrow an interval."""

    more: Count
    wanted: float
    now: float


class Estimate(Checked):
    """A mean over boards."""

    value: float
    ci: Ends | None = None
    n_boards: Count


class Repeatability(Checked):
    """How well a person agrees with themselves."""

    spearman: float
    ci: Ends | None = None
    noiseless_ceiling: float | None = None
    n_boards: Count


class PersonCeiling(Checked):
    """What a metric common to all could reach of one person's rankings."""

    lower: Estimate | None = None
    upper: Estimate | None = None


class Ceiling(PersonCeiling):
    """The same of all people, or of one of them."""

    people: dict[str, PersonCeiling] = {}


class Share(Checked):
    """How much of a ceiling is reached."""

    value: float
    agreement: float
    ceiling: float
    of: Literal["repeatability", "noiseless ceiling", "other people"]


class FitPart(Checked):
    """What a comparison says of one fit."""

    table: tuple[Row, ...]
    curve: Curve | None = None
    forecast: Forecast | None = None
    needed: Needed | None = None
    repeatability: Repeatability | None = None
    ceiling: Ceiling | None = None
    share: tuple[Share, ...] = ()
    left_out: dict[str, Sentence] = {}


class People(Checked):
    """The metrics over participants."""

    table: tuple[Row, ...] = ()


class Calibration(Checked):
    """Agreement between participants."""

    n_people: Count
    n_boards: Count
    kendalls_w: float | None = None
    w_p: Probability | None = None
    alpha_ordinal: float | None = None
    alpha_interval: float | None = None
    icc_a1: float | None = None
    icc_ak: float | None = None
    left_out: dict[str, Count] = {}


class PositionRank(Checked):
    """The mean rank of one position."""

    position: Count
    mean_rank: float
    ci: Ends | None = None


class Position(Checked):
    """Position bias."""

    sentence: Sentence = ""
    positions: tuple[PositionRank, ...] = ()


class StudyPart(Checked):
    """What a comparison says of the whole study."""

    people: People | None = None
    calibration: Calibration | None = None
    position: Position | None = None
    left_out: dict[str, Sentence] = {}
    fits: tuple[Annotated[int, Field(ge=0, lt=2**62)], ...] = ()


PARTS: dict[str, type[Checked]] = {"comparison": FitPart, "study_comparison": StudyPart}


def check_comparisons(bundle: Database) -> None:
    """Check every comparison of a bundle.

    Raises:
        StudyError: the first one that a report could not show.
    """
    for table, kind in PARTS.items():
        for row in rows(bundle, f"SELECT part FROM {table}"):
            _check(kind, row["part"])


def _check(kind: type[Checked], part: Any) -> None:
    try:
        kind.model_validate_json(part)
    except ValidationError as error:
        fault = first_fault(error, "the comparison")
        raise StudyError(f"a bundle's comparisons must be whole: {fault}") from error
