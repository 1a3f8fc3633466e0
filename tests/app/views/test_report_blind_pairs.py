"""What the researcher reads about blind pairs, and takes away."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from judged import judge, judged_study
from signed_in import signed_in_store, study_page
from staged import empty_study, person, rank_once
from streamlit.testing.v1 import AppTest

from app.store import Store
from app.study.types import Study
from app.views.researcher.report import blind_pairs
from app.views.researcher.report.blind_pairs import TITLE, counting, found_in, lost, pairs_csv


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    return signed_in_store(tmp_path, monkeypatch)


def report(study: Study, tab: str = "Fit & report") -> str:
    screen = AppTest.from_function(study_page, default_timeout=120)
    screen.query_params["study"] = str(study.id)
    screen.session_state["tab"] = tab
    screen.run()
    assert not screen.exception, screen.exception[0].message
    html = [each.proto.body for each in screen.get("html")]
    return "\n".join(
        [*html, *(str(e.value) for kind in ("info", "caption") for e in screen.get(kind))]
    )


def test_the_result_is_there_without_any_fit(store: Store) -> None:
    wins = ["personal", "personal", "personal"]
    study = judged_study(store, {f"Ada {n}": wins for n in range(6)}, targets=2)
    text = report(study)
    assert store.fits.of_study(study.id) == ()
    assert TITLE in text
    assert "Personal re-ranking beats stock" in text
    assert "was picked in 100 % of the pairs (95\u00a0% interval 54 to 100\u00a0%)" in text
    assert found_in(store.blind_pairs.of_study(study.id)).interval == pytest.approx(
        (0.025 ** (1 / 6), 1)
    )
    assert "n = 18 answered pairs of 6 participants, 0 ties." in text
    assert "The interval is clustered by participant." in text


def test_a_study_without_blind_pairs_says_nothing_of_them(store: Store) -> None:
    study = empty_study(store)
    rank_once(store, person(store, study))
    assert TITLE not in report(study)


def test_before_the_first_pair_the_section_says_what_to_do(store: Store) -> None:
    study = empty_study(store, duels=3)
    person(store, study)
    text = report(study)
    assert TITLE in text
    assert "Participants see 3 pairs once they have ranked every target" in text


def test_few_answers_are_counted_and_give_no_number(store: Store) -> None:
    text = report(judged_study(store, {"Ada": ["personal", "tie"], "Ben": ["personal"]}))
    assert "Too few to tell" in text
    assert "At least 5 answered pairs are needed" in text
    assert "of the pairs (95" not in text
    assert "n = 3 answered pairs of 2 participants, 1 tie." in text


def test_pairs_without_an_answer_are_told_by_their_reason(store: Store) -> None:
    study = judged_study(
        store,
        {"Ada": ["alike", "personal", "no paint", "alike", "no paint"], "Ben": ["stock"]},
    )
    told = lost(store.blind_pairs.of_study(study.id))
    assert (
        "2 pairs could not be shown because both metrics rank the images in the same order" in told
    )
    assert "2 pairs could not be shown: 2 × no paint." in told
    assert "1 pair not answered yet." in told  # Ben's second
    assert told in report(study)


def test_the_table_has_a_row_for_everybody(store: Store) -> None:
    study = judged_study(
        store, {"<b>Ada": ["personal", "stock", "tie", "alike"], "Ben": ["alike"] * 4}
    )
    assert blind_pairs.rows(store.blind_pairs.of_study(study.id), ()) == [
        ("&lt;b&gt;Ada", "1", "1", "1", "50 %"),
        ("Ben", "0", "0", "0", "–"),
    ]
    assert "<b>Ada" not in report(study)


def test_simulated_people_are_labelled_and_count_only_among_themselves(store: Store) -> None:
    study = judged_study(store, {"Ada": ["stock"] * 2}, targets=1)
    robot, _ = store.participants.create(study.id, label="Robot", simulated=True)
    store.participants.consent(robot.id)
    store.participants.start(robot.id)
    rank_once(store, robot)
    judge(store, robot, "personal")
    duels = store.blind_pairs.of_study(study.id)
    assert {each.participant for each in counting(duels, {"Robot"})} == {"Ada"}
    assert counting(duels, {"Robot", "Ada"}) == duels
    text = report(study)
    assert "Robot <span" in text and ">Simulated<" in text
    assert "n = 2 answered pairs of one participant on one target" in text
    assert "not in the result above it" in text


def test_the_file_has_a_row_for_every_pair(store: Store) -> None:
    study = judged_study(store, {"Ada": ["personal", "alike", "tie"]})
    found = list(
        csv.DictReader(io.StringIO(pairs_csv(store, store.blind_pairs.of_study(study.id))))
    )
    assert [(row["winner"], row["state"], row["place"]) for row in found] == [
        ("personal", "ranked", "2"),
        ("", "failed", ""),
        ("tie", "ranked", "2"),
    ]
    assert all(store.images.path(row["target"][7:-4]).is_file() for row in found)
    assert found[0]["personal"].startswith("images/") and found[0]["personal"] != found[0]["stock"]
    assert found[1]["personal"] == ""
    assert "One row per pair" in report(study, "Export")
