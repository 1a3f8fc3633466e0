"""Agreement of a person with themself and with others, as ceilings for a metric.

Two numbers are called a ceiling, and they differ:

* **repeatability**, the Spearman between two rankings of one board by one person: what a second
  ranking by the same person would reach. Both sides carry the person's noise, so in the classical
  theory of tests it is the reliability of one ranking.
* **noiseless ceiling**: what a perfect metric, *without* noise, would reach against one noisy
  ranking. It is the square root of the reliability (Spearman, 1904, the correction for
  attenuation), so it is above repeatability; see :func:`noiseless_ceiling`.

So a metric at 100 % of repeatability predicts a person as well as they predict themself, and can
still improve. :func:`ceiling_from_others` brackets the agreement of a metric common to all
people; :func:`calibration` measures how far people agree.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

import numpy as np
from scipy import optimize

from clpips.errors import InputError, UndefinedStatistic
from clpips.evaluation.inter_rater import Calibration, calibration
from clpips.evaluation.noise_ceiling import Ceiling, ceiling_from_others
from clpips.evaluation.shared_boards import (
    Board,
    Estimate,
    by_board,
    over_boards,
    over_people,
    spearman_or_count,
)
from clpips.stats.concordance import between_person_icc, kendalls_w, krippendorff_alpha
from clpips.stats.correlation import MIN_IMAGES
from clpips.stats.intervals import Interval
from clpips.types import Ranking

__all__ = [
    "Calibration",
    "Ceiling",
    "Estimate",
    "Repeatability",
    "Share",
    "between_person_icc",
    "calibration",
    "ceiling_from_others",
    "kendalls_w",
    "krippendorff_alpha",
    "noiseless_ceiling",
    "self_repeatability",
    "share_of_ceiling",
]

Of = Literal["repeatability", "noiseless ceiling", "other people"]
_WORDS: Mapping[str, str] = {
    "repeatability": "your own repeatability",
    "noiseless ceiling": "what a perfect metric could reach on your rankings",
    "other people": "what other people's mean ranking reaches on yours",
}


@dataclass(frozen=True, slots=True)
class Repeatability:
    """Agreement of people with themselves, from hidden repeats.

    Args:
        spearman: mean over people of their mean Spearman between two rankings of one board.
        ci: its 95 % interval over boards; ``None`` for one board.
        noiseless_ceiling: what a perfect metric would reach against one of these rankings
            (:func:`noiseless_ceiling`); ``None`` where repeatability is not above 0.
        n_pairs, n_boards, n_people: pairs of rankings, their boards, people.
        people: each person's values.
        left_out: reasons, and how many pairs each took.
    """

    spearman: float
    ci: Interval | None
    noiseless_ceiling: float | None
    n_pairs: int
    n_boards: int
    n_people: int
    people: Mapping[str, Estimate]
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Share:
    """An agreement as a share of a ceiling: 1 is the ceiling, below 0 the wrong way round."""

    value: float
    agreement: float
    ceiling: float
    of: Of

    @property
    def sentence(self) -> str:
        """The share in plain words."""
        whole, percent = _WORDS[self.of], f"{100 * self.value:.0f} %"
        numbers = f"{self.agreement:.2f} against {self.ceiling:.2f} Spearman"
        if self.agreement <= 0:
            return f"Your metric reaches none of {whole} ({numbers})."
        if self.value > 1:
            return f"Your metric reaches more than {whole}: {percent} of it ({numbers})."
        return f"Your metric reaches {percent} of {whole} ({numbers})."


def self_repeatability(rankings: Sequence[Ranking], *, seed: int = 0) -> Repeatability:
    """How well people agree with themselves, from boards that they ranked twice or more.

    A board ranked more than twice counts once, with the mean over its pairs of rankings.

    Args:
        rankings: of one person or many; rankings without a repeat are ignored.
        seed: of the interval.

    >>> once = Ranking("ada", "t", ("a", "b", "c", "d"), (1, 2, 3, 4))
    >>> again = Ranking("ada", "t", ("b", "a", "c", "d"), (1, 2, 3, 4))
    >>> self_repeatability([once, again]).spearman
    0.8

    Raises:
        UndefinedStatistic: no person ranked a board twice, or no repeat has a Spearman.
    """
    values: dict[str, dict[Board, float]] = {}
    left_out: Counter[str] = Counter()
    n_pairs = 0
    for board, people in by_board(rankings).items():
        for person, ranks in people.items():
            found = [spearman_or_count(*pair, left_out) for pair in combinations(ranks, 2)]
            known = [one for one in found if one is not None]
            if known:
                n_pairs += len(known)
                values.setdefault(person, {})[board] = float(np.mean(known))
    if not values:
        reasons = f" ({', '.join(left_out)})" if left_out else ""
        raise UndefinedStatistic(
            f"repeatability needs a person who ranked one board twice, got none{reasons}"
        )
    mean = over_people(values, seed=seed)
    images = float(np.mean([len(board[1]) for one in values.values() for board in one]))
    return Repeatability(
        spearman=mean.value,
        ci=mean.ci,
        noiseless_ceiling=noiseless_ceiling(mean.value, images) if mean.value > 0 else None,
        n_pairs=n_pairs,
        n_boards=mean.n_boards,
        n_people=len(values),
        people={person: over_boards(boards, seed=seed) for person, boards in values.items()},
        left_out=dict(left_out),
    )


def noiseless_ceiling(repeatability: float, n_images: float) -> float:
    """Mean Spearman of a perfect metric with rankings of a given repeatability.

    The root of the reliability holds for Pearson's correlation. For normal values and n images
    the expected Spearman is 6 / (π (n + 1)) · (asin ρ + (n − 2) asin(ρ / 2)) (Moran, 1948,
    Biometrika 35), so repeatability is taken to ρ, ρ to its root and that back. On eight images
    this is 0.02–0.03 below the plain root, and within 0.002 of simulated people.

    Args:
        repeatability: mean Spearman between two rankings of one board, in (0, 1].
        n_images: images on a board, on average; 3 or more.

    >>> round(noiseless_ceiling(0.5, 8), 3), noiseless_ceiling(1, 8)
    (0.677, 1.0)

    Raises:
        InputError: fewer than three images, or a repeatability above 1.
        UndefinedStatistic: a repeatability that is not above 0.
    """
    if not (n_images >= MIN_IMAGES and repeatability <= 1):
        raise InputError(
            f"a noiseless ceiling needs {MIN_IMAGES} images and a repeatability up to 1, "
            f"got {n_images} and {repeatability}"
        )
    if repeatability <= 0:
        raise UndefinedStatistic(
            f"a noiseless ceiling needs a repeatability above 0, got {repeatability:.2f}"
        )

    def expected(rho: float) -> float:
        angles = math.asin(rho) + (n_images - 2) * math.asin(rho / 2)
        return min(1.0, 6 / math.pi * angles / (n_images + 1))

    if repeatability == 1:
        return 1.0
    rho = float(optimize.brentq(lambda one: expected(one) - repeatability, 0, 1, xtol=1e-12))
    return expected(math.sqrt(rho))


def share_of_ceiling(agreement: float, ceiling: float, *, of: Of = "repeatability") -> Share:
    """Agreement ÷ ceiling, both mean Spearman on the same kind of boards.

    >>> share_of_ceiling(0.50, 0.60).sentence
    'Your metric reaches 83 % of your own repeatability (0.50 against 0.60 Spearman).'

    Raises:
        InputError: a number outside [−1, 1], or another ceiling than the three.
        UndefinedStatistic: the ceiling is not above 0, so that there is nothing to reach.
    """
    if of not in get_args(Of):
        raise InputError(f"of must be one of {get_args(Of)}, got {of!r}")
    for name, value in (("agreement", agreement), ("ceiling", ceiling)):
        if not -1 <= value <= 1:
            raise InputError(f"{name} must lie in [−1, 1], got {value}")
    if ceiling <= 0:
        raise UndefinedStatistic(f"a share needs a ceiling above 0, got {ceiling:.2f}")
    return Share(agreement / ceiling, agreement, ceiling, of)
