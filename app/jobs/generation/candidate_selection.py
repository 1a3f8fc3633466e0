"""Select which of a round's images its board shows, where more are generated than shown.

Either the most informative ones (:mod:`clpips.active.acquisition`), or those that the participant's
metric so far ranks nearest and one at random.

If the selection fails, the participant still gets a board: its images are then sampled at random,
and the job's result says why.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from app.store import Store
from app.study.types import Study
from clpips.active.acquisition import ChoiceSettings, Pick
from clpips.active.acquisition import choose as select_images
from clpips.errors import Cancelled, ClpipsError
from clpips.progress import Watch
from clpips.text import without_paths
from clpips.types import Provenance

if TYPE_CHECKING:
    from clpips.metric.observations import Observation

METHODS = {"informative": "information", "nearest": "nearest"}
BUDGET_SECONDS = 60.0
"""A selection that takes longer is given up."""
ASK_SECONDS = 0.05  # between checks for cancellation

log = logging.getLogger("clpips.worker")

Made: TypeAlias = list[tuple[str, Provenance]]


@dataclass(frozen=True, slots=True)
class SelectionRequest:
    """What to select, and for whom.

    Args:
        study: whose settings say how many images are shown, and where they are compared.
        participant_id: whose rankings so far count.
        target: hash of the target.
        seed: the round's; it decides which images are the random ones.
    """

    study: Study
    participant_id: int
    target: str
    seed: int


def select_candidates(
    store: Store, board: SelectionRequest, made: Made, watch: Watch
) -> tuple[Made, dict[str, Any]]:
    """Select the images to show.

    Args:
        store: where the images and the participant's rankings are.
        board: what for.
        made: hash and provenance of all images of the round, in the maker's order.
        watch: progress and cancel.

    Returns:
        the shown images, their provenance with the option ``choice`` (``informative`` or
        ``nearest`` or ``random``); and a record, ready for JSON: the method, why it fell back to
        random (``None`` where it did not), the seconds that the selection took, what is known of
        the metric, and every generated image, all of which stay in the store, with why it is
        shown (``None`` where it is not).

    Raises:
        Cancelled: the job was cancelled.
    """
    started, fell_back = time.monotonic(), None
    count, asked = board.study.settings.candidates, board.study.settings.choice
    by, about = _INFORMED[asked], dict[str, Any]()
    watch.report(0.0, f"Selecting {count} of {len(made)} images…")
    try:
        picks = _in_time(lambda its: by(store, board, made, about, its), watch)
    except Cancelled:
        raise
    except Exception as error:  # the participant must get a board
        expected = isinstance(error, ClpipsError | TimeoutError)
        fell_back = without_paths(error if expected else f"{type(error).__name__}: {error}")
        log.warning("images are selected at random: %s", fell_back, exc_info=not expected)
        drawn = random.Random(f"choice/{board.seed}").sample(range(len(made)), count)
        picks = tuple(Pick(index, "random", None) for index in drawn)
    why = {pick.index: pick for pick in picks}
    shown = [
        (image, replace(source, options={**source.options, "choice": why[index].why}))
        for index, (image, source) in enumerate(made)
        if index in why
    ]
    return shown, {
        "method": "random" if fell_back else METHODS[asked],
        "fell_back": fell_back,
        **({} if fell_back else about),
        "seconds": round(time.monotonic() - started, 3),
        "images": [
            {
                "image": image,
                "seed": source.seed,
                "shown": why[index].why if index in why else None,
                "gain": why[index].gain if index in why else None,
            }
            for index, (image, source) in enumerate(made)
        ],
    }


def _in_time(work: Callable[[Watch], tuple[Pick, ...]], watch: Watch) -> tuple[Pick, ...]:
    """Run the selection in a thread of its own, so that it cannot hold up a board.

    Raises:
        Cancelled: the job was cancelled.
        TimeoutError: it took longer than the budget.
    """
    given_up = threading.Event()
    inner = Watch(watch.progress, lambda: given_up.is_set() or watch.cancelled())
    found: list[tuple[Pick, ...] | Exception] = []

    def run() -> None:
        try:
            found.append(work(inner))
        except Exception as error:  # noqa: BLE001 # handed to the thread that waits
            found.append(error)

    thread = threading.Thread(target=run, name="select", daemon=True)
    deadline = time.monotonic() + BUDGET_SECONDS
    thread.start()
    while thread.is_alive() and not watch.cancelled() and time.monotonic() < deadline:
        thread.join(ASK_SECONDS)
    late = thread.is_alive()
    given_up.set()
    if watch.cancelled():
        raise Cancelled("the work was cancelled")
    if late:
        raise TimeoutError(f"selecting took longer than {BUDGET_SECONDS:g} seconds")
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


def _informative(
    store: Store, board: SelectionRequest, made: Made, about: dict[str, Any], watch: Watch
) -> tuple[Pick, ...]:
    from app.jobs.vectors import checksum, compute_all  # it loads torch
    from clpips.metric.clpips import CLPIPS

    settings = board.study.settings
    backbone, weights = settings.backbone, checksum(settings.backbone)
    pairs = [(board.target, image) for image, _ in made]
    known = store.vectors.of_pairs(pairs, backbone, checksum=weights)
    missing = [pair for pair in dict.fromkeys(pairs) if pair not in known]
    compute_all(store, missing, backbone, watch.part(0.0, 0.9))
    known = store.vectors.of_pairs(pairs, backbone, checksum=weights)
    seen = _rankings(store, board, weights)
    watch.report(0.9, f"Selecting {settings.candidates} of {len(made)} images…")
    stock = CLPIPS(backbone)
    return select_images(
        np.stack([known[pair] for pair in pairs]),
        seen,
        ChoiceSettings(settings.candidates, "information", seed=board.seed),
        stock=stock.weights,
        channels=[len(layer) for layer in stock.layer_weights()],
    )


def _nearest(
    store: Store, board: SelectionRequest, made: Made, about: dict[str, Any], watch: Watch
) -> tuple[Pick, ...]:
    """The nearest by the participant's metric so far, and one of the others at random."""
    from app.jobs.rankings.interim_metric import (  # they load torch
        difference_vectors,
        fit_interim_metric,
    )

    images = [image for image, _ in made]
    found = difference_vectors(store, board.study, board.target, images, watch.part(0.0, 0.7))
    current = fit_interim_metric(store, board.study, board.participant_id, watch.part(0.7, 0.3))
    away = found @ current.weights
    about.update(metric=current.metric, n_rankings=current.n_rankings, distances=away.tolist())
    order = [int(index) for index in np.argsort(away, kind="stable")]
    kept = board.study.settings.candidates - 1
    drawn = random.Random(f"nearest/{board.seed}").choice(order[kept:])
    return (*(Pick(index, "nearest", None) for index in order[:kept]), Pick(drawn, "random", None))


_INFORMED = {"informative": _informative, "nearest": _nearest}


def _rankings(store: Store, board: SelectionRequest, weights: str | None) -> list[Observation]:
    """The participant's rankings whose difference vectors are stored."""
    from clpips.metric.observations import Observation  # it loads torch

    rankings = store.rankings.of_study(board.study.id, participant_id=board.participant_id)
    pairs = [(ranking.target, image) for ranking in rankings for image in ranking.images]
    known = store.vectors.of_pairs(pairs, board.study.settings.backbone, checksum=weights)
    return [
        Observation(ranking, np.stack([known[ranking.target, image] for image in ranking.images]))
        for ranking in rankings
        if all((ranking.target, image) in known for image in ranking.images)
    ]
