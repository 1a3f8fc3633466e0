"""The report page: verdict, metric in use, side by side, ceilings, curve, targets, study."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import compared
import pytest
from signed_in import signed_in_store, study_page
from staged import add_vectors, empty_study, job, person, rank_once, ranked_study
from streamlit.testing.v1 import AppTest

from app.jobs import fit as fit_job
from app.store import Store
from app.study.records import Fit
from app.study.types import Study
from app.views.researcher import formatting
from app.views.researcher.html import MORE
from app.views.researcher.report import sentences
from clpips.evaluation.metric_names import metric_name
from clpips.progress import Watch
from clpips.stats.permutation import corrected


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    return signed_in_store(tmp_path, monkeypatch)


def opened(study: Study, whose: str = "Ada 1", tab: str = "Fit & report") -> AppTest:
    """The study's page with one person's report open."""
    screen = AppTest.from_function(study_page, default_timeout=120)
    screen.query_params["study"] = str(study.id)
    screen.query_params["whose-fit"] = whose
    screen.session_state["tab"] = tab
    screen.run()
    assert not screen.exception, screen.exception[0].message
    return screen


def text_of(screen: AppTest) -> str:
    """Everything there is to read on a screen, HTML included."""
    html = [each.proto.body for each in screen.get("html")]
    kinds = ("title", "markdown", "caption", "info", "warning", "error", "success", "text")
    return "\n".join([*html, *(str(each.value) for kind in kinds for each in screen.get(kind))])


def folded(screen: AppTest) -> list[str]:
    return [each.label for each in screen.expander]


def fitted(store: Store, *, targets: int = 6, people: int = 1) -> tuple[Study, list[Fit]]:
    """A study whose people all have a fit; the fits in the people's order."""
    study = ranked_study(store, people=people, targets=targets)
    add_vectors(store, study)
    running = job(store, "fit", study, scope="each", participant_id=None)
    store.jobs.finish(running.id, "test", fit_job.run(store, running, Watch()))
    for asked in store.jobs.latest(study.id, kinds=["compare"]):  # these tests say what it gives
        store.jobs.cancel(asked.id)
    return study, list(reversed(store.fits.of_study(study.id)))


def with_result(
    store: Store, change: Callable[[dict[str, Any]], None] = lambda found: None
) -> tuple[Study, list[Fit]]:
    """A study of two people whose fits were compared."""
    study, fits = fitted(store, people=2)
    found = compared.result(fits, ["Ada 1", "Ada 2"])
    change(found["fits"][str(fits[0].id)])
    compared.compared(store, study, found, fits)
    return study, fits


# --- the verdict, and which metric is in use ----------------------------------------------------


def test_an_interval_with_zero_in_it_keeps_stock_in_use_on_the_page_and_beside_the_export(
    store: Store,
) -> None:
    study, (fit,) = fitted(store)
    assert sentences.verdict(fit) == "not better yet"
    text = text_of(opened(study))
    assert "In use: <strong>stock LPIPS</strong>" in text
    assert ">Not proven<" in text
    screen = opened(study, tab="Export")
    assert ">Not proven<" in text_of(screen)
    button = next(each for each in screen.button if each.label == "Personal metric (.safetensors)")
    assert not button.disabled


# --- too early ----------------------------------------------------------------------------------


def test_three_rankings_are_told_plainly_with_what_to_do_next_and_no_agreement(
    store: Store,
) -> None:
    study, fits = fitted(store, targets=3)
    text = text_of(opened(study))
    assert ">Too early to tell<" in text
    assert "3 rankings of 3 targets: too few to say" in text
    assert "Next: collect 2 more rankings. Then fit again." in text
    assert "target 0" in text
    assert "Spearman" not in text and "Difference" not in text
    for one in fits[0].report["held_out"]["targets"]:
        assert f">{formatting.number(one['personal'])}<" not in text
    screen = opened(study)
    assert not screen.get("vega_lite_chart") and "compare" not in [one.key for one in screen.button]


