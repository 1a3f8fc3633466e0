"""The ranking board in a real browser, against a fake server with faults on demand."""

import itertools
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from running import free_port

pytestmark = pytest.mark.browser

HARNESS = Path(__file__).parent / "harness"
LATE = "Not saved yet – keep this page open; retrying…"

people = itertools.count(1)


# --- the harness ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    port = free_port()
    options = {
        "server.headless": "true",
        "server.port": str(port),
        "server.address": "127.0.0.1",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "runner.postScriptGC": "false",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "streamlit", "run", str(HARNESS / "serve.py"), *flags]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=HARNESS, stdout=quiet, stderr=quiet) as process:
        url = f"http://127.0.0.1:{port}"
        for _ in range(100):
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        yield url
        process.terminate()


@pytest.fixture(scope="module")
def window(browser: Browser, server: str) -> Iterator[BrowserContext]:
    context = browser.new_context(
        base_url=server, viewport={"width": 1280, "height": 800}, reduced_motion="reduce"
    )
    yield context
    context.close()


@pytest.fixture
def desk(window: BrowserContext) -> Iterator[BrowserContext]:
    """One window whose page is used again by the next person, which saves loading it."""
    yield window
    for page in window.pages:
        if not page.url.endswith("again") or page is not window.pages[0]:
            page.close()  # a second tab, or what a failed test left behind


@pytest.fixture
def cut(desk: BrowserContext) -> Iterator[BrowserContext]:
    """The same window for tests that cut the network; afterwards it is whole again."""
    yield desk
    desk.set_offline(False)
    desk.unroute_all()


class Board:
    """One person's page and what the server got from them."""

    def __init__(
        self, context: BrowserContext, who: str | None = None, *, fresh: bool = False, **ask: object
    ) -> None:
        self.who = who or f"person{next(people)}"
        self.context = context
        self.errors: list[str] = []
        self.posts: list[dict[str, Any]] = []
        query = "".join(f"&{name}={value}" for name, value in ask.items())
        self.query = f"p={self.who}{query}"
        pages = [] if fresh else context.pages
        used = next((page for page in pages if page.url.endswith("again")), None)
        self.page: Page = used or context.new_page()
        self.listeners = {
            "console": self._console,
            "pageerror": lambda error: self.errors.append(str(error)),
            "request": self._request,
        }
        for event, listener in self.listeners.items():
            self.page.on(event, listener)  # type: ignore[call-overload]
        if used:
            self._change_person()
        else:
            self.page.goto(f"/?{self.query}")

    def _change_person(self) -> None:
        last = self.part("frame").get_attribute("data-round") or ""
        self.page.mouse.move(1, 1)
        self.page.get_by_label("Ask").fill(self.query)
        self.page.get_by_label("Ask").blur()
        expect(self.part("frame")).not_to_have_attribute("data-round", last)
        expect(self.page.get_by_text("Person:")).to_have_text(f"Person: {self.who}")
        # A reload asks for this person, too.
        self.page.evaluate("query => history.replaceState(null, '', `/?${query}`)", self.query)

    def _console(self, message: Any) -> None:
        # A refused connection is the browser's own remark on the fault that the test made.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def _request(self, request: Any) -> None:
        if request.url.endswith("/api/submit"):
            self.posts.append(request.post_data_json)

    def part(self, name: str) -> Locator:
        return self.page.locator(f"[data-part={name}]")

    @property
    def picks(self) -> Locator:
        return self.page.locator(".tile:not(.loading) .pick")

    @property
    def submit(self) -> Locator:
        return self.part("submit")

    def ready(self, k: int = 4) -> "Board":
        expect(self.picks).to_have_count(k, timeout=20_000)
        return self

    def click(self, *images: int) -> None:
        for image in images:
            self.picks.nth(image).click()

    def strip(self) -> list[int | None]:
        """Which image stands in each slot, counted from 1 as shown; ``None`` for an empty one."""
        script = """slots => slots.map(slot => {
            const thumb = slot.querySelector(".thumb");
            return thumb ? Number(thumb.dataset.index) + 1 : null; })"""
        return self.page.locator(".slot").evaluate_all(script)

    def saved(self) -> None:
        verdict = self.page.locator("[data-phase=ranked] [data-part=verdict]")
        expect(verdict).to_have_text("Saved", timeout=12_000)

    def rank_all_and_submit(self) -> None:
        self.click(1, 3, 0)
        self.submit.click()

    def faults(self, *faults: str) -> None:
        self.context.request.post("/harness/faults", data={f"token-{self.who}": list(faults)})

    def rounds(self) -> list[dict[str, Any]]:
        return self.context.request.get(f"/harness/rounds/{self.who}").json()

    def stored(self, number: int = 0) -> list[int]:
        """The order that the server holds, as images counted from 1 as shown."""
        each = self.rounds()[number]
        shown = [candidate["id"] for candidate in each["candidates"]]
        return [shown.index(one) + 1 for one in each["ranking"]["order"]]

    def outbox(self) -> str | None:
        return self.page.evaluate(f"localStorage.getItem('clpips:outbox:{self.who}')")

    def heard(self, *kinds: str) -> None:
        said = ", ".join(kinds)
        expect(self.page.get_by_text("Python heard")).to_have_text(f"Python heard: {said}")

    def drag(self, source: Locator, goal: Locator) -> None:
        start, end = source.bounding_box(), goal.bounding_box()
        assert start and end
        self.page.mouse.move(start["x"] + 30, start["y"] + 30)
        self.page.mouse.down()
        self.page.mouse.move(start["x"] + 50, start["y"] + 60, steps=2)
        self.page.mouse.move(end["x"] + 30, end["y"] + 40, steps=3)
        self.page.mouse.up()

    def done(self) -> None:
        """Check the console and leave the page to the next person."""
        assert self.errors == []
        for event, listener in self.listeners.items():
            self.page.remove_listener(event, listener)
        self.page.evaluate("history.replaceState(null, '', '#again')")


