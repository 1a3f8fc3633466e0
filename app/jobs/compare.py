"""The job ``compare``: fitted metrics beside baselines, ceilings and each other.

It reads fits and never changes one. Each fit's part is stored as soon as it is computed, as are
difference vectors in the space ``wide``, so that no work is repeated after an interruption.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.jobs.comparison.inputs import WIDE, LeftOut, StudyRankings, Values
from app.jobs.comparison.one_fit import compare_fit
from app.jobs.comparison.whole_study import compare_study
from app.jobs.json_values import to_json
from app.jobs.rankings.used import current_rankings, others_cutoff
from app.jobs.unusable import Unusable, without
from app.jobs.vectors import checksum, compute_all, compute_missing
from app.store import Store
from app.study.records import Fit
from app.study.types import Job, Study
from clpips.progress import Watch

WIDE_SHARE = 0.4  # of the progress bar, where difference vectors are missing at all


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Compare the fits that the job names and every newest fit, unless already compared.

    Of each fit ``{"table", "curve", "forecast", "needed", "repeatability", "ceiling", "share",
    "left_out"}`` is stored before the next one begins. Each statistic is as its own library
    function returns it; a statistic that is undefined for these rankings is ``None``, and
    ``left_out`` has a sentence that says why. Of the study ``{"people", "calibration",
    "position", "left_out", "fits"}`` is stored, over every newest fit, whose ids are its ``fits``.

    Returns:
        ``{"fits": [ids]}``: the fits that are compared now.

    Raises:
        StudyError: no such study.
        WeightsError: vectors are missing and the network's weights are not available.
        Cancelled: the job was cancelled; no fit was changed, and finished parts are kept.
    """
    study = store.studies.get(job.payload["study_id"])
    newest = _newest(store, study)
    wanted = {*newest, *(job.payload.get("fit_ids") or ())}
    done = store.comparisons.of_fits(wanted)
    fits = [fit for fit in store.fits.of_study(study.id) if fit.id in wanted and fit.id not in done]
    unusable: Unusable = {}
    compute_missing(store, study, watch, unusable)
    no_wide, start = _wide_vectors(store, study, fits, unusable, watch.part(0.0, WIDE_SHARE))
    _each(store, study, fits, no_wide, unusable, watch.part(start, 0.95 - start))
    watch.report(0.95, "Comparing participants…")
    store.comparisons.add_of_study(study.id, to_json(_over_study(store, study, newest)))
    return {"fits": sorted(wanted)}


def requeue_if_stale(store: Store, study_id: int) -> None:
    """Queue the job once more if there are fits that the job that just ended did not see.

    While it ran, a new request returned the running job.
    """
    study = store.studies.get(study_id)
    newest = _newest(store, study)
    missing = newest.keys() - store.comparisons.of_fits(newest)
    if missing:
        request_comparison(store, study, sorted(missing))


def request_comparison(store: Store, study: Study, fit_ids: Iterable[int]) -> Job:
    """Request a comparison; while one is queued or running, that one is returned."""
    payload = {"study_id": study.id, "fit_ids": list(fit_ids)}
    return store.jobs.enqueue("compare", payload, study_id=study.id, key=f"compare:{study.id}")


def _newest(store: Store, study: Study) -> dict[int, int | None]:
    """Ids of the newest fit of each participant and of the newest pooled one, with their owner."""
    found: dict[int | None, int] = {}
    for fit in store.fits.of_study(study.id):
        found.setdefault(fit.participant_id, fit.id)
    return {fit_id: owner_id for owner_id, fit_id in found.items()}


def _over_study(store: Store, study: Study, newest: Mapping[int, int | None]) -> Values:
    """The study's part, over the newest fits."""
    parts = store.comparisons.of_fits(newest)
    tables = {
        owner_id: parts[fit_id]["table"] for fit_id, owner_id in newest.items() if fit_id in parts
    }
    people = {
        person.label: table
        for person in store.participants.of_study(study.id)
        if (table := tables.get(person.id))
    }
    return {**compare_study(store, study, people), "fits": sorted(newest)}


def _wide_vectors(
    store: Store, study: Study, fits: Sequence[Fit], unusable: Unusable, watch: Watch
) -> tuple[str | None, float]:
    """Compute the missing difference vectors of the space ``wide``.

    Pairs that are unusable already are left out: rankings with them count in no row.

    Returns:
        why there cannot be one, or ``None``; and how much of the progress bar this took.
    """
    if all(fit.backbone == WIDE for fit in fits):
        return None, 0.0
    left_out = LeftOut()
    pairs = [
        (used.ranking.target, image)
        for used in without(current_rankings(store, study.id), unusable)
        for image in used.ranking.images
    ]

    def work() -> int:
        known = store.vectors.of_pairs(pairs, WIDE, checksum=checksum(WIDE))
        missing = [pair for pair in dict.fromkeys(pairs) if pair not in known]
        return compute_all(store, missing, WIDE, watch)

    computed = left_out.unless("wide", work)
    return left_out.get("wide"), WIDE_SHARE if computed else 0.0


def _each(
    store: Store,
    study: Study,
    fits: Sequence[Fit],
    no_wide: str | None,
    unusable: Unusable,
    watch: Watch,
) -> None:
    """Compare each fit and store its part; fits of the same time share the pooled prior."""
    labels = {person.id: person.label for person in store.participants.of_study(study.id)}
    study_rankings: StudyRankings | None = None
    for number, fit in enumerate(sorted(fits, key=lambda one: (others_cutoff(one), one.id))):
        name = labels.get(fit.participant_id or 0, "the pooled metric")
        watch.report(number / len(fits), f"Comparing {name}…")
        until = others_cutoff(fit)
        if study_rankings is None or study_rankings.until != until:
            study_rankings = StudyRankings(store, study.id, until, unusable)
        following = watch.part(number / len(fits), 1 / len(fits), prefix=f"{name}: ")
        store.comparisons.add(
            fit.id, to_json(compare_fit(store, fit, study_rankings, no_wide, following))
        )