def test_the_table_of_everybody_shows_no_agreement_where_it_is_too_early(store: Store) -> None:
    study, fits = fitted(store, targets=3, people=2)
    text = text_of(opened(study, "Each participant"))
    assert text.count(">Too early to tell<") == 2
    assert "for 2 it is too early to tell" in text
    assert "Mean of 2" not in text
    compared.compared(store, study, compared.result(fits, ["Ada 1", "Ada 2"]), fits)
    later = text_of(opened(study, "Each participant"))
    assert "Across participants" not in later and "Agreement between participants" in later
    for fit in fits:
        assert f">{formatting.number(fit.report['held_out']['personal']['spearman'])}<" not in text


def test_a_fit_on_one_target_asks_for_others(store: Store) -> None:
    study = empty_study(store, targets=2)
    somebody = person(store, study, "Ada 1")
    rank_once(store, somebody)
    add_vectors(store, study)
    running = job(store, "fit", study, scope="each", participant_id=None)
    store.jobs.finish(running.id, "test", fit_job.run(store, running, Watch()))
    assert "1 ranking of 1 target: too few" in text_of(opened(study))


def test_who_was_left_out_is_named(store: Store) -> None:
    study = ranked_study(store, people=1, targets=3)
    person(store, study, "Newcomer")
    add_vectors(store, study)
    running = job(store, "fit", study, scope="each", participant_id=None)
    store.jobs.finish(running.id, "test", fit_job.run(store, running, Watch()))
    text = text_of(opened(study, "Each participant"))
    assert "Not fitted: Newcomer. There is no ranking yet." in text
    assert "1 participant not fitted yet." in text


# --- side by side -------------------------------------------------------------------------------


def test_the_report_shows_exactly_the_numbers_of_the_fit(store: Store) -> None:
    study, (fit,) = fitted(store)
    held_out = fit.report["held_out"]
    screen = opened(study)
    text = text_of(screen)
    for side in ("stock", "personal"):
        for key in ("spearman", "kendall", "icc"):
            cell = f'{formatting.number(held_out[side][key])}<span class="cl-ci">'
            assert cell + formatting.interval(held_out[side][f"{key}_ci"]) in text
        assert formatting.percent(held_out[side]["pairwise_accuracy"]) in text
    assert formatting.signed(held_out["gain"]) in text
    assert formatting.signed_interval(held_out["gain_ci"]) in text
    assert formatting.p_value(held_out["p"]) in text
    for target in held_out["targets"]:
        assert formatting.number(target["personal"]) in text
    assert "n = 6 rankings of 6 targets, none left out." in text
    assert "p, corrected" not in text
    assert "single rater (two-way)" in text and "within-ranking ranks" in text


def test_a_fit_of_an_earlier_version_still_draws(store: Store) -> None:
    study, (fit,) = fitted(store)
    report = copy.deepcopy(dict(fit.report))
    held_out = report["held_out"]
    for key in ("p", "in_use", "pooled"):
        held_out.pop(key, None)
    for side in ("stock", "personal"):
        kept = ("spearman", "kendall", "pairwise_accuracy", "icc", "n_rankings", "spearman_ci")
        kept += ("pooled", "n_left_out", "left_out", "per_ranking")
        held_out[side] = {key: held_out[side][key] for key in kept}
    store.fits.add(study.id, fit.participant_id, "participant", "alex", fit.metric_path, report)
    screen = opened(study)
    text = text_of(screen)
    assert formatting.signed(held_out["gain"]) in text
    assert "Individual rankings (6)" not in folded(screen)
    assert "Earlier fits (1)" in folded(screen)


