"""Studies with real, small images and rankings, for tests of the worker's jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import numpy as np
from pictures import scene
from PIL import Image

from app.files.images import add_picture
from app.store import Store
from app.study.settings import StudySettings
from app.study.submission import Submission
from app.study.types import Job, JobKind, Participant, Study
from clpips.features.architecture import SPECS
from clpips.features.registry import space_of
from clpips.generation import Generated, Request
from clpips.progress import Watch
from clpips.types import Provenance

CHANNELS = sum(SPECS["alex"].channels)


class Painter:
    """A maker that needs no time: flat colours that the seed decides."""

    name, version = "painter", "1"

    def generate(self, request: Request, watch: Watch = Watch()) -> Iterator[Generated]:  # noqa: B008 # frozen
        for index in range(request.count):
            seed = request.seed + index
            colour = tuple(int(v) for v in np.random.default_rng(seed).integers(0, 256, 3))
            image = Image.new("RGB", (request.width, request.height), colour)
            yield Generated(
                image,
                Provenance("painter", "1", request.prompt, seed, request.width, request.height),
            )


def picture(store: Store, seed: int, side: int = 64) -> str:
    return add_picture(store, scene(seed, side))


def empty_study(store: Store, *, targets: int = 2, side: int = 64, **settings: Any) -> Study:
    chosen = [(f"target {number}", picture(store, number, side)) for number in range(targets)]
    settings = {"min_rounds": 1, "max_rounds": 2, "image_size": side, **settings}
    return store.studies.create("Hüte & Shapes", StudySettings(**settings), chosen)


def person(store: Store, study: Study, label: str | None = None) -> Participant:
    number = len(store.participants.of_study(study.id))
    somebody, _ = store.participants.create(study.id, label=label, seed=number)
    store.participants.consent(somebody.id)
    return store.participants.start(somebody.id)


def rank_once(
    store: Store,
    somebody: Participant,
    *,
    ranks: tuple[int, ...] | None = None,
    side: int = 64,
    count: int = 4,
) -> None:
    """One round on the current target: candidates appear, and are ranked by their place."""
    trial = store.progress.of_participant(somebody.id).trial
    assert trial is not None
    board = store.rounds.request(
        somebody.id, trial.id, "=a hat", request_id=str(uuid4()), queued=False
    )
    seeds = range(1000 * board.id, 1000 * board.id + count)
    made = [
        (picture(store, seed, side), Provenance("scene", "1", "=a hat", seed, side, side))
        for seed in seeds
    ]
    store.rounds.add_candidates(board.id, made)
    shown = tuple(each.id for each in store.rounds.get(board.id).candidates)
    order = tuple(np.random.default_rng(board.id).permutation(shown).tolist())
    ranks = ranks or tuple(range(1, len(shown) + 1))
    store.rankings.submit(
        somebody.id, Submission(f"uuid-of-{board.id}", board.id, order, ranks, shown)
    )
    store.trials.finish(somebody.id, trial.id)


def ranked_study(
    store: Store, *, people: int = 2, targets: int = 3, side: int = 64, **settings: Any
) -> Study:
    """Everybody ranks one round of every target."""
    study = empty_study(store, targets=targets, side=side, **settings)
    for number in range(people):
        somebody = person(store, study, f"Ada {number + 1}")
        for _ in range(targets):
            rank_once(store, somebody, side=side)
    return study


def add_vectors(store: Store, study: Study) -> None:
    """Difference vectors out of thin air, as if the network had been run."""
    rng = np.random.default_rng(3)
    space = space_of(study.settings.backbone)
    store.vectors.add(
        (target, image, space.name, space.checksum, rng.random(len(space.stock)) / 100, False)
        for target, image in store.vectors.missing(study.id, space.name)
    )


def job(store: Store, kind: JobKind, study: Study, **payload: Any) -> Job:
    """A job as the worker would have claimed it."""
    made = store.jobs.enqueue(kind, {"study_id": study.id, **payload}, study_id=study.id)
    claimed = store.jobs.claim("test", [kind])
    assert claimed is not None and claimed.id == made.id
    return claimed


def end(store: Store, done: Job) -> None:
    store.jobs.finish(done.id, "test", {})
