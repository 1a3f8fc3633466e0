"""Who of several people is told that their metric is better."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from clpips.evaluation.decision import decide_together
from clpips.evaluation.verdict import LEVEL, PROVING_TARGETS
from clpips.stats.permutation import least_p


def report(p: float | None, *, low: float = 0.01, targets: int = 12, **changed: Any) -> dict:
    side = {"spearman": 0.5, "spearman_ci": (0.3, 0.7), "n_rankings": targets}
    return {
        "stock": side, "personal": side, "gain": 0.1, "gain_ci": (low, 0.2), "p": p,
        "n_targets": targets, "verdict": "better", "in_use": "personal", "sentence": "", **changed,
    }  # fmt: skip


def test_p_is_corrected_as_statsmodels_does() -> None:
    p = np.random.default_rng(2).random(20) ** 3
    found = decide_together({n: report(each) for n, each in enumerate(p)})
    expected = multipletests(p, method="fdr_bh")[1]
    assert [found[n]["p_corrected"] for n in range(20)] == pytest.approx(expected.tolist())
    better = {n for n in range(20) if found[n]["verdict"] == "better"}
    assert better == set(np.flatnonzero(expected <= 0.05)) and 0 < len(better) < 20


def test_only_a_better_one_can_lose_its_verdict() -> None:
    verdicts = ("worse", "reversed", "not better yet", "better")
    found = decide_together({each: report(0.5, verdict=each) for each in verdicts})
    kept = {each: one["verdict"] for each, one in found.items()}
    assert kept == {**{each: each for each in verdicts}, "better": "not better yet"}
    assert all(one["in_use"] == "stock" for one in found.values())


def test_who_cannot_be_judged_is_not_counted_and_stays_as_they_are() -> None:
    early = report(0.01, verdict="too early")
    found = decide_together({"ann": report(0.04), "ben": early, "cem": report(None)})
    assert found["ben"] == early and found["cem"]["verdict"] == "better"
    assert (found["ann"]["tests"], found["ann"]["verdict"]) == (1, "better")


def test_too_few_targets_are_said_so() -> None:
    found = decide_together({n: report(least_p(4), targets=4) for n in range(8)})
    few = "4 targets are too few to prove it, which needs 5 or more."
    assert found[0]["sentence"].endswith(few)
    assert least_p(PROVING_TARGETS) <= LEVEL < least_p(PROVING_TARGETS - 1)
