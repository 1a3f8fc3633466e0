"""The study's part of a comparison: means over participants, their agreement, position bias."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from app.jobs.comparison.inputs import LeftOut, Values
from app.jobs.rankings.used import current_rankings
from app.store import Store
from app.study.types import Study
from clpips.errors import UndefinedStatistic
from clpips.evaluation.inter_rater import calibration
from clpips.stats.agreement import Agreement, over_people
from clpips.stats.position_bias import position_bias

Table = Sequence[Values]


def compare_study(store: Store, study: Study, people: Mapping[str, Table]) -> Values:
    """The part of the result that is about the whole study.

    Args:
        store: where the rankings are.
        study: the study.
        people: the table of each person's newest fit, by label.
    """
    left_out = LeftOut()
    table = left_out.unless("people", lambda: _over_people(people))
    return {
        "people": {"table": table or []},
        "calibration": left_out.unless("calibration", lambda: _calibration(store, study)),
        "position": left_out.unless("position", lambda: _position(store, study)),
        "left_out": dict(left_out),
    }


def _over_people(people: Mapping[str, Table]) -> list[Values]:
    """The mean of each metric over the participants who have it, equally weighted."""
    if not people:
        raise UndefinedStatistic(
            "a table over participants needs at least one with held-out agreement"
        )
    agreements: dict[tuple[str, str], dict[str, Agreement]] = {}
    for label, table in people.items():
        for each in table:
            own = agreements.setdefault((each["name"], each["space"]), {})
            own[label] = Agreement(**each["agreement"])
    return [
        {
            "name": name,
            "space": space,
            "agreement": over_people(own).to_dict(),
            "n_people": sum(one.spearman is not None for one in own.values()),
        }
        for (name, space), own in agreements.items()
    ]


def _calibration(store: Store, study: Study) -> Values:
    """Agreement between participants, on the calibration boards alone."""
    used = current_rankings(store, study.id)
    shared = [one.ranking for one in used if one.ranked.round.kind == "calibration"]
    if not shared:
        raise UndefinedStatistic(
            "agreement between participants needs shared boards, got no ranking of one"
        )
    return asdict(calibration(shared))


def _position(store: Store, study: Study) -> Values:
    ranks = [one.ranks for one in store.rankings.of_study(study.id)]
    found = position_bias(ranks, store.rankings.shown_positions(study.id))
    return {**asdict(found), "sentence": found.sentence}
