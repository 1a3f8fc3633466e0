"""How far several people agree who ranked the same images: one table (people, images) in.

Each statistic re-ranks within a person where it needs ranks; ties share their mean rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from scipy import stats

from clpips.errors import InputError, UndefinedStatistic
from clpips.stats.correlation import Array, within_ranks
from clpips.stats.icc import intraclass

Level = Literal["ordinal", "interval"]


@dataclass(frozen=True, slots=True)
class Concordance:
    """Kendall's W and the test that it is more than chance.

    Args:
        w: in [0, 1]: 0 no agreement, 1 all people ranked alike.
        chi2, df, p: people × (images − 1) × W against chi-square, which is Friedman's test. It is
            an approximation that needs about seven images or many people.
        n_people, n_images: the table's size.
    """

    w: float
    chi2: float
    df: int
    p: float
    n_people: int
    n_images: int


@dataclass(frozen=True, slots=True)
class BetweenPeople:
    """Intraclass correlations of people as raters of the same images, on within-person ranks.

    Args:
        a1: ICC(A,1), how well one person's ranks predict another's.
        c1: ICC(C,1), the same, ignoring differences in level, of which ranks have almost none.
        ak: ICC(A,k), how well the mean ranks of these people predict those of as many others.
        n_people, n_images: the table's size.
    """

    a1: float
    c1: float
    ak: float
    n_people: int
    n_images: int


def kendalls_w(ranks: Any) -> Concordance:
    """Kendall's coefficient of concordance, corrected for ties (Kendall, 1948, chapter 6).

    Args:
        ranks: (people, images), any numbers that rise from nearest to farthest.

    >>> kendalls_w([[1, 2, 3, 4], [1, 2, 3, 4], [2, 1, 3, 4]]).w.__round__(4)
    0.9111

    Raises:
        InputError: not a table, or a number that is not finite.
        UndefinedStatistic: fewer than two people or images, or all ranks of every person are tied.
    """
    table = _ranked_table(ranks, "Kendall's W")
    people, images = table.shape
    spread = float(((table.sum(axis=0) - people * (images + 1) / 2) ** 2).sum())
    ties = sum(float((counts**3 - counts).sum()) for counts in map(_tie_counts, table))
    most = (people**2 * (images**3 - images) - people * ties) / 12
    if most == 0:
        raise UndefinedStatistic(
            "Kendall's W does not exist when no person ranks two images differently"
        )
    w, df = spread / most, images - 1
    chi2 = people * df * w
    return Concordance(w, chi2, df, float(stats.chi2.sf(chi2, df)), people, images)


def between_person_icc(ranks: Any) -> BetweenPeople:
    """ICC(A,1), ICC(C,1) and ICC(A,k) between people, on within-person ranks.

    Args:
        ranks: (people, images).

    >>> round(between_person_icc([[1, 2, 3, 4], [1, 2, 4, 3]]).c1, 2)
    0.8

    Raises:
        InputError: not a table, or a number that is not finite.
        UndefinedStatistic: fewer than two people or images, or the images' mean ranks are all
            equal.
    """
    table = _ranked_table(ranks, "an intraclass correlation").T
    if np.ptp(table.mean(axis=1)) < 1e-9:  # ICC(A,k) would be as large as the number of images
        raise UndefinedStatistic(
            "an intraclass correlation between people does not exist where all images have the "
            "same mean rank"
        )
    a1, c1, ak = (intraclass(table, form=form) for form in ("ICC(A,1)", "ICC(C,1)", "ICC(A,k)"))
    return BetweenPeople(a1, c1, ak, table.shape[1], table.shape[0])


def krippendorff_alpha(ranks: Any, *, level: Level = "ordinal") -> float:
    """Krippendorff's alpha (2011): 1 − observed / expected disagreement.

    1 is perfect agreement, 0 what chance gives, below 0 systematic disagreement. The numbers are
    taken as they are, so pass ranks that mean the same for all people.

    Args:
        ranks: (people, images); NaN where a person did not rank an image.
        level: ``ordinal`` weighs a disagreement by how many ratings lie between the two,
            ``interval`` by their squared difference.

    >>> round(krippendorff_alpha([[1, 2, 3, 4], [1, 2, 4, 3]]), 4)
    0.825

    Raises:
        InputError: another level, not a table, or an infinite number.
        UndefinedStatistic: no image was ranked by two people, or all ratings are equal.
    """
    if level not in get_args(Level):
        raise InputError(f"level must be one of {get_args(Level)}, got {level!r}")
    table = _table(ranks, "Krippendorff's alpha")
    if np.isinf(table).any():
        raise InputError("Krippendorff's alpha needs finite numbers or NaN, got infinity")
    table = table[:, (~np.isnan(table)).sum(axis=0) >= 2]
    if not table.size:
        raise UndefinedStatistic("Krippendorff's alpha needs an image ranked by two people")
    values = np.unique(table[~np.isnan(table)])
    counts = (table[None] == values[:, None, None]).sum(axis=1).astype(float)  # (values, images)
    per_image, per_value = counts.sum(axis=0), counts.sum(axis=1)
    coincidences = (counts / (per_image - 1)) @ counts.T
    coincidences -= np.diag((counts / (per_image - 1)).sum(axis=1))
    total = per_value.sum()
    expected = (np.outer(per_value, per_value) - np.diag(per_value)) / (total - 1)
    distances = _squared_distances(values, per_value, level)
    chance = float((expected * distances).sum())
    if chance == 0:
        raise UndefinedStatistic("Krippendorff's alpha does not exist when all ratings are equal")
    return 1 - float((coincidences * distances).sum()) / chance


def _squared_distances(values: Array, counts: Array, level: Level) -> Array:
    # Ordinal: ratings from one value to the other, each end by half (Krippendorff, 2011, p. 5).
    scale = values if level == "interval" else np.cumsum(counts) - counts / 2
    return np.asarray((scale[:, None] - scale[None, :]) ** 2)


def _table(ranks: Any, name: str) -> Array:
    table = np.asarray(ranks, dtype=np.float64)
    if table.ndim != 2:
        raise InputError(f"{name} needs a table (people, images), got shape {table.shape}")
    return table


def _ranked_table(ranks: Any, name: str) -> Array:
    table = _table(ranks, name)
    if not np.isfinite(table).all():
        raise InputError(f"{name} needs finite numbers, got NaN or infinity")
    if min(table.shape) < 2:
        raise UndefinedStatistic(
            f"{name} needs two people and two images, got {table.shape[0]} and {table.shape[1]}"
        )
    return np.stack([within_ranks(row) for row in table])


def _tie_counts(row: Array) -> Array:
    return np.asarray(np.unique(row, return_counts=True)[1], dtype=np.float64)
