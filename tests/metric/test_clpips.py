"""The personal metric: what a fit learns, and what its files promise."""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path

import lpips
import numpy as np
import pytest
import safetensors.numpy
import torch
from pictures import layer_person, noise, scene, simulated
from scipy import sparse
from scipy.optimize import minimize

from clpips import CLPIPS
from clpips.errors import Cancelled, InputError, MetricFileError, NotFitted, StoppedShort
from clpips.evaluation.held_out import evaluate, fit_and_hold_out, held_out
from clpips.features.lpips import Network
from clpips.features.weights import stock_weights
from clpips.io.images import load_image
from clpips.metric.observations import Observation
from clpips.metric.ranking_problem import RankingProblem
from clpips.metric.solver import MarginRankingProblem, Prior
from clpips.progress import Watch
from clpips.types import Ranking


@pytest.fixture(scope="session")
def network() -> Network:
    return Network("alex")


@pytest.fixture(scope="session")
def table(network: Network) -> np.ndarray:
    """Difference vectors between 44 pictures: (target, image, channel)."""
    with torch.inference_mode():
        features = [network.features(load_image(scene(seed))[None]) for seed in range(44)]
    stacked = [torch.cat(layer) for layer in zip(*features, strict=True)]
    return np.stack([network.differences(one, stacked) for one in features])


@pytest.fixture(scope="session")
def fitted(table: np.ndarray) -> CLPIPS:
    return CLPIPS("alex").fit(simulated(table, layer_person(2), range(10), seed=1))


def test_planted_layers_are_found_on_unseen_targets(table: np.ndarray) -> None:
    """Five people, each with nearly all weight on one layer, 20 targets × 8 candidates."""
    stock, personal = [], []
    for layer in range(5):
        truth = layer_person(layer)
        metric = CLPIPS("alex").fit(simulated(table, truth, range(20), seed=layer))
        unseen = simulated(table, truth, range(20, 44), seed=100 + layer)
        personal.append(evaluate(metric, unseen).overall.spearman)
        stock.append(evaluate(CLPIPS("alex"), unseen).overall.spearman)
    assert np.mean(personal) >= 0.92
    assert np.mean(personal) > np.mean(stock) + 0.05


def test_a_planted_layer_dominates_the_learnt_weights(table: np.ndarray) -> None:
    for layer in range(5):
        metric = CLPIPS("alex").fit(simulated(table, layer_person(layer), range(20), seed=layer))
        stock = CLPIPS("alex").layer_weights()
        growth = [
            mine.sum() / theirs.sum()
            for mine, theirs in zip(metric.layer_weights(), stock, strict=True)
        ]
        assert int(np.argmax(growth)) == layer


def test_fitting_twice_gives_the_same_weights(table: np.ndarray) -> None:
    rankings = simulated(table, layer_person(1), range(8), seed=3, noise=0.5)
    one, two = CLPIPS("alex").fit(rankings), CLPIPS("alex").fit(rankings)
    assert np.array_equal(one.weights_, two.weights_)


def test_learnt_weights_are_never_negative_and_the_gap_is_small(fitted: CLPIPS) -> None:
    assert fitted.weights_.min() >= 0
    assert 0 <= fitted.card_.gap <= 2e-3


def test_much_shrinkage_keeps_the_stock_weights(table: np.ndarray) -> None:
    rankings = simulated(table, layer_person(4), range(8), seed=3)
    metric = CLPIPS("alex", shrinkage=1e7).fit(rankings)
    np.testing.assert_allclose(metric.weights_, stock_weights("alex"), atol=1e-5)


def test_one_weight_per_layer_scales_the_stock_layers(table: np.ndarray) -> None:
    metric = CLPIPS("alex", granularity="layer").fit(
        simulated(table, layer_person(3), range(20), seed=3)
    )
    stock = CLPIPS("alex").layer_weights()
    ratios = [
        mine[theirs > 0] / theirs[theirs > 0]
        for mine, theirs in zip(metric.layer_weights(), stock, strict=True)
    ]
    for ratio in ratios:
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)
    assert int(np.argmax([ratio[0] for ratio in ratios])) == 3


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_the_solver_refuses_what_is_not_finite(value: float) -> None:
    vectors = np.random.default_rng(0).random((3, 6))
    vectors[1, 2] = value
    prior = Prior(np.ones(6), np.ones(6), np.repeat([0, 1], 3), 0.8)
    differences = sparse.csr_matrix([[-1.0, 1, 0], [0, -1, 1]])
    problem = MarginRankingProblem(vectors, differences, prior)
    with pytest.raises(InputError, match="finite difference vectors"), np.errstate(all="ignore"):
        problem.solve(np.ones((2, 1)), np.array([0.7]), np.array([0.05]))


