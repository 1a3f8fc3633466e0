"""The family of tests that Holm's correction is over: what the newest fits show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from floor import Floor

from app.study.multiple_testing import family, newest_judged
from app.study.records import Fit
from clpips.stats.permutation import corrected


def held_out(p: float | None, verdict: str = "better") -> dict[str, Any]:
    side = {"spearman": 0.5}
    return {
        "held_out": {
            "verdict": verdict, "stock": side, "personal": side, "pooled": None, "gain": 0.1,
            "gain_ci": [0.0, 0.2], "p": p,
        }
    }  # fmt: skip


def fit(number: int, p: float | None) -> Fit:
    path = Path("a.safetensors")
    return Fit(number, 1, number, "participant", "alex", path, held_out(p), None, "")


def compared(*p_values: float | None) -> dict[str, Any]:
    names = ("personal", "layer", "tilt")
    return {
        "table": [
            {"name": name, "space": "alex", "p": p}
            for name, p in zip(names, p_values, strict=False)
        ]
    }


def test_p_is_corrected_over_all_people_and_metrics_together() -> None:
    found = family([fit(1, 0.5), fit(2, 0.5)], {1: compared(0.01, 0.02), 2: compared(None, 0.04)})
    told = [row["p_corrected"] for rows in found.tables.values() for row in rows]
    assert told == list(corrected([0.01, 0.02, None, 0.04])) == [0.03, 0.04, None, 0.04]
    assert found.tests == 3


def test_a_fit_that_is_not_compared_yet_counts_with_its_own_report() -> None:
    found = family([fit(1, 0.01), fit(2, 0.03)], {2: compared(0.02, 0.04)})
    assert found.personal(fit(1, 0.01))["p_corrected"] == pytest.approx(0.03)
    assert [row["p_corrected"] for row in found.tables[2]] == pytest.approx([0.04, 0.04])


def test_one_test_alone_is_not_corrected() -> None:
    found = family([fit(1, 0.01)], {})
    assert found.tests == 1 and found.personal(fit(1, 0.01))["p_corrected"] is None


def test_only_newest_fits_that_can_be_judged_are_in_a_studys_family(floor: Floor) -> None:
    store, study = floor.store, floor.study()
    people = [store.participants.create(study.id)[0].id for _ in range(3)]

    def kept(whose: int | None, report: dict[str, Any]) -> Fit:
        return store.fits.add(study.id, whose, "participant", "alex", "weights/a", report)

    former = kept(people[0], held_out(0.001))
    store.comparisons.add(former.id, compared(0.001, 0.001))
    newest = [kept(people[0], held_out(0.01)), kept(people[1], held_out(0.02))]
    kept(people[2], held_out(0.001, "too early"))
    pooled = kept(None, held_out(0.03))
    judged = newest_judged(store.fits.of_study(study.id))
    found = family(judged, store.comparisons.of_fits(one.id for one in judged))
    assert set(found.tables) == {*(one.id for one in newest), pooled.id}
    assert [found.personal(one)["p_corrected"] for one in newest] == pytest.approx([0.03, 0.04])
