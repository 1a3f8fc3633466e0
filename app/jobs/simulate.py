"""Simulated participants: each ranks by known true weights, so that a fit can be checked.

Their rankings take the same path as everyone else's: a round is requested, gets its candidates, and
its ranking is submitted. Only the images are the same for all of them, because generating images is
the slow part.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from app.jobs.generation.calibration_boards import ensure_calibration_boards
from app.jobs.generation.images import make_images
from app.jobs.vectors import checksum, compute_all
from app.store import Store
from app.study.submission import Submission
from app.study.types import Job, Participant, Round, Study, Target
from clpips.errors import StudyError
from clpips.features.architecture import spec_of
from clpips.features.lpips import Vectors
from clpips.features.names import Backbone
from clpips.features.weights import stock_weights
from clpips.generation import Request
from clpips.generation.scenes import sample_targets
from clpips.progress import Watch
from clpips.types import Provenance

PEOPLE = 5
OTHERS = 0.01  # share of the weights on each layer but the participant's own
NOISE = 0.1  # standard deviation, as a share of the spread of true distances on one board

Made: TypeAlias = Sequence[tuple[str, Provenance]]
Boards: TypeAlias = Mapping[tuple[int, int], Made]
"""Images by target id and number of the round (from 1)."""


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Let the simulated participants do the study; request each one's fit and the pooled one.

    Returns:
        ``{"participants", "rankings"}``, how many there are now.

    Raises:
        StudyError: no such study, one that is not simulated, or targets that are not samples.
        WeightsError: the network's weights are not available.
        Cancelled: the job was cancelled; the next run continues from there.
    """
    study = store.studies.get(job.payload["study_id"])
    people = fill(store, study, watch)
    for scope in ("each", "pooled"):
        payload = {"study_id": study.id, "scope": scope, "participant_id": None}
        store.jobs.enqueue("fit", payload, study_id=study.id, key=f"fit:{study.id}:{scope}:None")
    return {"participants": len(people), "rankings": len(store.rounds.ranked(study.id))}


def true_weights(backbone: Backbone, which: int) -> Vectors:
    """The weights of simulated participant ``which`` (from 0): (channels,), all ≥ 0.

    Each layer keeps the shape of its stock weights; layer ``which`` has nearly all of their
    sum, every other one 1 % of it. They sum to what the stock weights sum to.

    Raises:
        StudyError: no such layer.
    """
    channels = spec_of(backbone).channels
    if not 0 <= which < len(channels):
        raise StudyError(f"which must lie between 0 and {len(channels) - 1}, got {which}")
    stock = stock_weights(backbone)
    share = np.where(np.arange(len(channels)) == which, 1 - OTHERS * (len(channels) - 1), OTHERS)
    layers = np.split(stock, np.cumsum(channels)[:-1])
    weights: Vectors = stock.sum() * np.concatenate(
        [fraction * layer / layer.sum() for fraction, layer in zip(share, layers, strict=True)]
    )
    return weights


def true_card(backbone: Backbone, which: int) -> dict[str, Any]:
    """What is stored about a simulated participant: enough to recompute the true weights."""
    layers = np.split(true_weights(backbone, which), np.cumsum(spec_of(backbone).channels)[:-1])
    return {
        "backbone": backbone,
        "layer": which + 1,
        "layers": [float(layer.sum()) for layer in layers],
        "others": OTHERS,
        "noise": NOISE,
    }


def fill(store: Store, study: Study, watch: Watch) -> tuple[Participant, ...]:
    """Let simulated participants do a whole study; existing rankings are kept.

    After an interruption, the next call continues and ends with the same rankings.

    Args:
        store: where the study is.
        study: a simulated one, whose targets are named like sample targets.
        watch: progress and cancel.

    Raises:
        StudyError: the study is not simulated, or a target is not a sample.
        WeightsError: the network's weights are not available.
        Cancelled: the job was cancelled.
    """
    if not study.simulated:
        raise StudyError(f"simulated participants need a simulated study, got {study.title!r}")
    boards = _generate_boards(store, study, watch.part(0.0, 0.45))
    ensure_calibration_boards(store, study, watch.part(0.45, 0.05))
    vectors = _differences(store, study, boards, watch.part(0.5, 0.25))
    people = _people(store, study)
    for which, person in enumerate(people):
        following = watch.part(0.75 + 0.25 * which / len(people), 0.25 / len(people))
        _take_part(store, person, which, boards, vectors, following)
    return tuple(store.participants.get(person.id) for person in people)


