"""Nobody else on the machine can read a study."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from app.store import Store


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def usual_umask() -> object:
    before = os.umask(0o022)
    yield
    os.umask(before)


def database_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("clpips.sqlite*"))


def test_a_new_data_folder_and_its_database_are_private(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    store.platform_settings.set("a", "b")
    assert mode(tmp_path / "data") == 0o700
    names = [each.name for each in database_files(tmp_path / "data")]
    assert names == ["clpips.sqlite", "clpips.sqlite-shm", "clpips.sqlite-wal"]
    assert {mode(each) for each in database_files(tmp_path / "data")} == {0o600}


def test_an_older_data_folder_becomes_private(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = Store(folder)
    folder.chmod(0o755)
    for each in database_files(folder):
        each.chmod(0o644)
    second = Store(folder)
    assert mode(folder) == 0o700
    assert {mode(each) for each in database_files(folder)} == {0o600}
    assert first.path == second.path


def test_a_folder_with_other_things_keeps_its_mode(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o755)
    (folder / "letter.txt").touch()
    Store(folder)
    assert mode(folder) == 0o755
    assert "other accounts of this machine can look into the data folder" in caplog.text
    assert {mode(each) for each in database_files(folder)} == {0o600}
