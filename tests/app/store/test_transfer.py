from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sql import run_sql

from app.store import Store
from app.study.types import Study
from clpips.errors import StudyError

if TYPE_CHECKING:
    from floor import Floor


AGREEMENT = {
    "spearman": 0.5,
    "spearman_ci": [0.1, 0.8],
    "kendall": None,
    "pairwise_accuracy": 0.7,
    "icc": 0.5,
    "n_rankings": 2,
    "n_left_out": 1,
    "left_out": {"all images tied": 1},
}
REPORT = {
    "held_out": {
        "stock": AGREEMENT,
        "personal": AGREEMENT,
        "gain": 0.0,
        "gain_ci": None,
        "targets": [{"target": "hash", "n_rankings": 2, "stock": 0.5, "personal": None}],
        "verdict": "too early",
        "sentence": "Too early to tell.",
    },
    "layers": {"names": ["layer 1"], "stock": [1.0], "personal": [2]},
    "n_rankings": 2,
    "n_comparisons": 12,
    "n_targets": 2,
    "seconds": 0.1,
    "backbone": "alex",
    "true_layers": None,
}


def lived_in_study(floor: Floor) -> Study:
    """A study with an edit, a conflict, a failed and an open round, vectors and a fit."""
    study = floor.study(targets=2, min_rounds=1)
    ada, ben = floor.person(study), floor.person(study)
    board = floor.board(ada)
    first = floor.send(ada, floor.submission(board)).ranking
    floor.send(ada, floor.submission(board, (2, 0, 1, 3), replaces=first.uuid))
    floor.send(ada, floor.submission(board, (3, 2, 1, 0)))
    floor.finish(ada)
    floor.store.rounds.fail(floor.ask(ben).id, "no paint")
    floor.rank(ben, (1, 3, 0, 2))
    floor.ask(ben)
    pairs = floor.store.vectors.missing(study.id, "alex")
    floor.store.vectors.add(
        (target, image, "alex", "sum", np.arange(5) / 3, False) for target, image in pairs
    )
    floor.store.fits.add(study.id, ada.id, "participant", "alex", "weights/old.st", REPORT)
    return study


def without_numbers(store: Store, study: Study) -> list[object]:
    """What a study says, leaving out the numbers that a copy must change."""
    told: list[object] = [study.title, study.settings, study.simulated]
    told += [(each.position, each.name, each.image) for each in store.studies.targets(study.id)]
    told += store.rankings.of_study(study.id)
    for person in store.participants.of_study(study.id):
        told.append(replace(person, id=0, study_id=0))
    for ranked in store.rounds.ranked(study.id):
        places = {each.id: each.position for each in ranked.round.candidates}
        told.append((ranked.round.number, ranked.round.prompt, ranked.round.seed))
        told += [(each.image, each.provenance) for each in ranked.round.candidates]
        for ranking in store.rankings.history(ranked.round.id):
            order = tuple(places[each] for each in ranking.order)
            shown = tuple(places[each] for each in ranking.shown)
            told.append(replace(ranking, round_id=0, order=order, shown=shown))
        for attempt in store.rankings.attempts(ranked.round.id):
            placed = [places[each] for each in attempt.payload["order"]]
            told.append((attempt.uuid, attempt.outcome, placed, attempt.at))
    for fit in store.fits.of_study(study.id):
        told.append((fit.scope, fit.backbone, fit.report, fit.created_at))
    pairs = sorted(
        {(r.target, image) for r in store.rankings.of_study(study.id) for image in r.images}
    )
    vectors = store.vectors.of_pairs(pairs, "alex")
    told.append([(pair, vectors[pair].tolist()) for pair in pairs])
    return told


def second_store(floor: Floor, folder: Path) -> Store:
    """Another machine's store, with the images there and numbers of its own in use."""
    store = Store(folder)
    for path in floor.store.settings.images.glob("*/*"):
        store.images.add(path.read_bytes(), width=64, height=64)
    busy = type(floor)(store)
    busy.rank(busy.person(busy.study(targets=1)))
    return store


def test_a_study_that_travels_says_the_same_elsewhere(floor: Floor, tmp_path: Path) -> None:
    study = lived_in_study(floor)
    bundle = floor.store.transfer.export_study(study.id, tmp_path / "bundle.sqlite")
    other = second_store(floor, tmp_path / "elsewhere")
    there = other.transfer.import_study(bundle, metric_paths={"weights/old.st": "weights/new.st"})
    assert without_numbers(other, there) == without_numbers(floor.store, study)
    assert there.join_code != study.join_code and not there.is_open
    assert other.fits.of_study(there.id)[0].metric_path.name == "new.st"
    assert other.rankings.of_study(1) != []  # what was there before is still there


def test_a_study_can_be_taken_in_beside_itself(floor: Floor, tmp_path: Path) -> None:
    study = lived_in_study(floor)
    bundle = floor.store.transfer.export_study(study.id, tmp_path / "bundle.sqlite")
    copies = [floor.store.transfer.import_study(bundle, title=study.title) for _ in range(2)]
    told = without_numbers(floor.store, study)
    assert all(without_numbers(floor.store, copy) == told for copy in copies)


