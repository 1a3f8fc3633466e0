from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import optimize

from clpips.active.acquisition import ChoiceSettings, Pick, choose
from clpips.active.posterior import CHANNEL_SPREAD, LAYER_SPREAD, Posterior, compute_posterior
from clpips.errors import InputError

CHANNELS = (3, 5, 4)
LAYER = np.repeat(np.arange(3), CHANNELS)
STOCK = np.random.default_rng(5).random(12)
NOISE = 0.7


def pool(seed: int, images: int = 10) -> np.ndarray:
    return np.random.default_rng(seed).random((images, 12))


def ranked(vectors: np.ndarray, *ranks: int) -> Any:
    """What a choice looks at in an observation."""
    return SimpleNamespace(vectors=vectors, ranking=SimpleNamespace(ranks=ranks))


def answers(weights: np.ndarray, seeds: range, images: int = 4) -> list[Any]:
    """Rankings without noise by some weights."""
    boards = [pool(seed, images) for seed in seeds]
    return [
        ranked(board, *(int(rank) + 1 for rank in np.argsort(np.argsort(board @ weights))))
        for board in boards
    ]


def posterior(seen: list[Any], images: np.ndarray) -> Posterior:
    return compute_posterior(seen, images, stock=STOCK, channels=CHANNELS, noise=NOISE)


def pick(images: np.ndarray, seen: list[Any], **settings: Any) -> tuple[Pick, ...]:
    return choose(images, seen, ChoiceSettings(**settings), stock=STOCK, channels=CHANNELS)


def prior_covariance() -> np.ndarray:
    """Σ of the weights, written out."""
    means = np.array([STOCK[layer == LAYER].mean() for layer in range(3)])[LAYER]
    covariance = np.diag((CHANNEL_SPREAD * (STOCK + means)) ** 2)
    for layer in range(3):
        own = LAYER_SPREAD * STOCK * (layer == LAYER)
        covariance += np.outer(own, own)
    return covariance


def about(images: np.ndarray, unit: float) -> np.ndarray:
    return (images - images.mean(axis=0)) / unit


# --- the posterior --------------------------------------------------------------------------------


