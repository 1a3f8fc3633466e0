"""A participant's pages in a real browser, against the real app and its worker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from running import RunningApp

from app.settings import Settings
from app.store import Store
from app.study.settings import StudySettings
from app.study.types import Study

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def store(running_app: RunningApp) -> Store:
    return Store(Settings(data_dir=running_app.data_dir))


@pytest.fixture(scope="module")
def study(store: Store) -> Study:
    """One small target, so that a round takes a moment."""
    data = (ROOT / "data" / "targets" / "target-01.png").read_bytes()
    target = store.images.add(data, width=512, height=512)
    settings = StudySettings(image_size=96, min_rounds=1, max_rounds=2)
    return store.studies.create("A short study", settings, [("a house", target)])


class Visitor:
    """One person's browser; what it asked of other hosts, and its errors, are kept."""

    def __init__(self, browser: Browser, app: RunningApp, viewport: dict[str, int]) -> None:
        self.context = browser.new_context(
            base_url=app.url, viewport=viewport, has_touch=viewport is PHONE
        )
        self.wrong: list[str] = []
        self.own = (app.url, app.url.replace("http", "ws"), "data:", "blob:")
        self.page = self.open_tab()

    def open_tab(self) -> Page:
        page = self.context.new_page()
        page.on("console", lambda said: said.type == "error" and self.wrong.append(said.text))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("request", lambda asked: self._request(asked.url))
        self.page = page
        return page

    def _request(self, url: str) -> None:
        if not url.startswith(self.own):
            self.wrong.append(url)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def join(self, study: Study) -> str:
        """Into the first trial; the personal link."""
        self.page.goto(f"/?join={study.join_code}")
        self.press("Join this study")
        link = self.page.locator("[data-part=link]").inner_text()
        self.press("I agree, continue")
        self.press("Begin")
        expect(self.page.get_by_label("Your description")).to_be_visible()
        return link

    def generate(self, words: str) -> list[str]:
        """Ask by keyboard; the pictures' addresses as they are shown."""
        field = self.page.get_by_label("Your description")
        field.fill(words)
        field.press("Control+Enter")
        self.page.wait_for_selector("[data-phase=ranking]", timeout=60_000)
        return self.shown()

    def shown(self) -> list[str]:
        pictures = self.page.locator(".tile .pick img")
        expect(pictures).to_have_count(4)
        return [str(each.get_attribute("src")) for each in pictures.all()]

    def rank(self, order: list[int]) -> None:
        for index in order[:-1]:  # the last one places itself
            self.page.locator(".tile .pick").nth(index).click()
        self.press("Submit ranking")
        expect(self.page.locator("[data-part=verdict]")).to_have_text("Saved")

    def check(self) -> None:
        """What has to hold on every page: accessible, no sideways scrolling, all our own."""
        found = Axe().run(self.page)
        assert found.violations_count == 0, found.generate_report()
        wide = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"the page scrolls sideways by {wide} pixels"
        assert self.wrong == []


@pytest.fixture
def desk(browser: Browser, running_app: RunningApp) -> Iterator[Visitor]:
    visitor = Visitor(browser, running_app, DESK)
    yield visitor
    visitor.context.close()


@pytest.fixture
def phone(browser: Browser, running_app: RunningApp) -> Iterator[Visitor]:
    visitor = Visitor(browser, running_app, PHONE)
    yield visitor
    visitor.context.close()


def test_a_study_is_done_from_the_first_page_to_the_code(
    desk: Visitor, store: Store, study: Study
) -> None:
    desk.page.goto("/")
    desk.page.get_by_role("link", name=f"Join: {study.title}").wait_for()
    desk.check()
    link = desk.join(study)
    assert link == desk.page.url
    desk.check()
    shown = desk.generate("a red house in the snow")
    desk.rank([2, 0, 3, 1])
    desk.check()
    desk.press("Next round")
    expect(desk.page.get_by_label("Your description")).to_have_value("a red house in the snow")
    nearest = desk.page.locator(".beside .best img")
    expect(nearest).to_have_attribute("src", shown[2])
    desk.check()
    desk.generate("a small red house in the snow at dusk, pine trees")
    desk.rank([0, 1, 2, 3])
    desk.press("I am done with this target")
    code = desk.page.locator("[data-part=code]")
    expect(code).to_have_text(re.compile(r"^\w{4}-\w{4}$"))
    desk.check()
    person = store.participants.by_token(link.partition("?p=")[2])
    assert person is not None
    assert person.completion_code == code.inner_text()
    first = store.rounds.ranked(study.id, person.id)[0].round
    assert first.ranking is not None
    by_id = {each.id: f"/img/{each.image}.png" for each in first.candidates}
    assert [by_id[one] for one in first.ranking.order] == [shown[index] for index in (2, 0, 3, 1)]
    desk.page.reload()
    expect(code).to_have_text(person.completion_code)


def test_coming_back_by_the_link_finds_the_same_board_in_the_same_order(
    desk: Visitor, study: Study
) -> None:
    link = desk.join(study)
    shown = desk.generate("a blue boat")
    desk.page.close()
    desk.open_tab().goto(link)
    desk.page.wait_for_selector("[data-phase=ranking]")
    assert desk.shown() == shown


