"""The family of tests that p is corrected over: what the newest fits show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from floor import Floor

from app.study.multiple_testing import decided, family, newest_judged
from app.study.records import Fit
from clpips.stats.permutation import corrected


def held_out(p: float | None, verdict: str = "better", targets: int = 12) -> dict[str, Any]:
    side = {"spearman": 0.5, "spearman_ci": [0.4, 0.6], "n_rankings": targets}
    return {
        "held_out": {
            "verdict": verdict, "stock": side, "personal": side, "pooled": None, "gain": 0.1,
            "gain_ci": [0.01, 0.2], "p": p, "n_targets": targets, "sentence": "alone",
            "in_use": "personal" if verdict == "better" else "stock",
        }
    }  # fmt: skip


def fit(number: int, p: float | None, verdict: str = "better") -> Fit:
    path = Path("a.safetensors")
    return Fit(number, 1, number, "participant", "alex", path, held_out(p, verdict), None, "")


def compared(*p_values: float | None) -> dict[str, Any]:
    names = ("personal", "layer", "tilt")
    return {
        "table": [
            {"name": name, "space": "alex", "p": p}
            for name, p in zip(names, p_values, strict=False)
        ]
    }


def test_what_is_in_use_holds_for_all_people_together() -> None:
    """Alone two of these are proven; corrected over the three people one is left."""
    fits = [fit(3, 0.2, "not better yet"), fit(2, 0.04), fit(1, 0.001)]
    found = {each.id: each.report["held_out"] for each in decided(fits)}
    assert [found[n]["p_corrected"] for n in (1, 2, 3)] == pytest.approx([0.003, 0.06, 0.2])
    assert [found[n]["verdict"] for n in (1, 2, 3)] == ["better", *["not better yet"] * 2]
    assert [found[n]["in_use"] for n in (1, 2, 3)] == ["personal", "stock", "stock"]
    why = "Its p is 0.060, corrected for 3 people tested together, above 0.05."
    assert found[2]["sentence"].endswith(why)
    assert decided([fit(1, 0.03)])[0].report["held_out"]["verdict"] == "better"


def test_earlier_and_pooled_fits_are_decided_alone() -> None:
    newest, pooled = fit(4, 0.04), replace(fit(3, 0.04), participant_id=None)
    other, former = fit(2, 0.2, "not better yet"), replace(fit(1, 0.04), participant_id=4)
    fits = [newest, pooled, other, former]
    verdicts = [each.report["held_out"]["verdict"] for each in decided(fits)]
    assert verdicts == ["not better yet", "better", "not better yet", "better"]


def test_the_own_metric_and_the_further_ones_are_two_families() -> None:
    fits = decided([fit(1, 0.01), fit(2, 0.03)])
    found = family(fits, {1: compared(0.5, 0.02), 2: compared(0.5, 0.04)})
    assert [found.personal(one)["p"] for one in fits] == [0.01, 0.03]
    assert [found.personal(one)["p_corrected"] for one in fits] == pytest.approx([0.02, 0.03])
    further = [rows[1]["p_corrected"] for rows in found.tables.values()]
    assert further == list(corrected([0.02, 0.04])) == [0.04, 0.04]
    assert (found.people, found.further) == (2, 2)


def test_no_corrected_p_changes_while_a_comparison_goes_on() -> None:
    fits = decided([fit(1, 0.01), fit(2, 0.03)])
    before, during = family(fits, {}), family(fits, {2: compared(0.02, 0.04)})
    after = family(fits, {1: compared(0.02, 0.04), 2: compared(0.02, 0.04)})
    own = [each.personal(fits[0])["p_corrected"] for each in (before, during, after)]
    assert own == pytest.approx([0.02] * 3)
    assert (before.further, during.further, after.further) == (None, None, 2)
    assert during.tables[2][1]["p_corrected"] is None
    assert after.tables[2][1]["p_corrected"] == pytest.approx(0.04)


def test_one_test_alone_is_not_corrected() -> None:
    fits = decided([fit(1, 0.01)])
    found = family(fits, {})
    assert found.people == 1 and found.personal(fits[0])["p_corrected"] is None


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
    judged = newest_judged(decided(store.fits.of_study(study.id)))
    found = family(judged, store.comparisons.of_fits(one.id for one in judged))
    assert set(found.tables) == {*(one.id for one in newest), pooled.id}
    assert [found.personal(one)["p_corrected"] for one in newest] == pytest.approx([0.02, 0.02])
    assert found.personal(pooled)["p_corrected"] is None
