"""The database's schema: numbered, append-only migrations.

A migration that has shipped is never edited; a change is a new function after the last.
"""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database, Migrations
from sqlite_utils.utils import OperationalError

from clpips.errors import StudyError
from clpips.io.atomic_files import atomic_file

APPLICATION_ID = 0x434C5053  # "CLPS": tells our files from any other SQLite file
LOCK_SECONDS = 30.0

migrations = Migrations("clpips")


@migrations()
def m001_everything_a_study_needs(db: Database) -> None:
    """Studies, people, rounds, rankings, jobs, vectors, fits, exports, researchers."""
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for statement in (*_STUDIES, *_RANKINGS, *_WORK, *_RESEARCHERS):
        db.execute(statement)


@migrations()
def m002_repeats_calibration_and_confidence(db: Database) -> None:
    """What an honest report needs: boards ranked twice, boards that all rank, how sure."""
    for statement in _HONESTY:
        db.execute(statement)


@migrations()
def m003_comparisons_fit_by_fit(db: Database) -> None:
    """Each fit's comparison by itself, kept as soon as it is there; the newest found so far."""
    db.execute(_COMPARISON)
    db.execute(_COMPARED_BEFORE)


@migrations()
def m004_rounds_that_start_from_an_image(db: Database) -> None:
    """A round's images may start from a candidate of an earlier round, and leave it so far."""
    db.execute("ALTER TABLE round ADD COLUMN start TEXT REFERENCES image")
    db.execute("ALTER TABLE round ADD COLUMN strength REAL CHECK (strength > 0 AND strength <= 1)")


@migrations()
def m005_arms_guidance_and_duels(db: Database) -> None:
    """What is compared at random: who is shown which metric, which arm made a round, duels."""
    db.execute("""ALTER TABLE participant ADD COLUMN guidance TEXT NOT NULL DEFAULT 'none'
        CHECK (guidance IN ('none', 'stock', 'personal'))""")
    db.execute("ALTER TABLE round ADD COLUMN arm TEXT")
    db.execute(_GUIDE)
    _allow(db, "round", "'repeat', 'calibration'))", "'repeat', 'calibration', 'duel'))")


@migrations()
def m006_images_that_can_be_removed(db: Database) -> None:
    """When an image was last added once more; indexes to find what an image is used by."""
    db.execute("ALTER TABLE image ADD COLUMN added_again_at TEXT")
    db.execute(
        """CREATE INDEX image_added_again ON image (added_again_at)
           WHERE added_again_at IS NOT NULL"""
    )
    for table, column in (
        ("target", "image"),
        ("candidate", "image"),
        ("calibration", "image"),
        ("round", "start"),
    ):
        db.execute(f"CREATE INDEX {table}_{column} ON {table} ({column})")


@migrations()
def m007_the_studys_part_of_a_comparison(db: Database) -> None:
    """What a comparison says of a whole study, kept beside the parts of its fits."""
    db.execute(_STUDY_COMPARISON)
    db.execute(_STUDY_COMPARED_BEFORE)


@migrations()
def m008_indexes_for_large_studies(db: Database) -> None:
    """Counting a study's rankings, and finding the newest job of a kind, without their rows."""
    db.execute("CREATE INDEX round_trial_state ON round (trial_id, state, kind)")
    db.execute("CREATE INDEX submission_round_at ON submission (round_id, submitted_at)")
    db.execute("CREATE INDEX job_study_kind ON job (study_id, kind, id)")


@migrations()
def m009_recruiters_parameters(db: Database) -> None:
    """Who sent a participant, as the join link said, and whether they declined to take part."""
    db.execute("ALTER TABLE participant ADD COLUMN recruitment TEXT NOT NULL DEFAULT '{}'")
    db.execute("ALTER TABLE participant ADD COLUMN recruited_as TEXT")
    db.execute("ALTER TABLE participant ADD COLUMN declined_at TEXT")
    db.execute("""CREATE UNIQUE INDEX participant_recruited ON participant (study_id, recruited_as)
        WHERE recruited_as IS NOT NULL""")


@migrations()
def m010_the_round_being_written(db: Database) -> None:
    """*Next round* was pressed: the number of the round whose prompt is being written."""
    db.execute("ALTER TABLE trial ADD COLUMN writing INTEGER")


@migrations()
def m011_index_of_fits_by_job(db: Database) -> None:
    """Deleting a job asks which fits are of it; without an index that reads every report."""
    db.execute("CREATE INDEX fit_job ON fit (job_id)")


