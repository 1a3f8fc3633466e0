"""The whole product once, as its two users meet it: join, generate, rank, code; fit, read, export.

At 1280×800 the participant ranks with keys and the mouse, at 390×844 with fingers. Then the
researcher sets a password, looks at the rankings, fits, reads the held-out report, and downloads
the three exports, which are opened with the packages they are meant for.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import lpips
import numpy as np
import pytest
import torch
from chromium import FLAGS, find
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from running import RunningApp

from clpips import CLPIPS
from clpips.io.images import load_image

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with RunningApp(tmp_path_factory.mktemp("journey"), demo=True) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=FLAGS)
        yield browser
        browser.close()


def open_page(chromium: Browser, app: RunningApp, viewport: dict, *, touch: bool) -> Page:
    """A new person's browser; anything asked of another host, and any console error, is kept."""
    context = chromium.new_context(viewport=viewport, has_touch=touch, accept_downloads=True)
    page = context.new_page()
    page.wrong = []
    page.on("console", lambda m: m.type == "error" and not probe(m) and page.wrong.append(m.text))
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    own = (app.url, app.url.replace("http", "ws"), "data:", "blob:")
    page.on("request", lambda r: r.url.startswith(own) or page.wrong.append(r.url))
    return page


def probe(message: ConsoleMessage) -> bool:
    """Streamlit looks for its own root below each page's address first, and is told 404."""
    return bool(re.search(r"/(researcher|study)/_stcore/", message.location["url"]))


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def join(page: Page, app: RunningApp) -> str:
    """From the first page into the first trial; the personal link."""
    page.goto(app.url)
    page.get_by_role("link", name="Join").first.click()
    press(page, "Join this study")
    page.get_by_role("button", name="I agree, continue").wait_for()
    link = page.url
    press(page, "I agree, continue")
    press(page, "Begin")
    return link


def generate(page: Page, words: str) -> list[str]:
    """Ask for candidates; the pictures' addresses in the order in which they are shown."""
    page.get_by_label("Your description").fill(words)
    press(page, "Generate")
    page.wait_for_selector("[data-phase=ranking]", timeout=60_000)
    expect(page.locator(".tile:not(.loading) .pick img")).to_have_count(4)
    expect(page.locator(".stApp")).to_have_attribute("data-test-script-state", "notRunning")
    return [shown.get_attribute("src") for shown in page.locator(".tile .pick img").all()]


def by_keys(page: Page, ranks: str) -> None:
    page.locator(".tile .pick").first.focus()
    for key in ranks:
        page.keyboard.press(key)


def by_clicks(page: Page, order: list[int]) -> None:
    for index in order:
        page.locator(".tile .pick").nth(index).click()


def by_mouse_drag(page: Page, order: list[int]) -> None:
    for slot, index in enumerate(order[:-1]):
        page.locator(".tile .pick").nth(index).drag_to(page.locator(".slot").nth(slot))


def by_taps(page: Page, order: list[int]) -> None:
    for index in order:
        page.locator(".tile .pick").nth(index).tap()


