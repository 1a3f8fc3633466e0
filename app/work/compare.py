"""The job ``compare``: fitted metrics beside baselines, ceilings and each other.

It reads fits and never changes one. Difference vectors in the space ``wide`` are kept, so that
the next comparison is quick.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from app.records import Fit
from app.steps import part
from app.store import Store
from app.work.compare_fit import compare_fit
from app.work.compare_parts import WIDE, Company, LeftOut, Values
from app.work.compare_study import compare_study, correct
from app.work.plain import plain
from app.work.used import everybody_until, standing_rankings
from app.work.vectors import checksum, compute, compute_missing
from clpips.types import Job, Study
from clpips.watch import Watch

WIDE_SHARE = 0.4  # of the progress bar, where difference vectors are missing at all
EARLIER = 500  # comparisons that are looked through for other people's newest fits


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Compare the fits that the job names, and any newest one that was never compared.

    Returns:
        ``{"fits": {id: {"table", "curve", "forecast", "needed", "repeatability", "ceiling",
        "share", "left_out"}}, "study": {"people", "calibration", "position", "correction",
        "left_out"}}``. Each statistic is as its own library function gives it; what cannot be
        said of these rankings is ``None``, and ``left_out`` has a sentence that says why. The
        study's part is over everybody's newest fit.

    Raises:
        StudyError: no such study.
        WeightsError: vectors are missing and the network's weights could not be had.
        Cancelled: somebody asked to stop; no fit was changed.
    """
    study = store.study(job.payload["study_id"])
    newest, earlier = _newest(store, study), _compared(store, study)
    named = set(job.payload.get("fit_ids") or ())
    fits = [
        fit
        for fit in reversed(store.fits(study.id))
        if fit.id in named or (fit.id in newest and str(fit.id) not in earlier)
    ]
    compute_missing(store, study, watch)
    no_wide, start = _wide_vectors(store, study, fits, part(watch, 0.0, WIDE_SHARE))
    found = _each(store, study, fits, no_wide, part(watch, start, 0.95 - start))
    watch.report(0.95, "Comparing people…")
    tables = {
        fit_id: {**earlier, **found}[str(fit_id)]["table"]
        for fit_id in newest
        if str(fit_id) in earlier or str(fit_id) in found
    }
    superseded = [one["table"] for fit_id, one in found.items() if int(fit_id) not in tables]
    correction = correct([*tables.values(), *superseded])
    of = {whose: tables.get(fit_id) for fit_id, whose in newest.items()}
    people = {
        person.label: table
        for person in store.participants(study.id)
        if (table := of.get(person.id))
    }
    whole = {**compare_study(store, study, people), "correction": correction}
    return {"fits": plain(found), "study": plain(whole)}


def ask_again(store: Store, study_id: int) -> None:
    """Queue the job once more if fits came after the one that just ended had looked.

    While it ran, asking for it again gave that same job.
    """
    study = store.study(study_id)
    compared = _compared(store, study)
    missing = [fit_id for fit_id in _newest(store, study) if str(fit_id) not in compared]
    if missing:
        ask(store, study, missing)


def ask(store: Store, study: Study, fit_ids: Iterable[int]) -> Job:
    """Ask for a comparison; while one waits or runs, this is it."""
    payload = {"study_id": study.id, "fit_ids": list(fit_ids)}
    return store.enqueue("compare", payload, study_id=study.id, key=f"compare:{study.id}")


def _newest(store: Store, study: Study) -> dict[int, int | None]:
    """The newest fit of each person and the newest pooled one, with whose it is."""
    found: dict[int | None, int] = {}
    for fit in store.fits(study.id):
        found.setdefault(fit.participant_id, fit.id)
    return {fit_id: whose for whose, fit_id in found.items()}


def _compared(store: Store, study: Study) -> dict[str, Values]:
    """What earlier comparisons say of each fit; the newest of them counts."""
    found: dict[str, Values] = {}
    for job in store.jobs(study.id, kinds=["compare"], limit=EARLIER):
        if job.state == "done":
            found = {**job.result.get("fits", {}), **found}
    return found


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
        known = store.difference_vectors(pairs, WIDE, checksum=checksum(WIDE))
        missing = [pair for pair in dict.fromkeys(pairs) if pair not in known]
        return compute(store, missing, WIDE, watch)

    computed = left_out.unless("wide", work)
    return left_out.get("wide"), WIDE_SHARE if computed else 0.0


def _each(
    store: Store, study: Study, fits: Sequence[Fit], no_wide: str | None, watch: Watch
) -> dict[str, Values]:
    """Each fit's part; fits of one moment share everybody's weights."""
    labels = {person.id: person.label for person in store.participants(study.id)}
    company: Company | None = None
    found: dict[str, Values] = {}
    for number, fit in enumerate(sorted(fits, key=everybody_until)):
        name = labels.get(fit.participant_id or 0, "the pooled metric")
        watch.report(number / len(fits), f"Comparing {name}…")
        until = everybody_until(fit)
        if company is None or company.until != until:
            company = Company(store, study.id, until)
        following = part(watch, number / len(fits), 1 / len(fits), prefix=f"{name}: ")
        found[str(fit.id)] = compare_fit(store, fit, company, no_wide, following)
    return found
