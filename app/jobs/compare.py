"""The job ``compare``: fitted metrics beside baselines, ceilings and each other.

It reads fits and never changes one. Each fit's part is kept as soon as it is there, and
difference vectors in the space ``wide`` are kept too, so that no work is done twice, whatever
stops a comparison half-way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.jobs.comparison.inputs import WIDE, Company, LeftOut, Values
from app.jobs.comparison.one_fit import compare_fit
from app.jobs.comparison.whole_study import compare_study
from app.jobs.json_values import plain
from app.jobs.rankings.used import everybody_until, standing_rankings
from app.jobs.vectors import checksum, compute, compute_missing
from app.store import Store
from app.study.records import Fit
from app.study.types import Job, Study
from clpips.progress import Watch

WIDE_SHARE = 0.4  # of the progress bar, where difference vectors are missing at all


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Compare the fits that the job names, and each newest one, unless that was done before.

    Of each fit ``{"table", "curve", "forecast", "needed", "repeatability", "ceiling", "share",
    "left_out"}`` is kept in the store before the next one is begun. Each statistic is as its own
    library function gives it; what cannot be said of these rankings is ``None``, and ``left_out``
    has a sentence that says why.

    Returns:
        ``{"fits": [ids], "study": {"people", "calibration", "position", "left_out", "fits"}}``:
        the fits that were asked for, and the study's part over everybody's newest fit, whose ids
        are in its ``fits``.

    Raises:
        StudyError: no such study.
        WeightsError: vectors are missing and the network's weights could not be had.
        Cancelled: somebody asked to stop; no fit was changed, and finished parts stay.
    """
    study = store.studies.get(job.payload["study_id"])
    newest = _newest(store, study)
    wanted = {*newest, *(job.payload.get("fit_ids") or ())}
    done = store.comparisons.of_fits(wanted)
    fits = [fit for fit in store.fits.of_study(study.id) if fit.id in wanted and fit.id not in done]
    compute_missing(store, study, watch)
    no_wide, start = _wide_vectors(store, study, fits, watch.part(0.0, WIDE_SHARE))
    _each(store, study, fits, no_wide, watch.part(start, 0.95 - start))
    watch.report(0.95, "Comparing participants…")
    return {"fits": sorted(wanted), "study": plain(_over_study(store, study, newest))}


def ask_again(store: Store, study_id: int) -> None:
    """Queue the job once more if fits came after the one that just ended had looked.

    While it ran, asking for it again gave that same job.
    """
    study = store.studies.get(study_id)
    newest = _newest(store, study)
    missing = newest.keys() - store.comparisons.of_fits(newest)
    if missing:
        ask(store, study, sorted(missing))


def ask(store: Store, study: Study, fit_ids: Iterable[int]) -> Job:
    """Ask for a comparison; while one waits or runs, this is it."""
    payload = {"study_id": study.id, "fit_ids": list(fit_ids)}
    return store.jobs.enqueue("compare", payload, study_id=study.id, key=f"compare:{study.id}")


def _newest(store: Store, study: Study) -> dict[int, int | None]:
    """The newest fit of each person and the newest pooled one, with whose it is."""
    found: dict[int | None, int] = {}
    for fit in store.fits.of_study(study.id):
        found.setdefault(fit.participant_id, fit.id)
    return {fit_id: whose for whose, fit_id in found.items()}


def _over_study(store: Store, study: Study, newest: Mapping[int, int | None]) -> Values:
    """The study's part, over the newest fits."""
    parts = store.comparisons.of_fits(newest)
    tables = {whose: parts[fit_id]["table"] for fit_id, whose in newest.items() if fit_id in parts}
    people = {
        person.label: table
        for person in store.participants.of_study(study.id)
        if (table := tables.get(person.id))
    }
    return {**compare_study(store, study, people), "fits": sorted(newest)}


def _wide_vectors(
    store: Store, study: Study, fits: Sequence[Fit], watch: Watch
) -> tuple[str | None, float]:
    """Compute what the comparison in ``wide`` lacks.

    Returns:
        why there cannot be one, or ``None``; and how much of the progress bar this took.
    """
    if all(fit.backbone == WIDE for fit in fits):
        return None, 0.0
    left_out = LeftOut()
    pairs = [
        (used.ranking.target, image)
        for used in standing_rankings(store, study.id)
        for image in used.ranking.images
    ]

    def work() -> int:
        known = store.vectors.of_pairs(pairs, WIDE, checksum=checksum(WIDE))
        missing = [pair for pair in dict.fromkeys(pairs) if pair not in known]
        return compute(store, missing, WIDE, watch)

    computed = left_out.unless("wide", work)
    return left_out.get("wide"), WIDE_SHARE if computed else 0.0


def _each(
    store: Store, study: Study, fits: Sequence[Fit], no_wide: str | None, watch: Watch
) -> None:
    """Compare each fit and keep its part; fits of one moment share everybody's weights."""
    labels = {person.id: person.label for person in store.participants.of_study(study.id)}
    company: Company | None = None
    for number, fit in enumerate(sorted(fits, key=lambda one: (everybody_until(one), one.id))):
        name = labels.get(fit.participant_id or 0, "the pooled metric")
        watch.report(number / len(fits), f"Comparing {name}…")
        until = everybody_until(fit)
        if company is None or company.until != until:
            company = Company(store, study.id, until)
        following = watch.part(number / len(fits), 1 / len(fits), prefix=f"{name}: ")
        store.comparisons.add(fit.id, plain(compare_fit(store, fit, company, no_wide, following)))
