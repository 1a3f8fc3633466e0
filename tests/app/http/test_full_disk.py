"""A full disk: what is stored can be read, and what cannot be stored stays in the browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from floor import Floor
from serving import Server, ranking, send
from small_disks import fill, small_disk
from sqlite_utils import Database

import app.store.database as database
from app.store import DiskFull, Store
from app.study.types import Round

TOKEN = "a-secret-of-enough-characters"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as place:
        yield place


def boards(floor: Floor, count: int = 2) -> list[Round]:
    study = floor.study(min_rounds=1, max_rounds=9)
    made = []
    for number in range(count):
        somebody, _ = floor.store.participants.create(study.id, token=f"{TOKEN}-{number}")
        floor.store.participants.consent(somebody.id)
        made.append(floor.board(floor.store.participants.start(somebody.id)))
    return made


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


def is_healthy(server: Server) -> bool:
    return bool(server.get("/health").json["status"] == "ok")


def check_that_reading_goes_on(server: Server, board: Round, number: int) -> None:
    assert server.get(f"/img/{board.candidates[0].image}.png").status == 200
    bearer = {"authorization": f"Bearer {TOKEN}-{number}"}
    seen = server.get(f"/api/round/{board.id}", **bearer)
    assert (seen.status, seen.json["state"]) == (200, "ranking")


def check_that_the_disk_is_said_to_be_full(server: Server, board: Round, number: int) -> None:
    answer = send(server, f"{TOKEN}-{number}", ranking(board))
    assert answer.status == 503
    assert "disk is full" in answer.json["error"]
    assert "rejected" not in answer.json
    assert int(answer.headers["retry-after"]) >= 1
    health = server.get("/health")
    assert health.status == 503
    assert "disk is full" in health.json["reason"]


def test_a_full_disk_stops_writing_only(
    server: Server, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLPIPS_DATA", str(disk / "data"))
    floor = Floor(Store(disk / "data"))
    made = boards(floor)
    assert is_healthy(server)
    ballast = fill(disk)
    for number, board in enumerate(made):
        check_that_reading_goes_on(server, board, number)
        check_that_the_disk_is_said_to_be_full(server, board, number)
    with pytest.raises(DiskFull):
        floor.image(4711)
    ballast.unlink()
    assert is_healthy(server)
    for number, board in enumerate(made):
        answer = send(server, f"{TOKEN}-{number}", ranking(board))
        assert answer.json["outcome"] == "saved"


def test_a_database_that_may_not_grow_is_a_full_disk(
    server: Server, floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under a quota, where the disk itself has room."""
    monkeypatch.setenv("CLPIPS_DATA", str(floor.store.settings.data_dir))
    made = boards(floor)
    assert is_healthy(server)
    connect = database.connect

    def connect_without_room(path: Path, **options: float) -> Database:
        db = connect(path, **options)
        db.conn.execute("PRAGMA max_page_count = 1")  # never more pages than there are
        return db

    with monkeypatch.context() as full:
        full.setattr(database, "connect", connect_without_room)
        for tried in range(1000):  # until the last free page is used up
            again = send(server, f"{TOKEN}-0", ranking(made[0], uuid=f"attempt-{tried}"))
            if again.status != 200:
                break
        check_that_reading_goes_on(server, made[1], 1)
        check_that_the_disk_is_said_to_be_full(server, made[0], 0)
    assert is_healthy(server)
    assert send(server, f"{TOKEN}-1", ranking(made[1])).json["outcome"] == "saved"


def test_connections_end_with_their_store(tmp_path: Path) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("looks into Linux's /proc")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(20):
        Store(tmp_path / str(number))
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 6
