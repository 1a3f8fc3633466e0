"""Fixtures for every test: a store with a study, and a cache of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from floor import Floor
from hypothesis import settings

from app.store import Store

# The same examples at every run: a rare one must not fail somebody else's change. Search for new
# ones with `pytest --hypothesis-profile=default tests/stats`.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture
def floor(tmp_path: Path) -> Floor:
    return Floor(Store(tmp_path / "data"))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that a person's own cache holds may decide a test."""
    monkeypatch.setenv("CLPIPS_CACHE", str(tmp_path_factory.getbasetemp() / "vectors"))
