"""The noise ceiling from other people: the best agreement of a metric common to all people.

Nili et al. (2014), "A toolbox for representational similarity analysis", p. 8: the best
prediction of all people's ranks is their mean. Compared with a person's own ranks, the mean of the
*others* is too low a bound, because it is a mean of few; the mean of *all* is too high, because
it includes the person. A personal metric may exceed the upper bound, because it can learn what is
specific to this person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clpips.errors import UndefinedStatistic
from clpips.evaluation.shared_boards import (
    Board,
    Estimate,
    by_board,
    over_boards,
    over_people,
    spearman_or_count,
)
from clpips.stats.correlation import Array
from clpips.types import Ranking

Bounds = tuple[list[float], list[float]]


@dataclass(frozen=True, slots=True)
class PersonCeiling:
    """One person's bounds, mean Spearman over their shared boards; ``None`` where undefined."""

    lower: Estimate | None
    upper: Estimate | None


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The noise ceiling of a metric common to all people.

    Args:
        lower: mean over people of Spearman between their ranks and the others' mean ranks.
        upper: the same with the mean ranks of all, themselves included; ``None`` where those are
            all equal on every board, as of two people with opposite orders.
        people: each person's bounds.
        n_people, n_boards: people and shared boards that count.
        left_out: reasons, and how many rankings each took.
    """

    lower: Estimate
    upper: Estimate | None
    people: Mapping[str, PersonCeiling]
    n_people: int
    n_boards: int
    left_out: Mapping[str, int]


def ceiling_from_others(rankings: Sequence[Ranking], *, seed: int = 0) -> Ceiling:
    """The noise ceiling on shared boards: same target, same images, two people or more.

    Each person counts once in a mean of ranks: with their mean ranks if they ranked a board
    twice. Each ranking is compared with the mean separately, as with a metric.

    Args:
        rankings: of many people; boards that are not shared are left out.
        seed: of the intervals.

    >>> boards = [Ranking(who, "t", ("a", "b", "c", "d"), ranks) for who, ranks in
    ...           {"ada": (1, 2, 3, 4), "ben": (1, 2, 4, 3), "cleo": (2, 1, 3, 4)}.items()]
    >>> found = ceiling_from_others(boards)
    >>> round(found.lower.value, 3), round(found.upper.value, 3)
    (0.79, 0.867)

    Raises:
        UndefinedStatistic: no board was ranked by two people, or none has a Spearman.
    """
    values: tuple[dict[str, dict[Board, float]], ...] = ({}, {})
    left_out: Counter[str] = Counter()
    for board, people in by_board(rankings).items():
        if len(people) < 2:
            left_out["ranked by one person only"] += sum(map(len, people.values()))
            continue
        for person, bounds in _on_board(people, left_out).items():
            for side, known in zip(values, bounds, strict=True):
                if known:
                    side.setdefault(person, {})[board] = float(np.mean(known))
    if not values[0]:
        reasons = f" ({', '.join(left_out)})" if left_out else ""
        raise UndefinedStatistic(
            f"a ceiling from others needs a board that two people ranked, got none{reasons}"
        )
    people_there = dict.fromkeys(person for side in values for person in side)
    return Ceiling(
        over_people(values[0], seed=seed),
        over_people(values[1], seed=seed) if values[1] else None,
        {
            person: PersonCeiling(
                *(over_boards(s[person], seed=seed) if person in s else None for s in values)
            )
            for person in people_there
        },
        n_people=len(people_there),
        n_boards=len({board for side in values for one in side.values() for board in one}),
        left_out=dict(left_out),
    )


def _on_board(people: Mapping[str, Sequence[Array]], left_out: Counter[str]) -> dict[str, Bounds]:
    """For each person, Spearman of each of their rankings with the others' mean, and with all's."""
    means = {person: np.mean(ranks, axis=0) for person, ranks in people.items()}
    total = np.sum(list(means.values()), axis=0)
    found: dict[str, Bounds] = {}
    for person, ranks in people.items():
        found[person] = ([], [])
        for one in ranks:
            low = spearman_or_count(one, _steady(total - means[person]), left_out)
            # A ranking that failed there has been counted.
            high = spearman_or_count(one, _steady(total), Counter() if low is None else left_out)
            for side, value in zip(found[person], (low, high), strict=True):
                if value is not None:
                    side.append(value)
    return found


def _steady(ranks: Array) -> Array:
    """Sums of mean ranks without the rounding that would break their ties."""
    return np.asarray(np.round(ranks, 9))