# --- ranking ----------------------------------------------------------------------------------


def test_clicks_rank_the_images_in_the_order_they_are_made(desk: BrowserContext) -> None:
    board = Board(desk).ready()
    board.click(2, 0)
    expect(board.part("missing")).to_have_text("2 more to place")
    assert board.strip() == [3, 1, None, None]
    board.click(3)
    assert board.strip() == [3, 1, 4, 2]
    board.submit.click()
    board.saved()
    assert board.stored() == [3, 1, 4, 2]
    sent = board.posts[0]
    assert sent["ranks"] == [1, 2, 3, 4]
    assert sent["replaces"] is None
    assert sent["elapsed_ms"] > 500
    assert sent["input"] == {"mouse": 3}
    board.heard("saved")
    board.done()


def test_clicking_all_four_in_a_row_keeps_the_last_which_was_placed_by_itself(
    desk: BrowserContext,
) -> None:
    board = Board(desk).ready()
    for image in (2, 0, 3, 1):
        board.picks.nth(image).click()
    assert board.strip() == [3, 1, 4, 2]
    board.picks.nth(1).click()  # a second click on it takes the rank back, as on any other
    assert board.strip() == [3, 1, 4, None]
    board.done()


def test_an_untouched_board_cannot_be_submitted(desk: BrowserContext) -> None:
    board = Board(desk).ready()
    board.page.wait_for_timeout(1_000)
    expect(board.submit).to_be_disabled()
    board.page.keyboard.press("Control+Enter")
    board.submit.click(force=True)
    expect(board.part("missing")).to_have_text("Nothing placed yet")
    assert board.posts == []
    board.done()


def test_number_keys_put_each_image_at_its_rank(desk: BrowserContext) -> None:
    board = Board(desk).ready()
    board.page.keyboard.type("3142")
    assert board.strip() == [2, 4, 1, 3]
    expect(board.submit).to_be_enabled()
    board.page.keyboard.press("Control+Enter")
    board.saved()
    assert board.stored() == [2, 4, 1, 3]
    board.done()


def test_a_taken_rank_pushes_the_others_over(desk: BrowserContext) -> None:
    board = Board(desk, k=5).ready(5)
    board.page.keyboard.type("111")
    assert board.strip() == [3, 2, 1, None, None]
    board.picks.nth(0).hover()
    board.page.keyboard.press("2")  # the image under the mouse is meant
    assert board.strip() == [3, 1, 2, None, None]
    board.done()


