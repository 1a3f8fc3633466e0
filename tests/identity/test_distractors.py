"""Margins between identities and near-identity distractors."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from clpips.errors import InputError
from clpips.identity.distractors import (
    DIRECTED,
    directed_margins,
    embedding_margins,
    pooled,
    summarised,
)


def toy() -> np.ndarray:
    """Two identities: all similarities .9, all distractors .1, but for B's first, .95."""
    cross = np.full((2, 3), 0.1)
    cross[1, 0] = 0.95
    return directed_margins(np.full((2, 3, 3), 0.9), cross)


def random_embeddings(seed: int, n: int = 40, d: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Views and distractors with missing slots and exact ties."""
    draw = np.random.default_rng(seed)
    centre = draw.normal(size=(n, 1, d))
    views = centre + 0.8 * draw.normal(size=(n, 3, d))
    others = views + 0.8 * draw.normal(size=(n, 3, d))
    others[:4, 0] = views[:4, 1]  # a tie
    both = [x / np.linalg.norm(x, axis=2, keepdims=True) for x in (views, others)]
    for x in both:
        x[draw.random((n, 3)) < 0.2] = np.nan
    both[0][-1] = np.nan
    return both[0], both[1]


def naive(views: np.ndarray, others: np.ndarray) -> dict[str, float]:
    """The definitions, one number at a time."""
    complete, identities, wins, trials, extra, every = 0, 0, 0, 0, 0, []
    for view, other in zip(views, others, strict=True):
        own = []
        for i, j in combinations(range(3), 2):
            similar = math.fsum(view[i] * view[j])
            for anchor in (i, j):
                margin = similar - math.fsum(view[anchor] * other[anchor])
                if math.isfinite(margin):
                    own.append(margin)
        if not own:
            continue
        won = [margin > 1e-12 for margin in own]  # the sums' rounding
        identities, complete = identities + 1, complete + all(won)
        wins, trials = wins + sum(won), trials + len(own)
        extra += sum(own) / len(own) > 0
        every += own
    return {
        "ssr": complete / identities,
        "n_identities": identities,
        "pa": wins / trials,
        "n_margins": trials,
        "pa_compat": (wins + extra) / (trials + identities),
        "mean_margin": float(np.mean(every)),
        "median_margin": float(np.median(every)),
        "std_margin": float(np.std(every)),
        "n_left_out": len(views) - identities,
    }


def test_the_published_toy_case() -> None:
    found = summarised(toy())
    assert (found.ssr, found.n_identities, found.n_margins) == (0.5, 2, 12)
    assert found.pa == pytest.approx(10 / 12)
    assert found.pa_compat == pytest.approx(12 / 14)
    assert toy()[1].round(2).tolist() == [-0.05, 0.8, -0.05, 0.8, 0.8, 0.8]


@pytest.mark.parametrize("seed", range(5))
def test_a_naive_implementation_gives_the_same(seed: int) -> None:
    views, others = random_embeddings(seed)
    found = summarised(embedding_margins(views, others), resamples=50).to_dict()
    expected = naive(views, others)
    assert {key: found[key] for key in expected} == pytest.approx(expected, abs=1e-12)


def test_two_views_have_two_margins_and_a_missing_middle_slot_moves_nothing() -> None:
    views, others = (np.eye(6)[None, :3] for _ in range(2))
    views[0, 1] = np.nan
    margins = embedding_margins(views, others)
    valid = [pair for pair, m in zip(DIRECTED, margins[0], strict=True) if np.isfinite(m)]
    assert valid == [(0, 2), (2, 0)]


def test_a_tie_is_lost() -> None:
    view = np.random.default_rng(0).normal(size=(1, 3, 7)).astype(np.float32)
    found = summarised(embedding_margins(view, np.roll(view, -1, axis=1)))
    # distractor i equals view i + 1, so three of the six margins are exactly 0
    assert found.pa is not None
    assert found.pa <= 0.5
    assert (embedding_margins(view, np.roll(view, -1, axis=1)) == 0).sum() == 3


def test_terms_that_are_not_finite_are_left_out() -> None:
    between, cross = np.full((2, 3, 3), 0.9), np.full((2, 3), 0.1)
    cross[0, 0], between[1] = np.inf, np.inf
    found = summarised(directed_margins(between, cross))
    assert (found.n_margins, found.n_identities, found.n_left_out) == (4, 1, 1)
    assert found.ssr == 1.0


def test_sources_are_pooled_by_identities_and_by_margins() -> None:
    first, second = toy(), toy()
    second[0] = np.nan  # the second source lacks identity A
    second[1, :4] = np.nan
    found = pooled({"flux": first, "sdxl": second})
    alone = [summarised(first), summarised(second)]
    assert found.ssr == pytest.approx((0.5 * 2 + 1.0 * 1) / 3)
    assert found.pa == pytest.approx((10 + 2) / (12 + 2))
    assert found.n_identities == sum(one.n_identities for one in alone) == 3
    assert (found.n_distinct, found.n_left_out) == (2, 1)


def test_intervals_hold_the_share_and_shrink_with_more_identities() -> None:
    few, many = (summarised(np.tile(toy(), (n, 1))) for n in (5, 50))
    for one in (few, many):
        for value, ends in ((one.ssr, one.ssr_ci), (one.pa, one.pa_ci)):
            assert value is not None
            assert ends is not None
            assert 0 <= ends[0] < value < ends[1] <= 1
    assert few.ssr_ci is not None
    assert many.ssr_ci is not None
    assert many.ssr_ci[1] - many.ssr_ci[0] < few.ssr_ci[1] - few.ssr_ci[0]
    assert summarised(np.tile(toy(), (5, 1))) == few  # seeded


def test_all_wins_still_have_an_interval() -> None:
    found = summarised(toy()[[0, 0, 0]])
    assert (found.ssr, found.pa) == (1.0, 1.0)
    assert found.pa_ci is not None
    assert found.pa_ci[0] < 1.0


def test_without_margins_nothing_is_claimed() -> None:
    found = summarised(np.full((3, 6), np.nan))
    assert (found.ssr, found.pa, found.mean_margin, found.ssr_ci) == (None, None, None, None)
    assert found.n_left_out == 3


def test_other_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="identities, 3, d"):
        embedding_margins(np.zeros((2, 2, 4)), np.zeros((2, 2, 4)))
    with pytest.raises(InputError, match="same identities"):
        pooled({"a": np.zeros((2, 6)), "b": np.zeros((3, 6))})
