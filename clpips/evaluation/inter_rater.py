"""Agreement between people on the boards that they share, and only on those.

Kendall's W, Krippendorff's alpha and the intraclass correlation between people compare ranks of
the *same* images. On boards that only one person ranked they mean nothing, so those are left out
and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy import stats

from clpips.errors import UndefinedStatistic
from clpips.evaluation.shared_boards import Board, by_board
from clpips.stats.concordance import (
    BetweenPeople,
    Concordance,
    between_person_icc,
    kendalls_w,
    krippendorff_alpha,
)
from clpips.stats.correlation import MIN_IMAGES, Array
from clpips.types import Ranking

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BoardAgreement:
    """Agreement among the people who ranked one shared board; ``None`` where undefined."""

    target: str
    images: tuple[str, ...]
    n_people: int
    kendalls_w: Concordance | None
    alpha_ordinal: float | None
    alpha_interval: float | None
    icc: BetweenPeople | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Agreement between people over all shared boards; ``None`` where undefined.

    Args:
        kendalls_w: mean over boards.
        w_chi2, w_df, w_p: the boards' chi-squares added up, a test over all of them.
        alpha_ordinal, alpha_interval: Krippendorff's alpha over the images of all boards at once,
            people who did not rank a board being missing there. Ranks are within-ranking mean
            ranks divided by the number of images, so that boards of different size compare.
        icc_a1, icc_c1, icc_ak: means over boards of the intraclass correlations between people.
        n_people, n_boards: people and shared boards that count.
        boards: each board's values.
        left_out: reasons, and how many rankings each took.
    """

    kendalls_w: float | None
    w_chi2: float | None
    w_df: int | None
    w_p: float | None
    alpha_ordinal: float | None
    alpha_interval: float | None
    icc_a1: float | None
    icc_c1: float | None
    icc_ak: float | None
    n_people: int
    n_boards: int
    boards: tuple[BoardAgreement, ...]
    left_out: dict[str, int]


def calibration(rankings: Sequence[Ranking]) -> Calibration:
    """Agreement between people on every board that two or more of them ranked.

    Of a person who ranked a board more than once, the first ranking counts.

    Args:
        rankings: of many people, in the order they were made.

    >>> boards = [Ranking(who, "t", ("a", "b", "c", "d"), ranks) for who, ranks in
    ...           {"ada": (1, 2, 3, 4), "ben": (1, 2, 4, 3), "cleo": (2, 1, 3, 4)}.items()]
    >>> round(calibration(boards).kendalls_w, 3)
    0.822

    Raises:
        UndefinedStatistic: no board of three images or more was ranked by two people.
    """
    left_out: Counter[str] = Counter()
    shared: dict[Board, dict[str, Array]] = {}
    for board, people in by_board(rankings).items():
        count = sum(map(len, people.values()))
        if len(people) < 2:
            left_out["ranked by one person only"] += count
        elif len(board[1]) < MIN_IMAGES:
            left_out[f"fewer than {MIN_IMAGES} images"] += count
        else:
            left_out["a repeat of a board this person had ranked"] += count - len(people)
            shared[board] = {person: ranks[0] for person, ranks in people.items()}
    if not shared:
        raise UndefinedStatistic(
            f"agreement between people needs a board of {MIN_IMAGES} images that two people "
            "ranked, got none"
        )
    boards = tuple(_on_board(board, people) for board, people in shared.items())
    return _overall(boards, shared, {reason: n for reason, n in left_out.items() if n})


def _on_board(board: Board, people: dict[str, Array]) -> BoardAgreement:
    table = np.stack(list(people.values()))
    return BoardAgreement(
        target=board[0],
        images=tuple(sorted(board[1])),
        n_people=len(people),
        kendalls_w=_or_none(lambda: kendalls_w(table)),
        alpha_ordinal=_or_none(lambda: krippendorff_alpha(table, level="ordinal")),
        alpha_interval=_or_none(lambda: krippendorff_alpha(table, level="interval")),
        icc=_or_none(lambda: between_person_icc(table)),
    )


def _overall(
    boards: tuple[BoardAgreement, ...],
    shared: dict[Board, dict[str, Array]],
    left_out: dict[str, int],
) -> Calibration:
    people = list(dict.fromkeys(person for ranked in shared.values() for person in ranked))
    table = _side_by_side(shared, people)
    tests = [one.kendalls_w for one in boards if one.kendalls_w is not None]
    chi2, df = sum(one.chi2 for one in tests), sum(one.df for one in tests)
    iccs = [one.icc for one in boards if one.icc is not None]
    return Calibration(
        kendalls_w=_mean([one.w for one in tests]),
        w_chi2=chi2 if tests else None,
        w_df=df if tests else None,
        w_p=float(stats.chi2.sf(chi2, df)) if tests else None,
        alpha_ordinal=_or_none(lambda: krippendorff_alpha(table, level="ordinal")),
        alpha_interval=_or_none(lambda: krippendorff_alpha(table, level="interval")),
        icc_a1=_mean([one.a1 for one in iccs]),
        icc_c1=_mean([one.c1 for one in iccs]),
        icc_ak=_mean([one.ak for one in iccs]),
        n_people=len(people),
        n_boards=len(boards),
        boards=boards,
        left_out=left_out,
    )


def _side_by_side(shared: dict[Board, dict[str, Array]], people: Sequence[str]) -> Array:
    """(people, images of all boards), ranks from 0 to 1, NaN where a person did not rank."""
    columns = []
    for board, ranked in shared.items():
        size = len(board[1])
        block = np.full((len(people), size), np.nan)
        for person, ranks in ranked.items():
            block[people.index(person)] = (ranks - 0.5) / size
        columns.append(block)
    return np.concatenate(columns, axis=1)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _or_none(statistic: Callable[[], T]) -> T | None:
    try:
        return statistic()
    except UndefinedStatistic:
        return None