def test_undo_taking_back_and_starting_over(desk: BrowserContext) -> None:
    board = Board(desk).ready()
    board.click(0, 1, 2)
    assert board.strip() == [1, 2, 3, 4]
    board.page.keyboard.press("z")
    assert board.strip() == [1, 2, None, None]
    board.click(0)
    assert board.strip() == [None, 2, None, None]
    board.part("undo").click()
    assert board.strip() == [1, 2, None, None]
    board.picks.nth(1).focus()
    board.page.keyboard.press("Backspace")
    assert board.strip() == [1, None, None, None]
    board.part("restart").click()
    assert board.strip() == [None] * 4
    expect(board.submit).to_be_disabled()
    board.done()


def test_the_mouse_drags_images_into_place_and_back(desk: BrowserContext) -> None:
    board = Board(desk).ready()
    slots = board.page.locator(".slot .well")
    board.drag(board.picks.nth(3), slots.nth(1))
    assert board.strip() == [None, 4, None, None]
    board.drag(board.picks.nth(0), slots.nth(1))
    assert board.strip() == [None, 1, 4, None]
    board.drag(slots.nth(2), slots.nth(0))
    assert board.strip() == [4, 1, None, None]
    board.drag(slots.nth(0), board.picks.nth(2))
    assert board.strip() == [None, 1, None, None]
    board.drag(board.picks.nth(2), board.submit)  # dropped nowhere
    assert board.strip() == [None, 1, None, None]
    board.done()


def test_a_finger_drags_by_the_grip_and_scrolls_by_the_image(browser: Browser, server: str) -> None:
    context = browser.new_context(
        base_url=server,
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
        reduced_motion="reduce",
    )
    board = Board(context).ready()
    touch = context.new_cdp_session(board.page)

    def swipe(source: Locator, goal: tuple[float, float]) -> None:
        box = source.bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        for step in range(6):
            here = {"x": x + (goal[0] - x) * step / 5, "y": y + (goal[1] - y) * step / 5}
            kind = "touchMove" if step else "touchStart"
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [here]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    board.submit.scroll_into_view_if_needed()
    slot = board.page.locator(".slot .well").nth(1).bounding_box()
    assert slot
    swipe(board.page.locator(".grip").nth(2), (slot["x"] + 30, slot["y"] + 30))
    assert board.strip() == [None, 3, None, None]
    other = board.page.locator(".slot .well").nth(3).bounding_box()
    assert other
    swipe(board.page.locator(".thumb"), (other["x"] + 30, other["y"] + 30))
    assert board.strip() == [None, None, None, 3]
    before = board.picks.nth(3).bounding_box()
    assert before
    swipe(board.picks.nth(3), (before["x"], before["y"] + 300))
    board.page.wait_for_timeout(300)
    after = board.picks.nth(3).bounding_box()
    assert after and after["y"] > before["y"] + 50
    assert board.strip() == [None, None, None, 3]
    board.picks.nth(0).tap()
    assert board.strip() == [1, None, None, 3]
    context.close()


def test_a_thumbnail_is_picked_up_moved_and_dropped_by_keyboard(desk: BrowserContext) -> None:
    board = Board(desk).ready()
    board.click(0, 1, 2)
    board.page.get_by_role("button", name="Image 3, rank 3 of 4").last.focus()
    for key in ("Space", "ArrowLeft", "ArrowLeft", "Space"):
        board.page.keyboard.press(key)
    assert board.strip() == [3, 1, 2, 4]
    for key in ("Space", "ArrowRight", "Escape"):
        board.page.keyboard.press(key)
    assert board.strip() == [3, 1, 2, 4]
    expect(board.part("live")).to_have_text("Move cancelled")
    board.page.keyboard.press("z")
    assert board.strip() == [1, 2, 3, 4]
    board.done()


def test_clicks_alone_reorder_the_strip(desk: BrowserContext) -> None:
    board = Board(desk).ready()
    board.click(0, 1)
    slots = board.page.locator(".slot .well")
    slots.nth(0).click()
    slots.nth(3).click()
    assert board.strip() == [None, 2, None, 1]
    board.page.get_by_role("button", name="Move Image 2 nearer").click()
    assert board.strip() == [2, None, None, 1]
    board.done()