def test_words_that_were_not_sent_are_there_after_a_reload_and_sent_ones_do_not_return(
    desk: Visitor, study: Study
) -> None:
    link = desk.join(study)
    field = desk.page.get_by_label("Your description")
    field.press_sequentially("a red ball on")
    desk.page.reload()
    expect(field).to_have_value("a red ball on")
    desk.open_tab().goto(link)  # as after a closed tab
    field = desk.page.get_by_label("Your description")
    expect(field).to_have_value("a red ball on")
    field.press_sequentially(" grass")
    desk.press("Generate")
    desk.page.wait_for_selector("[data-phase=ranking]", timeout=60_000)
    assert "“a red ball on grass”" in desk.page.inner_text("body")
    desk.rank([0, 1, 2, 3])
    desk.press("Next round")
    field = desk.page.get_by_label("Your description")
    expect(field).to_have_value("a red ball on grass")  # the words of before
    field.fill("a blue ball")
    desk.page.reload()
    expect(field).to_have_value("a blue ball")
    desk.check()


def test_cancelling_brings_the_words_back(desk: Visitor, study: Study, store: Store) -> None:
    link = desk.join(study)
    person = store.participants.by_token(link.partition("?p=")[2])
    assert person is not None
    desk.page.route("**/api/round/*", lambda route: route.abort())  # the board sees no end
    desk.page.get_by_label("Your description").fill("a lighthouse by the sea")
    desk.press("Generate")
    cancel = desk.page.get_by_role("button", name="Cancel", exact=True)
    cancel.wait_for()
    desk.page.unroute("**/api/round/*")
    cancel.click()
    standing = desk.page.get_by_label("Your description").or_(desk.page.locator(".tile .pick"))
    standing.first.wait_for()
    if store.progress.of_participant(person.id).phase == "compose":  # the worker was not faster
        field = desk.page.get_by_label("Your description")
        expect(field).to_have_value("a lighthouse by the sea")


def test_on_a_phone_the_target_stays_in_view_while_writing_and_while_ranking(
    phone: Visitor, study: Study
) -> None:
    phone.join(study)
    phone.check()
    phone.page.get_by_text("Words the computer knows").click()
    phone.page.locator("dl").scroll_into_view_if_needed()
    phone.page.mouse.wheel(0, 600)
    phone.page.wait_for_timeout(300)
    assert in_view(phone.page, ".beside .target img")
    phone.page.get_by_label("Your description").scroll_into_view_if_needed()
    phone.generate("a house")
    submit = phone.page.get_by_role("button", name="Submit ranking")
    submit.scroll_into_view_if_needed()
    assert in_view(phone.page, "[data-part=pinnedImage]")
    phone.check()
    phone.rank([3, 2, 1, 0])
    phone.check()


def test_on_a_phone_long_words_push_neither_the_target_nor_the_page_away(
    phone: Visitor, study: Study
) -> None:
    phone.join(study)
    phone.generate("a house " + "m" * 300 + " by the sea" * 40)
    cut = phone.page.locator(".cut").bounding_box()
    assert cut is not None
    assert cut["height"] < 60
    assert in_view(phone.page, "[data-part=pinnedImage]")
    phone.check()
    phone.rank([3, 2, 1, 0])
    phone.press("Next round")
    phone.page.locator(".missed span").first.wait_for()
    phone.check()


def test_at_a_desk_the_target_stays_in_view_while_scrolling(desk: Visitor, study: Study) -> None:
    desk.join(study)
    desk.page.get_by_text("Words the computer knows").click()
    desk.page.locator("dl").wait_for()
    desk.page.mouse.move(800, 500)
    desk.page.mouse.wheel(0, 2000)
    desk.page.wait_for_timeout(300)
    assert in_view(desk.page, ".beside .target img")


def test_while_the_server_is_away_the_board_goes_on_and_says_what_is_not_saved(
    desk: Visitor, study: Study, running_app: RunningApp
) -> None:
    """The last test of this file: it leaves another process behind on the same port."""
    desk.join(study)
    desk.generate("a red ball")
    running_app.kill()
    offline = desk.page.locator("html[data-offline]")
    offline.wait_for(state="attached", timeout=30_000)
    for index in (3, 1, 0):
        desk.page.locator(".tile .pick").nth(index).click()
    desk.press("Submit ranking")
    verdict = desk.page.locator("[data-part=verdict]")
    expect(verdict).to_contain_text("Not saved yet", timeout=15_000)
    running_app.start()
    expect(verdict).to_have_text("Saved", timeout=30_000)
    expect(offline).to_have_count(0, timeout=10_000)
    expect(desk.page.get_by_role("button", name="Next round")).to_be_enabled(timeout=30_000)


def in_view(page: Page, selector: str) -> bool:
    box = page.locator(selector).bounding_box()
    assert box is not None
    size = page.viewport_size
    assert size is not None
    return box["y"] >= 0 and box["y"] + box["height"] <= size["height"] and box["width"] > 80