def test_the_solver_reaches_the_objective_of_an_independent_one(table: np.ndarray) -> None:
    """scipy's SLSQP solves the same primal, in slack form, on a small problem."""
    rng = np.random.default_rng(0)
    vectors, channels = rng.random((12, 6)), 6
    prior = Prior(rng.random(channels), 0.3 + rng.random(channels), np.repeat([0, 1], 3), 0.8)
    rankings = [Ranking("a", str(t), tuple("abcdef"), (1, 2, 3, 4, 5, 6)) for t in range(2)]
    problem = RankingProblem.of(
        [Observation(r, np.tile(vectors[6 * i : 6 * i + 6], 192)) for i, r in enumerate(rankings)],
        "alex",
    )
    differences, shares = problem.comparisons.matrix, problem.share
    ours = MarginRankingProblem(vectors, differences, prior).solve(
        shares[:, None], np.array([0.7]), np.array([0.05]), tolerance=1e-5, max_steps=20000
    )
    pairs, blocks = len(shares), 2
    delta = differences @ vectors

    def objective(x: np.ndarray) -> float:
        weights, multipliers, slack = np.split(x, [channels, channels + blocks])
        away = (weights - multipliers[prior.block] * prior.mean) / prior.spread
        own = ((multipliers - 1) / prior.block_spread) ** 2
        return float(shares @ slack + 0.025 * ((away**2).sum() + own.sum()))

    theirs = minimize(
        objective,
        np.concatenate([prior.mean, np.ones(blocks), np.ones(pairs)]),
        method="SLSQP",
        bounds=[(0, None)] * channels + [(None, None)] * blocks + [(0, None)] * pairs,
        constraints={
            "type": "ineq",
            "fun": lambda x: x[channels + blocks :] - 0.7 + delta @ x[:channels],
        },
        options={"maxiter": 500, "ftol": 1e-10},
    )
    weights = ours.weights[:, 0]
    slack = np.maximum(0.7 - delta @ weights, 0)
    x = np.concatenate([weights, ours.multipliers[:, 0], slack])
    assert objective(x) == pytest.approx(theirs.fun, rel=1e-4)
    np.testing.assert_allclose(weights, theirs.x[:channels], atol=5e-3)