def test_arrows_walk_between_the_images(desk: BrowserContext) -> None:
    board = Board(desk).ready()
    expect(board.picks.nth(0)).to_be_focused()
    board.page.keyboard.press("ArrowRight")
    board.page.keyboard.press("ArrowRight")
    expect(board.picks.nth(2)).to_be_focused()
    board.page.keyboard.press("1")
    expect(board.picks.nth(3)).to_be_focused()
    assert board.strip() == [3, None, None, None]
    board.done()


def test_digits_typed_into_the_prompt_rank_nothing(desk: BrowserContext) -> None:
    board = Board(desk).ready()
    board.picks.nth(0).hover()
    board.page.get_by_label("Prompt").fill("")
    board.page.keyboard.type("12z3")
    assert board.strip() == [None] * 4
    board.done()


def test_the_closer_look_flips_and_ranks(desk: BrowserContext) -> None:
    board = Board(desk).ready()
    board.picks.nth(0).hover()
    board.page.get_by_role("button", name="Look closely at Image 1").click()
    board.page.keyboard.press("ArrowRight")
    board.page.keyboard.press("1")
    expect(board.page.locator(".look-name")).to_have_text("Image 2, rank 1 of 4")
    board.page.keyboard.press("Escape")
    expect(board.part("look")).to_be_hidden()
    assert board.strip() == [2, None, None, None]
    board.done()


def test_every_permutation_of_four_is_stored_as_submitted(browser: Browser, server: str) -> None:
    context = browser.new_context(base_url=server, reduced_motion="reduce")
    board = Board(context, next=1)
    board.page.clock.install()
    permutations = list(itertools.permutations((1, 2, 3, 4)))
    for number, ranks in enumerate(permutations):
        board.ready()
        expect(board.page.locator(".tile.ranked")).to_have_count(0)
        board.page.clock.fast_forward(900)  # the board's short wait before it accepts
        board.page.keyboard.type("".join(map(str, ranks)))
        board.page.keyboard.press("Control+Enter")
        address = f"/img/{board.rounds()[number]['candidates'][0]['src'][5:]}"
        expect(board.page.locator(f".pick img[src='{address}']")).to_have_count(0)
    for number, ranks in enumerate(permutations):
        assert board.stored(number) == sorted((1, 2, 3, 4), key=lambda i: ranks[i - 1])
    board.done()
    context.close()


# --- submitting -------------------------------------------------------------------------------


def test_a_double_click_makes_one_ranking(desk: BrowserContext) -> None:
    board = Board(desk, next=1).ready()
    board.click(1, 3, 0)
    expect(board.submit).to_be_enabled()
    board.submit.dblclick()
    expect(board.part("missing")).to_have_text("Nothing placed yet")  # the next board
    board.submit.click(force=True)
    board.page.wait_for_timeout(300)
    assert len({post["uuid"] for post in board.posts}) == 1
    assert [len(each["attempts"]) for each in board.rounds()] == [1, 0]
    board.done()


def test_a_ranking_is_accepted_only_when_the_images_could_be_seen(desk: BrowserContext) -> None:
    board = Board(desk, seconds=3)
    expect(board.part("making")).to_be_visible(timeout=20_000)
    board.page.evaluate("""() => {
        const hosts = [...document.querySelectorAll("*")].filter(one => one.shadowRoot);
        const root = hosts.map(one => one.shadowRoot).find(one => one.querySelector(".frame"));
        const hurry = setInterval(() => {
            root.querySelectorAll(".pick[aria-pressed=false]").forEach(pick => pick.click());
            root.querySelector(".submit").click();
            if (root.querySelector("[data-phase=ranked]")) clearInterval(hurry); }, 10); }""")
    board.saved()
    assert 800 <= board.posts[0]["elapsed_ms"] < 5_000
    board.done()


@pytest.mark.parametrize("fault", ["500", "404", "json404", "drop"])
def test_only_the_servers_own_word_empties_the_outbox(desk: BrowserContext, fault: str) -> None:
    board = Board(desk).ready()
    board.faults(fault, fault)
    board.rank_all_and_submit()
    expect(board.part("verdict")).to_have_text(LATE)
    uuid = board.posts[0]["uuid"]
    assert uuid in (board.outbox() or "")
    assert f"token-{board.who}" not in (board.outbox() or "")
    board.saved()
    assert board.outbox() is None
    assert {post["uuid"] for post in board.posts} == {uuid}
    assert len(board.rounds()[0]["history"]) == 1
    board.done()