def by_touch_drag(page: Page, order: list[int]) -> None:
    """A finger drags each picture by its handle onto its slot."""
    session = page.context.new_cdp_session(page)

    def touch(kind: str, points: list[dict]) -> None:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    for slot, index in enumerate(order[:-1]):
        page.locator(".slot").nth(slot).scroll_into_view_if_needed()
        start = page.locator(".tile .grip").nth(index).bounding_box()
        end = page.locator(".slot").nth(slot).bounding_box()
        (x0, y0), (x1, y1) = (
            (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in (start, end)
        )
        touch("touchStart", [{"x": x0, "y": y0}])
        for step in range(1, 9):
            share = step / 8
            touch("touchMove", [{"x": x0 + (x1 - x0) * share, "y": y0 + (y1 - y0) * share}])
        touch("touchEnd", [])


def submit(page: Page, expected: list[str]) -> None:
    """Submit; what is shown as saved must be the expected pictures, nearest first."""
    page.get_by_role("button", name="Submit ranking").click()
    saved = page.locator("[data-phase=ranked]")
    expect(saved.locator("[data-part=verdict]")).to_have_text("Saved", timeout=20_000)
    found = [image.get_attribute("src") for image in page.locator("[data-part=order] img").all()]
    assert found == expected
    expect(page.get_by_role("button", name="Next round")).to_be_enabled(timeout=20_000)


def picked(shown: list[str], order: list[int]) -> list[str]:
    return [shown[index] for index in order]


def finish(page: Page) -> str:
    code = page.get_by_test_id("completion-code").or_(page.locator("[data-part=code]"))
    code.first.wait_for(timeout=30_000)
    return code.first.inner_text().strip()


def test_a_participant_at_a_desk_ranks_with_keys_and_mouse(app, chromium, tmp_path) -> None:
    page = open_page(chromium, app, DESK, touch=False)
    link = join(page, app)
    for trial in range(app.targets):
        shown = generate(page, "a red house on grass")
        expect(page.get_by_role("button", name="Submit ranking")).to_be_disabled()
        by_keys(page, "3142")
        submit(page, picked(shown, [1, 3, 0, 2]))
        press(page, "Next round")
        expect(page.get_by_label("Your description")).to_have_value("a red house on grass")
        shown = generate(page, f"a red house with two pine trees in the snow, {trial}")
        if trial == 0:
            page = reopened(page, chromium, app, link, shown)
        by_mouse_drag(page, [2, 0, 3, 1])
        submit(page, picked(shown, [2, 0, 3, 1]))
        press(page, "I am done with this target")
    assert len(finish(page)) >= 6
    assert page.wrong == []


def reopened(page: Page, chromium: Browser, app, link: str, shown: list[str]) -> Page:
    """Close the tab and come back by the same link, in a browser that knows nothing."""
    page.context.close()
    again = open_page(chromium, app, DESK, touch=False)
    again.goto(link)
    again.wait_for_selector("[data-phase=ranking]")
    expect(again.locator(".tile .pick img")).to_have_count(4)
    assert [i.get_attribute("src") for i in again.locator(".tile .pick img").all()] == shown
    return again


def test_a_participant_on_a_phone_ranks_with_fingers(app, chromium) -> None:
    page = open_page(chromium, app, PHONE, touch=True)
    join(page, app)
    for _ in range(app.targets):
        shown = generate(page, "a boat on the sea at sunset")
        by_taps(page, [3, 2, 1, 0])
        submit(page, picked(shown, [3, 2, 1, 0]))
        press(page, "Next round")
        shown = generate(page, "a boat with red sails on a calm sea at sunset")
        by_touch_drag(page, [1, 0, 3, 2])
        submit(page, picked(shown, [1, 0, 3, 2]))
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], "the page scrolls sideways"
        press(page, "I am done with this target")
    assert len(finish(page)) >= 6
    assert page.wrong == []


def test_the_researcher_fits_reads_and_exports(app, chromium, tmp_path: Path) -> None:
    page = open_page(chromium, app, DESK, touch=False)
    page.goto(f"{app.url}/researcher")
    page.get_by_label("Password", exact=False).first.fill(PASSWORD)
    for again in page.get_by_label(re.compile("again|repeat|confirm", re.I)).all():
        again.fill(PASSWORD)
    press(page, "Set password")
    page.get_by_role("link", name=re.compile("Demo study")).first.click()

    page.get_by_role("tab", name="Fit & report").click()
    page.get_by_label("Rankings from").click()
    page.get_by_role("option", name="P001").click()
    press(page, "Fit personal metric")
    report = page.get_by_text(re.compile("on unseen targets|Too early")).first
    report.wait_for(timeout=200_000)  # it may wait behind the simulated study
    for words in ("Spearman", "ICC(A,1)", "Stock LPIPS", "Personal"):
        expect(page.get_by_text(words).first).to_be_visible()

    page.get_by_role("tab", name="Export").click()
    files = {name: export(page, name, tmp_path) for name in EXPORTS}
    check_lpips(files["lpips"], files["metric"])
    check_rankings(files["csv"])
    check_bundle(files["bundle"])
    assert page.wrong == []


# What the button says, and how the file ends.
EXPORTS = {
    "metric": ("Personal metric (.safetensors)", ".safetensors"),
    "lpips": ("lpips file (.pth)", ".pth"),
    "csv": ("Rankings (.csv)", ".csv"),
    "bundle": ("Study bundle (.zip)", ".zip"),
}


def export(page: Page, what: str, folder: Path) -> Path:
    """Ask for an export, wait for its link, download it."""
    button, ending = EXPORTS[what]
    press(page, button)
    link = page.locator(f'a[href^="/download/"][download$="{ending}"]').first
    link.wait_for(timeout=60_000)
    with page.expect_download() as download:
        link.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def check_lpips(path: Path, metric_path: Path) -> None:
    metric = CLPIPS.load(metric_path)
    model = lpips.LPIPS(net="alex", pnet_rand=True, model_path=str(path), verbose=False)
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(2))
    with torch.no_grad():
        theirs = model(load_image(a)[None], load_image(b)[None]).item()
    assert metric.distance(a, b) == pytest.approx(theirs, abs=1e-6)


def check_rankings(path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    assert {"participant", "target", "image", "rank"} <= set(rows[0])
    assert sorted(int(row["rank"]) for row in rows[:4]) == [1, 2, 3, 4]


def check_bundle(path: Path) -> None:
    with zipfile.ZipFile(path) as bundle:
        manifest = json.loads(bundle.read("manifest.json"))
        assert bundle.testzip() is None
        assert any(name.endswith(".sqlite") for name in bundle.namelist())
        assert manifest
