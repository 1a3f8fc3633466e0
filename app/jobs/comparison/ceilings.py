"""Noise ceilings: the participant's repeatability, and the other participants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from app.jobs.comparison.inputs import LeftOut, Values
from app.study.records import Fit
from clpips.errors import UndefinedStatistic
from clpips.evaluation.held_out import HeldOut
from clpips.evaluation.noise_ceiling import Ceiling, PersonCeiling, ceiling_from_others
from clpips.evaluation.repeatability import (
    Of,
    Repeatability,
    Share,
    self_repeatability,
    share_of_ceiling,
)
from clpips.evaluation.shared_boards import Board, by_board, over_boards
from clpips.types import Ranking

NOT_ONES_OWN = "The pooled metric is not compared with a single participant's ceilings."
NOTHING_SHARED = "No other participant ranked any of this participant's boards."


def ceilings(
    fit: Fit,
    rankings: Sequence[Ranking],
    all_rankings: Sequence[Ranking],
    own: HeldOut | None,
    left_out: LeftOut,
) -> Values:
    """``repeatability``, ``ceiling`` and ``share``; the first two ``None`` where unknown.

    Args:
        fit: the fit.
        rankings: its rankings, hidden repeats among them.
        all_rankings: those of all participants.
        own: held-out agreement on ``rankings``, in their order.
        left_out: receives the reason for each missing statistic.
    """
    repeated = left_out.unless("repeatability", lambda: self_repeatability(rankings))
    others = left_out.unless("ceiling", lambda: ceiling_from_others(all_rankings))
    found: Values = {
        "repeatability": None if repeated is None else asdict(repeated),
        "ceiling": None if others is None else asdict(others),
        "share": [],
    }
    if fit.participant_id is None:
        left_out["share"] = NOT_ONES_OWN
        return found
    mine = None
    if others is not None:
        mine = others.people.get(rankings[0].participant) if rankings else None
        found["ceiling"] = None if mine is None else _of_person(others, mine)
        if mine is None:
            left_out["ceiling"] = NOTHING_SHARED
    found["share"] = _shares(rankings, all_rankings, own, repeated, mine, left_out)
    return found


def _of_person(others: Ceiling, mine: PersonCeiling) -> Values:
    return {
        **asdict(mine),
        "n_people": others.n_people,
        "n_boards": others.n_boards,
        "left_out": dict(others.left_out),
    }


def _shares(
    rankings: Sequence[Ranking],
    all_rankings: Sequence[Ranking],
    own: HeldOut | None,
    repeated: Repeatability | None,
    mine: PersonCeiling | None,
    left_out: LeftOut,
) -> list[Values]:
    """The personal metric's held-out agreement as a share of each known ceiling."""
    if own is None or own.personal.spearman is None:
        left_out["share"] = "There is no held-out agreement to compare with a ceiling."
        return []
    reached = own.personal.spearman
    asked: list[tuple[Of, float, float]] = []
    if repeated is not None:
        asked.append(("repeatability", reached, repeated.spearman))
        if repeated.noiseless_ceiling is not None:
            asked.append(("noiseless ceiling", reached, repeated.noiseless_ceiling))
    if mine is not None and mine.lower is not None:
        shared = _on_shared(rankings, all_rankings, own)
        if shared is not None:
            asked.append(("other people", shared, mine.lower.value))
    found = []
    for of, agreement, ceiling in asked:
        try:
            share = share_of_ceiling(agreement, ceiling, of=of)
        except UndefinedStatistic:
            left_out["share"] = f"The share is undefined: the ceiling ({of}) is not above 0."
            continue
        found.append(_share_values(share))
    if not asked:
        left_out["share"] = "No ceiling is known for these rankings."
    return found


def _on_shared(
    rankings: Sequence[Ranking], all_rankings: Sequence[Ranking], own: HeldOut
) -> float | None:
    """Held-out agreement on the boards that others ranked too, the basis of their ceiling.

    A board that was ranked twice counts once, as in the ceiling.
    """
    people = by_board(all_rankings)
    values: dict[Board, list[float]] = {}
    for ranking, value in zip(rankings, own.personal.per_ranking, strict=True):
        board = ranking.target, frozenset(ranking.images)
        if value is not None and len(people.get(board, ())) > 1:
            values.setdefault(board, []).append(value)
    means = {board: sum(some) / len(some) for board, some in values.items()}
    return over_boards(means, seed=0).value if means else None


def _share_values(share: Share) -> Values:
    return {**asdict(share), "sentence": share.sentence}