def test_the_servers_reason_is_shown_and_its_pause_is_kept(desk: BrowserContext) -> None:
    board = Board(desk).ready()
    board.faults("full")
    begun = time.monotonic()
    board.rank_all_and_submit()
    expect(board.part("verdict")).to_have_text(f"{LATE} The server's disk is full.")
    board.saved()
    assert time.monotonic() - begun > 2
    assert board.outbox() is None
    assert len(board.posts) == 2
    board.done()


def test_a_ranking_submitted_offline_is_saved_when_the_network_returns(cut: BrowserContext) -> None:
    board = Board(cut).ready()
    cut.set_offline(True)
    board.rank_all_and_submit()
    expect(board.part("verdict")).to_have_text(LATE)
    cut.set_offline(False)
    board.saved()
    assert board.stored() == [2, 4, 1, 3]
    board.heard("saved")
    board.done()


def test_a_tab_closed_while_offline_saves_when_it_is_opened_again(cut: BrowserContext) -> None:
    board = Board(cut).ready()
    cut.set_offline(True)
    board.rank_all_and_submit()
    expect(board.part("verdict")).to_have_text(LATE)
    board.page.close()
    cut.set_offline(False)
    again = Board(cut, board.who)
    again.saved()
    assert again.stored() == [2, 4, 1, 3]
    assert len(again.rounds()[0]["attempts"]) == 1
    again.done()


def test_a_page_without_a_board_sends_what_is_left_and_counts_it(cut: BrowserContext) -> None:
    board = Board(cut).ready()
    cut.set_offline(True)
    board.rank_all_and_submit()
    expect(board.part("verdict")).to_have_text(LATE)
    board.page.close()
    cut.set_offline(False)
    board.faults("500", "500", "500")
    last = Board(cut, board.who, thanks=1)
    expect(last.page.get_by_text("Still unsent: 1")).to_be_visible(timeout=20_000)
    expect(last.page.get_by_text("Still unsent: 0")).to_be_visible(timeout=20_000)
    assert len(last.rounds()[0]["history"]) == 1
    last.done()
    last.page.close()  # it has no board for the next person


def test_a_refusal_empties_the_outbox_and_is_told(desk: BrowserContext) -> None:
    board = Board(desk).ready()
    board.faults("reject")
    board.rank_all_and_submit()
    expect(board.part("notice")).to_contain_text("this study is closed")
    assert board.outbox() is None
    assert board.strip() == [2, 4, 1, 3]
    expect(board.submit).to_be_enabled()
    assert board.rounds()[0]["history"] == []
    board.done()


def test_a_refused_change_is_told_and_the_earlier_ranking_stands(desk: BrowserContext) -> None:
    board = Board(desk).ready()
    board.rank_all_and_submit()
    board.saved()
    board.heard("saved")
    board.faults("reject")
    board.part("change").click()
    board.page.locator(".nudge[data-step='1']").first.click()
    board.submit.click()
    expect(board.part("notice")).to_have_text(
        "Your change was not accepted: this study is closed. Your earlier ranking still counts."
    )
    board.heard("saved", "refused")
    assert board.stored() == [2, 4, 1, 3]
    shown = board.part("order").locator("img").evaluate_all("all => all.map(one => one.alt)")
    assert shown == ["Image 2", "Image 4", "Image 1", "Image 3"]
    board.done()


def test_a_replaced_link_says_where_the_ranking_goes_and_the_new_one_sends_it(
    cut: BrowserContext,
) -> None:
    board = Board(cut).ready()
    board.faults("replaced", "replaced")
    board.rank_all_and_submit()
    expect(board.part("verdict")).to_contain_text("Open the newest link in this browser")
    assert board.posts[0]["uuid"] in (board.outbox() or "")
    board.page.wait_for_timeout(1_500)  # after any other answer it is tried three times by then
    assert len(board.posts) == 1, "it is tried again too often"
    board.page.close(run_before_unload=False)
    board.faults()
    again = Board(cut, board.who)
    again.saved()
    assert again.stored() == [2, 4, 1, 3]
    again.done()


