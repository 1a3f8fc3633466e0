"""The Why tab and the self-test page, drawn by Streamlit's own test runner on a real store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from signed_in import study_page
from staged import add_vectors, empty_study, job, ranked_study
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from app.charts import shares as why_charts
from app.jobs import explain, fit
from app.settings import RESEARCHER_COOKIE
from app.store import Store
from app.study.records import Fit
from app.study.types import Study
from app.views.researcher import selftest as selftest_page
from app.views.researcher.explain import figures, sentences, tab
from app.views.researcher.formatting import number, percent, signed
from clpips.progress import Watch
from clpips.selftest.check import Check, Skip


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("CLPIPS_DATA", str(tmp_path / "data"))
    return Store(tmp_path / "data")


@pytest.fixture
def cookies(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The browser's cookies, which Streamlit's test runner does not have."""
    jar: dict[str, str] = {}
    monkeypatch.setattr(ContextProxy, "cookies", property(lambda _: jar))
    return jar


@pytest.fixture
def signed_in(store: Store, cookies: dict[str, str]) -> None:
    store.researchers.add_session(
        "a-secret-of-the-researcher", datetime.now(UTC) + timedelta(hours=1)
    )
    cookies[RESEARCHER_COOKIE] = "a-secret-of-the-researcher"


def selftest() -> None:
    from app.views.researcher.selftest import page

    page()


def opened(study: Study) -> AppTest:
    screen = AppTest.from_function(study_page, default_timeout=120)
    screen.query_params["study"] = str(study.id)
    screen.session_state["tab"] = "Why"
    screen.run()
    assert not screen.exception, screen.exception[0].message
    return screen


def text_of(screen: AppTest) -> str:
    """Everything there is to read on a screen, HTML included."""
    html = [each.proto.body for each in screen.get("html")]
    kinds = ("title", "markdown", "caption", "info", "warning", "error", "success", "text")
    return "\n".join([*html, *(str(each.value) for kind in kinds for each in screen.get(kind))])


def button(screen: AppTest, label: str) -> Any:
    return next(each for each in screen.button if each.label == label)


def fitted(store: Store, *, targets: int = 5) -> tuple[Study, Fit]:
    study = ranked_study(store, people=1, targets=targets)
    add_vectors(store, study)
    ada = store.participants.of_study(study.id)[0]
    running = job(store, "fit", study, scope="participant", participant_id=ada.id)
    store.jobs.finish(running.id, "test", fit.run(store, running, Watch()))
    return study, store.fits.of_study(study.id)[0]


