"""The job ``generate``: a prompt → the candidates of one round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from PIL import Image

from app.files.pools import own_images
from app.jobs.generation import calibration_boards
from app.jobs.generation.candidate_selection import SelectionRequest, select_candidates
from app.jobs.generation.images import make_images
from app.store import Store
from app.study.arms import shared_out
from app.study.seeds import seed_of
from app.study.types import Job, Round
from clpips.errors import Cancelled
from clpips.generation import Request
from clpips.generation.names import kind_of
from clpips.progress import Watch
from clpips.types import Provenance

DEFAULT_STRENGTH = 0.6
NEUTRAL_MESSAGE = "Generating your images…"
GENERATION_SHARE = 0.8  # of the progress bar, where the images are compared afterwards


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Generate a round's images and put them on its board, all or none.

    A job that names a study's calibration instead of a round makes the calibration boards.
    Afterwards difference vectors are requested, so that a later fit need not wait for the network.

    Returns:
        ``{"round_id", "n"}``, the number of candidates on the board; where a study selects among
        more images, also ``"choice"``, the record of
        :func:`app.jobs.generation.candidate_selection.select_candidates`; for a blind pair
        ``"duel"``, with all images ``made`` for it.

    Raises:
        GenerationError: the maker cannot serve the request.
        Cancelled: the job was cancelled; the board stays empty.
    """
    payload = job.payload
    if "calibration" in payload:
        return calibration_boards.run(store, job, watch)
    before = store.rounds.get(payload["round_id"])
    record: dict[str, Any] = {}
    if before.state == "generating":
        made, record = _board(store, job, before, watch)
        if not store.rounds.add_candidates(before.id, made):
            raise Cancelled("the round was cancelled while its images were made")
    elif before.state in ("failed", "cancelled"):
        raise Cancelled("the round no longer waits for images")
    # A round that has its images already was finished by a worker that died just after.
    if job.study_id is not None:
        store.jobs.enqueue(
            "vectors",
            {"study_id": job.study_id},
            study_id=job.study_id,
            key=f"vectors:{job.study_id}",
        )
    return {"round_id": before.id, "n": len(store.rounds.get(before.id).candidates), **record}


def _board(
    store: Store, job: Job, asked: Round, watch: Watch
) -> tuple[list[tuple[str, Provenance]], dict[str, Any]]:
    """The images that a board shows, and the job result's record of their selection."""
    if asked.kind == "duel":
        return _blind_pair(store, job, asked, _without_details(watch))
    selection = _selection_request(store, job, asked)
    if selection is not None or job.payload.get("arms"):
        watch = _without_details(watch)
    count = job.payload["count"] if selection is None else selection.study.settings.made_per_round
    share = 1.0 if selection is None else GENERATION_SHARE
    made = _made(store, job, asked, count, watch.part(0.0, share))
    if selection is None:
        return made, {}
    shown, record = select_candidates(store, selection, made, watch.part(share, 1 - share))
    return shown, {"choice": record}


def _without_details(watch: Watch) -> Watch:
    """Progress with a neutral message and without previews.

    Counts of images or steps, and previews appearing one after another, would reveal which arm
    makes which image, or that more images are made than shown.
    """
    return Watch(lambda share, words: watch.progress(share, NEUTRAL_MESSAGE), watch.cancelled)


def _blind_pair(
    store: Store, job: Job, asked: Round, watch: Watch
) -> tuple[list[tuple[str, Provenance]], dict[str, Any]]:
    """The two images of a blind pair, and a record of all that were generated for it."""
    from app.jobs.generation.blind_pair import made_for, pair  # it loads torch

    if job.study_id is None or job.participant_id is None:
        raise ValueError("a blind pair must belong to a participant of a study")
    study = store.studies.get(job.study_id)
    made = _made(store, job, asked, made_for(study), watch.part(0.0, GENERATION_SHARE))
    target = store.rounds.of_trial(job.participant_id, asked.trial_id).target.image
    rest = watch.part(GENERATION_SHARE, 1 - GENERATION_SHARE)
    shown = pair(store, study, job.participant_id, target, made, rest)
    return shown, {"duel": {"made": [image for image, _ in made]}}


def _made(
    store: Store, job: Job, asked: Round, count: int, watch: Watch
) -> list[tuple[str, Provenance]]:
    """A round's images, from its maker or from the arms that share the board."""
    payload = job.payload
    arms = payload.get("arms") or [payload]
    counts = shared_out(count, len(arms), f"arms/{payload['seed']}")
    made: list[tuple[str, Provenance]] = []
    for arm, its_count in zip(arms, counts, strict=True):
        if not its_count:
            continue
        name = arm.get("arm")
        request = Request(
            payload["prompt"],
            payload["seed"] if len(arms) == 1 else seed_of(f"{payload['seed']}/{name}"),
            its_count,
            payload["width"],
            payload["height"],
            _options(store, job, asked, arm),
            _start(store, payload.get("start")),
            payload.get("strength") or DEFAULT_STRENGTH,
        )
        following = watch.part(len(made) / count, its_count / count)
        images = make_images(store, request, maker=arm["maker"], watch=following)
        made += images if name is None else [(sha, _of_arm(each, name)) for sha, each in images]
    return made


def _of_arm(source: Provenance, name: str) -> Provenance:
    return replace(source, options={**source.options, "arm": name})


def _options(store: Store, job: Job, asked: Round, arm: Mapping[str, Any]) -> dict[str, Any]:
    """The maker's options; a pool also gets the target and the images already shown for it."""
    options = dict(arm.get("options", {}))  # jobs of earlier versions have none
    if kind_of(arm["maker"]) == "pool":
        if job.study_id is not None and job.participant_id is not None:
            target = store.rounds.of_trial(job.participant_id, asked.trial_id).target
            options = own_images(store, arm["maker"], job.study_id, target.name) | options
        shown = store.rounds.provenances(asked.trial_id)
        options["taken"] = [each.options["sha256"] for each in shown if "sha256" in each.options]
    return options


def _start(store: Store, sha: str | None) -> Image.Image | None:
    """The image that a request starts from."""
    if sha is None:
        return None
    with Image.open(store.images.path(sha)) as picture:
        return picture.convert("RGB")


def _selection_request(store: Store, job: Job, asked: Round) -> SelectionRequest | None:
    """What to select for a round; ``None`` where every generated image is shown."""
    if job.study_id is None or job.participant_id is None:
        return None
    study = store.studies.get(job.study_id)
    settings = study.settings
    if settings.choice == "random" or settings.made_per_round <= settings.candidates:
        return None
    target = store.rounds.of_trial(job.participant_id, asked.trial_id).target.image
    return SelectionRequest(study, job.participant_id, target, asked.seed)