def _generate_boards(store: Store, study: Study, watch: Watch) -> Boards:
    """The images of every target and round; the same each time."""
    samples = {sample.name: sample for sample in sample_targets()}
    targets, settings = store.studies.targets(study.id), study.settings
    boards: dict[tuple[int, int], Made] = {}
    total = len(targets) * settings.min_rounds
    for target in targets:
        if target.name not in samples:
            raise StudyError(f"a simulated study needs sample targets, got {target.name!r}")
        for number in range(1, settings.min_rounds + 1):
            request = Request(
                _attempt(samples[target.name].attempts, number, settings.min_rounds),
                _seed(f"simulated/{target.name}/{number}"),
                settings.candidates,
                settings.image_size,
                settings.image_size,
            )
            words = f"Target {target.position + 1} of {len(targets)}, round {number}: "
            following = watch.part(len(boards) / total, 1 / total, prefix=words)
            boards[target.id, number] = make_images(
                store, request, maker=settings.maker, watch=following
            )
    return boards


def _differences(
    store: Store, study: Study, boards: Boards, watch: Watch
) -> Mapping[tuple[str, str], Vectors]:
    images = {target.id: target.image for target in store.studies.targets(study.id)}
    shown = [(images[target], made) for (target, _), made in boards.items()]
    shown += [(board.target, board.made) for board in store.calibration.of_study(study.id)]
    pairs = sorted({(target, sha) for target, made in shown for sha, _ in made})
    backbone = study.settings.backbone
    weights = checksum(backbone)
    known = store.vectors.of_pairs(pairs, backbone, checksum=weights)
    compute_all(store, [pair for pair in pairs if pair not in known], backbone, watch)
    return store.vectors.of_pairs(pairs, backbone, checksum=weights)


def _people(store: Store, study: Study) -> list[Participant]:
    """The simulated participants; existing ones are not created again."""
    there = {person.label: person for person in store.participants.of_study(study.id)}
    backbone, people = study.settings.backbone, []
    for which in range(min(PEOPLE, len(spec_of(backbone).channels))):
        label = f"Simulated {which + 1} (layer {which + 1})"
        person = there.get(label)
        if person is None:
            person, _ = store.participants.create(
                study.id,
                label=label,
                simulated=True,
                true_weights=true_card(backbone, which),
                seed=_seed(f"simulated/{label}"),
            )
        people.append(person)
    return people


def _take_part(
    store: Store,
    person: Participant,
    which: int,
    boards: Boards,
    differences: Mapping[tuple[str, str], Vectors],
    watch: Watch,
) -> None:
    """Take one participant from their current state to the completion code."""
    store.participants.consent(person.id)
    store.participants.start(person.id)
    while (standing := store.progress.of_participant(person.id)).trial is not None:
        trial, settings = standing.trial, standing.study.settings
        watch.report(standing.done_trials / len(standing.trials), f"{person.label} is ranking…")
        if standing.can_finish_trial:
            store.trials.finish(person.id, trial.id)
            continue
        board = standing.round
        if standing.board is not None and board is not None and board.state == "ranked":
            store.final_boards.show_next(person.id, board.id)
            continue
        if board is None or board.state == "ranked":
            made = boards[trial.target.id, len(standing.ranked_rounds) + 1]
            board = store.rounds.request(
                person.id,
                trial.id,
                made[0][1].prompt,
                request_id=f"simulated-{len(standing.rounds) + 1}",
                queued=False,
            )
        if board.state == "generating":
            store.rounds.add_candidates(board.id, boards[trial.target.id, board.number])
            board = store.rounds.get(board.id)
        weights = true_weights(settings.backbone, which)
        store.rankings.submit(person.id, _ranking(board, trial.target, which, weights, differences))


def _ranking(
    board: Round,
    target: Target,
    which: int,
    weights: Vectors,
    differences: Mapping[tuple[str, str], Vectors],
) -> Submission:
    """The board's candidates by true distance plus a little noise, nearest first."""
    true = {
        candidate.id: float(differences[target.image, candidate.image] @ weights)
        for candidate in board.candidates
    }
    spread = NOISE * float(np.std(list(true.values())))
    for candidate in board.candidates:
        seed = f"noise/{which}/{target.image}/{board.number}/{candidate.image}"
        true[candidate.id] += random.Random(seed).gauss(0.0, spread)
    return Submission(
        uuid=f"simulated-{board.id}",
        round_id=board.id,
        order=tuple(sorted(true, key=lambda candidate_id: true[candidate_id])),
        ranks=tuple(range(1, len(true) + 1)),
        shown=tuple(candidate.id for candidate in board.candidates),
        input={"simulated": 1},
    )


def _attempt(attempts: Sequence[str], number: int, rounds: int) -> str:
    """The prompt of a round: the vaguest in the first, the best in the last."""
    share = (number - 1) / max(rounds - 1, 1)
    return attempts[round(share * (len(attempts) - 1))]


def _seed(words: str) -> int:
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "big") >> 1
