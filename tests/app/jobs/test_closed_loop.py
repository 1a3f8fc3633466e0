"""Arms, guidance, best of n and duels: from the rule to what a participant meets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pictures import scene
from staged import empty_study, end, person

from app.jobs import generate, guide
from app.jobs.generation import images
from app.jobs.generation.blind_pair import ALIKE, first_difference, made_for
from app.jobs.rankings.interim_metric import difference_vectors, fit_interim_metric
from app.jobs.simulate import true_weights
from app.store import Store
from app.store.guidance import DROPOUT_SECONDS
from app.study.arms import Guidance, MakerArm, in_blocks, shared_out
from app.study.blind_pairs import PLACE, SIDE
from app.study.settings import StudySettings
from app.study.submission import BoardRanking, Submission
from app.study.types import Participant, Round, Study
from clpips.errors import StudyError
from clpips.generation import Generated, Request
from clpips.progress import Watch
from clpips.types import Provenance

TRUTH = true_weights("alex", 0)


class Scenes:
    """A maker that needs no time: a small picture of shapes that the seed decides."""

    version = "1"

    def __init__(self, name: str) -> None:
        self.name = name

    def generate(self, request: Request, watch: Watch = Watch()) -> Iterator[Generated]:  # noqa: B008 # frozen
        for seed in range(request.seed, request.seed + request.count):
            options = dict(request.options)
            source = Provenance(self.name, "1", request.prompt, seed, 64, 64, options)
            yield Generated(scene(seed % 2**31, 64), source)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(images, "open_maker", Scenes)
    return Store(tmp_path / "data")


@dataclass
class Somebody:
    """A participant who ranks by weights that are known."""

    store: Store
    study: Study
    who: Participant

    def ask(self, prompt: str = "a hat") -> Round:
        standing = self.store.progress.of_participant(self.who.id)
        assert standing.trial is not None
        asked = self.store.rounds.request(
            self.who.id, standing.trial.id, prompt, request_id=f"r{len(standing.rounds)}"
        )
        self.work()
        return self.store.rounds.get(asked.id)

    def work(self) -> None:
        """What the worker's first loop would do."""
        while (job := self.store.jobs.claim("test", ["generate"])) is not None:
            try:
                result = generate.run(self.store, job, Watch())
            except StudyError as error:
                self.store.jobs.fail(job.id, "test", str(error))
            else:
                self.store.jobs.finish(job.id, "test", result)

    def measure(self) -> None:
        """What it would do for guidance."""
        while (job := self.store.jobs.claim("test", ["guide"])) is not None:
            guide.run(self.store, job, Watch())
            end(self.store, job)

    def rank(self, board: Round, *, all_ties: bool = False) -> None:
        target = self.store.rounds.of_trial(self.who.id, board.trial_id).target.image
        images = [each.image for each in board.candidates]
        away = difference_vectors(self.store, self.study, target, images, Watch()) @ TRUTH
        shown = tuple(each.id for each in board.candidates)
        order = tuple(shown[int(index)] for index in np.argsort(away))
        ranks = (1,) * len(order) if all_ties else tuple(range(1, len(order) + 1))
        self.store.rankings.submit(
            self.who.id, Submission(f"uuid-of-{board.id}", board.id, order, ranks, shown)
        )

    def finish_targets(self, *, all_ties: bool = False) -> None:
        while (standing := self.store.progress.of_participant(self.who.id)).board is None:
            if standing.trial is None:
                return
            if standing.can_finish_trial:
                self.store.trials.finish(self.who.id, standing.trial.id)
            else:
                self.rank(self.ask(), all_ties=all_ties)


def somebody(store: Store, **settings: object) -> Somebody:
    study = empty_study(store, **settings)
    return Somebody(store, study, person(store, study))


# --- arms of makers ---------------------------------------------------------------------------

ARMS = (MakerArm("plain", "scenes"), MakerArm("more", "tiny", {"steps": 3}))


def test_blocks_have_every_arm_once_and_are_not_all_alike() -> None:
    blocks = [tuple(in_blocks("abc", "seed", 3 * b + i) for i in range(3)) for b in range(40)]
    assert all(sorted(block) == ["a", "b", "c"] for block in blocks)
    assert len(set(blocks)) == 6
    assert in_blocks("abc", "seed", 7) == in_blocks("abc", "seed", 7)


def test_images_are_shared_out_evenly() -> None:
    counts = [shared_out(5, 2, f"seed {number}") for number in range(100)]
    assert {tuple(each) for each in counts} == {(2, 3), (3, 2)}
    assert shared_out(6, 3, "x") == [2, 2, 2]


