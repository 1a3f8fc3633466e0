"""Why a metric says what it says: shares, intervals, comparisons that turned, maps."""

from __future__ import annotations

import lpips
import numpy as np
import pytest
import torch
from pictures import layer_person, scene, simulated
from scipy import stats

from clpips.errors import InputError, UndefinedStatistic
from clpips.features.architecture import spec_of
from clpips.features.weights import backbone_tensors, stock_weights
from clpips.io.images import load_image
from clpips.metric.attribution import (
    block_distances,
    flipped,
    layer_shares,
    layer_uncertainty,
    mean_distance,
    mean_vector,
)
from clpips.metric.clpips import CLPIPS
from clpips.metric.distance_maps import distance_maps
from clpips.metric.observations import Observation
from clpips.types import Ranking

CHANNELS = spec_of("alex").channels


def seen(vectors: list[list[float]], ranks: tuple[int, ...], target: str = "t") -> Observation:
    images = tuple(f"image {number}" for number in range(len(ranks)))
    return Observation(Ranking("Ada", target, images, ranks), np.array(vectors))


# --- shares -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def package() -> lpips.LPIPS:
    """The lpips package, spatial, with the same trunk, without its download."""
    model = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False, spatial=True)
    tensors, _ = backbone_tensors("alex")
    own = model.net.state_dict()
    model.net.load_state_dict({name: tensors["features." + name.split(".", 1)[1]] for name in own})
    return model


def test_layer_shares_are_the_layers_of_the_lpips_package(package: lpips.LPIPS) -> None:
    target, image = scene(1), scene(2)
    metric = CLPIPS("alex")
    vector = metric.network().difference_vectors(target, [image]).vectors[0]
    package.spatial = False
    with torch.no_grad():
        total, layers = package(load_image(target)[None], load_image(image)[None], retPerLayer=True)
    package.spatial = True
    expected = np.array([layer.item() for layer in layers]) / total.item()
    np.testing.assert_allclose(layer_shares(vector, metric.weights, CHANNELS), expected, atol=1e-6)


def test_shares_add_up_to_one_and_blocks_to_the_distance() -> None:
    rng = np.random.default_rng(1)
    vectors, weights = rng.random((7, 1152)), rng.random(1152)
    np.testing.assert_allclose(layer_shares(vectors, weights, CHANNELS).sum(axis=1), 1)
    parts = block_distances(vectors, weights, CHANNELS)
    np.testing.assert_allclose(parts.sum(axis=1), vectors @ weights)


def test_a_metric_times_a_constant_has_the_same_shares() -> None:
    rng = np.random.default_rng(2)
    vector, weights = rng.random(1152), rng.random(1152)
    shares = layer_shares(vector, weights, CHANNELS)
    np.testing.assert_allclose(layer_shares(vector, 7 * weights, CHANNELS), shares)


def test_a_distance_of_nothing_has_no_shares() -> None:
    with pytest.raises(UndefinedStatistic, match="distance of 0"):
        layer_shares(np.zeros(3), np.ones(3), [1, 2])


def test_blocks_of_other_channels_are_refused() -> None:
    with pytest.raises(InputError, match="got 3, 3 and 4"):
        layer_shares(np.ones(3), np.ones(3), [2, 2])


# --- uncertainty --------------------------------------------------------------------------------


def test_the_jackknife_of_a_mean_is_the_textbook_standard_error() -> None:
    """For a mean of n values it equals s/√n exactly (Efron and Stein 1981)."""
    values = np.array([0.31, 0.52, 0.44, 0.68, 0.40, 0.57])
    without = (values.sum() - values) / (len(values) - 1)
    folds = np.stack([without, 1 - without])
    mean = values.mean()
    share, _ = layer_uncertainty(
        folds, np.array([mean, 1 - mean]), np.array([0.3, 0.7]), [1, 1], np.ones(2)
    )
    assert share.personal == pytest.approx(mean)
    assert share.error == pytest.approx(stats.sem(values))
    low, high = stats.t.interval(0.95, len(values) - 1, loc=mean, scale=stats.sem(values))
    assert share.interval == pytest.approx((low, high))
    assert share.differs and not low < 0.3 < high


def test_a_share_whose_interval_holds_the_stock_share_cannot_be_told_from_it() -> None:
    folds = np.array([[0.2, 0.8, 0.5], [0.8, 0.2, 0.5]])
    shares = layer_uncertainty(
        folds, np.array([0.5, 0.5]), np.array([0.4, 0.6]), [1, 1], np.ones(2)
    )
    assert [share.differs for share in shares] == [False, False]
    assert all(0 <= share.interval[0] <= share.interval[1] <= 1 for share in shares)


