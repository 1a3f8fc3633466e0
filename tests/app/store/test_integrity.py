"""What a data folder is checked for before it is opened."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from floor import Floor
from sql import run_sql

from app.settings import Settings
from app.store import Store, integrity
from app.store.integrity import check_folder
from app.store.migrations import APPLICATION_ID
from clpips.errors import StudyError

GARBAGE = bytes(range(256)) * 32


def state_of(folder: Path) -> dict[str, bytes]:
    files = (each for each in folder.rglob("*") if each.is_file())
    return {str(each.relative_to(folder)): each.read_bytes() for each in files}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder as a stopped app leaves it."""
    floor = Floor(Store(tmp_path / "used"))
    study = floor.study(targets=40)
    for _ in range(40):
        floor.board(floor.person(study))
    run_sql(floor.store.path, "PRAGMA wal_checkpoint(TRUNCATE)")
    place = tmp_path / "data"
    place.mkdir()
    shutil.copytree(floor.store.settings.images, place / "images")
    shutil.copy(floor.store.path, place / "clpips.sqlite")
    return place


def check_that_it_is_refused_and_left_alone(folder: Path, reason: str) -> None:
    before = state_of(folder)
    with pytest.raises(StudyError, match=reason) as refused:
        Store(folder)
    assert "\n" not in str(refused.value)
    assert state_of(folder) == before


@pytest.mark.parametrize("content", [None, b""], ids=["missing", "empty"])
def test_a_lost_database_beside_images_is_no_fresh_start(
    folder: Path, content: bytes | None
) -> None:
    (folder / "clpips.sqlite").unlink()
    if content is not None:
        (folder / "clpips.sqlite").write_bytes(content)
    check_that_it_is_refused_and_left_alone(folder, "must not be empty beside the images")


def test_a_database_without_tables_beside_images_is_refused(folder: Path) -> None:
    path = folder / "clpips.sqlite"
    path.unlink()
    run_sql(path, "CREATE TABLE a (b)", "DROP TABLE a")
    assert path.stat().st_size
    check_that_it_is_refused_and_left_alone(folder, "must not be empty beside the images")


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.7, 0.9])
def test_garbage_in_the_middle_is_noticed(folder: Path, share: float) -> None:
    path = folder / "clpips.sqlite"
    content = bytearray(path.read_bytes())
    begin = int(share * len(content))
    content[begin : begin + len(GARBAGE)] = GARBAGE
    path.write_bytes(content)
    check_that_it_is_refused_and_left_alone(folder, "damaged")


def test_garbage_is_noticed_beside_a_log_that_was_left_behind(folder: Path) -> None:
    path = folder / "clpips.sqlite"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + len(GARBAGE)] = GARBAGE
    path.write_bytes(content)
    (folder / "clpips.sqlite-wal").write_bytes(b"x" * 100)
    before = path.read_bytes()
    with pytest.raises(StudyError, match="damaged"):
        Store(folder)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(folder: Path) -> None:
    (folder / "clpips.sqlite").write_bytes(GARBAGE)
    check_that_it_is_refused_and_left_alone(folder, "SQLite file|damaged")


def test_lost_images_are_counted_and_may_be_accepted(folder: Path) -> None:
    lost = sorted((folder / "images").rglob("*.png"))[:3]
    for each in lost:
        each.unlink()
    check_that_it_is_refused_and_left_alone(folder, f"got 3 without, such as '{lost[0].stem}'")
    assert Store(Settings(data_dir=folder, allow_missing_images=True)).studies.all()
    shutil.rmtree(folder / "images")
    check_that_it_is_refused_and_left_alone(folder, r"got \d+ without")


def test_images_without_a_row_are_accepted(folder: Path) -> None:
    """A process that is killed between the two leaves such a file."""
    (folder / "images" / "ab" / "more.png").parent.mkdir(exist_ok=True)
    (folder / "images" / "ab" / "more.png").write_bytes(b"x")
    assert Store(folder).studies.all()


def test_a_database_of_ours_without_application_id_gets_it(folder: Path) -> None:
    path = folder / "clpips.sqlite"
    run_sql(path, "PRAGMA application_id = 0")
    assert Store(folder).studies.all()
    assert run_sql(path, "PRAGMA application_id") == [(APPLICATION_ID,)]


def test_another_programs_application_id_is_refused(folder: Path) -> None:
    run_sql(folder / "clpips.sqlite", "PRAGMA application_id = 7")
    check_that_it_is_refused_and_left_alone(folder, "another program's file")


def test_a_check_that_takes_too_long_is_said_to_be_partial(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(integrity, "CHECK_SECONDS", -1.0)
    monkeypatch.setattr(integrity, "INSTRUCTIONS", 1)
    assert Store(folder).studies.all()
    assert "checked in part only" in caplog.text


def test_a_database_in_use_can_be_opened_again(tmp_path: Path) -> None:
    floor = Floor(Store(tmp_path / "data"))
    floor.study()
    assert Store(tmp_path / "data").studies.all()


def test_a_database_that_others_write_to_is_never_refused(tmp_path: Path) -> None:
    floor = Floor(Store(tmp_path / "data"))
    floor.study()
    ended = threading.Event()

    def write() -> None:
        number = 0
        while not ended.is_set():
            floor.image(number := number + 1)
            if number % 10 == 0:
                run_sql(floor.store.path, "PRAGMA wal_checkpoint(TRUNCATE)")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(150):
            check_folder(floor.store.path, floor.store.settings.images)
    finally:
        ended.set()
        thread.join()
