"""``clpips backup`` and ``clpips restore``, at the terminal and with the researcher's button."""

from __future__ import annotations

import io
import json
import shutil
import stat
import tarfile
import threading
from pathlib import Path

import pytest
from floor import Floor
from serving import Server
from signed_in import SECRET, signed_in_store
from sql import run_sql
from staged import ranked_study
from streamlit.testing.v1 import AppTest

from app.jobs import backup as backup_job
from app.settings import RESEARCHER_COOKIE, Settings
from app.store import Store
from app.study.types import Study
from clpips.__main__ import main
from clpips.errors import StudyError
from clpips.progress import Watch

Ran = tuple[int, str, str]


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> Ran:
    capsys.readouterr()
    status = main([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


@pytest.fixture
def study(store: Store) -> Study:
    made = ranked_study(store)
    weights = store.settings.weights / "fit.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"the weights of a fit")
    store.fits.add(made.id, None, "pooled", "alex", weights, {})
    store.researchers.set_password_hash("a hash")
    return made


def listing(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


def test_restored_elsewhere_it_says_the_same(
    store: Store, study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "backup.tar"
    status, said, error = run(capsys, "backup", out, "--data", store.settings.data_dir)
    assert (status, error) == (0, "")
    assert "1 study, 2 participants, 6 rankings, 1 fit, 27 images." in said
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    there = tmp_path / "new" / "place"
    status, said, error = run(capsys, "restore", out, "--data", there)
    assert (status, error) == (0, "")
    restored = Store(there)
    assert restored.studies.all() == store.studies.all()
    assert restored.rankings.of_study(study.id) == store.rankings.of_study(study.id)
    assert restored.rounds.ranked(study.id) == store.rounds.ranked(study.id)
    (fit,) = restored.fits.of_study(study.id)
    assert fit.metric_path == there / "weights" / "fit.safetensors"
    assert fit.metric_path.read_bytes() == b"the weights of a fit"
    for image in restored.images.all():
        assert image.path.read_bytes() == store.images.path(image.sha).read_bytes()
    assert restored.researchers.password_hash() == "a hash"
    assert listing(there) == listing(store.settings.data_dir)


def test_json_is_one_document(
    store: Store, study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nightly").mkdir()
    _, said, _ = run(
        capsys, "backup", tmp_path / "nightly", "--data", store.settings.data_dir, "--json"
    )
    document = json.loads(said)
    assert document["rankings"] == 6 and document["lost"] == []
    assert Path(document["path"]).parent == tmp_path / "nightly"
    _, said, _ = run(capsys, "restore", document["path"], "--data", tmp_path / "new", "--json")
    assert json.loads(said)["images"] == 27


def test_a_backup_is_consistent_while_people_go_on_ranking(
    floor: Floor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = floor.study(min_rounds=1, max_rounds=9, targets=1)
    stop, failures = threading.Event(), []

    def rank() -> None:
        try:
            while not stop.is_set():
                floor.rank(floor.person(study))
        except Exception as error:  # noqa: BLE001 # reported below
            failures.append(error)

    crowd = [threading.Thread(target=rank) for _ in range(3)]
    for each in crowd:
        each.start()
    try:
        for number in range(3):
            out = tmp_path / f"{number}.tar"
            data = floor.store.settings.data_dir
            assert run(capsys, "backup", out, "--data", data)[0] == 0
            assert run(capsys, "restore", out, "--data", tmp_path / f"new{number}")[0] == 0
    finally:
        stop.set()
        for each in crowd:
            each.join()
    assert failures == []
    for number in range(3):
        restored = Store(tmp_path / f"new{number}")
        for ranked in restored.rounds.ranked(study.id):
            assert all(restored.images.exists(each.image) for each in ranked.round.candidates)


def test_nothing_is_overwritten_unasked(
    store: Store, study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = store.settings.data_dir, tmp_path / "backup.tar"
    out.write_text("something else")
    status, _, error = run(capsys, "backup", out, "--data", data)
    assert status == 2 and "new file" in error and out.read_text() == "something else"
    assert run(capsys, "backup", out, "--data", data, "--overwrite")[0] == 0
    other = tmp_path / "full"
    other.mkdir()
    (other / "notes.txt").write_text("of somebody")
    status, _, error = run(capsys, "restore", out, "--data", other)
    assert status == 2 and "not empty" in error and listing(other) == ["notes.txt"]
    assert run(capsys, "restore", out, "--data", other, "--replace")[0] == 0
    (aside,) = other.glob("before-restore-*")
    assert listing(aside) == ["notes.txt"]
    assert Store(other).studies.get(study.id).title == study.title


def test_a_folder_that_the_app_runs_on_is_not_replaced(
    store: Store, study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "backup.tar"
    run(capsys, "backup", out, "--data", store.settings.data_dir)
    store.workers.mark_alive("a worker")
    before = listing(store.settings.data_dir)
    status, _, error = run(capsys, "restore", out, "--data", store.settings.data_dir, "--replace")
    assert status == 2 and "must be stopped" in error
    assert listing(store.settings.data_dir) == before


def test_a_folder_without_a_database_is_refused_and_stays_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    status, _, error = run(capsys, "backup", tmp_path / "b.tar", "--data", tmp_path / "data")
    assert status == 2 and "clpips.sqlite" in error
    assert listing(tmp_path) == []


def test_a_damaged_database_is_said_and_nothing_is_left(
    store: Store, study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_sql(store.path, "PRAGMA wal_checkpoint(TRUNCATE)")  # all of it into the one file
    content = bytearray(store.path.read_bytes())
    content[20_000:36_000] = b"\xaa" * 16_000
    store.path.write_bytes(content)
    status, _, error = run(capsys, "backup", tmp_path / "b.tar", "--data", store.settings.data_dir)
    assert status in (1, 2) and "damaged" in error and "Traceback" not in error
    assert [each.name for each in tmp_path.iterdir()] == ["data"]


def test_a_lost_image_is_named_and_the_rest_is_saved(
    store: Store, study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost, changed, *_ = store.images.all()
    lost.path.unlink()
    changed.path.write_bytes(b"something else")
    out = tmp_path / "b.tar"
    status, _, error = run(capsys, "backup", out, "--data", store.settings.data_dir)
    assert status == 1 and "2 files of the data folder were missing or damaged" in error
    assert lost.sha[:32] in error and changed.sha[:32] in error
    status, said, _ = run(capsys, "restore", out, "--data", tmp_path / "new")
    assert status == 0 and "2 files" in said
    with pytest.raises(StudyError, match="got 2 without"):
        Store(tmp_path / "new")
    restored = Store(Settings(data_dir=tmp_path / "new", allow_missing_images=True))
    assert restored.rankings.of_study(study.id) == store.rankings.of_study(study.id)


def changed_archive(out: Path, name: str, content: bytes | None, *, kind: bytes = b"0") -> None:
    """The archive with one member replaced, added, or left out."""
    members = []
    with tarfile.open(out) as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            if not member.name.startswith(name):
                members.append((member, file.read()))
    if content is not None:
        extra = tarfile.TarInfo(name)
        extra.size, extra.type, extra.linkname = len(content), kind, "/etc/passwd"
        members.insert(1, (extra, content))
    with tarfile.open(out, "w") as archive:
        for member, data in members:
            archive.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize(
    ("name", "content", "kind", "words"),
    [
        ("clpips.sqlite", b"another database", b"0", "'clpips.sqlite' is missing or damaged"),
        ("clpips.sqlite", None, b"0", "'clpips.sqlite' is missing or damaged"),
        ("weights/fit.safetensors", b"other weights", b"0", "is missing or damaged"),
        ("weights/more.safetensors", b"more", b"0", "is missing or damaged"),
        ("backup.json", None, b"0", "must end with backup.json"),
        ("backup.json", b"{}", b"0", "list is damaged"),
        ("images/", None, b"0", "it holds 0 images instead of 27"),
        (f"images/aa/{'a' * 64}.png", b"no", b"0", "is damaged"),
        ("../outside", b"x", b"0", "only files of a data folder"),
        ("weights/../../outside", b"x", b"0", "only files of a data folder"),
        ("/etc/outside", b"x", b"0", "only files of a data folder"),
        ("weights/link", b"", b"2", "only files of a data folder"),
        ("weights/hard", b"", b"1", "only files of a data folder"),
    ],
)
def test_a_changed_backup_is_refused_and_nothing_is_left(
    store: Store,
    study: Study,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes | None,
    kind: bytes,
    words: str,
) -> None:
    out = tmp_path / "b.tar"
    run(capsys, "backup", out, "--data", store.settings.data_dir)
    changed_archive(out, name, content, kind=kind)
    status, _, error = run(capsys, "restore", out, "--data", tmp_path / "new" / "deep")
    assert status == 2 and words in error
    assert sorted(each.name for each in tmp_path.iterdir()) == ["b.tar", "data"]


def test_a_cut_backup_is_refused_and_nothing_is_left(
    store: Store, study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "b.tar"
    run(capsys, "backup", out, "--data", store.settings.data_dir)
    whole = out.read_bytes()
    for length in (0, 100, 600, len(whole) // 2, len(whole) - 20_000):
        out.write_bytes(whole[:length])
        status, _, error = run(capsys, "restore", out, "--data", tmp_path / "new")
        assert (status, error.count("\n")) == (2, 1), (length, error)
        assert not (tmp_path / "new").exists()


def test_a_full_disk_is_said_before_anything_is_written(
    store: Store,
    study: Study,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "b.tar"
    run(capsys, "backup", out, "--data", store.settings.data_dir)
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    status, _, error = run(capsys, "backup", tmp_path / "c.tar", "--data", store.settings.data_dir)
    assert status == 2 and "free disk space" in error
    status, _, error = run(capsys, "restore", out, "--data", tmp_path / "new")
    assert status == 2 and "free disk space" in error
    assert sorted(each.name for each in tmp_path.iterdir()) == ["b.tar", "data"]


# --- the researcher's button ------------------------------------------------------------------


def studies_page() -> None:
    from app.views.researcher.studies import page

    page()


def test_the_button_makes_a_backup_to_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = signed_in_store(tmp_path, monkeypatch)
    study = ranked_study(store)
    screen = AppTest.from_function(studies_page, default_timeout=60).run()
    screen.button(key="backup").click().run()
    job = store.jobs.claim("test", ["backup"])
    assert job is not None
    store.jobs.finish(job.id, "test", backup_job.run(store, job, Watch()))
    screen.run()
    assert not screen.exception
    assert any("6 rankings" in each.value for each in screen.success)
    name = store.jobs.get(job.id).result["name"]
    links = [each.proto.body for each in screen.get("html")]
    assert any(f'href="/download/backup/{name}"' in each for each in links)
    server = Server()
    try:
        assert server.get(f"/download/backup/{name}").status == 401
        cookie = {"cookie": f"{RESEARCHER_COOKIE}={SECRET}"}
        assert server.get("/download/backup/clpips.sqlite", **cookie).status == 404
        assert server.get("/download/backup/..%2Fclpips.sqlite", **cookie).status == 404
        answer = server.get(f"/download/backup/{name}", **cookie)
    finally:
        server.stop()
    assert answer.status == 200
    (tmp_path / "got.tar").write_bytes(answer.body)
    assert run(capsys, "restore", tmp_path / "got.tar", "--data", tmp_path / "new")[0] == 0
    restored = Store(tmp_path / "new")
    assert restored.rankings.of_study(study.id) == store.rankings.of_study(study.id)
    assert run_sql(restored.path, "SELECT count(*) FROM session") == [(0,)]


def test_only_the_newest_backups_stay(
    store: Store, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.settings.backups.mkdir()
    (store.settings.backups / "20260101-before-m002.sqlite").touch()
    for number in range(5):
        name = f"clpips-backup-20260101-00000{number}.tar"
        monkeypatch.setattr(backup_job, "backup_name", lambda name=name: name)
        job = store.jobs.enqueue("backup", {})
        backup_job.run(store, job, Watch())
    assert listing(store.settings.backups) == [
        "20260101-before-m002.sqlite",
        *(f"clpips-backup-20260101-00000{number}.tar" for number in (2, 3, 4)),
    ]