def test_folds_that_agree_leave_no_doubt() -> None:
    folds = np.repeat(np.array([[0.9], [0.1]]), 4, axis=1)
    share = layer_uncertainty(folds, folds[:, 0], np.array([0.5, 0.5]), [1, 1], np.ones(2))[0]
    assert share.error == pytest.approx(0)
    assert share.differs


def test_neighbouring_blocks_may_be_added_up_beforehand() -> None:
    rng = np.random.default_rng(3)
    folds, mean = rng.random((6, 5)), rng.random(6)
    apart = layer_uncertainty(folds, folds[:, 0], folds[:, 1], [2, 2, 2], mean)
    together = layer_uncertainty(folds, folds[:, 0], folds[:, 1], [4, 2], mean)
    assert together[0].personal == pytest.approx(apart[0].personal + apart[1].personal)
    assert together[1] == apart[2]


def test_a_fold_that_weighs_nothing_leaves_every_share_open() -> None:
    folds = np.array([[0.9, 0.0, 0.8], [0.1, 0.0, 0.2]])
    for share in layer_uncertainty(folds, folds[:, 0], np.array([0.2, 0.8]), [1, 1], np.ones(2)):
        assert share.error == np.inf
        assert share.interval == (0, 1) and not share.differs


def test_two_left_out_targets_give_no_interval() -> None:
    with pytest.raises(UndefinedStatistic, match="at least 3 of them, got 2"):
        layer_uncertainty(np.ones((2, 2)), np.ones(2), np.ones(2), [1, 1], np.ones(2))


def test_planted_weights_are_told_from_stock_on_the_planted_layer() -> None:
    """Somebody who looks at the first layer alone gets it back, with an interval clear of stock."""
    from clpips.metric.fit import fit_weights
    from clpips.metric.settings import FitSettings
    from clpips.progress import Watch

    rng = np.random.default_rng(4)
    table = rng.gamma(2.0, 0.05, (8, 20, len(stock_weights("alex"))))
    table *= np.repeat(rng.gamma(3.0, 1.0, (8, 20, 5)), CHANNELS, axis=2)
    observations = simulated(table, layer_person(0), range(8), seed=5)
    fitted = fit_weights(observations, "alex", FitSettings().filled())
    folds = fitted.without_each_target(Watch())
    first = layer_uncertainty(
        folds, fitted.weights, stock_weights("alex"), CHANNELS, mean_vector(observations)
    )[0]
    assert first.differs
    assert first.interval[0] > first.stock


# --- comparisons that turned --------------------------------------------------------------------

STOCK, PERSONAL = np.array([1.0, 1.0]), np.array([2.0, 0.0])


def test_comparisons_are_sorted_by_who_agrees_with_the_person() -> None:
    board = seen([[1, 4], [2, 1], [3, 0], [3, 9]], (1, 2, 3, 4))
    # stock: 5, 3, 3, 12 (mean 5.75); personal: 2, 4, 6, 6 (mean 4.5)
    found = flipped([board], STOCK, PERSONAL)
    assert [(one.nearer, one.farther) for one in found.gained] == [(0, 2), (0, 1)]
    assert found.lost == ()
    assert (found.both_right, found.both_wrong, found.tied) == (2, 0, 2)
    assert found.n_comparisons == 6
    best = found.gained[0]
    assert best.stock == pytest.approx((5 / 5.75, 3 / 5.75))
    assert best.personal == pytest.approx((2 / 4.5, 6 / 4.5))
    assert best.change == pytest.approx(4 / 4.5 + 2 / 5.75)


def test_reversing_the_person_turns_gains_into_losses() -> None:
    rng = np.random.default_rng(5)
    vectors = rng.random((6, 2)).tolist()
    there = flipped([seen(vectors, (1, 2, 3, 4, 5, 6))], STOCK, PERSONAL)
    back = flipped([seen(vectors, (6, 5, 4, 3, 2, 1))], STOCK, PERSONAL)
    assert there.gained and len(there.gained) == len(back.lost)
    assert len(there.lost) == len(back.gained)
    assert (there.both_right, there.both_wrong) == (back.both_wrong, back.both_right)
    assert {(one.farther, one.nearer) for one in there.gained} == {
        (one.nearer, one.farther) for one in back.lost
    }