def test_every_metric_stands_beside_the_others_with_its_own_numbers(store: Store) -> None:
    study, fits = with_result(store)
    screen = opened(study)
    text = text_of(screen)
    p_corrected = iter(compared.p_corrected(fits))
    for row in compared.table(fits[0]):
        assert f">{formatting.percent(row['agreement']['pairwise_accuracy'])}<" in text
        if row["name"] != "stock":
            assert f">{formatting.signed(row['gain'])}<" in text
            assert f">{formatting.p_value(row['p'])}<" in text
            assert f">{formatting.p_value(next(p_corrected))}<" in text
    for name in ("Stock LPIPS", "Pooled weights", "Personal", "Not fitted"):
        assert f'{name}<span class="cl-ci">' in text
    assert text.count("wide features</span>") == 3
    assert "Baselines (3)" in folded(screen)
    assert "is corrected over 2 participants" in text and "is corrected over 12 tests" in text


def test_baselines_are_folded_away_and_the_others_are_not(store: Store) -> None:
    study, _ = with_result(store)
    screen = opened(study)
    box = next(each for each in screen.expander if each.label == "Baselines (3)")
    inside = "\n".join(each.proto.body for each in box.get("html"))
    assert all(metric_name(name) in inside for name in ("unregularised", "layer", "tilt"))
    assert "Personal" not in inside and "Pooled" not in inside


# --- the comparison as a job --------------------------------------------------------------------


def test_without_a_comparison_one_line_and_a_button_ask_for_it_once(store: Store) -> None:
    study, fits = fitted(store, people=2)
    screen = opened(study)
    assert "have not been computed for these fits yet" in text_of(screen)
    screen.button(key="compare").click().run()
    asked = store.jobs.latest(study.id, kinds=["compare"])[0]
    assert dict(asked.payload) == {"study_id": study.id, "fit_ids": [fit.id for fit in fits]}
    assert "compare" not in [each.key for each in screen.button]
    next(each for each in screen.button if each.label == "Cancel").click().run()
    assert store.jobs.get(asked.id).state == "cancelled"
    assert "The comparison was cancelled" in text_of(opened(study))


def test_a_comparison_that_failed_says_why_and_can_be_asked_for_again(store: Store) -> None:
    study, fits = fitted(store)
    asked = compared.asked(store, study, fits)
    assert store.jobs.claim("test", ["compare"])
    store.jobs.fail(asked, "test", "the disk is full")
    screen = opened(study)
    assert "The comparison failed: the disk is full" in text_of(screen)
    assert screen.button(key="compare")


def test_a_result_stays_while_a_newer_one_is_on_its_way_and_after_it_failed(store: Store) -> None:
    study, fits = with_result(store)
    asked = compared.asked(store, study, fits)
    screen = opened(study)
    assert "Noise ceilings" in text_of(screen)
    assert "Cancel" in [each.label for each in screen.button]
    assert store.jobs.claim("test", ["compare"])
    store.jobs.fail(asked, "test", "the disk is full")
    text = text_of(opened(study))
    assert "Noise ceilings" in text and "the disk is full" not in text


def test_a_result_of_other_fits_is_not_taken_for_this_one(store: Store) -> None:
    study, fits = fitted(store, people=2)
    compared.compared(store, study, compared.result(fits[:1], ["Ada 1"]), fits[:1])
    assert "Noise ceilings" in text_of(opened(study, "Ada 1"))
    screen = opened(study, "Ada 2")
    assert "Noise ceilings" not in text_of(screen)
    assert screen.button(key="compare")


# --- ceilings and the curve ---------------------------------------------------------------------


def test_the_ceiling_is_told_in_words_and_in_numbers(store: Store) -> None:
    text = text_of(opened(with_result(store)[0]))
    share = "The metric reaches 83\u00a0% of this participant’s repeatability"
    assert f"{share} (0.50 against 0.60 Spearman)." in text
    for value in ("0.60", "0.75", "0.44", "83 %"):
        assert f">{value}<" in text
    assert "0.40 to\u00a00.80" in text and "2 boards ranked twice" in text


