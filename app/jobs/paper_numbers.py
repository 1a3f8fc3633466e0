"""The numbers of a study's fits that a paper needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.store import Store
from app.study.multiple_testing import Family, decided, family, newest_judged
from app.study.records import Fit
from app.study.types import Study
from clpips.errors import StudyError
from clpips.export.latex import latex_table
from clpips.export.methods_text import StudyNumbers, methods_paragraph
from clpips.export.report_numbers import numbers_of_report
from clpips.text import counted

TEXTS = {"methods": methods_paragraph, "latex": latex_table}


def paper_text(store: Store, study: Study, what: str) -> str:
    """The methods paragraph or the LaTeX tables of a study, from each participant's newest fit.

    Raises:
        StudyError: no personal metric has been fitted.
        InputError: no fit has held-out agreement.
    """
    return TEXTS[what](study_numbers(store, study))


def study_numbers(store: Store, study: Study) -> StudyNumbers:
    """The numbers of each participant's newest fit; errors as for :func:`paper_text`."""
    people = {person.id: person for person in store.participants.of_study(study.id)}
    every_fit = decided(store.fits.of_study(study.id))
    newest = {fit.participant_id: fit for fit in reversed(every_fit)}
    fits = {people[who]: fit for who, fit in newest.items() if who is not None and who in people}
    if not fits:
        raise StudyError("there is nothing to write about yet: please fit personal metrics first")
    judged = newest_judged(every_fit)
    shown = family(judged, store.comparisons.of_fits(fit.id for fit in judged))
    report = {
        "backbone": study.settings.backbone,
        "participants": {
            person.label: {
                "n_rankings": fit.report.get("n_rankings"),
                "n_comparisons": fit.report.get("n_comparisons"),
                "held_out": _corrected(fit, shown),
            }
            for person, fit in sorted(fits.items(), key=lambda pair: pair[0].id)
        },
    }
    numbers = numbers_of_report(report)
    if numbers.p_test and numbers.p_correction:
        together = f"{numbers.p_test}, {counted(shown.people, 'participant')} tested together"
        numbers = replace(numbers, p_test=together)
    return replace(
        numbers,
        title=study.title,
        simulated=sum(person.simulated for person in fits),
        images_per_ranking=store.rankings.sizes(study.id, [person.id for person in fits]),
    )


def _corrected(fit: Fit, family: Family) -> dict[str, Any] | None:
    """A fit's held-out agreement with p corrected over the study, as on the screens."""
    held_out = fit.report.get("held_out")
    if held_out is None:
        return None
    row = family.personal(fit)
    return {**held_out, "p": row.get("p"), "p_corrected": row.get("p_corrected")}
