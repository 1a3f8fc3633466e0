"""Opening a bundle on the list of studies: what it names outside itself is seen, then allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from signed_in import signed_in_store
from staged import empty_study
from streamlit.testing.v1 import AppTest

from app.files.bundle import write_bundle
from app.store import Store
from app.study.types import Study
from clpips.progress import Watch


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    return signed_in_store(tmp_path, monkeypatch)


def studies_page() -> None:
    from app.views.researcher.studies import page

    page()


def upload(store: Store, study: Study, folder: Path) -> AppTest:
    """The page after the study's bundle was chosen and *Open bundle* was pressed."""
    write_bundle(store, study.id, folder / "study.zip", Watch())
    screen = AppTest.from_function(studies_page, default_timeout=120).run()
    uploader = field(screen)
    data = (folder / "study.zip").read_bytes()
    uploader.set_value([("study.zip", data, "application/zip")])
    return press(screen, "Open bundle")


def field(screen: AppTest) -> Any:
    (found,) = [each for each in screen.get("file_uploader") if each.label == "Study bundle (.zip)"]
    return found


def warned(screen: AppTest) -> str:
    return "".join(each.value for each in screen.warning if "not in the bundle" in each.value)


def press(screen: AppTest, label: str) -> AppTest:
    (button,) = [each for each in screen.button if each.label == label]
    return button.click().run()


def test_a_bundle_of_its_own_files_opens_at_once(store: Store, tmp_path: Path) -> None:
    screen = upload(store, empty_study(store, maker="tiny"), tmp_path)
    assert not warned(screen) and len(store.studies.all()) == 2
    assert "made by `tiny`, its feature space is `alex`" in screen.success[0].value


def test_what_a_bundle_names_outside_is_shown_and_opened_only_once_allowed(
    store: Store, tmp_path: Path
) -> None:
    screen = upload(store, empty_study(store, maker="pool:../`private"), tmp_path)
    assert len(store.studies.all()) == 1 and not screen.success
    assert "- `pool:../’private`" in warned(screen)
    press(screen, "Open it and allow these")
    assert len(store.studies.all()) == 2 and screen.success


def test_what_was_allowed_of_one_bundle_is_not_allowed_of_the_next(
    store: Store, tmp_path: Path
) -> None:
    screen = upload(store, empty_study(store, maker="pool:../one"), tmp_path)
    write_bundle(store, empty_study(store, maker="pool:../two").id, tmp_path / "2.zip", Watch())
    uploader = field(screen)
    uploader.set_value([("2.zip", (tmp_path / "2.zip").read_bytes(), "application/zip")])
    press(screen, "Open bundle")
    assert "pool:../two" in warned(screen) and "../one" not in warned(screen)
