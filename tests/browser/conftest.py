"""What the browser tests share: a Chromium, and the real app in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chromium import FLAGS, find
from playwright.sync_api import Browser, sync_playwright
from running import RunningApp


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find(), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def running_app(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[RunningApp]:
    """``python -m app`` on a free port; its log is printed if a test of the module failed."""
    failed_before = request.session.testsfailed
    with RunningApp(tmp_path_factory.mktemp("app")) as running:
        yield running
    if request.session.testsfailed > failed_before:
        print(running.log.read_text(errors="replace")[-4000:])