def test_the_verdict_has_no_ring_when_the_page_puts_the_focus_there(desk: BrowserContext) -> None:
    board = Board(desk).ready()
    for key in "2413":
        board.page.keyboard.press(key)
    expect(board.submit).to_be_enabled()
    board.page.keyboard.press("Control+Enter")
    board.saved()
    expect(board.part("verdict")).to_be_focused()
    assert board.part("verdict").evaluate("one => getComputedStyle(one).outlineStyle") == "none"
    board.done()


def test_five_quick_edits_are_stored_in_order(desk: BrowserContext) -> None:
    board = Board(desk).ready()
    board.faults("500", "slow", "slow", "slow")
    board.rank_all_and_submit()
    for _ in range(5):
        board.part("change").click()
        expect(board.submit).to_be_disabled()
        board.page.locator(".nudge[data-step='1']").first.click()
        board.submit.click()
    board.saved()
    history = board.rounds()[0]["history"]
    assert [row["revision"] for row in history] == [1, 2, 3, 4, 5, 6]
    sent = {post["uuid"]: post["replaces"] for post in board.posts}
    uuids = [row["uuid"] for row in history]
    assert [sent[uuid] for uuid in uuids] == [None, *uuids[:-1]]
    assert board.stored() == [4, 2, 1, 3]
    board.done()


def test_a_conflict_shows_the_ranking_that_stands(desk: BrowserContext) -> None:
    board = Board(desk).ready()
    board.faults("conflict")
    board.rank_all_and_submit()
    expect(board.part("notice")).to_have_text(
        "This ranking was already submitted in another tab; that one counts."
    )
    shown = board.part("order").locator("img").evaluate_all("all => all.map(one => one.alt)")
    assert shown == ["Image 1", "Image 2", "Image 3", "Image 4"]
    assert board.outbox() is None
    board.done()


def test_two_tabs_send_one_ranking(desk: BrowserContext) -> None:
    board = Board(desk, fresh=True).ready()
    other = Board(desk, board.who, fresh=True).ready()
    board.faults("slow")
    board.rank_all_and_submit()
    board.saved()
    other.saved()
    assert len(other.rounds()[0]["history"]) == 1
    board.done()
    other.done()


# --- how sure ---------------------------------------------------------------------------------


def test_how_sure_somebody_is_may_be_said_once_all_are_placed(desk: BrowserContext) -> None:
    board = Board(desk, sure=1).ready()
    question = board.page.get_by_role("radiogroup").or_(board.page.get_by_role("group"))
    expect(question).to_have_count(0)  # its room is there, and nothing to press or to hear
    place = board.submit.bounding_box()
    board.click(1, 3, 0)
    expect(question).to_have_accessible_name(re.compile("How sure are you of this order?"))
    assert board.submit.bounding_box() == place
    board.page.get_by_label("Quite sure").check()
    assert board.strip() == [2, 4, 1, 3]
    board.submit.click()
    board.saved()
    assert board.posts[0]["confidence"] == 0.75
    assert board.rounds()[0]["ranking"]["confidence"] == 0.75
    board.done()


def test_the_question_needs_no_answer_and_an_answer_can_be_taken_back(
    desk: BrowserContext,
) -> None:
    board = Board(desk, sure=1).ready()
    board.click(1, 3, 0)
    board.page.get_by_label("Very sure").click()
    board.page.get_by_label("Very sure").click()
    expect(board.page.get_by_label("Very sure")).not_to_be_checked()
    board.submit.click()
    board.saved()
    assert board.posts[0]["confidence"] is None
    board.done()


def test_keys_answer_the_question_and_rank_nothing(desk: BrowserContext) -> None:
    board = Board(desk, sure=1).ready()
    board.page.keyboard.type("3142")
    board.page.mouse.move(1, 1)
    board.page.get_by_label("Not sure at all").focus()
    board.page.keyboard.press("ArrowRight")
    board.page.keyboard.press("ArrowRight")
    board.page.keyboard.press("4")
    expect(board.page.get_by_label("Fairly sure")).to_be_checked()
    assert board.strip() == [2, 4, 1, 3]
    expect(board.submit).to_be_enabled()
    board.page.keyboard.press("Control+Enter")
    board.saved()
    assert board.posts[0]["confidence"] == 0.5
    board.done()