def test_comparisons_never_cross_rankings_and_rankings_weigh_the_same() -> None:
    vectors = np.random.default_rng(0).random((3, 1152))
    long = Observation(Ranking("a", "t", ("a", "b", "c"), (1, 2, 3)), vectors)
    short = Observation(Ranking("a", "u", ("d", "e", "f"), (1, 2, 2)), vectors)
    problem = RankingProblem.of([long, short], "alex")
    assert len(problem.share) == 5  # 3 + 2: a tie makes no comparison
    assert np.bincount(problem.owner, weights=problem.share) == pytest.approx([1, 1])
    image_of_row = problem.comparisons.matrix.tocoo()
    for row in range(5):
        images = image_of_row.col[image_of_row.row == row]
        assert len({int(image) // 3 for image in images}) == 1


def test_held_out_never_sees_the_target_it_scores(table: np.ndarray) -> None:
    """A target whose rankings contradict all others must look bad when it is held out."""
    truth = layer_person(2)
    observations = simulated(table, truth, range(8), seed=5)
    ranking = observations[0].ranking
    flipped = Ranking(
        ranking.participant, ranking.target, ranking.images, tuple(9 - r for r in ranking.ranks)
    )
    result = held_out(
        CLPIPS("alex"), [Observation(flipped, observations[0].vectors)] * 3 + observations[1:]
    )
    assert result.targets[0].n_rankings == 3
    assert result.targets[0].personal < -0.8
    assert len(result.targets) == 8


def test_held_out_equals_refitting_by_hand(table: np.ndarray) -> None:
    observations = simulated(table, layer_person(0), range(6), seed=6, noise=0.3)
    metric = CLPIPS("alex")
    result = fit_and_hold_out(metric, observations)
    assert result is not None
    for left_out, target in zip(observations, result.targets, strict=True):
        rest = [one for one in observations if one is not left_out]
        by_hand = evaluate(CLPIPS("alex").fit(rest), [left_out]).overall.spearman
        assert target.personal == pytest.approx(by_hand, abs=0.06)
    assert np.array_equal(metric.weights_, CLPIPS("alex").fit(observations).weights_)


def test_too_few_rankings_are_called_too_early_and_noise_is_not_called_better(
    table: np.ndarray,
) -> None:
    few = held_out(CLPIPS("alex"), simulated(table, layer_person(2), range(3), seed=7))
    assert few.verdict == "too early"
    assert "Too early" in few.sentence
    rng = np.random.default_rng(8)
    random = [
        Observation(
            Ranking(
                "r",
                o.ranking.target,
                o.ranking.images,
                tuple(int(x) for x in rng.permutation(8) + 1),
            ),
            o.vectors,
        )
        for o in simulated(table, layer_person(2), range(12), seed=8)
    ]
    assert held_out(CLPIPS("alex"), random).verdict != "better"
    strong = held_out(CLPIPS("alex"), simulated(table, layer_person(2), range(12), seed=9))
    assert strong.verdict == "better"


def test_one_target_can_be_fitted_but_not_held_out(table: np.ndarray) -> None:
    metric = CLPIPS("alex")
    assert fit_and_hold_out(metric, simulated(table, layer_person(2), [0], seed=1)) is None
    assert metric.is_fitted


def test_rankings_of_ties_only_cannot_be_fitted() -> None:
    ranking = Ranking("a", "t", ("x", "y"), (1, 1))
    with pytest.raises(InputError, match="different ranks"):
        CLPIPS("alex").fit([Observation(ranking, np.zeros((2, 1152)))])


@pytest.mark.parametrize("margin", [0.5, 1.0])
def test_a_hard_problem_is_solved_to_the_end(margin: float) -> None:
    """Vectors whose channels differ a thousandfold: 2,000 steps end 4 % short of the optimum."""
    rng, observations = np.random.default_rng(0), []
    for target in range(8):
        vectors = np.exp(rng.normal(0, 3, (6, 1152))) * 0.001
        ranks = tuple(int(each) + 1 for each in rng.permutation(6))
        images = tuple(f"{target}-{number}" for number in range(6))
        observations.append(Observation(Ranking("ada", str(target), images, ranks), vectors))
    settings = {"margin": margin, "shrinkage": 1e-3 if margin == 1.0 else 5e-3, "start": "stock"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metric = CLPIPS("alex", granularity="channel", **settings).fit(observations)
    assert abs(metric.card_.gap) <= 2e-3


def test_a_fit_that_stops_short_warns_in_one_sentence_that_names_the_participant(
    table: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clpips.metric.fit.TO_THE_END", 0)
    with pytest.warns(StoppedShort, match=r"^The fit to the rankings of sim stopped \d"):
        CLPIPS("alex").fit(simulated(table, layer_person(2), range(6), seed=1))


def two_people(table: np.ndarray) -> list[Observation]:
    return [
        *simulated(table, layer_person(0), range(4), seed=1, participant="ann"),
        *simulated(table, layer_person(4), range(4), seed=2, participant="bo"),
    ]


def test_several_people_are_fitted_as_one_only_where_that_is_asked_for(table: np.ndarray) -> None:
    both = two_people(table)
    for fit in (CLPIPS("alex").fit, lambda some: held_out(CLPIPS("alex"), some)):
        with pytest.raises(InputError, match=r"2 participants \(ann, bo\)") as refused:
            fit(both)
        assert "participant='ann'" in str(refused.value)
        assert "pooled=True" in str(refused.value)
    ann = CLPIPS("alex").fit(both, participant="ann")
    assert np.array_equal(ann.weights_, CLPIPS("alex").fit(both[:4]).weights_)
    assert CLPIPS("alex").fit(both, pooled=True).card_.participants == ("ann", "bo")
    alone = held_out(CLPIPS("alex"), both[:4])
    assert held_out(CLPIPS("alex"), both, participant="ann") == alone
    assert held_out(CLPIPS("alex"), both, pooled=True).personal.n_rankings == 8
    with pytest.raises(InputError, match="no ranking by participant 'cy'; these rankings are by"):
        CLPIPS("alex").fit(both, participant="cy")
    with pytest.raises(InputError, match="exclude each other"):
        CLPIPS("alex").fit(both, participant="ann", pooled=True)


def test_a_participant_is_found_whichever_way_the_accents_are_composed(table: np.ndarray) -> None:
    zoe = simulated(table, layer_person(0), range(2), seed=1, participant="Zo\u00eb")
    both = [*zoe, *two_people(table)]
    assert CLPIPS("alex").fit(both, participant="Zoe\u0308").card_.n_rankings == 2


def test_repr_says_what_a_metric_is_whose_and_from_how_much(
    table: np.ndarray, tmp_path: Path
) -> None:
    both = two_people(table)
    assert repr(CLPIPS("wide")) == "<CLPIPS wide: stock, not fitted>"
    ann = CLPIPS("alex").fit(both, participant="ann")
    expected = (
        "<CLPIPS alex: personal metric of 'ann', from 4 rankings of 4 targets, 112 comparisons>"
    )
    assert repr(ann) == expected
    ann.save(tmp_path / "ann.safetensors")
    assert repr(CLPIPS.load(tmp_path / "ann.safetensors")) == expected
    assert repr(CLPIPS("alex").fit(both, pooled=True)) == (
        "<CLPIPS alex: pooled metric of 2 participants (ann, bo), "
        "from 8 rankings of 4 targets, 224 comparisons>"
    )


def test_a_cancelled_fit_learns_nothing(table: np.ndarray) -> None:
    metric = CLPIPS("alex")
    with pytest.raises(Cancelled):
        metric.fit(
            simulated(table, layer_person(2), range(20), seed=1),
            watch=Watch(cancelled=lambda: True),
        )
    assert not metric.is_fitted


def test_the_public_face_works_on_files(tmp_path: Path) -> None:
    from clpips import read_rankings

    lines = ["participant,target,image,rank"]
    for target in range(3):
        scene(target).save(tmp_path / f"t{target}.png")
        for rank in range(1, 5):
            name = f"{target}-{rank}.png"
            scene(100 + 10 * target + rank).save(tmp_path / name)
            lines.append(f"ada,t{target}.png,{name},{rank}")
    (tmp_path / "r.csv").write_text("\n".join(lines))
    rankings = read_rankings(tmp_path / "r.csv")
    personal = CLPIPS("alex").fit(rankings)
    trained = evaluate(personal, rankings).participants["ada"].spearman
    assert trained > evaluate(CLPIPS("alex"), rankings).participants["ada"].spearman
    order = personal.rank(rankings[0].target, rankings[0].images)
    distances = personal.distances(rankings[0].target, rankings[0].images).values
    assert [distances[i] for i in order] == sorted(distances)
    assert personal.distance(rankings[0].target, rankings[0].target) == 0


def test_saving_and_loading_changes_no_distance(fitted: CLPIPS, tmp_path: Path) -> None:
    path = tmp_path / "ada.safetensors"
    fitted.save(path, held_out={"spearman": 0.5, "spearman_ci": [0.4, 0.6]})
    loaded = CLPIPS.load(path)
    assert np.array_equal(loaded.weights_, fitted.weights_)
    assert loaded.card_.n_rankings == 10
    assert loaded.card_.participants == ("sim",)
    assert loaded.card_.held_out == {"spearman": 0.5, "spearman_ci": [0.4, 0.6]}
    assert loaded.distance(scene(1), scene(2)) == fitted.distance(scene(1), scene(2))


def test_the_lpips_export_gives_the_personal_distances(fitted: CLPIPS, tmp_path: Path) -> None:
    path = tmp_path / "ada.pth"
    fitted.save_lpips(path)
    model = lpips.LPIPS(net="alex", pnet_rand=True, model_path=str(path), verbose=False)
    state = torch.load(path, weights_only=True)
    assert set(state) == set(model.state_dict())  # lpips loads with strict=False
    with torch.no_grad():
        for pair in ((scene(1), scene(2)), (noise(1), noise(2))):
            a, b = (load_image(picture)[None] for picture in pair)
            assert model(a, b).item() == pytest.approx(fitted.distance(*pair), abs=1e-6)


def test_the_vgg_export_gives_stock_distances_when_unfitted(tmp_path: Path) -> None:
    CLPIPS("vgg").save_lpips(tmp_path / "stock.pth")
    path = str(tmp_path / "stock.pth")
    model = lpips.LPIPS(net="vgg", pnet_rand=True, model_path=path, verbose=False)
    with torch.no_grad():
        found = model(load_image(scene(1))[None], load_image(scene(2))[None]).item()
    assert CLPIPS("vgg").distance(scene(1), scene(2)) == pytest.approx(found, abs=1e-6)


def test_nothing_unfitted_is_saved(tmp_path: Path) -> None:
    with pytest.raises(NotFitted):
        CLPIPS("alex").save(tmp_path / "a.safetensors")
    with pytest.raises(InputError, match=r"\.pth"):
        CLPIPS("alex").save_lpips(tmp_path / "a.pt")


def tampered(path: Path, change) -> Path:
    with safetensors.safe_open(path, "numpy") as file:
        metadata, names = file.metadata(), list(file.keys())
        tensors = {name: file.get_tensor(name) for name in names}
    change(tensors, metadata)
    other = path.with_name("tampered.safetensors")
    other.write_bytes(safetensors.numpy.save(tensors, metadata=metadata))
    return other


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda t, m: t.update(other=t.pop("layer0")), "missing .*layer0.* extra .*other"),
        (lambda t, m: t.pop("layer4"), "missing .*layer4"),
        (lambda t, m: t.update(more=t["layer0"]), "extra .*more"),
        (lambda t, m: t.update(layer1=t["layer1"][:-1]), "layer1 must hold 192"),
        (lambda t, m: t.update(layer1=-t["layer1"] - 1), "at least 0"),
        (lambda t, m: t.update(layer1=t["layer1"] * np.nan), "finite"),
        (lambda t, m: m.update(format="other"), "format must be"),
        (lambda t, m: m.update(card="{"), "card cannot be read"),
        (lambda t, m: m.update(card=m["card"].replace("alex", "resnet")), "backbone must be"),
    ],
)
def test_a_metric_file_that_is_not_one_is_refused(
    fitted: CLPIPS, tmp_path: Path, change, rule: str
) -> None:
    path = tmp_path / "ada.safetensors"
    fitted.save(path)
    with pytest.raises(MetricFileError, match=rule):
        CLPIPS.load(tampered(path, change))


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "evil.safetensors"
    path.write_bytes(pickle.dumps({"layer0": [1.0]}))
    with pytest.raises(MetricFileError, match="not a safetensors file"):
        CLPIPS.load(path)
    with pytest.raises(MetricFileError, match="no such"):
        CLPIPS.load(tmp_path / "missing.safetensors")


def card_with(**changes: object):
    """Change entries of a card; ``settings`` by their own names."""

    def change(tensors: dict, metadata: dict) -> None:
        card = json.loads(metadata["card"])
        for name, value in changes.items():
            (card["settings"] if name in card["settings"] else card)[name] = value
        metadata["card"] = json.dumps(card)

    return change


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda t, m: m.update(card="[]"), "must be an object"),
        (lambda t, m: m.update(card="null"), "must be an object"),
        (lambda t, m: m.update(card="[" * 100_000), "card cannot be read"),
        (lambda t, m: m.pop("card"), "card cannot be read"),
        (lambda t, m: m.update(card="{}"), "is missing"),
        (card_with(more=1), "more is unknown"),
        (card_with(backbone=["alex"]), "backbone must be a valid string"),
        (card_with(backbone="resnet\nor two"), "backbone must be one of"),
        (card_with(participants="ada"), "participants must be a valid list"),
        (card_with(participants=[1]), r"participants\.0 must be a valid string"),
        (card_with(participants=[]), "participants must have at least 1 item"),
        (card_with(n_rankings=True), "n_rankings must be a valid integer"),
        (card_with(n_comparisons=1.5), "n_comparisons must be a valid integer"),
        (card_with(n_targets=0), "n_targets must be greater than 0"),
        (card_with(gap=float("nan")), "gap must be a finite number"),
        (card_with(held_out=[0.5]), "held_out must be a valid dictionary"),
        (card_with(library=None), "library must be a valid string"),
        (card_with(settings=None), "settings must be an object"),
        (card_with(margin="1"), "margin must be a valid number"),
        (card_with(margin=-1), "margin must be greater than 0"),
        (card_with(learnt_from="ab"), "learnt_from must be a valid list"),
        (card_with(learnt_from=[1]), r"learnt_from\.0 must be a valid string"),
        (card_with(seed=0.5), "seed must be a valid integer"),
        (card_with(granularity="pixel"), "granularity must be 'channel' or 'layer'"),
        (card_with(backbone_sha256="0" * 64), "backbone_sha256 must be that of the alex weights"),
        (card_with(backbone_sha256=""), "backbone_sha256 must be that of the alex weights"),
        (lambda t, m: t.update({name: 0 * t[name] for name in t}), "at least one weight"),
    ],
)
def test_a_card_or_weights_that_cannot_be_are_refused_in_one_line(
    fitted: CLPIPS, tmp_path: Path, change, rule: str
) -> None:
    path = tmp_path / "ada.safetensors"
    fitted.save(path)
    with pytest.raises(MetricFileError, match=f"tampered.safetensors: .*{rule}") as caught:
        CLPIPS.load(tampered(path, change))
    assert len(str(caught.value).splitlines()) == 1