@pytest.mark.parametrize(
    ("arms", "rule"),
    [
        ((MakerArm("a", "scenes"),), "2 to 6 arms"),
        ((MakerArm("a", "scenes"), MakerArm("a", "tiny")), "different names"),
        ((MakerArm("a", "scenes"), MakerArm("b", "scenes")), "differ in their maker"),
    ],
)
def test_arms_that_cannot_be_told_apart_are_refused(arms: tuple[MakerArm, ...], rule: str) -> None:
    with pytest.raises(StudyError, match=rule):
        StudySettings(arms=arms)


def test_an_arm_needs_a_maker_that_there_is() -> None:
    with pytest.raises(StudyError, match="maker must be one of"):
        MakerArm("a", "sketches")
    with pytest.raises(StudyError, match="only where a study has arms"):
        StudySettings(mixes_arms=True)


def test_settings_with_arms_come_back_from_the_store(store: Store) -> None:
    study = empty_study(store, arms=ARMS, mixes_arms=True, guidance=("none", "stock"), duels=3)
    assert store.studies.get(study.id).settings == study.settings
    assert study.settings.makers == ("scenes", "tiny")


def test_rounds_take_turns_among_the_arms(store: Store) -> None:
    one = somebody(store, arms=ARMS, targets=4, min_rounds=2, max_rounds=2)
    one.finish_targets()
    found = [each.round for each in store.rounds.ranked(one.study.id)]
    in_time = sorted(found, key=lambda each: each.id)
    assert len(in_time) == 8
    for first, second in zip(in_time[::2], in_time[1::2], strict=True):
        assert {first.arm, second.arm} == {"plain", "more"}
    for each in found:
        wanted = "scenes" if each.arm == "plain" else "tiny"
        for candidate in each.candidates:
            assert candidate.provenance.maker == wanted
            assert candidate.provenance.options["arm"] == each.arm


def test_a_round_that_failed_is_asked_for_again_with_the_same_arm(store: Store) -> None:
    one = somebody(store, arms=ARMS, min_rounds=2, max_rounds=6)
    trial = store.progress.of_participant(one.who.id).trial
    assert trial is not None
    lost = store.rounds.request(one.who.id, trial.id, "a hat", request_id="lost")
    store.rounds.fail(lost.id, "the maker is away")
    assert one.ask().arm == lost.arm


def test_a_board_mixes_all_arms_and_nobody_can_tell(store: Store) -> None:
    from app.http.payloads import round_to_json

    one = somebody(store, arms=ARMS, mixes_arms=True, candidates=6)
    board = one.ask()
    assert board.arm is None
    assert Counter(each.provenance.options["arm"] for each in board.candidates) == {
        "plain": 3,
        "more": 3,
    }
    assert len({each.image for each in board.candidates}) == 6
    told = str(round_to_json(store, board))
    assert "plain" not in told and "tiny" not in told and "arm" not in told


# --- guidance ---------------------------------------------------------------------------------

THREE: tuple[Guidance, ...] = ("none", "stock", "personal")


def test_guidance_is_balanced_over_those_who_complete(store: Store) -> None:
    study = empty_study(store, guidance=THREE)
    people = [person(store, study) for _ in range(12)]
    assert Counter(each.guidance for each in people) == dict.fromkeys(THREE, 4)
    gone = [each.id for each in people if each.guidance == "stock"]
    with store.access.write() as db:  # they began long ago and were never heard of again
        for each in gone:
            db.execute(
                "UPDATE participant SET started_at = ? WHERE id = ?",
                ["2020-01-01T00:00:00.000Z", each],
            )
    assert DROPOUT_SECONDS < 24 * 60 * 60
    assert [person(store, study).guidance for _ in range(4)] == ["stock"] * 4
    with store.access.write() as db:  # unless they had completed the study
        for each in gone:
            db.execute(
                "UPDATE participant SET completed_at = started_at, completion_code = ? "
                "WHERE id = ?",
                [f"code-{each}", each],
            )
    assert {person(store, study).guidance for _ in range(6)} == {"none", "personal"}


def test_guidance_is_drawn_once(store: Store) -> None:
    study = empty_study(store, guidance=THREE)
    one = person(store, study)
    assert all(store.participants.start(one.id).guidance == one.guidance for _ in range(9))


def test_who_is_shown_nothing_asks_the_worker_for_nothing(store: Store) -> None:
    one = somebody(store)
    one.rank(one.ask())
    assert store.jobs.claim("test", ["guide"]) is None


def test_a_metric_measures_every_image_of_the_target_so_far(store: Store) -> None:
    one = somebody(store, guidance=("stock",), min_rounds=2, max_rounds=3)
    boards = [one.ask()]
    one.rank(boards[0])
    boards.append(one.ask())
    one.rank(boards[1])
    one.measure()
    found = store.guidance.get(boards[1].id)
    assert found is not None
    assert (found.metric, found.n_rankings, found.shown_at) == ("stock", 0, None)
    images = {each.image for board in boards for each in board.candidates}
    assert set(found.distances) == images
    target = store.rounds.of_trial(one.who.id, boards[0].trial_id).target.image
    from clpips.metric.clpips import CLPIPS

    for image, away in found.distances.items():
        real = CLPIPS("alex").distance(store.images.path(target), store.images.path(image))
        assert away == pytest.approx(real, abs=1e-6)


