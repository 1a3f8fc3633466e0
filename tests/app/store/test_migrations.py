import csv
import io
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from floor import Floor
from sql import run_sql
from sqlite_utils import Database
from sqlite_utils.utils import sqlite3

from app.files.bundle import open_bundle
from app.store import Store, database
from app.store import migrations as schema
from clpips.errors import StudyError
from clpips.progress import Watch


def test_four_processes_that_start_together_make_one_database(tmp_path: Path) -> None:
    program = f"""
import sys, time
sys.modules["pandas"] = None  # sqlite-utils would import it, which takes a second
from app.store import Store
print("ready", flush=True)
start = float(sys.stdin.readline())
for count in range(6):  # the same moment in every process, six times over
    time.sleep(max(0, start + 0.15 * count - time.time()))
    assert Store({str(tmp_path)!r} + f"/{{count}}").studies.all() == ()
"""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in started:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    moment = time.time() + 0.2
    for process in started:
        assert process.stdin is not None
        process.stdin.write(f"{moment}\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0] * 4, answers
    for count in range(6):
        path = tmp_path / str(count) / "clpips.sqlite"
        applied = run_sql(path, "SELECT name FROM _sqlite_migrations")
        assert len(applied) == len(set(applied)) == len(schema.migrations._migrations)


def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = Store(tmp_path).path
    run_sql(
        path,
        """INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
           VALUES ('clpips', 'm999_from_the_future', 'then')""",
    )
    before = path.read_bytes()
    with pytest.raises(StudyError, match=r"must not be newer .*m999_from_the_future"):
        Store(tmp_path)
    assert path.read_bytes() == before


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    run_sql(tmp_path / "clpips.sqlite", "CREATE TABLE song (name TEXT)")
    with pytest.raises(StudyError, match="another program's file"):
        Store(tmp_path)


def test_an_older_database_is_copied_before_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.platform_settings.set("kept", "yes")
    later = schema.Migrations("clpips")
    later._migrations = list(schema.migrations._migrations)

    @later()
    def m998_one_more_table(db: Database) -> None:
        db.execute("CREATE TABLE extra (id INTEGER PRIMARY KEY) STRICT")

    monkeypatch.setattr(schema, "migrations", later)
    assert Store(tmp_path).platform_settings.get("kept") == "yes"
    (copy,) = (tmp_path / "backups").iterdir()
    assert run_sql(copy, "SELECT value FROM setting") == [("yes",)]
    tables = "SELECT count(*) FROM sqlite_master WHERE name = 'extra'"
    assert run_sql(copy, tables) == [(0,)]
    assert run_sql(store.path, tables) == [(1,)]


def test_comparisons_that_were_one_result_are_kept_fit_by_fit(floor: Floor) -> None:
    store, study = floor.store, floor.study()
    first, second = (
        store.fits.add(study.id, None, "pooled", "alex", f"weights/{name}", {}).id for name in "ab"
    )
    results = [{str(first): {"n": 1}, str(second): {"n": 2}}, {str(second): {"n": 3}, "99": {}}]
    for fits in results:
        store.jobs.enqueue("compare", {}, study_id=study.id)
        job = store.jobs.claim("worker", ["compare"])
        assert job is not None
        store.jobs.finish(job.id, "worker", {"fits": fits, "study": {}})
    run_sql(
        store.path,
        "DROP TABLE comparison",
        "DELETE FROM _sqlite_migrations WHERE name = 'm003_comparisons_fit_by_fit'",
    )
    assert Store(store.settings).comparisons.of_fits([first, second]) == {
        first: {"n": 1},
        second: {"n": 3},
    }


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Store(tmp_path).path
    broken = schema.Migrations("clpips")
    broken._migrations = list(schema.migrations._migrations)

    @broken()
    def m998_breaks_half_way(db: Database) -> None:
        db.execute("CREATE TABLE half (id INTEGER PRIMARY KEY) STRICT")
        raise RuntimeError("half-way")

    monkeypatch.setattr(schema, "migrations", broken)
    with pytest.raises(RuntimeError, match="half-way"):
        Store(tmp_path)
    names = "SELECT count(*) FROM sqlite_master WHERE name = 'half'"
    assert run_sql(path, names) == [(0,)]


def test_every_connection_is_durable_and_checks_references(tmp_path: Path) -> None:
    db = database.connect(Store(tmp_path).path)
    names = ("journal_mode", "synchronous", "foreign_keys", "trusted_schema")
    found = [db.conn.execute(f"PRAGMA {name}").fetchone()[0] for name in names]
    db.conn.close()
    assert found == ["wal", 2, 1, 0]


def test_an_sqlite_with_the_two_writer_bug_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "SAFE_SQLITE", (99, 0, 0))
    with pytest.warns(RuntimeWarning, match=r"must be 3\.51\.3 or newer"):
        Store(tmp_path)