def test_a_metric_times_a_constant_turns_the_same_comparisons_by_as_much() -> None:
    rng = np.random.default_rng(6)
    boards = [seen(rng.random((5, 2)).tolist(), (1, 2, 3, 4, 5)) for _ in range(3)]
    once, scaled = flipped(boards, STOCK, PERSONAL), flipped(boards, STOCK, 40 * PERSONAL)
    assert [one.change for one in once.gained] == pytest.approx(
        [one.change for one in scaled.gained]
    )


def test_each_ranking_is_explained_by_its_own_column_of_weights() -> None:
    board = seen([[1, 4], [3, 1]], (1, 2))  # stock: 5 and 4, against the person
    folds = np.array([[2.0, 1.0], [0.0, 1.0]])  # the second board's fold is stock itself
    found = flipped([board, board], STOCK, folds)
    assert [one.observation for one in found.gained] == [0]
    assert found.both_wrong == 1


def test_ties_of_the_person_are_no_comparison() -> None:
    assert flipped([seen([[1, 4], [3, 1]], (1, 1))], STOCK, PERSONAL).n_comparisons == 0


def test_weights_that_are_all_zero_make_ties() -> None:
    board = seen([[1, 4], [3, 1]], (1, 2))
    assert flipped([board], STOCK, np.zeros(2)).tied == 1


def test_weights_of_other_rankings_are_refused() -> None:
    board = seen([[1, 4], [3, 1]], (1, 2))
    with pytest.raises(InputError, match=r"shape \(2, 1\).*got \(2, 3\)"):
        flipped([board], STOCK, np.ones((2, 3)))
    with pytest.raises(InputError, match="at least one ranking"):
        flipped([], STOCK, PERSONAL)


def test_the_unit_is_the_mean_distance_of_every_ranked_image() -> None:
    board = seen([[1, 4], [3, 1]], (1, 2))
    assert mean_distance([board], STOCK) == pytest.approx(4.5)
    with pytest.raises(UndefinedStatistic, match="every distance is 0"):
        mean_distance([board], np.zeros(2))


# --- maps ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "other"), [(96, 96), (101, 101), (96, 64)])
def test_the_stock_map_equals_the_lpips_package(
    package: lpips.LPIPS, size: int, other: int
) -> None:
    from clpips.io.images import resize_like

    target, image = scene(3, size), scene(4, other)
    metric = CLPIPS("alex")
    found = distance_maps(metric, target, image, personal=metric.weights)
    reference = load_image(target)
    with torch.no_grad():
        expected = package(reference[None], resize_like(load_image(image), reference)[None])
    np.testing.assert_allclose(found.stock, expected[0, 0].numpy(), atol=1e-5)
    np.testing.assert_allclose(found.stock, found.personal, atol=1e-6)
    assert found.resized == (size != other)


def test_a_map_is_about_the_distance_on_the_mean_and_never_negative() -> None:
    metric = CLPIPS("alex")
    metric.weights_ = layer_person(1)
    target, image = scene(5, 128), scene(6, 128)
    found = distance_maps(metric, target, image)
    exact = metric.distance(target, image)
    assert found.distances == pytest.approx((CLPIPS("alex").distance(target, image), exact))
    assert found.personal.mean() == pytest.approx(exact, rel=0.1)
    assert found.personal.min() >= 0 and found.stock.min() >= 0


def test_the_map_is_bright_where_the_pictures_differ() -> None:
    picture = scene(7, 128)
    changed = np.asarray(picture).copy()
    changed[80:112, 80:112] = 255 - changed[80:112, 80:112]
    found = distance_maps(CLPIPS("alex"), picture, changed)
    here = found.stock[80:112, 80:112].mean()
    assert here > 10 * found.stock[:40, :40].mean()


def test_a_picture_has_no_distance_from_itself_anywhere() -> None:
    found = distance_maps(CLPIPS("alex"), scene(8), scene(8))
    assert found.stock.max() == 0
    assert found.distances == (0.0, 0.0)


def test_a_space_whose_distance_is_no_sum_over_places_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    metric = CLPIPS("alex")
    network = metric.network()
    monkeypatch.setattr(
        type(network), "differences", lambda self, target, images: np.ones((1, 1152))
    )
    with pytest.raises(InputError, match="no sum over places"):
        distance_maps(metric, scene(1), scene(2))