def test_the_personal_arm_is_measured_by_ones_own_rankings(store: Store) -> None:
    one = somebody(store, guidance=("personal",), min_rounds=3, max_rounds=3, candidates=6)
    for _ in range(3):
        board = one.ask()
        one.rank(board)
    one.measure()
    found = store.guidance.get(board.id)
    assert found is not None
    assert (found.metric, found.n_rankings) == ("personal", 3)
    own = fit_interim_metric(store, one.study, one.who.id, Watch())
    target = store.rounds.of_trial(one.who.id, board.trial_id).target.image
    away = (
        difference_vectors(store, one.study, target, list(found.distances), Watch()) @ own.weights
    )
    assert list(found.distances.values()) == pytest.approx(away.tolist())


def test_a_ranking_cannot_change_once_the_measure_was_shown(store: Store) -> None:
    one = somebody(store, guidance=("stock",))
    board = one.ask()
    one.rank(board)
    one.measure()
    first = store.rankings.history(board.id)[-1]
    assert isinstance(first, BoardRanking)
    turned = Submission(
        "uuid-turned",
        board.id,
        tuple(reversed(first.order)),
        first.ranks,
        first.shown,
        replaces=first.uuid,
    )
    assert store.rankings.submit(one.who.id, turned).outcome == "saved"
    one.measure()
    seen = store.guidance.show(one.who.id, board.id)
    assert seen is not None and seen.shown_at is not None
    again = Submission(
        "uuid-again", board.id, first.order, first.ranks, first.shown, replaces="uuid-turned"
    )
    with pytest.raises(StudyError, match="after the computer's measure was shown"):
        store.rankings.submit(one.who.id, again)
    assert store.guidance.add(board.id, "stock", 0, {}) is False  # what was seen stays
    with pytest.raises(StudyError, match="own"):
        store.guidance.show(person(store, one.study).id, board.id)


# --- best of n --------------------------------------------------------------------------------


def test_the_nearest_by_the_metric_are_shown_and_one_at_random(store: Store) -> None:
    one = somebody(store, choice="nearest", made_per_round=12, candidates=4, max_rounds=6)
    first = one.ask()
    one.rank(first)
    second = one.ask()
    jobs = sorted(store.jobs.latest(one.study.id, kinds=["generate"]), key=lambda job: job.id)
    stock, personal = (job.result["choice"] for job in jobs)
    assert (stock["method"], stock["metric"], stock["n_rankings"]) == ("nearest", "stock", 0)
    assert (personal["metric"], personal["n_rankings"]) == ("personal", 1)
    for board, record in ((first, stock), (second, personal)):
        assert record["fell_back"] is None and len(record["images"]) == 12
        order = np.argsort(record["distances"])
        nearest = {record["images"][int(index)]["image"] for index in order[:3]}
        why = {each.image: each.provenance.options["choice"] for each in board.candidates}
        assert {image for image, reason in why.items() if reason == "nearest"} == nearest
        assert Counter(why.values()) == {"nearest": 3, "random": 1}
    own = fit_interim_metric(store, one.study, one.who.id, Watch())
    target = store.rounds.of_trial(one.who.id, second.trial_id).target.image
    images = [each["image"] for each in personal["images"]]
    away = difference_vectors(store, one.study, target, images, Watch()) @ own.weights
    assert personal["distances"] == pytest.approx(away.tolist())


# --- duels ------------------------------------------------------------------------------------


def test_two_orders_differ_first_where_they_do() -> None:
    one, other = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.1, 0.3, 0.2, 0.4])
    assert first_difference(one, other) == (2, 1, 2)
    with pytest.raises(StudyError, match=ALIKE):
        first_difference(one, one * 2)