# --- a study of the first version: Ada has finished its two targets, Ben one of them -------------

FIRST_VERSION = Path(__file__).parents[2] / "reference" / "study-m001.zip"


def unpack_the_first_version(folder: Path) -> None:
    """A data folder as the first version kept it."""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(FIRST_VERSION) as bundle:
        (folder / "clpips.sqlite").write_bytes(bundle.read("study.sqlite"))
        for name in bundle.namelist():
            if name.startswith("images/"):
                place = folder / "images" / Path(name).name[:2] / Path(name).name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(bundle.read(name))


def test_a_database_of_the_first_version_goes_on_where_it_stood(tmp_path: Path) -> None:
    unpack_the_first_version(tmp_path)
    with zipfile.ZipFile(FIRST_VERSION) as bundle:
        written = list(csv.DictReader(io.StringIO(bundle.read("rankings.csv").decode())))
    store = Store(tmp_path)
    assert [path.name[8:] for path in (tmp_path / "backups").iterdir()] == [
        "-before-m002_repeats_calibration_and_confidence.sqlite"
    ]
    (study,) = store.studies.all()
    ada, ben = store.participants.of_study(study.id)
    rankings = store.rankings.of_study(study.id)
    assert [(each.participant, each.confidence) for each in rankings] == [
        ("Ada", None),
        ("Ada", None),
        ("Ben", None),
    ]
    flat = [pair for each in rankings for pair in zip(each.images, each.ranks, strict=True)]
    assert flat == [(row["image"][7:71], int(row["rank"])) for row in written]
    kinds = {(each.round.kind, each.trial.target.kind) for each in store.rounds.ranked(study.id)}
    assert kinds == {("own", "own")}
    assert (study.settings.repeats, study.settings.made_per_round) == (0, 4)
    assert store.progress.of_participant(ada.id).completion_code == ada.completion_code is not None
    floor = Floor(store)
    floor.rank(ben)
    assert floor.finish(ben).completion_code is not None


def test_a_bundle_of_the_first_version_opens(tmp_path: Path) -> None:
    store = Store(tmp_path)
    study = open_bundle(store, FIRST_VERSION, Watch())
    assert [each.participant for each in store.rankings.of_study(study.id)] == ["Ada", "Ada", "Ben"]
    assert all(store.images.exists(each.image) for each in store.studies.targets(study.id))


def test_the_first_versions_tables_become_just_those_of_a_new_database(tmp_path: Path) -> None:
    schema_of = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY 1, 2"
    unpack_the_first_version(tmp_path / "old")
    old, new = Store(tmp_path / "old"), Store(tmp_path / "new")
    assert run_sql(old.path, schema_of) == run_sql(new.path, schema_of)
    assert run_sql(old.path, "PRAGMA foreign_key_check") == []
    assert run_sql(old.path, "PRAGMA integrity_check") == [("ok",)]
    for store in (old, new):
        copy = """INSERT INTO round (trial_id, request_id, number, prompt, seed, state, reason,
                      requested_at, kind) SELECT trial.id, ?1, 99, '', 1, 'failed', '', '', ?1
                  FROM (SELECT 1 AS id) AS trial"""
        with pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed: kind"):
            run_sql(store.path, copy.replace("?1", "'quarrel'"))
    run_sql(old.path, copy.replace("?1", "'duel'"))