def test_a_changed_byte_anywhere_in_the_file_is_noticed(fitted: CLPIPS, tmp_path: Path) -> None:
    path = tmp_path / "ada.safetensors"
    fitted.save(path)
    content = path.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    weights = np.linspace(header, len(content) - 1, 40, dtype=int)
    places = [*np.linspace(8, header - 1, 60, dtype=int), *weights]
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(MetricFileError, match=r"ada\.safetensors: ") as caught:
            CLPIPS.load(path)
        assert len(str(caught.value).splitlines()) == 1


def test_a_weight_that_changed_a_little_is_told_by_the_checksum(
    fitted: CLPIPS, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "ada.safetensors")
    for change in (
        lambda t, m: t.update(layer1=t["layer1"] * (1 + 1e-12)),
        card_with(n_rankings=11),
    ):
        with pytest.raises(MetricFileError, match=r"must have the SHA-256 .* is damaged"):
            CLPIPS.load(tampered(tmp_path / "ada.safetensors", change))


def test_a_file_of_before_there_was_a_checksum_still_loads(fitted: CLPIPS, tmp_path: Path) -> None:
    def as_before(tensors: dict, metadata: dict) -> None:
        card = json.loads(metadata["card"])
        del card["learnt_from"], metadata["sha256"]
        metadata["card"] = json.dumps(card)

    fitted.save(tmp_path / "ada.safetensors")
    loaded = CLPIPS.load(tampered(tmp_path / "ada.safetensors", as_before))
    assert np.array_equal(loaded.weights_, fitted.weights_)
    assert loaded.card_.learnt_from == ()
    with pytest.raises(MetricFileError, match="there must be sha256 alone, got 'sha257'"):
        CLPIPS.load(
            tampered(tmp_path / "ada.safetensors", lambda t, m: m.update(sha257=m.pop("sha256")))
        )


def test_a_failed_save_leaves_the_old_metric_and_nothing_else(
    fitted: CLPIPS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "ada.safetensors"
    fitted.save(path)
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", full)
    for save in (
        lambda: fitted.save(path),
        lambda: fitted.save(tmp_path / "new" / "ada.safetensors"),
        lambda: fitted.save_lpips(tmp_path / "ada.pth"),
    ):
        with pytest.raises(OSError, match="No space"):
            save()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before
