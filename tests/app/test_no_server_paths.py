"""Errors that people read carry no path of the server."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from floor import Floor
from serving import Server, ranking, send

from app import session, worker
from app.store import DiskFull, Store
from app.store.rankings import Rankings
from app.worker import Worker
from clpips.errors import ClpipsError, StudyError
from clpips.text import without_paths

ROOT = Path(__file__).parents[2]
# Files whose errors go to the person who started the program, or are raised once more.
OWN_CONSOLE = {
    "app/__main__.py",
    "app/worker.py",
    "app/study/settings.py",
    "app/study/arms.py",
    "app/files/pools.py",
    "app/jobs/unusable.py",
}
SECRET = "/srv/secret place/data"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (f"got '{SECRET}/ab.png' (no)", "got 'ab.png' (no)"),
        (f"got PosixPath('{SECRET}')", "got PosixPath('data')"),
        ("pool:/srv/pools/faces is gone", "pool:faces is gone"),
        (f"'pool:{SECRET}/faces' is gone", "'pool:faces' is gone"),
        ("cannot open /srv/data/x.bin: damaged", "cannot open x.bin: damaged"),
        (r"cannot open C:\Users\ada\x.bin", "cannot open x.bin"),
        (r"got 'D:\my study\x.bin'", "got 'x.bin'"),
        ("file:///srv/data/x.bin is gone", "x.bin is gone"),
        # what people wrote themselves, and addresses
        ("got 'images/ab.png' in row 2", "got 'images/ab.png' in row 2"),
        ("see https://a.example/b/c and http://127.0.0.1:8501/x", None),
        ("'http:https://a.example/v1/images' is refused", None),
        ("and/or, 3/4, 24 / 7, 'a / b', '/'", None),
    ],
)
def test_paths_from_the_root_are_cut_to_their_last_part(given: str, shown: str | None) -> None:
    assert without_paths(given) == (given if shown is None else shown)


def test_a_failed_jobs_message_names_no_folder(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(store: Store, job: object, watch: object) -> dict[str, object]:
        raise StudyError(f"a pool must be a folder, got '{SECRET}/faces'")

    monkeypatch.setattr(worker, "work_of", lambda kind: work)
    job = floor.store.jobs.enqueue("fit", {})
    Worker(floor.store.settings).do_next(["fit"])
    assert floor.store.jobs.get(job.id).message == "a pool must be a folder, got 'faces'"


def test_a_screens_sentence_names_no_folder() -> None:
    error = ClpipsError(f"'{SECRET}/a.png' must be a picture")
    assert session.sentence(error) == "'a.png' must be a picture."


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.mark.parametrize("error", [StudyError, DiskFull])
def test_an_answer_over_http_names_no_folder(
    server: Server, floor: Floor, monkeypatch: pytest.MonkeyPatch, error: type[ClpipsError]
) -> None:
    def fail(*given: object) -> None:
        raise StudyError(f"got '{SECRET}/a.png'") if error is StudyError else DiskFull

    monkeypatch.setenv("CLPIPS_DATA", str(floor.store.settings.data_dir))
    token = "a-secret-of-enough-characters"
    study = floor.study()
    somebody, _ = floor.store.participants.create(study.id, token=token)
    floor.store.participants.consent(somebody.id)
    board = floor.board(floor.store.participants.start(somebody.id))
    monkeypatch.setattr(Rankings, "submit", fail)
    answer = send(server, token, ranking(board))
    assert answer.status == (422 if error is StudyError else 503)
    assert b"secret" not in answer.body and b"/" not in answer.body


def is_str_of(node: ast.AST, error: str) -> bool:
    """Whether a node is ``str(error)``."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "str"
        and isinstance(node.args[0], ast.Name)
        and node.args[0].id == error
    )


def is_drawn_with(node: ast.AST, error: str) -> bool:
    """Whether a node is ``st.something(f"… {error}")`` or ``st.something(error)``."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "st"):
        return False
    parts = [
        part.value if isinstance(part, ast.FormattedValue) else part
        for given in node.args
        for part in (given.values if isinstance(given, ast.JoinedStr) else [given])
    ]
    return any(isinstance(part, ast.Name) and part.id == error for part in parts)


def errors_as_text(file: Path) -> Iterator[str]:
    """Where a file turns a caught error into text without taking paths out of it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for handler in ast.walk(tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.name is None:
            continue
        for node in ast.walk(handler):
            if is_str_of(node, handler.name) or is_drawn_with(node, handler.name):
                yield f"{file.relative_to(ROOT).as_posix()}:{node.lineno}"


def test_no_door_shows_an_errors_own_words() -> None:
    rooms = ("views", "http", "jobs", "components", "files", "study", "store")
    files = [each for room in rooms for each in (ROOT / "app" / room).rglob("*.py")]
    files += (ROOT / "app").glob("*.py")
    found = [place for file in files for place in errors_as_text(file)]
    assert [place for place in found if place.partition(":")[0] not in OWN_CONSOLE] == []
