"""Every pressed submit is stored exactly once, as shown: the worst cases, on the real app.

The worst case: the server is stopped, the person presses *Submit ranking*, the server is killed
with ``kill -9`` and started again. The default run does a few such rounds; ``-m slow`` does twenty.
"""

from __future__ import annotations

import io
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from chromium import FLAGS, find
from pictures import scene
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright
from running import RunningApp

from app.store import Store
from app.study.settings import StudySettings
from clpips.types import Provenance

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@dataclass
class Waiting:
    """A participant whose board is ready to be ranked."""

    participant_id: int
    token: str
    round_id: int
    who: str


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with RunningApp(tmp_path_factory.mktemp("never-lost")) as running:
        yield running


@pytest.fixture
def context() -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=FLAGS)
        yield browser.new_context(viewport={"width": 1280, "height": 800})
        browser.close()


@pytest.fixture(scope="module")
def store(app: RunningApp) -> Store:
    return Store(app.data_dir)


@pytest.fixture(scope="module")
def study_id(store: Store) -> int:
    images = [add_picture(store, seed) for seed in range(2)]
    settings = StudySettings(min_rounds=1, image_size=96)
    return store.studies.create("Kept", settings, list(zip("ab", images, strict=True))).id


def add_picture(store: Store, seed: int) -> str:
    content = io.BytesIO()
    scene(seed).save(content, "PNG")
    return store.images.add(content.getvalue(), width=96, height=96)


def waiting(store: Store, study_id: int) -> Waiting:
    """Somebody new, brought to their first board without the worker."""
    person, token = store.participants.create(study_id)
    store.participants.consent(person.id)
    store.participants.start(person.id)
    trial = store.progress.of_participant(person.id).trial
    assert trial is not None
    asked = store.rounds.request(person.id, trial.id, "a ball", request_id=f"ask-{person.id:06d}")
    made = [
        (add_picture(store, 10 * person.id + index), Provenance("scenes", "1", "", index, 96, 96))
        for index in range(4)
    ]
    store.rounds.add_candidates(asked.id, made)
    return Waiting(person.id, token, asked.id, person.label)


def ranked_board(page: Page, app: RunningApp, person: Waiting, keys: str) -> list[str]:
    """Open the link, rank by keys; the pictures nearest first, ready to submit."""
    page.goto(f"{app.url}/?p={person.token}")
    page.wait_for_selector("[data-phase=ranking]", timeout=30_000)
    expect(page.locator(".tile .pick img")).to_have_count(4)
    shown = [image.get_attribute("src") for image in page.locator(".tile .pick img").all()]
    page.locator(".tile .pick").first.focus()
    for key in keys:
        page.keyboard.press(key)
    expect(page.get_by_role("button", name="Submit ranking")).to_be_enabled(timeout=10_000)
    return [shown[keys.index(rank)] for rank in "1234"]


def stored(store: Store, person: Waiting) -> list[str]:
    """The pictures of the one stored ranking, nearest first; exactly one row, one revision."""
    found = store.rounds.get(person.round_id)
    assert found.ranking is not None, "the pressed submit was lost"
    assert len(store.rankings.history(person.round_id)) == 1
    source = {candidate.id: f"/img/{candidate.image}.png" for candidate in found.candidates}
    return [source[candidate] for candidate in found.ranking.order]


def worst_case(page: Page, app: RunningApp, store: Store, study_id: int, keys: str) -> None:
    person = waiting(store, study_id)
    expected = ranked_board(page, app, person, keys)
    os.kill(app.children()["web"], signal.SIGSTOP)
    page.get_by_role("button", name="Submit ranking").click()
    page.wait_for_timeout(300)
    assert (
        page.get_by_text("Saved", exact=True).count() == 0
        or not page.get_by_text("Saved", exact=True).first.is_visible()
    )
    app.kill()
    app.start()
    verdict = page.locator("[data-phase=ranked] [data-part=verdict]")
    expect(verdict).to_have_text("Saved", timeout=30_000)
    assert stored(store, person) == expected


ORDERS = ("3142", "4321", "2413", "1243")


def test_the_worst_case_loses_nothing(app, context, store, study_id) -> None:
    worst_case(context.new_page(), app, store, study_id, ORDERS[0])


@pytest.mark.slow
def test_twenty_worst_cases_lose_nothing(app, context, store, study_id) -> None:
    for number in range(20):
        page = context.new_page()
        worst_case(page, app, store, study_id, ORDERS[number % 4])
        page.close()


def test_a_cut_network_keeps_the_submit_until_it_is_back(app, context, store, study_id) -> None:
    page, person = context.new_page(), waiting(store, study_id)
    expected = ranked_board(page, app, person, "2143")
    context.set_offline(True)
    page.get_by_role("button", name="Submit ranking").click()
    expect(page.get_by_text(re.compile("Not saved yet")).first).to_be_visible(timeout=10_000)
    assert store.rounds.get(person.round_id).ranking is None
    context.set_offline(False)
    verdict = page.locator("[data-phase=ranked] [data-part=verdict]")
    expect(verdict).to_have_text("Saved", timeout=20_000)
    assert stored(store, person) == expected


def test_a_tab_closed_while_offline_sends_when_it_is_reopened(
    app, context, store, study_id
) -> None:
    page, person = context.new_page(), waiting(store, study_id)
    expected = ranked_board(page, app, person, "4132")
    context.set_offline(True)
    page.get_by_role("button", name="Submit ranking").click()
    expect(page.get_by_text(re.compile("Not saved yet")).first).to_be_visible(timeout=10_000)
    page.close(run_before_unload=False)
    context.set_offline(False)
    again = context.new_page()
    again.goto(f"{app.url}/?p={person.token}")
    verdict = again.locator("[data-phase=ranked] [data-part=verdict]")
    expect(verdict).to_have_text("Saved", timeout=30_000)
    assert stored(store, person) == expected


def test_a_double_click_and_a_reload_make_one_ranking(app, context, store, study_id) -> None:
    page, person = context.new_page(), waiting(store, study_id)
    expected = ranked_board(page, app, person, "3214")
    page.get_by_role("button", name="Submit ranking").dblclick()
    page.reload()
    verdict = page.locator("[data-phase=ranked] [data-part=verdict]")
    expect(verdict).to_have_text("Saved", timeout=30_000)
    assert stored(store, person) == expected
