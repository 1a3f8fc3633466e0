"""What a report says in words, from what a fit tells; see test_views_report.py for the page."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.study.records import Fit
from app.views.researcher import formatting
from app.views.researcher.report import learning_curve, metric_table, sentences
from clpips.export.decimals import DIGITS, agreeing


def told(verdict: str, **held_out: Any) -> Fit:
    """A fit that says this much and no more."""
    report = {
        "held_out": {"verdict": verdict, "sentence": "It is so.", **held_out},
        "n_rankings": 9,
        "n_targets": 4,
    }
    return Fit(1, 1, 1, "participant", "alex", Path("a.safetensors"), report, None, "")


@pytest.mark.parametrize(
    ("verdict", "using", "badge"),
    [
        ("better", "personal metric", "Better than stock"),
        ("not better yet", "stock LPIPS", "Not proven"),
        ("too early", "stock LPIPS", "Not proven"),
        ("worse", "stock LPIPS", "Worse than stock"),
        ("reversed", "stock LPIPS", "Ranks look reversed"),
    ],
)
def test_a_metric_is_in_use_only_once_it_is_proven(verdict: str, using: str, badge: str) -> None:
    fit = told(verdict)
    assert f"In use: <strong>{using}</strong>" in sentences.use(fit)
    assert f">{badge}<" in sentences.standing(fit)
    assert (">Not proven<" in sentences.use(fit)) == (badge == "Not proven")
    assert re.sub(r"<[^>]*>", "", sentences.use(fit)).endswith(".")


def test_a_gain_on_too_few_targets_is_not_said_to_include_zero() -> None:
    few = told("not better yet", gain_ci=[0.1, 0.3], n_targets=4, personal={"n_rankings": 8})
    assert "Its gain is not proven" in sentences.use(few)
    assert "zero" not in sentences.use(few)
    assert "includes zero" in sentences.use(told("not better yet", gain_ci=[-0.1, 0.3]))


def test_reversed_ranks_are_said_wherever_the_metric_is_offered() -> None:
    fit = told("reversed")
    assert "was fitted to ranks that look reversed" in sentences.use(fit)
    assert "look reversed" in sentences.offered(fit)


def test_the_report_has_the_last_word_on_what_is_in_use() -> None:
    assert sentences.in_use(told("better", in_use="stock")) == "stock"
    assert sentences.in_use(told("better")) == "personal"


def test_a_pooled_fit_is_not_called_personal() -> None:
    pooled = replace(told("better", sentence="The personal metric agrees."), participant_id=None)
    assert sentences.finding(pooled) == "The pooled metric agrees."
    assert "<strong>pooled metric</strong>" in sentences.use(pooled)


@pytest.mark.parametrize(
    ("rankings", "targets", "sentence"),
    [
        (3, 3, "collect 2 more rankings. Then"),
        (4, 4, "collect 1 more ranking. Then"),
        (1, 1, "collect 4 more rankings, including 2 new targets. Then"),
        (9, 2, "collect 1 more ranking, of a new target. Then"),
        (4, 1, "collect 2 more rankings, each of a new target. Then"),
        (9, 3, "collect rankings of more targets, then"),
    ],
)
def test_what_to_collect_next(rankings: int, targets: int, sentence: str) -> None:
    assert sentence in sentences.next_step(rankings, targets)


def test_a_pooled_fit_has_no_row_that_is_called_personal() -> None:
    pooled, own = replace(told("better"), participant_id=None), told("better")
    row = {"name": "personal", "space": "wide"}
    assert metric_table.called(row, pooled) == "Pooled metric"
    assert metric_table.called(row, own) == "Personal"
    assert metric_table.called({"name": "stock", "space": "wide"}, own) == "Not fitted"


def test_what_is_pooled_has_a_name_of_its_own_in_every_place() -> None:
    """The pooled weights, where personal fits start, are not the pooled fit."""
    pooled, own = replace(told("better"), participant_id=None), told("better")
    start = {"name": "pooled", "space": "alex"}
    fitted = {"name": "personal", "space": "alex"}
    assert metric_table.called(start, own) == "Pooled weights"
    assert metric_table.called(start) == "Pooled weights"
    assert metric_table.called(fitted, pooled) != metric_table.called(start, own)


def test_a_difference_agrees_with_the_two_numbers_beside_it() -> None:
    rows = [
        {"name": name, "space": space, "agreement": {"spearman": value}, "gain": gain}
        for name, space, value, gain in [
            ("stock", "alex", 0.8877, None),
            ("pooled", "alex", 0.9077, 0.02),
            ("personal", "alex", 0.9744, 0.9744 - 0.8877),
            ("stock", "wide", 0.2, None),
            ("personal", "wide", 0.3, 0.1),
        ]
    ]
    # 0.97 − 0.89 beside +0.09 would not do: 0.974 − 0.888 does.
    assert metric_table.digits_of(rows) == 3
    assert metric_table.digits_of(rows[3:]) == 2
    rng = np.random.default_rng(1)
    for stock, gain in rng.uniform(-0.5, 0.5, (500, 2)).tolist():
        digits = agreeing(stock, stock + gain, gain)
        before, after, difference = (
            float(text.replace("−", "-"))
            for text in (
                formatting.number(stock, digits),
                formatting.number(stock + gain, digits),
                formatting.signed(gain),
            )
        )
        agrees = abs(after - before - difference) < 0.005
        assert agrees or digits == DIGITS[-1]  # at the very edge between two roundings


def test_means_over_other_rankings_are_not_made_to_agree() -> None:
    assert agreeing(0.2, 0.3, 0.123) == agreeing(None, 0.3, 0.1) == 2


def test_rankings_left_out_are_counted_with_their_reason() -> None:
    own = {"n_rankings": 5, "n_left_out": 2, "left_out": {"fewer than 3 images": 2}}
    assert metric_table.counted({"personal": own}) == (
        "n = 5 rankings, 2 left out (2 × fewer than 3 images)."
    )


def test_the_settings_that_a_fit_chose_are_told() -> None:
    fit = told("better")
    assert metric_table.how_made(fit) == ""
    settings = {"granularity": "layer", "start": "everyone", "shrinkage": 0.02, "margin": 1.0}
    chosen = replace(fit, report={**fit.report, "settings": settings})
    assert metric_table.how_made(chosen) == (
        "Selected within the training rankings alone: one weight per layer, starting from "
        "the pooled weights, shrinkage 0.02, margin 1."
    )


@pytest.mark.parametrize(
    ("value", "agreement", "words_"),
    [
        (1.2, 0.6, "reaches more than this participant’s repeatability: 120\u00a0% of it"),
        (-0.2, -0.1, "reaches none of this participant’s repeatability"),
    ],
)
def test_a_share_above_one_or_below_nothing_is_put_so(
    value: float, agreement: float, words_: str
) -> None:
    share = {"value": value, "agreement": agreement, "ceiling": 0.5, "of": "repeatability"}
    assert words_ in sentences.reached(share)


def test_other_people_are_the_persons_own_where_that_is_told() -> None:
    over = {"lower": {"value": 0.3}, "people": {"Ada": {"lower": {"value": 0.5}}}}
    assert learning_curve.others_of({"ceiling": over}, "Ada")["lower"]["value"] == 0.5
    assert learning_curve.others_of({"ceiling": over}, None)["lower"]["value"] == 0.3
    assert learning_curve.others_of({"ceiling": None}, "Ada") == {}


@pytest.mark.parametrize(
    ("p", "shown"), [(None, "–"), (0.0004, "<\u00a00.001"), (0.0312, "0.031"), (0.25, "0.250")]
)
def test_every_probability_has_three_decimals(p: float | None, shown: str) -> None:
    assert formatting.p_value(p) == shown
