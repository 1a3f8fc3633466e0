"""Pages of a study that grows: each reads one page of it, whatever its size."""

from __future__ import annotations

from pathlib import Path

import pytest
from rows_read import Read, counted
from signed_in import signed_in_store, study_page
from staged import add_vectors, job, person, rank_once, ranked_study
from streamlit.testing.v1 import AppTest

from app.jobs import fit
from app.store import Store, open_store
from app.study.types import Study
from app.views.researcher.progress import tab as progress_tab
from app.views.researcher.rankings import tab as rankings_tab
from clpips.progress import Watch

FEW, MANY = 3, 9  # participants


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(progress_tab, "PER_PAGE", 2)
    monkeypatch.setattr(rankings_tab, "PER_PAGE", 4)
    made = signed_in_store(tmp_path, monkeypatch)
    open_store()  # once for the process, so that no page is counted with it
    return made


def studies_list() -> None:
    from app.views.researcher.studies import page

    page()


def opened(study: Study, tab: str, **query: str) -> tuple[AppTest, Read]:
    """A tab of a study, and what it read."""
    screen = AppTest.from_function(study_page, default_timeout=60)
    screen.query_params["study"] = str(study.id)
    for name, value in query.items():
        screen.query_params[name.replace("_", "-")] = value
    screen.session_state["tab"] = tab
    with counted() as read:
        screen.run()
    assert not screen.exception, screen.exception[0].message
    return screen, read


def grow(store: Store, study: Study) -> None:
    """More participants, who rank every target."""
    for number in range(FEW, MANY):
        somebody = person(store, study, f"Ada {number + 1}")
        for _ in store.studies.targets(study.id):
            rank_once(store, somebody)


def words(screen: AppTest) -> str:
    return " ".join(str(each.proto.body) for each in screen.get("html"))


def test_the_progress_tab_reads_one_page_of_participants(store: Store) -> None:
    study = ranked_study(store, people=FEW, targets=2)
    _, before = opened(study, "Progress")
    grow(store, study)
    screen, after = opened(study, "Progress")
    # The line over time has a step for each ranking, up to two hundred of them, and everybody can
    # be given a new link.
    assert after.rows - before.rows <= (MANY - FEW) * 2 + (MANY - FEW)
    assert after.statements == before.statements
    shown = words(screen)
    assert "Ada 2" in shown and "Ada 3" not in shown
    assert f"{MANY} participants, {MANY} finished" in shown
    assert f"{2 * MANY} rankings" in shown and "1–2 of 9 participants" in shown
    screen.number_input(key="progress-page").set_value(5).run()
    assert "Ada 9" in words(screen) and "9–9 of 9 participants" in words(screen)


def test_the_list_of_studies_reads_one_row_a_study(store: Store) -> None:
    study = ranked_study(store, people=FEW, targets=2)
    reads = []
    for grows in (True, False):
        screen = AppTest.from_function(studies_list, default_timeout=60)
        with counted() as read:
            screen.run()
        assert not screen.exception
        reads.append((read.rows, read.statements))
        if grows:
            grow(store, study)
    assert reads[0] == reads[1]


def test_rankings_over_time_have_a_bounded_number_of_steps(store: Store) -> None:
    study = ranked_study(store, people=FEW, targets=4)
    every = store.rankings.over_time(study.id)
    assert [count for _, count in every] == list(range(1, 4 * FEW + 1))
    few = store.rankings.over_time(study.id, steps=3)
    assert [count for _, count in few] == [1, 4, 8, 12]
    assert set(few) <= set(every)


def test_the_rankings_tab_reads_one_page_of_rankings(store: Store) -> None:
    study = ranked_study(store, people=FEW, targets=2)
    _, before = opened(study, "Rankings")
    grow(store, study)
    screen, after = opened(study, "Rankings")
    assert after.rows - before.rows <= MANY - FEW  # the names of the list of participants
    assert after.statements == before.statements
    assert "1–4 of 18 rankings" in words(screen)
    screen.number_input(key="rankings-page").set_value(5).run()
    assert "17–18 of 18 rankings" in words(screen)
    assert words(screen).count("<article") == 2 and "<strong>Ada 9</strong>" in words(screen)


def test_pages_of_rankings_are_all_of_them_in_order(store: Store) -> None:
    study = ranked_study(store, people=FEW, targets=3)
    every = store.rounds.ranked(study.id)
    of_pages = [
        store.rounds.ranked_page(study.id, offset=offset, limit=4) for offset in range(0, 12, 4)
    ]
    assert (
        [one for page in of_pages for one in page]
        == every
        == list(store.rounds.each_ranked(study.id))
    )
    assert store.rounds.count_ranked(study.id) == len(every) == 9
    image = store.rounds.ranked_targets(study.id)[1].image
    (chosen,) = store.rounds.ranked_page(study.id, label="Ada 2", image=image, limit=9)
    assert (chosen.participant.label, chosen.trial.target.image) == ("Ada 2", image)
    assert store.rounds.count_ranked(study.id, label="Ada 2", image=image) == 1
    assert store.rounds.ranked_page(study.id, label="nobody", limit=9) == []


def test_one_person_s_rankings_are_read_without_the_others(store: Store) -> None:
    study = ranked_study(store, people=FEW, targets=2)
    whose = store.participants.of_study(study.id)[0].id
    with counted() as before:
        found = store.rankings.of_study(study.id, participant_id=whose)
    grow(store, study)
    with counted() as after:
        assert store.rankings.of_study(study.id, participant_id=whose) == found
    assert after.rows == before.rows


def test_a_report_reads_no_ranking_to_name_its_targets(store: Store) -> None:
    study = ranked_study(store, people=FEW, targets=3)
    add_vectors(store, study)
    running = job(store, "fit", study, scope="participant", participant_id=1)
    store.jobs.finish(running.id, "test", fit.run(store, running, Watch()))
    _, before = opened(study, "Fit & report", whose_fit="Ada 1")
    grow(store, study)
    _, after = opened(study, "Fit & report", whose_fit="Ada 1")
    assert after.rows - before.rows <= MANY - FEW  # the names of the list of participants
