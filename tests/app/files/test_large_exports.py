"""Exports of a study that grows: rows are written as they are read."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
from rows_read import counted
from staged import ranked_study

from app.files import bundle, ranking_table
from app.files.bundle import write_bundle
from app.files.ranking_table import ranking_rows, write_csv
from app.store import Store
from clpips.errors import Cancelled, StudyError
from clpips.progress import Watch


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(ranking_table, "BATCH", 2)
    return Store(tmp_path / "data")


def test_the_first_rows_are_there_before_the_others_are_read(store: Store) -> None:
    few, many = (ranked_study(store, people=people, targets=2) for people in (2, 8))
    reads = []
    for study in (few, many):
        with counted() as read:
            assert len(list(islice(ranking_rows(store, study.id, None), 4))) == 4
        reads.append(read.rows)
    # Of the others only the list of participants is read.
    assert reads[1] - reads[0] <= 8 - 2


def test_images_are_looked_up_together_and_not_one_by_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened for a single image")

    study = ranked_study(store, people=2, targets=2)
    monkeypatch.setattr(store.images, "path", refuse)
    assert len(list(ranking_rows(store, study.id, None))) == 16


def test_progress_is_told_while_rows_are_written_and_cancelling_stops_them(
    store: Store, tmp_path: Path
) -> None:
    study = ranked_study(store, people=2, targets=2)
    shares: list[float] = []
    watch = Watch(progress=lambda share, words: shares.append(share))
    assert write_csv(ranking_rows(store, study.id, None, watch), tmp_path / "rankings.csv") == 16
    assert shares == [0.0, 0.5]
    stopped = Watch(cancelled=lambda: True)
    with pytest.raises(Cancelled):
        write_csv(ranking_rows(store, study.id, None, stopped), tmp_path / "stopped.csv")


def test_a_study_with_more_images_than_a_bundle_can_hold_is_not_packed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = ranked_study(store, people=1, targets=1)
    assert store.images.count_of_study(study.id) == len(store.images.of_study(study.id)) == 5
    monkeypatch.setattr(bundle, "MAX_FILES", 10_004)
    with pytest.raises(StudyError, match="at most 4 images, the study has 5"):
        write_bundle(store, study.id, tmp_path / "study.zip", Watch())
    assert not (tmp_path / "study.zip").exists()
