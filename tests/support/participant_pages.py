"""A participant's pages in Streamlit's test runner: opened, read, pressed."""

from __future__ import annotations

import re

from streamlit.testing.v1 import AppTest


def _script() -> None:
    from app.views.participant.entry import page

    page()


def visit(**query: str) -> AppTest:
    """Open the participant's address."""
    page = AppTest.from_function(_script, default_timeout=120)
    for name, value in query.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def text_of(page: AppTest) -> str:
    """All that a person can read on a page, roughly."""
    drawn = [element.proto.body for element in page.get("html")]
    return "\n".join([*drawn, *(each.value for each in [*page.warning, *page.info])])


def words_of(page: AppTest) -> str:
    """The same without the style sheet."""
    return re.sub(r"<style>.*?</style>", "", text_of(page), flags=re.DOTALL)


def press(page: AppTest, label: str) -> AppTest:
    button = next(each for each in page.button if each.label == label)
    assert not button.disabled
    button.click().run()
    assert not page.exception
    return page


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.button]