def do_next(store: Store, kind: Any, work: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """The worker's part of the job that a page asked for."""
    running = store.jobs.claim("test", [kind])
    assert running is not None
    result = work(store, running, Watch())
    store.jobs.finish(running.id, "test", result)
    return result


# --- before there is an explanation -------------------------------------------------------------


@pytest.mark.usefixtures("signed_in")
def test_without_a_fit_the_tab_says_what_to_do_next(store: Store) -> None:
    assert "Press *Fit personal metric* on the Fit & report tab" in text_of(
        opened(empty_study(store))
    )


@pytest.mark.usefixtures("signed_in")
def test_with_too_few_rankings_it_is_too_early_and_nothing_can_be_asked(store: Store) -> None:
    study, _ = fitted(store, targets=4)
    screen = opened(study)
    text = text_of(screen)
    assert "Too early to explain: 4 rankings of 4 targets." in text
    assert "at least 5 rankings of 3 targets" in text
    assert "Personal ÷ stock" in text
    assert "Explain this metric" not in [each.label for each in screen.button]


@pytest.mark.usefixtures("signed_in")
def test_a_fit_shows_its_layers_at_once_and_offers_the_rest(store: Store) -> None:
    study, _ = fitted(store)
    screen = opened(study)
    text = text_of(screen)
    assert "What this metric weighs" in text
    assert "Comparisons decided differently from stock" not in text
    button(screen, "Explain this metric").click().run()
    (asked,) = store.jobs.latest(study.id, kinds=["explain"])
    assert asked.payload == {"study_id": study.id, "fit_id": store.fits.of_study(study.id)[0].id}
    assert "Explain this metric" not in [each.label for each in screen.button]
    button(screen, "Cancel").click().run()
    assert store.jobs.get(asked.id).state == "cancelled"


@pytest.mark.usefixtures("signed_in")
def test_an_explanation_that_failed_says_why(store: Store) -> None:
    study, own = fitted(store)
    asked = job(store, "explain", study, fit_id=own.id)
    store.jobs.fail(asked.id, "test", "the weights could not be had")
    assert "The explanation failed: the weights could not be had" in text_of(opened(study))


# --- the explanation ----------------------------------------------------------------------------


@pytest.mark.usefixtures("signed_in")
def test_the_tab_shows_the_jobs_own_numbers_pictures_and_maps(store: Store) -> None:
    study, own = fitted(store)
    tab.ask(store, study, own, None)
    found = do_next(store, "explain", explain.run)
    text = text_of(opened(study))
    assert sentences.headline("Ada 1", found["groups"]) in text
    assert sentences.changed(found["comparisons"]) in text
    for one in found["blocks"]:
        assert f'<td class="cl-number">{percent(one["personal"], 0)}</td>' in text
        assert sentences.span(one) in text
    assert found["examples"]
    for one in found["examples"]:
        assert f'src="/img/{one["target"]}.png"' in text
        assert f"{one['target_name']}, round {one['round']}</a>" in text
        assert f"gap {signed(one['personal'][1] - one['personal'][0])}" in text
        for place in ("nearer", "farther"):
            assert f'src="/img/{one[place]["image"]}.png"' in text
            for key in ("stock", "personal"):
                assert f'src="/img/{one[place][key]["map"]}.png"' in text
                assert f"distance {number(one[place][key]['distance'])}" in text
    assert "Brighter areas add more to the distance" in text
    assert "fitted without its target" in text


@pytest.mark.usefixtures("signed_in")
def test_any_ranked_board_can_be_asked_for_and_is_shown(store: Store) -> None:
    study, own = fitted(store)
    tab.ask(store, study, own, None)
    do_next(store, "explain", explain.run)
    screen = opened(study)
    chosen = store.rounds.ranked(study.id)[2]
    screen.selectbox(key="why-board").select(chosen.round.id).run()
    button(screen, "Show heat-maps").click().run()
    found = do_next(store, "explain", explain.run)
    assert found["board"]["round_id"] == chosen.round.id
    screen.run()
    text = text_of(screen)
    for one in found["board"]["pictures"]:
        for key in ("stock", "personal"):
            assert f'src="/img/{one[key]["map"]}.png"' in text
    assert "Stock 1 " not in text  # its distance has two decimals, its place none
    n_jobs = len(store.jobs.latest(study.id, kinds=["explain"]))
    button(screen, "Show heat-maps").click().run()
    assert len(store.jobs.latest(study.id, kinds=["explain"])) == n_jobs


@pytest.mark.usefixtures("signed_in")
def test_a_newer_fit_is_explained_anew(store: Store) -> None:
    study, own = fitted(store)
    tab.ask(store, study, own, None)
    do_next(store, "explain", explain.run)
    running = job(store, "fit", study, scope="participant", participant_id=own.participant_id)
    store.jobs.finish(running.id, "test", fit.run(store, running, Watch()))
    screen = opened(study)
    assert "Comparisons decided differently from stock" not in text_of(screen)
    assert button(screen, "Explain this metric")


# --- its words ----------------------------------------------------------------------------------


def group(name: str, stock: float, personal: float, **more: Any) -> dict[str, Any]:
    low, high = personal - 0.1, personal + 0.1
    differs = not low <= stock <= high
    told = {"name": name, "what": "", "many": True, "stock": stock, "personal": personal}
    return {**told, "low": low, "high": high, "differs": differs, **more}


def test_the_headline_names_what_differs_most_from_stock() -> None:
    groups = [
        group("early layers 1–2", 0.23, 0.61, what="edges, colour, texture"),
        group("middle layer 3", 0.4, 0.2, many=False),
    ]
    assert sentences.headline("Ada", groups).replace("\u00a0", " ") == (
        "Ada’s metric gives early layers 1–2 (edges, colour, texture) 61 % of the distance "
        "(95 % interval 51 to 71 %); stock LPIPS gives them 23 %."
    )
    assert "gives it 40" in sentences.headline("Pooled metric", groups[1:])
    assert sentences.headline("Pooled metric", groups[1:]).startswith(
        "The pooled metric gives middle"
    )


def test_what_cannot_be_told_from_stock_is_not_told() -> None:
    groups = [group("early", 0.5, 0.55), group("late", 0.5, 0.45)]
    assert sentences.headline("Ada", groups) == (
        "The layer weights of Ada’s metric cannot be distinguished from stock LPIPS: each interval "
        "includes the stock share."
    )
    assert sentences.compared_with_stock(groups[0]) == "no clear difference"
    assert sentences.compared_with_stock(group("a", 0.2, 0.5)) == "more than stock"
    assert sentences.compared_with_stock(group("a", 0.8, 0.5)) == "less than stock"


def test_only_a_fit_that_is_not_better_comes_with_a_caution() -> None:
    assert sentences.caution("better") == ""
    assert "is not better than stock yet" in sentences.caution("not better yet")
    assert "agrees worse than stock" in sentences.caution("worse")


def test_ties_of_a_metric_are_mentioned_only_where_there_are_some() -> None:
    counts = {"all": 9, "gained": 2, "lost": 1, "both_right": 4, "both_wrong": 2, "tied": 0}
    assert "tie" not in sentences.changed(counts)
    assert sentences.changed({**counts, "tied": 3}).endswith("On 3, one of them gives a tie.")


def test_names_of_people_and_targets_are_never_html() -> None:
    picture = {"image": "a", "rank": 1}
    for key in ("stock", "personal"):
        picture[key] = {"distance": 1.0, "shares": None, "map": "b"}  # type: ignore[assignment]
    one = {"participant": "<b>Eve", "target_name": "<i>x", "round": 1, "round_id": 4, "target": "t"}
    one |= {"nearer": picture, "farther": picture, "pictures": [picture]}
    for html in (figures.example(one, 1), figures.board(one, 1)):
        assert "&lt;b&gt;Eve" in html and "<b>" not in html
        assert "&lt;i&gt;x" in html and "<i>x" not in html


# --- the chart ----------------------------------------------------------------------------------


def test_the_chart_has_a_row_per_block_in_order_and_true_shares_only_where_known() -> None:
    shares = [
        why_charts.ShareRow("Layer 1", 0.2, 0.6, (0.5, 0.7)),
        why_charts.ShareRow("Layer 2", 0.8, 0.4, (0.3, 0.5)),
    ]
    told = why_charts.block_shares(shares).to_dict()
    rows = (
        told["layer"][0]["data"]["values"] if "data" in told["layer"][0] else told["data"]["values"]
    )
    assert [row["name"] for row in rows] == ["Layer 1", "Layer 2"]
    assert rows[0]["low"] == 0.5
    assert len(told["layer"]) == 3
    known = [why_charts.ShareRow("Layer 1", 0.2, 0.6, None, 0.9)]
    assert len(why_charts.block_shares(known).to_dict()["layer"]) == 4


# --- the self-test page ---------------------------------------------------------------------------


@pytest.mark.usefixtures("cookies")
def test_who_is_not_signed_in_cannot_run_the_self_test(store: Store) -> None:
    screen = AppTest.from_function(selftest, default_timeout=120).run()
    assert "Set password" in text_of(screen)
    assert not screen.button


@pytest.mark.usefixtures("signed_in")
def test_the_self_test_is_asked_for_once_and_its_result_is_shown(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.jobs import selftest as work

    def missing() -> float:
        raise Skip("not installed; only needed for games")

    checks = (
        Check("Statistics", "Spearman", "definition", -1.0, lambda: -1.0),
        Check("Statistics", "Kendall’s <W>", "Siegel (1956)", 0.16, lambda: 0.25, 0.005),
        Check("Optional parts", "chess", "games", "installed", missing),
    )
    monkeypatch.setattr("clpips.selftest.checks.all_checks", lambda: checks)
    screen = AppTest.from_function(selftest, default_timeout=120).run()
    button(screen, "Run the self-test").click().run()
    assert len(store.jobs.latest(kinds=["selftest"])) == 1
    do_next(store, "selftest", work.run)
    screen.run()
    text = text_of(screen)
    assert "1 of 2 checks failed. 1 skipped" in text
    assert '<td class="cl-number">−1</td>' in text
    assert '<td class="cl-number">0.25</td><td class="cl-number">0.005</td>' in text
    assert "Kendall’s &lt;W&gt;" in text
    assert "not installed; only needed for games" in text
    button(screen, "Run it again").click().run()
    assert len(store.jobs.latest(kinds=["selftest"])) == 2


def test_a_value_reads_as_people_write_it() -> None:
    values = (-29 / 165, 1.0, 0.0, "refused")
    assert [selftest_page.shown(value) for value in values] == ["−0.175758", "1", "0", "refused"]