def test_why_there_is_no_ceiling_or_curve_is_said_in_their_place(store: Store) -> None:
    def lessen(found: dict[str, Any]) -> None:
        for key in ("repeatability", "ceiling", "curve", "forecast", "needed"):
            found[key] = None
        found["share"] = []
        found["left_out"] = {
            "repeatability": "Nobody ranked a board twice.",
            "curve": "A curve needs four targets.",
        }

    screen = opened(with_result(store, lessen)[0])
    text = text_of(screen)
    assert "Nobody ranked a board twice." in text
    assert "A curve needs four targets." in text
    assert "How the curve is computed" not in folded(screen)


def test_the_curve_tells_what_more_rankings_would_bring(store: Store) -> None:
    study, _ = with_result(store)
    text = text_of(opened(study))
    needed = "About 37 more rankings would narrow the interval of the mean from ±0.19 to ±0.1."
    assert needed in text
    expected = (
        "With 12 more rankings, the expected Spearman is 0.47 (95\u00a0% interval 0.28 to 0.63)."
    )
    assert expected in text
    other = {"more": 0, "wanted": 0.1, "now": 0.08}
    assert "already ±0.08: no more rankings" in sentences.needed(other)
    assert "About 1,300 more" in sentences.needed({**other, "more": 1237})


# --- every number leads to its rankings ---------------------------------------------------------


def test_every_target_leads_to_this_persons_rankings_of_it(store: Store) -> None:
    study, _ = fitted(store, people=2)
    text = text_of(opened(study, "Ada 2"))
    base = f"/study?study={study.id}&amp;tab=Rankings&amp;rankings-person=Ada+2"
    assert f'href="{base}" target="_self">6 rankings</a>' in text
    for number in range(6):
        assert f'href="{base}&amp;rankings-target=target+{number}"' in text


def test_the_mean_can_be_had_again_from_every_single_ranking(store: Store) -> None:
    study, (fit,) = fitted(store)
    screen = opened(study)
    box = next(each for each in screen.expander if each.label == "Individual rankings (6)")
    inside = "\n".join(each.proto.body for each in box.get("html"))
    for value in fit.report["held_out"]["personal"]["per_ranking"]:
        assert f">{formatting.number(value)}<" in inside


# --- the study ----------------------------------------------------------------------------------


def test_the_study_is_told_below_everybody_and_folded_away_below_one(store: Store) -> None:
    study, fits = with_result(store)
    text = text_of(opened(study, "Each participant"))
    for value in ("0.62", "0.52", "0.53", "0.54", "0.88"):
        assert f">{value}<" in text
    assert "p = 0.017" in text and "n = 6 participants on 3 shared boards" in text
    assert "42 × ranked by one person only" in text
    assert "No sign that position on the board sways the ranks (trend −0.02)." in text
    assert "Across participants" in text and ">Participants<" in text
    assert f">{formatting.p_value(compared.p_corrected(fits)[1])}<" in text
    base = f"/study?study={study.id}&amp;tab=Fit+%26+report&amp;whose-fit=Ada+2"
    assert f'href="{base}"' in text
    name = "The study as a whole: agreement between participants, position bias"
    assert name in folded(opened(study, "Ada 1"))


def test_everybodys_corrected_p_stays_while_a_comparison_goes_on(store: Store) -> None:
    study, fits = fitted(store, people=2)
    raw = [fit.report["held_out"]["p"] for fit in fits]
    text = text_of(opened(study, "Each participant"))
    for p in corrected(raw):
        assert f">{formatting.p_value(p)}<" in text
    assert opened(study, "Each participant").button(key="compare")
    store.comparisons.add(fits[0].id, compared.of_fit(fits[0], "Ada 1"))  # the other is on its way
    text = text_of(opened(study, "Each participant"))
    for p in corrected(raw):
        assert f">{formatting.p_value(p)}<" in text
    one = text_of(opened(study, "Ada 1"))
    assert "The p of other rows is corrected once every fit has been compared." in one


