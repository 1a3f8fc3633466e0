"""The researcher's pages without a browser: a store that they open, and somebody signed in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.runtime.context import ContextProxy

from app.settings import RESEARCHER_COOKIE
from app.store import Store

SECRET = "a-secret-of-the-researcher"


def signed_in_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store that the pages open; the browser's cookies, which Streamlit's test runner lacks."""
    monkeypatch.setenv("CLPIPS_DATA", str(tmp_path / "data"))
    made = Store(tmp_path / "data")
    made.researchers.add_session(SECRET, datetime.now(UTC) + timedelta(hours=1))
    jar = {RESEARCHER_COOKIE: SECRET}
    monkeypatch.setattr(ContextProxy, "cookies", property(lambda _: jar))
    return made


def study_page() -> None:
    """The page of one study, as a script of its own."""
    from app.views.researcher.study import page

    page()