def test_duels_come_last_and_say_whose_image_was_ranked_nearer(store: Store) -> None:
    one = somebody(store, targets=3, min_rounds=2, max_rounds=2, candidates=6, repeats=1, duels=4)
    one.finish_targets()
    kinds = []
    while (standing := store.progress.of_participant(one.who.id)).round is not None:
        one.work()
        board = store.rounds.get(standing.round.id)
        kinds.append(board.kind)
        assert board.state == "ranking"
        if board.kind == "duel":
            assert store.progress.of_participant(one.who.id).phase == "ranking"
            sides = {each.provenance.options[SIDE]: each for each in board.candidates}
            assert set(sides) == {"personal", "stock"} and len(board.candidates) == 2
            check_sides(one, board)
            with pytest.raises(StudyError, match="ranked before the next one"):
                store.final_boards.show_next(one.who.id, board.id)
        one.rank(board)
        store.final_boards.show_next(one.who.id, board.id)
    assert kinds == ["repeat", *["duel"] * 4]
    assert store.progress.of_participant(one.who.id).completion_code is not None
    found = store.blind_pairs.of_study(one.study.id)
    assert len(found) == 4 and {each.state for each in found} == {"ranked"}
    assert len({each.target for each in found}) == 3  # every target before one comes again
    truth = Counter(each.winner for each in found)
    assert truth["personal"] >= truth["stock"]  # the person's own weights made these rankings
    fitted = store.rankings.of_study(one.study.id)
    assert len(fitted) == 7 and len(store.rankings.shown_positions(one.study.id)) == 7
    assert all(len(each.images) == 6 for each in fitted)  # nothing is fitted to duels


def check_sides(one: Somebody, board: Round) -> None:
    """Each image is what its metric says, of images that were never shown before."""
    job = next(
        job
        for job in one.store.jobs.latest(one.study.id, kinds=["generate"])
        if job.payload.get("round_id") == board.id
    )
    images = job.result["duel"]["made"]
    assert len(images) == made_for(one.study) == 8
    before = one.store.rounds.of_trial(one.who.id, board.trial_id)
    seen = {each.image for each in before.rounds if each.kind == "own" for each in each.candidates}
    assert not seen & set(images)
    away = difference_vectors(one.store, one.study, before.target.image, images, Watch())
    own = fit_interim_metric(one.store, one.study, one.who.id, Watch())
    from clpips.features.weights import stock_weights

    sides = {each.provenance.options[SIDE]: each for each in board.candidates}
    place = sides["personal"].provenance.options[PLACE]
    mine, theirs = np.argsort(away @ own.weights), np.argsort(away @ stock_weights("alex"))
    assert mine[: place - 1].tolist() == theirs[: place - 1].tolist()
    assert sides["personal"].image == images[int(mine[place - 1])]
    assert sides["stock"].image == images[int(theirs[place - 1])]


def test_a_duel_that_cannot_be_made_is_left_behind(store: Store) -> None:
    one = somebody(store, duels=2)
    one.finish_targets(all_ties=True)
    one.work()
    standing = store.progress.of_participant(one.who.id)
    assert standing.round is not None and standing.board == 1
    assert (standing.round.state, standing.phase) == ("failed", "compose")
    assert "not all ties" in standing.round.message
    assert store.final_boards.show_next(one.who.id, standing.round.id).completed_at is None
    standing = store.progress.of_participant(one.who.id)
    assert standing.round is not None and standing.round.state == "generating"
    store.rounds.cancel(one.who.id, standing.round.id)
    assert store.final_boards.show_next(one.who.id, standing.round.id).completed_at is not None
    assert [each.winner for each in store.blind_pairs.of_study(one.study.id)] == [None, None]
    assert [each.state for each in store.blind_pairs.of_study(one.study.id)] == [
        "failed",
        "cancelled",
    ]


# --- what a participant must not be told -------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"arms": ARMS},
        {"arms": ARMS, "mixes_arms": True},
        {"choice": "nearest", "made_per_round": 8},
        {"choice": "informative", "made_per_round": 8},
    ],
)
def test_progress_tells_nothing_of_arms_or_selections(
    store: Store, settings: dict[str, object]
) -> None:
    one = somebody(store, **settings)
    trial = store.progress.of_participant(one.who.id).trial
    assert trial is not None
    store.rounds.request(one.who.id, trial.id, "a hat", request_id="one")
    job = store.jobs.claim("test", ["generate"])
    assert job is not None
    told: list[str] = []
    seen: list[object] = []
    generate.run(store, job, Watch(lambda _, words: told.append(words), preview=seen.append))
    assert set(told) == {generate.NEUTRAL_MESSAGE} and seen == []


def test_boards_that_mix_arms_show_all_that_is_drawn() -> None:
    with pytest.raises(StudyError, match="would favour one of the arms"):
        StudySettings(arms=ARMS, mixes_arms=True, choice="nearest", made_per_round=8)


def test_duels_are_no_rankings_to_learn_from_and_cannot_be_cancelled_by_a_slip(
    store: Store,
) -> None:
    from app.http.payloads import round_to_json

    one = somebody(store, duels=1, min_rounds=2, max_rounds=2, candidates=6)
    one.finish_targets()
    standing = store.progress.of_participant(one.who.id)
    assert standing.round is not None
    assert round_to_json(store, standing.round)["can_cancel"] is False
    before = store.rankings.count(one.study.id)
    one.work()
    one.rank(store.rounds.get(standing.round.id))
    assert store.rankings.count(one.study.id) == before
    assert before == len(store.rankings.of_study(one.study.id)) == 4