def test_a_part_shows_while_the_rest_of_its_comparison_is_on_its_way(store: Store) -> None:
    study, fits = fitted(store, people=2)
    compared.asked(store, study, fits)
    store.comparisons.add(fits[0].id, compared.of_fit(fits[0], "Ada 1"))
    first, second = (text_of(opened(study, f"Ada {number}")) for number in (1, 2))
    assert "Noise ceilings" in first and "wide features</span>" in first
    assert "Noise ceilings" not in second


# --- while a fit is in progress -------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["participant", "each"])
def test_a_report_beside_an_open_fit_is_marked_as_of_the_former_one(
    store: Store, scope: str
) -> None:
    study, fits = fitted(store, people=2)
    payload = {"study_id": study.id, "scope": scope, "participant_id": None}
    if scope == "participant":
        payload["participant_id"] = fits[0].participant_id
    text = text_of(opened(study))
    assert "the earlier fit of" not in text and ">Earlier fit<" not in text
    asked = store.jobs.enqueue("fit", payload, study_id=study.id)
    screen = opened(study)
    text = text_of(screen)
    assert f"from the earlier fit of {formatting.moment(fits[0].created_at)}" in text
    assert ">Earlier fit<" in text and "Fit again to use them" not in text
    assert next(each for each in screen.button if each.key == "fit").disabled
    other = text_of(opened(study, "Ada 2"))
    assert (">Earlier fit<" in other) == (scope == "each")
    everybody = text_of(opened(study, "Each participant"))
    assert "Until they finish, everything below comes from the earlier fits." in everybody
    running = store.jobs.claim("test", ["fit"])
    assert running is not None and running.id == asked.id
    new = store.fits.add(
        study.id, fits[0].participant_id, "participant", "alex", fits[0].metric_path,
        fits[0].report, running.id,
    )  # fmt: skip
    assert ">Earlier fit<" not in text_of(opened(study))
    half = text_of(opened(study, "Each participant"))
    assert "Until they finish, 1 of 2 rows below comes from the earlier fit." in half
    store.fits.add(
        study.id, fits[1].participant_id, "participant", "alex", fits[1].metric_path,
        fits[1].report, running.id,
    )  # fmt: skip
    whole = text_of(opened(study, "Each participant"))
    assert "all rows below are already from them" in whole and "0 of 2" not in whole
    store.jobs.finish(running.id, "test", {"fits": [new.id]})
    assert "in progress" not in text_of(opened(study, "Each participant"))


def test_before_the_first_report_an_open_fit_is_what_is_waited_for(store: Store) -> None:
    study = ranked_study(store, people=1, targets=1)
    ask = {"study_id": study.id, "scope": "each", "participant_id": None}
    store.jobs.enqueue("fit", ask, study_id=study.id)
    text = text_of(opened(study))
    assert "The report appears here once the fit has finished." in text
    assert "Press **Fit personal metric**" not in text


def test_the_studys_part_says_so_when_newer_fits_are_not_in_it(store: Store) -> None:
    study, fits = with_result(store)
    former = "These results come from earlier fits"
    assert former not in text_of(opened(study, "Each participant"))
    store.fits.add(
        study.id, fits[0].participant_id, "participant", "alex", fits[0].metric_path,
        fits[0].report,
    )  # fmt: skip
    assert former in text_of(opened(study, "Each participant"))
    assert former in text_of(opened(study, "Ada 2"))


def test_the_wide_table_says_that_it_scrolls_and_stands_before_the_chart(store: Store) -> None:
    screen = opened(with_result(store)[0])
    tables = [each.proto.body for each in screen.get("html") if "cl-scroll" in each.proto.body]
    assert [MORE in body for body in tables[:2]] == [True, True]  # side by side, baselines
    narrow = next(body for body in tables if "Position shown" in body)
    assert MORE not in narrow
    drawn = [kind for each in screen.main if (kind := kind_of(each))]
    assert drawn[:2] == ["table", "chart"]


def kind_of(element: Any) -> str:
    if element.type == "vega_lite_chart":
        return "chart"
    return "table" if element.type == "html" and "cl-scroll" in element.proto.body else ""