def test_a_change_of_mind_about_how_sure_is_an_edit(desk: BrowserContext) -> None:
    board = Board(desk, sure=1).ready()
    board.click(1, 3, 0)
    board.page.get_by_label("A little sure").check()
    board.submit.click()
    board.saved()
    board.page.wait_for_timeout(600)
    board.part("change").click()
    expect(board.page.get_by_label("A little sure")).to_be_checked()
    expect(board.submit).to_be_disabled()
    board.page.get_by_label("Very sure").check()
    board.submit.click()
    board.saved()
    first, second = board.posts
    assert (second["order"], second["replaces"]) == (first["order"], first["uuid"])
    assert [each["confidence"] for each in (first, second)] == [0.25, 1]
    board.done()


def test_how_sure_survives_a_reload_and_a_cut_line(cut: BrowserContext) -> None:
    board = Board(cut, sure=1).ready()
    board.click(1, 3, 0)
    board.page.get_by_label("Fairly sure").check()
    board.page.reload()
    board.ready()
    expect(board.page.get_by_label("Fairly sure")).to_be_checked()
    board.page.wait_for_timeout(1_000)
    cut.set_offline(True)
    board.submit.click()
    expect(board.part("verdict")).to_have_text(LATE, timeout=12_000)
    assert '"confidence":0.5' in (board.outbox() or "")
    cut.set_offline(False)
    board.saved()
    assert board.rounds()[0]["ranking"]["confidence"] == 0.5
    board.done()


def test_a_study_that_does_not_ask_shows_no_question(desk: BrowserContext) -> None:
    board = Board(desk).ready()
    board.click(1, 3, 0)
    expect(board.part("sure")).to_be_hidden()
    board.submit.click()
    board.saved()
    assert board.posts[0]["confidence"] is None
    board.done()


def test_a_reload_keeps_the_draft(desk: BrowserContext) -> None:
    board = Board(desk).ready()
    board.click(2, 1)
    board.page.reload()
    board.ready()
    assert board.strip() == [3, 2, None, None]
    board.click(0)
    board.submit.click()
    board.saved()
    assert "clpips:draft" not in board.page.evaluate(
        f"Object.keys(localStorage).filter(key => key.includes('{board.who}')).join()"
    )
    board.done()


def test_a_board_with_a_missing_image_waits_for_it(cut: BrowserContext) -> None:
    failures = itertools.count()
    cut.route(
        "**/img/*.png",
        lambda route: route.abort() if next(failures) < 6 else route.continue_(),
    )
    board = Board(cut)
    expect(board.part("missing")).to_have_text("The images are still loading", timeout=20_000)
    board.ready()
    board.click(0, 1, 2)
    expect(board.submit).to_be_enabled()
    board.done()


# --- drawing ----------------------------------------------------------------------------------


def test_the_board_appears_when_the_images_are_drawn(desk: BrowserContext) -> None:
    board = Board(desk, seconds=3)
    expect(board.part("message")).to_have_text(re.compile(r"Generating image \d of 4…"))
    board.ready()
    board.heard("ready")
    board.done()


@pytest.mark.parametrize(("ending", "words"), [("cancelled", "Cancelled"), ("failed", "could not")])
def test_python_hears_that_there_will_be_no_images(
    desk: BrowserContext, ending: str, words: str
) -> None:
    board = Board(desk, seconds=30) if ending == "cancelled" else Board(desk, seconds=1, fails=1)
    if ending == "cancelled":
        board.part("cancel").click(timeout=20_000)
    expect(board.part("ended")).to_contain_text(words, timeout=20_000)
    board.heard(ending)
    board.done()


# --- for everybody ----------------------------------------------------------------------------


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_phase(desk: BrowserContext, color_scheme: Any) -> None:
    board = Board(desk, seconds=2, sure=1)
    board.page.emulate_media(color_scheme=color_scheme, reduced_motion="reduce")
    expect(board.page.locator(".stApp")).to_have_css("color-scheme", color_scheme)

    def check() -> None:
        found = Axe().run(board.page, context=".stBidiComponent").response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []

    expect(board.part("bar")).to_be_visible(timeout=20_000)
    check()
    board.ready()
    board.click(1, 3)
    check()
    board.page.get_by_role("button", name="Look closely at Image 2").click()
    check()
    board.page.keyboard.press("Escape")
    board.click(0)
    check()
    board.submit.click()
    board.saved()
    board.page.wait_for_timeout(600)
    check()
    board.page.emulate_media(color_scheme="light", reduced_motion="reduce")
    board.done()
