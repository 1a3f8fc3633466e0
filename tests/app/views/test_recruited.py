"""People whom Prolific, Mechanical Turk or SONA send: kept, brought back, and led back."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from floor import Floor
from participant_pages import labels, press, text_of, visit
from staged import empty_study, rank_once
from streamlit.testing.v1 import AppTest

from app.files.bundle import open_bundle, write_bundle
from app.files.ranking_table import ranking_rows, write_csv
from app.store import Store
from app.views.participant import completion, declined, join
from clpips.errors import StudyError
from clpips.progress import Watch

PARAMETERS = {"PROLIFIC_PID": "5f3a", "STUDY_ID": "61b0", "SESSION_ID": "77c1"}
BACK = "https://recruiter.example/done?cc=C1&p={PROLIFIC_PID}"


@pytest.fixture(autouse=True)
def data(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLPIPS_DATA", str(floor.store.settings.data_dir))


@pytest.fixture
def led(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where the pages lead people back to; the test runner draws no components."""
    found: list[str] = []

    def note(address: str, *, text: str) -> None:
        found.append(address)

    for module in (completion, declined, join):
        monkeypatch.setattr(module, "way_back", note)
    return found


def arrive(code: str, **parameters: str) -> AppTest:
    return visit(join=code, **parameters)


def test_the_parameters_are_kept_and_the_same_id_comes_back_to_the_same_place(floor: Floor) -> None:
    study = floor.study()
    page = arrive(study.join_code, **PARAMETERS)
    assert "PROLIFIC_PID, STUDY_ID, SESSION_ID" in text_of(page)
    press(page, "Join this study")
    (person,) = floor.store.participants.of_study(study.id)
    assert dict(person.recruitment) == PARAMETERS
    floor.store.studies.set_open(study.id, False)
    elsewhere = arrive(study.join_code, PROLIFIC_PID="5f3a", SESSION_ID="99d2")
    press(elsewhere, "Continue where you stopped")
    (again,) = floor.store.participants.of_study(study.id)
    assert again.id == person.id
    assert dict(again.recruitment) == {**PARAMETERS, "SESSION_ID": "99d2"}
    assert "This study is closed" in text_of(arrive(study.join_code, PROLIFIC_PID="other"))


@pytest.mark.parametrize(
    "parameters", [{"workerId": "A1", "assignmentId": "3X", "hitId": "9"}, {"survey_code": "4711"}]
)
def test_mechanical_turk_and_sona_are_kept_too(floor: Floor, parameters: dict[str, str]) -> None:
    study = floor.study()
    press(arrive(study.join_code, **parameters), "Join this study")
    (person,) = floor.store.participants.of_study(study.id)
    assert dict(person.recruitment) == parameters


def test_a_link_that_was_not_filled_in_and_a_task_not_accepted_make_nobody(floor: Floor) -> None:
    study = floor.study()
    page = arrive(study.join_code, PROLIFIC_PID="{{%PROLIFIC_PID%}}")
    assert "This link is not complete" in text_of(page) and labels(page) == []
    page = arrive(study.join_code, workerId="A1", assignmentId="ASSIGNMENT_ID_NOT_AVAILABLE")
    assert "Accept the task first" in text_of(page) and labels(page) == []
    assert floor.store.participants.of_study(study.id) == ()


def joined(floor: Floor, **settings: Any) -> tuple[int, str]:
    study = floor.study(targets=1, min_rounds=1, max_rounds=1, **settings)
    found = tuple(PARAMETERS.items())
    person, token = floor.store.participants.join(study.id, "a-request-of-enough-letters", found)
    return person.id, token


def test_parameters_are_in_every_export_and_come_back_with_a_bundle(
    floor: Floor, tmp_path: Path
) -> None:
    store = floor.store
    study_id = empty_study(store, targets=1).id
    somebody, _ = store.participants.join(
        study_id, "a-request-of-enough-letters", tuple(PARAMETERS.items())
    )
    store.participants.consent(somebody.id)
    rank_once(store, store.participants.start(somebody.id))
    rows = ranking_rows(store, study_id, None)
    write_csv(rows, tmp_path / "r.csv")
    text = (tmp_path / "r.csv").read_text(encoding="utf-8-sig")
    for row in csv.DictReader(io.StringIO(text)):
        assert {name: row[name] for name in PARAMETERS} == PARAMETERS
    write_bundle(store, study_id, tmp_path / "b.zip", Watch())
    there = Store(tmp_path / "there")
    copy = open_bundle(there, tmp_path / "b.zip", Watch())
    (person,) = there.participants.of_study(copy.id)
    assert dict(person.recruitment) == PARAMETERS
    assert there.participants.recruited(copy.id, person.recruitment) == person


def test_who_has_finished_is_led_back_only_when_all_is_stored(
    floor: Floor, led: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    person_id, token = joined(floor, completion_url=BACK)
    floor.store.participants.consent(person_id)
    person = floor.store.participants.start(person_id)
    floor.rank(person)
    floor.finish(person)
    for pending, expected in ((None, []), (1, []), (0, [BACK.format(**PARAMETERS)])):
        monkeypatch.setattr(completion, "outbox_flusher", lambda *_, left=pending, **__: left)
        visit(p=token)
        assert led == expected


def test_who_does_not_agree_is_led_to_the_screen_out_address(floor: Floor, led: list[str]) -> None:
    person_id, token = joined(floor, screen_out_url=BACK)
    press(visit(p=token), "I do not want to take part")
    assert set(led) == {BACK.format(**PARAMETERS)}
    person = floor.store.participants.get(person_id)
    assert person.declined_at is not None and person.consented_at is None
    press(visit(p=token), "Take part after all")
    assert floor.store.participants.get(person_id).consented_at is not None
    with pytest.raises(StudyError, match="agreed"):
        floor.store.participants.decline(person_id)


def test_the_addresses_of_a_study_can_be_changed_and_bad_ones_are_refused(floor: Floor) -> None:
    study = floor.study()
    store = floor.store
    changed = store.studies.set_addresses(study.id, completion=f" {BACK} ", screen_out="")
    assert changed.settings.completion_url == BACK
    with pytest.raises(StudyError, match="must begin with https"):
        store.studies.set_addresses(study.id, completion="ftp://x.example", screen_out="")
    assert store.studies.get(study.id).settings.completion_url == BACK