_STUDIES = (
    """CREATE TABLE image (
        sha TEXT PRIMARY KEY, width INTEGER NOT NULL, height INTEGER NOT NULL,
        media_type TEXT NOT NULL, bytes INTEGER NOT NULL, created_at TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE study (
        id INTEGER PRIMARY KEY, title TEXT NOT NULL, settings TEXT NOT NULL,
        join_code TEXT NOT NULL UNIQUE, is_open INTEGER NOT NULL, is_archived INTEGER NOT NULL,
        simulated INTEGER NOT NULL, created_at TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE target (
        id INTEGER PRIMARY KEY, study_id INTEGER NOT NULL REFERENCES study ON DELETE CASCADE,
        position INTEGER NOT NULL, name TEXT NOT NULL, image TEXT NOT NULL REFERENCES image,
        UNIQUE (study_id, position)
    ) STRICT""",
    """CREATE TABLE participant (
        id INTEGER PRIMARY KEY, study_id INTEGER NOT NULL REFERENCES study ON DELETE CASCADE,
        label TEXT NOT NULL, simulated INTEGER NOT NULL, seed INTEGER NOT NULL, true_weights TEXT,
        created_at TEXT NOT NULL, consented_at TEXT, started_at TEXT, completed_at TEXT,
        completion_code TEXT,
        UNIQUE (study_id, label), UNIQUE (study_id, completion_code)
    ) STRICT""",
    """CREATE TABLE link (
        token_hash TEXT PRIMARY KEY,
        participant_id INTEGER NOT NULL REFERENCES participant ON DELETE CASCADE,
        created_at TEXT NOT NULL, revoked_at TEXT
    ) STRICT""",
    "CREATE INDEX link_participant ON link (participant_id)",
)

