"""What a store says of a study, under names of this file's own and without row numbers.

The same readings as `tests/reference/before-rooms/make.py` took with the version before, here by
today's names; `tests/test_older_files.py` holds them side by side.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from app.store import Store
from app.study.blind_pairs import SIDE
from app.study.records import Fit
from app.study.types import Participant, Round, Study
from clpips.metric.clpips import CLPIPS


def readings(store: Store, study: Study) -> dict[str, Any]:
    """What the store says of a study, under names of this file's own and without row numbers."""
    ranked = store.rounds.ranked(study.id)
    fits = sorted(store.fits.of_study(study.id), key=lambda fit: fit.id)
    people = store.participants.of_study(study.id)
    return {
        "title": study.title,
        "settings": settings_of(study),
        "targets": [[t.position, t.name, t.image, t.kind] for t in store.studies.targets(study.id)],
        "participants": [person_of(store, person) for person in people],
        "rounds": [round_of(store, each.round) for each in ranked],
        "rankings": [ranking_of(each) for each in store.rankings.of_study(study.id)],
        "shown_positions": [list(each) for each in store.rankings.shown_positions(study.id)],
        "calibration": [
            [board.name, board.target, [sha for sha, _ in board.made]]
            for board in store.calibration.of_study(study.id)
        ],
        "duels": [
            [d.participant, d.target, d.personal, d.stock, d.place, d.winner]
            for d in store.blind_pairs.of_study(study.id)
            if d.winner is not None
        ],
        "arms": [
            [board.participant, [[image.arm, image.rank] for image in board.images]]
            for board in store.arms.boards(study.id)
        ],
        "guidance": sorted(
            [each.guidance, each.began, each.completed, each.targets, each.rounds]
            for each in store.arms.guidance_counts(study.id)
        ),
        "vectors": {space: vectors_of(store, study, space) for space in ("alex", "wide")},
        "fits": [fit_of(store, fit) for fit in fits],
    }


def settings_of(study: Study) -> dict[str, Any]:
    its = study.settings
    return {
        "candidates": its.candidates,
        "made_per_round": its.made_per_round,
        "min_rounds": its.min_rounds,
        "max_rounds": its.max_rounds,
        "image_size": its.image_size,
        "backbone": its.backbone,
        "maker": its.maker,
        "maker_options": dict(its.maker_options),
        "choice": its.choice,
        "repeats": its.repeats,
        "calibration": its.calibration,
        "duels": its.duels,
        "ask_confidence": its.ask_confidence,
        "writes_prompts": its.writes_prompts,
        "mixes_arms": its.mixes_arms,
        "arms": [[arm.name, arm.maker, dict(arm.options)] for arm in its.arms],
        "guidance": list(its.guidance),
        "consent": its.consent,
        "instructions": its.instructions,
    }


def person_of(store: Store, person: Participant) -> dict[str, Any]:
    """A participant and where they stand; an open round counts as cancelled in a bundle."""
    standing = store.progress.of_participant(person.id)
    return {
        "label": person.label,
        "simulated": person.simulated,
        "guidance": person.guidance,
        "consented_at": person.consented_at,
        "started_at": person.started_at,
        "completed_at": person.completed_at,
        "completion_code": standing.completion_code,
        "phase": standing.phase,
        "done_trials": standing.done_trials,
        "trials": [[t.target.name, t.position, t.state] for t in standing.trials],
        "board": standing.board,
        "boards": standing.boards,
        "can_finish": standing.can_finish_trial,
        "can_ask": standing.can_request_round,
        "true_weights": store.participants.true_weights(person.id),
    }


def round_of(store: Store, board: Round) -> dict[str, Any]:
    """A ranked round: its images, how they were made, its rankings and every attempt."""
    places = {each.id: each.position for each in board.candidates}
    guide = store.guidance.get(board.id)
    return {
        "number": board.number,
        "prompt": board.prompt,
        "seed": board.seed,
        "kind": board.kind,
        "arm": board.arm,
        "start": board.start,
        "strength": board.strength,
        "images": [
            [
                each.image,
                each.position,
                each.provenance.maker,
                each.provenance.maker_version,
                each.provenance.prompt,
                each.provenance.seed,
                each.provenance.width,
                each.provenance.height,
                {k: v for k, v in each.provenance.options.items() if k != SIDE},
                list(each.provenance.not_understood),
                each.provenance.seconds,
            ]
            for each in board.candidates
        ],
        "history": [
            [
                one.uuid,
                [places[each] for each in one.order],
                list(one.ranks),
                [places[each] for each in one.shown],
                one.elapsed_ms,
                one.confidence,
                one.submitted_at,
            ]
            for one in store.rankings.history(board.id)
        ],
        "attempts": [
            [one.uuid, one.outcome, one.message, [places[e] for e in one.payload["order"]], one.at]
            for one in store.rankings.attempts(board.id)
        ],
        "guide": None
        if guide is None
        else [guide.metric, guide.n_rankings, dict(guide.distances), guide.shown_at],
    }


def ranking_of(one: Any) -> list[Any]:
    return [
        one.participant,
        one.target,
        list(one.images),
        list(one.ranks),
        str(one.trial),
        str(one.round),
        one.confidence,
    ]


def vectors_of(store: Store, study: Study, space: str) -> dict[str, Any]:
    """How many of a study's pairs have a vector, and a checksum over all of them in order."""
    rankings = store.rankings.of_study(study.id)
    pairs = sorted({(one.target, image) for one in rankings for image in one.images})
    found = store.vectors.of_pairs(pairs, space)
    digest = hashlib.sha256()
    for pair in pairs:
        if pair in found:
            digest.update("/".join(pair).encode() + found[pair].astype("<f8").tobytes())
    return {"pairs": len(pairs), "vectors": len(found), "sha256": digest.hexdigest()}


def fit_of(store: Store, fit: Fit) -> dict[str, Any]:
    weights = CLPIPS.load(fit.metric_path).weights
    return {
        "scope": fit.scope,
        "backbone": fit.backbone,
        "report": fit.report,
        "created_at": fit.created_at,
        "weights": weights_sha256(weights),
        "comparison": store.comparisons.of_fits([fit.id]).get(fit.id),
    }


def whole_folder(store: Store) -> dict[str, Any]:
    """What only the data folder holds, and no bundle."""
    return {
        "studies": [
            [each.title, each.join_code, each.is_open, each.created_at]
            for each in store.studies.all()
        ],
        "tallies": {
            str(each.study_id): [
                each.targets,
                each.participants,
                each.completed,
                each.trials,
                each.done_trials,
                each.rankings,
                each.last_activity,
            ]
            for each in store.progress.tallies().values()
        },
        "costs": {
            str(each.id): [list(c) for c in store.studies.costs(each.id)]
            for each in store.studies.all()
        },
        "waits": {
            str(each.id): [list(w) for w in store.studies.waiting_times(each.id)]
            for each in store.studies.all()
        },
        "jobs": {
            str(each.id): sorted([job.kind, job.state] for job in store.jobs.latest(each.id))
            for each in store.studies.all()
        },
        "exports": {
            str(each.id): sorted(
                [one.name, one.media_type, one.bytes, one.sha256]
                for one in store.exports.of_study(each.id)
            )
            for each in store.studies.all()
        },
        "setting": store.platform_settings.get("a setting"),
    }


def weights_sha256(weights: np.ndarray) -> str:
    return hashlib.sha256(weights.astype("<f8").tobytes()).hexdigest()