def test_before_any_ranking_the_posterior_is_the_prior() -> None:
    images = pool(1)
    first = posterior([], images)
    mean, covariance = first.distances(images)
    distances = images @ STOCK
    gaps = [abs(a - b) for i, a in enumerate(distances) for b in distances[i + 1 :]]
    assert first.unit == pytest.approx(np.mean(gaps))
    own = about(images, first.unit)
    np.testing.assert_allclose(mean, own @ STOCK)
    np.testing.assert_allclose(covariance, own @ prior_covariance() @ own.T, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_after_rankings_it_is_laplace_s_approximation_over_the_weights(seed: int) -> None:
    """The oracle works on the twelve weights, not on images, and leaves the optimum to scipy."""
    images = pool(100 + seed)
    seen = [
        *answers(np.random.default_rng(seed).random(12), range(10, 16)),
        ranked(pool(20 + seed, 5), 1, 2, 2, 4, 4),
    ]
    found = posterior(seen, images)
    precision = np.linalg.inv(prior_covariance())
    gaps, shares = [], []
    for one in seen:
        own, ranks = about(one.vectors, found.unit), one.ranking.ranks
        for near, its_rank in enumerate(ranks):
            for far, other in enumerate(ranks):
                if its_rank < other:
                    gaps.append(own[far] - own[near])
                    shares.append(2 / len(ranks))
    directions, weight = np.array(gaps) / NOISE, np.array(shares)

    def loss(w: np.ndarray) -> float:
        away = w - STOCK
        told = weight @ np.logaddexp(0, -directions @ w)
        return float(told + away @ precision @ away / 2)

    best = optimize.minimize(loss, STOCK, method="BFGS", options={"gtol": 1e-9}).x
    right = 1 / (1 + np.exp(-directions @ best))
    curvature = (directions.T * (weight * right * (1 - right))) @ directions
    own = about(images, found.unit)
    mean, covariance = found.distances(images)
    np.testing.assert_allclose(mean, own @ best, atol=2e-4)
    expected = own @ np.linalg.inv(precision + curvature) @ own.T
    np.testing.assert_allclose(covariance, expected, atol=2e-4)


def test_a_ranking_of_ties_alone_tells_nothing() -> None:
    images = pool(1)
    tied = posterior([ranked(images[:4], 1, 1, 1, 1)], images)
    mean, covariance = tied.distances(images)
    own = about(images, tied.unit)
    np.testing.assert_allclose(mean, own @ STOCK)
    np.testing.assert_allclose(covariance, own @ prior_covariance() @ own.T, atol=1e-12)


def test_rankings_move_the_posterior_towards_the_person_and_make_it_surer() -> None:
    mine = np.where(LAYER == 2, 1.0, 0.01)
    images = pool(1, 20)
    before, after = posterior([], images), posterior(answers(mine, range(30, 50)), images)
    truth = images @ mine
    agreement = [np.corrcoef(one.distances(images)[0], truth)[0, 1] for one in (before, after)]
    assert agreement[1] > 0.9 > agreement[0]
    # In the same unit, every direction is known better than before.
    shrunk = (
        before.distances(images)[1] * (before.unit / after.unit) ** 2 - after.distances(images)[1]
    )
    assert np.linalg.eigvalsh(shrunk).min() > -1e-9
    assert np.trace(shrunk) > 0


# --- the choice --------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["information", "disagreement", "random"])
def test_as_many_different_images_as_asked_for_are_chosen(method: str) -> None:
    picks = pick(pool(1), answers(STOCK, range(3)), shown=4, method=method, seed=3)
    assert len({each.index for each in picks}) == 4
    reasons = ["random"] * 4 if method == "random" else ["random"] + ["informative"] * 3
    assert [each.why for each in picks] == reasons
    assert all((each.gain is None) == (each.why == "random") for each in picks)


@pytest.mark.parametrize(
    ("shown", "share", "random"), [(2, 0.25, 1), (4, 0.01, 1), (8, 0.25, 2), (6, 0.5, 3), (3, 1, 3)]
)
def test_some_images_are_always_random_one_at_least(shown: int, share: float, random: int) -> None:
    picks = pick(pool(1), [], shown=shown, random_share=share)
    assert sum(each.why == "random" for each in picks) == random


def test_the_random_images_are_drawn_uniformly() -> None:
    drawn = [pick(pool(1), [], shown=2, seed=seed)[0].index for seed in range(2000)]
    counts = np.bincount(drawn, minlength=10)
    assert ((counts - 200) ** 2 / 200).sum() < 27.9  # chi-square with 9 degrees, p = 0.001


def test_the_random_images_do_not_depend_on_the_posterior() -> None:
    images = pool(1)
    for seed in range(20):
        first = pick(images, [], shown=4, seed=seed)[0]
        later = pick(images, answers(STOCK[::-1], range(8)), shown=4, seed=seed)[0]
        assert first == later


def test_the_same_seed_chooses_the_same_and_another_one_not() -> None:
    images, seen = pool(1), answers(STOCK, range(3))
    assert pick(images, seen, seed=1) == pick(images, seen, seed=1)
    assert len({pick(images, seen, seed=seed) for seed in range(10)}) > 1


@pytest.mark.parametrize("method", ["information", "disagreement"])
def test_the_same_image_twice_is_not_shown_while_others_tell_something(method: str) -> None:
    images = pool(1, 6)
    doubled = np.concatenate([images, images])
    for seed in range(10):
        picks = pick(doubled, [], shown=4, method=method, seed=seed)
        assert len({each.index % 6 for each in picks}) == 4


@pytest.mark.parametrize("method", ["information", "disagreement"])
def test_what_differs_in_a_layer_that_is_known_already_is_not_asked_again(method: str) -> None:
    # Every ranking so far was about the first layer alone, and left nothing open.
    one, other = np.where(LAYER == 0, 1.0, 0.0), np.where(LAYER == 1, 1.0, 0.0)
    seen = [
        ranked(1 + np.outer([0, 1, 2, 3], one) / 4 + 0.01 * pool(seed, 4), 1, 2, 3, 4)
        for seed in range(25)
    ]
    amounts = np.linspace(0, 0.5, 6)
    images = 1 + np.concatenate([np.outer(amounts, one), np.outer(amounts[1:], other)])
    for seed in range(5):
        picks = pick(images, seen, shown=2, method=method, random_share=0.1, seed=seed)
        assert picks[1].index > 5 or picks[0].index > 5


@pytest.mark.parametrize("method", ["information", "disagreement"])
def test_differences_that_are_lost_in_the_noise_are_not_asked(method: str) -> None:
    close = pool(1, 1) + 0.001 * pool(2, 8)
    images = np.concatenate([close, pool(3, 4)])
    for seed in range(10):
        picks = pick(images, [], shown=4, method=method, seed=seed)
        assert sum(each.index < 8 for each in picks) <= 1


def test_disagreement_is_the_mutual_information_of_answer_and_weights() -> None:
    """Against a simulation: draw weights, then answers; entropy of the mix less the mean one."""
    images, seen = pool(4, 2), answers(STOCK[::-1], range(2))
    gain = pick(images, seen, shown=2, method="disagreement", noise=NOISE)[1].gain
    mean, covariance = posterior(seen, images).distances(images)
    rng = np.random.default_rng(0)
    drawn = rng.multivariate_normal(mean, covariance, 400_000, method="eigh")
    share = 1 / (1 + np.exp((drawn[:, 0] - drawn[:, 1]) / NOISE))

    def entropy(p: Any) -> Any:
        return -p * np.log(p) - (1 - p) * np.log1p(-p)

    assert gain == pytest.approx(entropy(share.mean()) - entropy(share).mean(), rel=0.02)


def test_information_about_one_pair_is_that_of_one_answer() -> None:
    """½ log(1 + what an answer is expected to tell × the gap's variance), by quadrature."""
    images, seen = pool(4, 2), answers(STOCK[::-1], range(2))
    gain = pick(images, seen, shown=2, method="information", noise=NOISE)[1].gain
    mean, covariance = posterior(seen, images).distances(images)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    gap = mean[0] - mean[1] + np.sqrt(variance) * np.linspace(-8, 8, 4001)
    density = np.exp(-(np.linspace(-8, 8, 4001) ** 2) / 2)
    right = 1 / (1 + np.exp(-gap / NOISE))
    told = (right * (1 - right)) @ density / density.sum() / NOISE**2
    assert gain == pytest.approx(0.5 * np.log1p(told * variance), rel=0.03)


def test_each_further_image_tells_less_than_the_first_ones() -> None:
    gains = [each.gain for each in pick(pool(1), [], shown=9, random_share=0.1)[1:]]
    assert all(gain is not None and gain > 0 for gain in gains)
    assert gains[-1] < gains[1] < gains[0]  # what it adds, not what the board tells in all


def test_the_unit_of_distances_and_what_all_images_share_change_nothing() -> None:
    images, seen = pool(1), answers(STOCK, range(3))
    plain = pick(images, seen, seed=2)
    scaled = [ranked(1000 * one.vectors + 3, *one.ranking.ranks) for one in seen]
    again = pick(1000 * images + 5, scaled, seed=2)
    assert [each.index for each in again] == [each.index for each in plain]
    assert [each.gain for each in again[1:]] == pytest.approx([each.gain for each in plain[1:]])


def test_chosen_boards_leave_less_unknown_than_random_ones() -> None:
    mine = np.where(LAYER == 1, 1.0, 0.01)
    probe = pool(77, 40)
    left: dict[str, list[float]] = {"random": [], "information": [], "disagreement": []}
    for method, unknown in left.items():
        for person in range(6):
            seen: list[Any] = []
            for number in range(6):
                images = pool(1000 * person + number, 20)
                picks = pick(images, seen, method=method, seed=number)
                board = images[[each.index for each in picks]]
                order = np.argsort(np.argsort(board @ mine))
                seen.append(ranked(board, *(int(rank) + 1 for rank in order)))
            last = posterior(seen, probe)
            unknown.append(float(np.trace(last.distances(probe)[1])) * last.unit**2)
    assert np.mean(left["information"]) < 0.95 * np.mean(left["random"])
    assert np.mean(left["disagreement"]) < 0.95 * np.mean(left["random"])


def test_where_there_are_no_more_images_than_asked_for_all_are_shown() -> None:
    assert sorted(each.index for each in pick(pool(1, 3), [], shown=5)) == [0, 1, 2]


def test_images_that_are_all_the_same_can_be_chosen_from() -> None:
    picks = pick(np.ones((5, 12)), [], shown=3)
    assert [each.gain for each in picks[1:]] == pytest.approx([0, 0])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"shown": 1}, "shown must be at least 2, got 1"),
        ({"method": "best"}, "method must be one of .* got 'best'"),
        ({"random_share": 0.0}, r"random_share must lie in \(0, 1\], got 0"),
        ({"random_share": 1.5}, r"random_share must lie in \(0, 1\], got 1.5"),
        ({"noise": 0.0}, "noise must be a positive number, got 0"),
        ({"noise": float("inf")}, "noise must be a positive number, got inf"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ChoiceSettings(**settings)


def test_vectors_that_do_not_fit_the_weights_are_refused() -> None:
    with pytest.raises(InputError, match="at least 2 images, got 1"):
        pick(pool(1, 1), [])
    with pytest.raises(InputError, match="12 channels, got \\(10, 11\\)"):
        pick(pool(1)[:, 1:], [])
    with pytest.raises(InputError, match="12 channels, got \\(4, 11\\)"):
        pick(pool(1), [ranked(pool(2, 4)[:, 1:], 1, 2, 3, 4)])
    with pytest.raises(InputError, match="one weight per channel, got 11 for 12"):
        choose(pool(1)[:, 1:], [], ChoiceSettings(), stock=STOCK[1:], channels=CHANNELS)
    with pytest.raises(InputError, match="finite"):
        pick(np.full((4, 12), np.nan), [])


def test_choosing_needs_no_torch() -> None:
    program = "import sys, clpips.active.acquisition; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