_RANKINGS = (
    """CREATE TABLE trial (
        id INTEGER PRIMARY KEY,
        participant_id INTEGER NOT NULL REFERENCES participant ON DELETE CASCADE,
        target_id INTEGER NOT NULL REFERENCES target ON DELETE CASCADE,
        position INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'active', 'done')), finished_at TEXT,
        UNIQUE (participant_id, position), UNIQUE (participant_id, target_id)
    ) STRICT""",
    "CREATE INDEX trial_target ON trial (target_id)",
    "CREATE UNIQUE INDEX trial_one_active ON trial (participant_id) WHERE state = 'active'",
    """CREATE TABLE round (
        id INTEGER PRIMARY KEY, trial_id INTEGER NOT NULL REFERENCES trial ON DELETE CASCADE,
        request_id TEXT NOT NULL, number INTEGER NOT NULL, prompt TEXT NOT NULL,
        seed INTEGER NOT NULL,
        state TEXT NOT NULL
            CHECK (state IN ('generating', 'ranking', 'ranked', 'failed', 'cancelled')),
        reason TEXT NOT NULL, job_id INTEGER REFERENCES job ON DELETE SET NULL,
        requested_at TEXT NOT NULL, shown_at TEXT,
        UNIQUE (trial_id, request_id)
    ) STRICT""",
    "CREATE INDEX round_job ON round (job_id)",
    """CREATE UNIQUE INDEX round_number ON round (trial_id, number)
        WHERE state NOT IN ('failed', 'cancelled')""",
    """CREATE UNIQUE INDEX round_one_open ON round (trial_id)
        WHERE state IN ('generating', 'ranking')""",
    """CREATE TABLE candidate (
        id INTEGER PRIMARY KEY, round_id INTEGER NOT NULL REFERENCES round ON DELETE CASCADE,
        position INTEGER NOT NULL, image TEXT NOT NULL REFERENCES image, provenance TEXT NOT NULL,
        UNIQUE (round_id, position)
    ) STRICT""",
    """CREATE TABLE submission (
        id INTEGER PRIMARY KEY, round_id INTEGER NOT NULL REFERENCES round ON DELETE CASCADE,
        uuid TEXT NOT NULL, "order" TEXT NOT NULL, ranks TEXT NOT NULL, shown TEXT NOT NULL,
        replaces TEXT, revision INTEGER NOT NULL, elapsed_ms INTEGER NOT NULL,
        input TEXT NOT NULL, submitted_at TEXT NOT NULL,
        UNIQUE (round_id, uuid), UNIQUE (round_id, revision)
    ) STRICT""",
    # round_id has no foreign key: a refused attempt may name a round that never was.
    """CREATE TABLE attempt (
        id INTEGER PRIMARY KEY, uuid TEXT NOT NULL, round_id INTEGER NOT NULL,
        participant_id INTEGER NOT NULL REFERENCES participant ON DELETE CASCADE,
        payload TEXT NOT NULL, outcome TEXT NOT NULL, message TEXT NOT NULL, at TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX attempt_round ON attempt (round_id)",
    "CREATE INDEX attempt_participant ON attempt (participant_id, at)",
)

_WORK = (
    """CREATE TABLE job (
        id INTEGER PRIMARY KEY, kind TEXT NOT NULL, payload TEXT NOT NULL, key TEXT,
        state TEXT NOT NULL
            CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
        progress REAL NOT NULL, message TEXT NOT NULL, result TEXT NOT NULL,
        attempts INTEGER NOT NULL, cancel_requested INTEGER NOT NULL,
        study_id INTEGER REFERENCES study ON DELETE SET NULL,
        participant_id INTEGER REFERENCES participant ON DELETE SET NULL,
        worker TEXT, lease_until TEXT, created_at TEXT NOT NULL, started_at TEXT, finished_at TEXT
    ) STRICT""",
    "CREATE INDEX job_open ON job (state, kind) WHERE state IN ('queued', 'running')",
    "CREATE INDEX job_study ON job (study_id)",
    "CREATE INDEX job_participant ON job (participant_id, kind, started_at)",
    """CREATE UNIQUE INDEX job_key ON job (key)
        WHERE key IS NOT NULL AND state IN ('queued', 'running')""",
    "CREATE TABLE worker (name TEXT PRIMARY KEY, seen_at TEXT NOT NULL) STRICT",
    """CREATE TABLE difference_vector (
        target TEXT NOT NULL REFERENCES image ON DELETE CASCADE,
        image TEXT NOT NULL REFERENCES image ON DELETE CASCADE,
        backbone TEXT NOT NULL, checksum TEXT NOT NULL, resized INTEGER NOT NULL,
        vector BLOB NOT NULL, created_at TEXT NOT NULL,
        PRIMARY KEY (target, image, backbone)
    ) STRICT""",
    "CREATE INDEX difference_vector_image ON difference_vector (image)",
    """CREATE TABLE fit (
        id INTEGER PRIMARY KEY, study_id INTEGER NOT NULL REFERENCES study ON DELETE CASCADE,
        participant_id INTEGER REFERENCES participant ON DELETE CASCADE,
        scope TEXT NOT NULL, backbone TEXT NOT NULL, metric_path TEXT NOT NULL,
        report TEXT NOT NULL, job_id INTEGER REFERENCES job ON DELETE SET NULL,
        created_at TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX fit_study ON fit (study_id, participant_id)",
    """CREATE TABLE export (
        id INTEGER PRIMARY KEY, study_id INTEGER NOT NULL REFERENCES study ON DELETE CASCADE,
        fit_id INTEGER REFERENCES fit ON DELETE SET NULL,
        name TEXT NOT NULL, path TEXT NOT NULL, media_type TEXT NOT NULL, bytes INTEGER NOT NULL,
        sha256 TEXT NOT NULL, created_at TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX export_study ON export (study_id)",
)

_RESEARCHERS = (
    "CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    """CREATE TABLE researcher (
        id INTEGER PRIMARY KEY CHECK (id = 1), password_hash TEXT NOT NULL, set_at TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE session (
        token_hash TEXT PRIMARY KEY, created_at TEXT NOT NULL, expires_at TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE login_failure (
        id INTEGER PRIMARY KEY, address TEXT NOT NULL, at TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX login_failure_address ON login_failure (address, at)",
)

_HONESTY = (
    """ALTER TABLE target ADD COLUMN kind TEXT NOT NULL DEFAULT 'own'
        CHECK (kind IN ('own', 'calibration'))""",
    """ALTER TABLE round ADD COLUMN kind TEXT NOT NULL DEFAULT 'own'
        CHECK (kind IN ('own', 'repeat', 'calibration'))""",
    "ALTER TABLE round ADD COLUMN repeats INTEGER REFERENCES round ON DELETE CASCADE",
    "CREATE INDEX round_repeats ON round (repeats) WHERE repeats IS NOT NULL",
    "ALTER TABLE submission ADD COLUMN confidence REAL CHECK (confidence BETWEEN 0 AND 1)",
    # The images of a calibration target, drawn once for everybody.
    """CREATE TABLE calibration (
        id INTEGER PRIMARY KEY, target_id INTEGER NOT NULL REFERENCES target ON DELETE CASCADE,
        position INTEGER NOT NULL, image TEXT NOT NULL REFERENCES image, provenance TEXT NOT NULL,
        UNIQUE (target_id, position)
    ) STRICT""",
)

_COMPARISON = """CREATE TABLE comparison (
    fit_id INTEGER PRIMARY KEY REFERENCES fit ON DELETE CASCADE,
    part TEXT NOT NULL, created_at TEXT NOT NULL
) STRICT"""

# Results of whole comparisons had every fit's part in them.
_COMPARED_BEFORE = """INSERT OR REPLACE INTO comparison
    SELECT fit.id, told.value, coalesce(job.finished_at, job.created_at)
    FROM job, json_each(job.result, '$.fits') AS told JOIN fit ON fit.id = told.key
    WHERE job.kind = 'compare' AND job.state = 'done' AND told.type = 'object'
    ORDER BY job.id"""

_STUDY_COMPARISON = """CREATE TABLE study_comparison (
    study_id INTEGER PRIMARY KEY REFERENCES study ON DELETE CASCADE,
    part TEXT NOT NULL, created_at TEXT NOT NULL
) STRICT"""

# It was in the job's result only.
_STUDY_COMPARED_BEFORE = """INSERT OR REPLACE INTO study_comparison
    SELECT job.study_id, json_extract(job.result, '$.study'),
        coalesce(job.finished_at, job.created_at)
    FROM job JOIN study ON study.id = job.study_id
    WHERE job.kind = 'compare' AND job.state = 'done'
        AND json_type(job.result, '$.study') = 'object'
    ORDER BY job.id"""


# What a person is told about the images of one of their rounds, and when they were.
_GUIDE = """CREATE TABLE guide (
    id INTEGER PRIMARY KEY, round_id INTEGER NOT NULL UNIQUE REFERENCES round ON DELETE CASCADE,
    told TEXT NOT NULL, created_at TEXT NOT NULL, shown_at TEXT
) STRICT"""


def _allow(db: Database, table: str, before: str, after: str) -> None:
    """Widen a CHECK in place, as https://sqlite.org/lang_altertable.html (section 7) allows.

    A table that others refer to cannot be dropped and made anew without losing their rows.
    """
    number = next(iter(db.query("PRAGMA schema_version")))["schema_version"]
    db.execute("PRAGMA writable_schema = ON")
    db.execute(
        """UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = ?""",
        [before, after, table],
    )
    db.execute(f"PRAGMA schema_version = {number + 1}")
    db.execute("PRAGMA writable_schema = OFF")


def migrate(db: Database, *, backups: Path | None = None) -> None:
    """Bring a database to this version's schema, whatever other processes do meanwhile.

    Args:
        db: an open connection outside a transaction.
        backups: where a copy of an older database goes before it is changed; ``None`` makes
            no copy.

    Raises:
        StudyError: the file belongs to another program or to a newer version of this one.
    """
    refuse_foreign(db)
    _use_wal(db)
    if application_id(db) != APPLICATION_ID and migrations.applied(db):
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    if not migrations.pending(db):
        return
    if backups is not None and migrations.applied(db):
        _back_up(db, backups)
    # sqlite-utils begins DEFERRED, which fails at once when two processes migrate together;
    # inside this transaction its own become savepoints.
    db.execute("BEGIN IMMEDIATE")
    try:
        refuse_foreign(db)
        migrations.apply(db)
    except BaseException:
        if db.conn.in_transaction:
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def refuse_foreign(db: Database) -> None:
    """Check that a file is empty or ours, and not from a newer version.

    Raises:
        StudyError: it is neither.
    """
    known = {migration.name for migration in migrations._migrations}
    newer = [each.name for each in migrations.applied(db) if each.name not in known]
    if newer:
        raise StudyError(
            "the database must not be newer than this program, "
            f"got one that already knows {newer[-1]!r}: please update the program"
        )
    mark = application_id(db)
    is_ours = mark == APPLICATION_ID or (mark == 0 and migrations.applied(db))
    if not is_ours and db.table_names():
        raise StudyError("the database must be one of this program's, got another program's file")


def application_id(db: Database) -> int:
    """The number in the file's header that tells which program's it is; 0 for none."""
    return int(next(iter(db.query("PRAGMA application_id")))["application_id"])


def _use_wal(db: Database) -> None:
    """Switch to the write-ahead log, once per file.

    SQLite does not wait for a lock in this switch, so two processes that start together on a
    new file would collide; hence the loop.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            if db.conn.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                db.conn.execute("PRAGMA journal_mode = WAL")
            return
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _back_up(db: Database, backups: Path) -> None:
    """Copy the database before it changes; the first copy of one version is the one kept."""
    backups.mkdir(parents=True, exist_ok=True)
    first_new = migrations.pending(db)[0].name
    stamp = datetime.now(UTC).strftime("%Y%m%d")
    final = backups / f"{stamp}-before-{first_new}.sqlite"
    # A slower process must not replace the good copy with one taken after the migration.
    with contextlib.suppress(FileExistsError), atomic_file(final, overwrite=False) as partial:
        db.execute("VACUUM INTO ?", [str(partial)])