def test_an_imported_participant_goes_on_with_a_new_link(floor: Floor, tmp_path: Path) -> None:
    study = lived_in_study(floor)
    copy = floor.store.transfer.import_study(
        floor.store.transfer.export_study(study.id, tmp_path / "b.sqlite")
    )
    ben = floor.store.participants.of_study(copy.id)[1]
    assert floor.store.participants.by_token(floor.store.participants.renew_link(ben.id)) == ben
    standing = floor.store.progress.of_participant(ben.id)
    # The round that was being made counts as cancelled.
    assert (standing.phase, len(standing.ranked_rounds)) == ("compose", 1)
    floor.rank(ben)


def test_a_bundle_holds_no_secret_and_no_other_study(floor: Floor, tmp_path: Path) -> None:
    study = lived_in_study(floor)
    other = floor.study(targets=1)
    floor.ask(floor.person(other), "a prompt of another study")
    floor.store.researchers.set_password_hash("the hash of the password")
    floor.store.platform_settings.set("secret", "a secret setting")
    hashes = run_sql(floor.store.path, "SELECT token_hash FROM link")
    bundle = floor.store.transfer.export_study(study.id, tmp_path / "bundle.sqlite")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["bundle.sqlite"]
    stored = bundle.read_bytes()
    words = ["a prompt of another study", "the hash of the password", "a secret setting"]
    assert not [word for word in words + [each for (each,) in hashes] if word.encode() in stored]
    assert run_sql(bundle, "SELECT id FROM study") == [(study.id,)]
    for check in ("PRAGMA integrity_check", "PRAGMA foreign_key_check"):
        assert run_sql(bundle, check) in ([("ok",)], [])


def test_a_backup_opens_and_holds_everything(floor: Floor, tmp_path: Path) -> None:
    study = lived_in_study(floor)
    floor.store.transfer.backup(tmp_path / "restored" / "clpips.sqlite")
    shutil.copytree(floor.store.settings.images, tmp_path / "restored" / "images")
    restored = Store(tmp_path / "restored")
    assert without_numbers(restored, study) == without_numbers(floor.store, study)


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (
            "UPDATE _sqlite_migrations SET name = 'm999_later' WHERE name LIKE 'm002%'",
            "must not be newer",
        ),
        ("PRAGMA application_id = 7", "another program's file"),
        ("CREATE TRIGGER t AFTER INSERT ON round BEGIN SELECT 1; END", "tables, got other"),
        ("DELETE FROM study", "damaged|exactly one study"),
        ("UPDATE submission SET \"order\" = '[1, 1, 1, 1]' WHERE id = 1", "exactly once"),
        ("UPDATE submission SET shown = '[4, 3, 2, 1]' WHERE id = 1", "other candidates"),
        ("UPDATE submission SET ranks = 'nonsense'", "damaged"),
        ("DELETE FROM submission", "without its ranking"),
        ("UPDATE fit SET metric_path = '../../etc/passwd'", "inside the data folder"),
        ("UPDATE submission SET submitted_at = 'yesterday'", "submitted_at must be a moment"),
        ("UPDATE round SET shown_at = '2026-11-21T09:00:00'", "shown_at must be a moment"),
        ("UPDATE attempt SET at = '9999-99-99T00:00:00.000Z'", "attempt.at must be a moment"),
        ("UPDATE study SET created_at = ''", "created_at must be a moment"),
        ("UPDATE study SET title = '  '", "must have a title"),
        ("UPDATE target SET name = ''", "must have a name"),
        ("UPDATE fit SET report = '[]'", "whole reports"),
        ("UPDATE fit SET report = '{\"held_out\": null}'", "whole reports"),
        ("UPDATE fit SET report = json_set(report, '$.held_out', 'good')", "whole reports"),
        ("UPDATE fit SET report = json_remove(report, '$.held_out.stock.icc')", "whole reports"),
        ("UPDATE fit SET report = json_set(report, '$.held_out.verdict', 'x')", "whole reports"),
        ("UPDATE fit SET report = json_set(report, '$.layers.personal', 7)", "whole reports"),
        ("UPDATE fit SET backbone = 'oak'", "the study's feature space"),
        (
            "UPDATE fit SET backbone = 'timm:/x',"
            " report = json_set(report, '$.backbone', 'timm:/x')",
            "the study's feature space",
        ),
        ("UPDATE study SET settings = '{\"candidates\": 99}'", "between 2 and 9"),
    ],
)
def test_a_bundle_that_is_wrong_is_refused_and_changes_nothing(
    floor: Floor, tmp_path: Path, statement: str, sentence: str
) -> None:
    study = lived_in_study(floor)
    bundle = floor.store.transfer.export_study(study.id, tmp_path / "bundle.sqlite")
    run_sql(bundle, statement)
    with pytest.raises(StudyError, match=sentence):
        floor.store.transfer.import_study(bundle)
    assert floor.store.studies.all() == (study,)


def test_a_file_that_is_no_database_is_refused(floor: Floor, tmp_path: Path) -> None:
    (tmp_path / "bundle.sqlite").write_bytes(b"not a database, but long enough to be read" * 50)
    with pytest.raises(StudyError, match="damaged"):
        floor.store.transfer.import_study(tmp_path / "bundle.sqlite")


def test_a_bundle_whose_images_are_not_here_is_refused(floor: Floor, tmp_path: Path) -> None:
    bundle = floor.store.transfer.export_study(lived_in_study(floor).id, tmp_path / "bundle.sqlite")
    empty = Store(tmp_path / "empty")
    with pytest.raises(StudyError, match="images must be added first"):
        empty.transfer.import_study(bundle)
    assert empty.studies.all() == ()
