"""The researcher's screens, drawn by Streamlit's own test runner on a real store."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from signed_in import study_page
from sqlite_utils.utils import sqlite3
from staged import add_vectors, empty_study, job, person, rank_once, ranked_study
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from app.jobs import fit
from app.settings import RESEARCHER_COOKIE
from app.store import Store
from app.study.submission import Submission
from app.study.types import Study
from app.views.researcher import formatting, live, metric_picker, urls
from app.views.researcher.html import Column, Html, table
from app.views.researcher.new_study import form
from app.views.researcher.progress.invitations import links_csv
from app.views.researcher.rankings import tab as rankings_tab
from app.views.researcher.settings import delete
from clpips.errors import StudyError
from clpips.progress import Watch

Draw = Callable[..., AppTest]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("CLPIPS_DATA", str(tmp_path / "data"))
    return Store(tmp_path / "data")


@pytest.fixture
def cookies(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The browser's cookies, which Streamlit's test runner does not have."""
    jar: dict[str, str] = {}
    monkeypatch.setattr(ContextProxy, "cookies", property(lambda _: jar))
    return jar


@pytest.fixture
def signed_in(store: Store, cookies: dict[str, str]) -> None:
    token = "a-secret-of-the-researcher"
    store.researchers.add_session(token, datetime.now(UTC) + timedelta(hours=1))
    cookies[RESEARCHER_COOKIE] = token


def studies_page() -> None:
    from app.views.researcher.studies import page

    page()


def opened(study: Study | str, tab: str = "Progress", **state: Any) -> AppTest:
    """The study's page with one of its tabs open."""
    screen = AppTest.from_function(study_page, default_timeout=120)
    screen.query_params["study"] = str(study.id if isinstance(study, Study) else study)
    screen.session_state["tab"] = tab
    for key, value in state.items():
        screen.session_state[key] = value
    screen.run()
    assert not screen.exception, screen.exception[0].message
    return screen


def text_of(screen: AppTest) -> str:
    """Everything there is to read on a screen, HTML included."""
    html = [each.proto.body for each in screen.get("html")]
    kinds = ("title", "markdown", "caption", "info", "warning", "error", "success", "text", "code")
    return "\n".join([*html, *(str(each.value) for kind in kinds for each in screen.get(kind))])


def fitted(store: Store, study: Study, scope: str, participant_id: int | None = None) -> None:
    running = job(store, "fit", study, scope=scope, participant_id=participant_id)
    result = fit.run(store, running, Watch())
    store.jobs.finish(running.id, "test", result)


# --- who may look -------------------------------------------------------------------------------


@pytest.mark.usefixtures("cookies")
@pytest.mark.parametrize("page", [studies_page, study_page])
def test_who_is_not_signed_in_sees_the_form_and_nothing_of_any_study(
    store: Store, page: Callable[[], None]
) -> None:
    study = ranked_study(store)
    screen = AppTest.from_function(page, default_timeout=120)
    screen.query_params["study"] = str(study.id)
    screen.run()
    assert "Set password" in text_of(screen)
    assert study.title not in text_of(screen)
    assert study.join_code not in text_of(screen)
    assert not screen.button


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize("number", ["", "99", "one", "-1", "1e3", "²", "9" * 40])
def test_a_study_that_does_not_exist_is_said_calmly(store: Store, number: str) -> None:
    assert "There is no such study" in text_of(opened(number))


# --- the list of studies ------------------------------------------------------------------------


@pytest.mark.usefixtures("signed_in")
def test_the_list_shows_each_study_with_its_numbers_and_join_link(store: Store) -> None:
    study = ranked_study(store, people=2, targets=3)
    text = text_of(AppTest.from_function(studies_page, default_timeout=120).run())
    assert "Hüte &amp; Shapes" in text
    assert "6 of 6" in text
    assert "2 participants, 2 finished" in text
    assert "6 rankings" in text
    assert f"/?join={study.join_code}" in text
    assert "Worker: not running" in text
    assert 'href="/selftest"' in text


@pytest.mark.usefixtures("signed_in")
def test_one_bad_study_does_not_take_the_others_from_the_list(store: Store) -> None:
    bad, good = ranked_study(store), ranked_study(store)
    connection = sqlite3.connect(str(store.path))
    connection.execute(
        """UPDATE submission SET submitted_at = 'zero' WHERE round_id IN (
               SELECT round.id FROM round JOIN trial ON trial.id = trial_id
               JOIN participant ON participant.id = participant_id WHERE study_id = ?)""",
        [bad.id],
    )
    connection.commit()
    connection.close()
    text = text_of(AppTest.from_function(studies_page, default_timeout=120).run())
    assert f"Study number {bad.id} cannot be shown" in text
    assert f"/?join={good.join_code}" in text


def test_a_part_that_draws_itself_again_stops_when_the_session_ends(
    store: Store, cookies: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    asked: list[str] = []

    def fragment(draw: Callable[[int], None], run_every: str) -> Callable[[int], None]:
        asked.append(run_every)
        return draw

    def rerun() -> None:
        raise InterruptedError

    monkeypatch.setattr(live.st, "fragment", fragment)
    monkeypatch.setattr(live.st, "rerun", rerun)
    part = live.redrawn("2s")(drawn.append)
    assert asked == ["2s"]
    cookies[RESEARCHER_COOKIE] = "a-secret-of-the-researcher"
    with pytest.raises(InterruptedError):
        part(1)
    store.researchers.add_session(
        cookies[RESEARCHER_COOKIE], datetime.now(UTC) + timedelta(hours=1)
    )
    part(2)
    store.researchers.delete_session(cookies[RESEARCHER_COOKIE])
    with pytest.raises(InterruptedError):
        part(3)
    assert drawn == [2]


def test_every_part_that_draws_itself_again_checks_the_session() -> None:
    folder = Path(live.__file__).parent
    users = [path.name for path in folder.glob("*.py") if "st.fragment" in path.read_text("utf-8")]
    assert users == ["live.py"]


@pytest.mark.usefixtures("signed_in")
def test_the_export_tab_says_how_to_use_the_csv_file(store: Store) -> None:
    text = text_of(opened(ranked_study(store), "Export"))
    assert "`clpips evaluate FILE --images FOLDER`" in text
    assert "leading apostrophe" in text


@pytest.mark.usefixtures("signed_in")
def test_a_simulated_study_says_so(store: Store) -> None:
    sha = store.studies.targets(empty_study(store).id)[0].image
    store.studies.create("Robots", empty_study(store).settings, [("a", sha)], simulated=True)
    text = text_of(AppTest.from_function(studies_page, default_timeout=120).run())
    assert text.count(">Simulated<") == 1


@pytest.mark.usefixtures("signed_in")
def test_a_running_worker_is_said_to_run(store: Store) -> None:
    store.workers.mark_alive("one")
    text = text_of(AppTest.from_function(studies_page, default_timeout=120).run())
    assert "Worker: running" in text


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (80, 80), "teal").save(buffer, format="PNG")
    return buffer.getvalue()


def answers(*uploads: tuple[str, bytes], title: str = "Hats", **settings: Any) -> Any:
    return form.Answers(title, (), uploads, settings)


def test_one_bad_picture_among_the_uploads_creates_nothing(store: Store) -> None:
    uploads = (
        ("hat.png", png()),
        ("notes.png", b"words"),
        ("old.png", b"version https://git-lfs."),
    )
    with pytest.raises(StudyError) as refused:
        form.make_study(store, answers(*uploads))
    assert str(refused.value) == (
        "notes.png: an image must be PNG, JPEG, WEBP, got a file that is not one; "
        "old.png: an image must be PNG, JPEG, WEBP, got a Git LFS pointer without the file"
    )
    assert store.studies.all() == ()


def test_two_targets_of_one_name_are_refused(store: Store) -> None:
    with pytest.raises(StudyError, match=r"007\.jpg: a target must have a name.* that of 007\.png"):
        form.make_study(store, answers(("007.png", png()), ("007.jpg", png())))
    assert store.studies.all() == ()


def test_a_new_study_says_which_pictures_were_converted(store: Store) -> None:
    frames = [Image.new("RGB", (80, 80), colour) for colour in ("teal", "navy")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    uploads = (("hat.png", png()), ("moving.png", buffer.getvalue()))
    study, notes = form.make_study(store, answers(*uploads, candidates=3))
    assert [target.name for target in store.studies.targets(study.id)] == ["hat", "moving"]
    assert study.settings.candidates == 3
    assert notes == ("moving.png: animated, first frame used.",)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (answers(), "at least one target"),
        (answers(("notes.png", b"words")), "notes.png: an image must be"),
        (answers(("hat.png", png()), title=" "), "must have a title"),
        (answers(("hat.png", png()), min_rounds=5, max_rounds=2), "minimum ≤ maximum"),
    ],
)
def test_a_new_study_that_breaks_a_rule_is_not_made(
    store: Store, wrong: Any, sentence: str
) -> None:
    with pytest.raises(StudyError, match=sentence):
        form.make_study(store, wrong)
    assert store.studies.all() == ()


# --- progress and links -------------------------------------------------------------------------


@pytest.mark.usefixtures("signed_in")
def test_progress_has_a_row_per_participant(store: Store) -> None:
    study = ranked_study(store, people=2, targets=3)
    somebody = person(store, study, "<i>Eve</i>")
    rank_once(store, somebody)
    text = text_of(opened(study))
    assert "Ada 1" in text and "Ada 2" in text
    assert "&lt;i&gt;Eve&lt;/i&gt;" in text and "<i>Eve" not in text
    assert "3 participants, 2 finished · 7 rankings · 7 of 9 trials" in text


@pytest.mark.usefixtures("signed_in")
def test_closing_a_study_keeps_newcomers_out(store: Store) -> None:
    study = empty_study(store)
    screen = opened(study)
    next(each for each in screen.button if each.label == "Close the study").click().run()
    assert not store.studies.get(study.id).is_open
    assert "**closed** to new participants" in text_of(screen)


@pytest.mark.usefixtures("signed_in")
def test_personal_links_are_shown_once_and_open_the_study(store: Store) -> None:
    study = empty_study(store)
    screen = opened(study)
    screen.number_input[0].set_value(3)
    next(each for each in screen.button if each.label == "Create personal links").click().run()
    assert len(store.participants.of_study(study.id)) == 3
    shown = next(each.value for each in screen.code if "?p=" in each.value)
    tokens = [line.split("?p=")[1] for line in shown.splitlines()]
    found = [store.participants.by_token(token) for token in tokens]
    assert [each.label for each in found if each] == ["P001", "P002", "P003"]
    next(each for each in screen.button if each.label == "I have saved them").click().run()
    assert "?p=" not in text_of(screen)


def test_links_become_a_csv_file() -> None:
    assert (
        links_csv([("P001", "http://a/?p=x")]) == "\ufeffparticipant,link\r\nP001,http://a/?p=x\r\n"
    )


# --- rankings -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("signed_in")
def test_every_ranking_is_shown_nearest_first_with_its_images(store: Store) -> None:
    study = ranked_study(store, people=1, targets=2)
    text = text_of(opened(study, "Rankings"))
    for ranked in store.rounds.ranked(study.id):
        assert ranked.round.ranking is not None
        images = {each.id: each.image for each in ranked.round.candidates}
        shas = [ranked.trial.target.image, *(images[id_] for id_ in ranked.round.ranking.order)]
        places = [text.index(f'src="/img/{sha}.png" alt="{_alt(n)}"') for n, sha in enumerate(shas)]
        assert places == sorted(places)


@pytest.mark.usefixtures("signed_in")
def test_the_address_chooses_whose_rankings_of_which_target_are_shown(store: Store) -> None:
    study = ranked_study(store, people=2, targets=3)
    address = urls.rankings_address(study.id, person="Ada 2", target="target 1")
    screen = AppTest.from_function(study_page, default_timeout=120)
    for name, (value,) in parse_qs(urlsplit(address).query).items():
        screen.query_params[name] = value
    screen.run()
    text = text_of(screen)
    assert "1 ranking<" in text
    assert "<strong>Ada 2</strong><span>target 1, round 1<" in text
    assert "Ada 1" not in text


def test_targets_of_one_name_are_told_apart_and_of_one_picture_counted_once(store: Store) -> None:
    (target,) = store.studies.targets(empty_study(store, targets=1).id)
    named = (("lamp", "a"), ("hat", "b"), ("hat", "c"), ("shared", "a"))
    found = [replace(target, name=name, image=image) for name, image in named]
    assert formatting.target_names(found) == {"a": "lamp", "b": "hat (1)", "c": "hat (2)"}


def _alt(place: int) -> str:
    return f"Rank {place}" if place else "Target"


def test_a_prompt_is_shown_as_it_was_written_and_never_as_html(store: Store) -> None:
    study = ranked_study(store, people=1, targets=1)
    (ranked,) = store.rounds.ranked(study.id)
    nasty = ranked._replace(round=replace(ranked.round, prompt="<img src=x onerror=alert(1)>"))
    card = rankings_tab.ranking_card(nasty, (), ())
    assert "&lt;img src=x onerror=alert(1)&gt;" in card
    assert "<img src=x" not in card


def test_an_attempt_that_met_a_standing_ranking_is_told_on_its_card(store: Store) -> None:
    study = ranked_study(store, people=1, targets=1)
    (ranked,) = store.rounds.ranked(study.id)
    stands = ranked.round.ranking
    assert stands is not None
    other = Submission(
        "another-tab", ranked.round.id, stands.order[::-1], stands.ranks, stands.shown
    )
    assert store.rankings.submit(ranked.participant.id, other).outcome == "conflict"
    attempts = store.rankings.attempts(ranked.round.id)
    card = rankings_tab.ranking_card(ranked, store.rankings.history(ranked.round.id), attempts)
    assert "1 further attempt" in card
    assert "the first one counts" in card


def test_repeats_and_shared_boards_bear_a_badge(store: Store) -> None:
    study = ranked_study(store, people=1, targets=1)
    (ranked,) = store.rounds.ranked(study.id)
    assert ranked.round.ranking is not None
    own = rankings_tab.ranking_card(ranked, (), ())
    assert "Repeat" not in own and "Shared board" not in own and "Confidence" not in own
    sure = replace(ranked.round.ranking, confidence=0.75)
    for kind, badge in (("repeat", "Repeat"), ("calibration", "Shared board")):
        board: Any = replace(ranked.round, kind=kind, ranking=sure)
        card = rankings_tab.ranking_card(ranked._replace(round=board), (), ())
        assert f">{badge}<" in card
        assert "Confidence: 4 of 5" in card


@pytest.mark.usefixtures("signed_in")
def test_the_settings_tab_tells_what_is_collected_beside_rankings(store: Store) -> None:
    study = empty_study(
        store, repeats=1, calibration=2, ask_confidence=True, choice="informative", made_per_round=8
    )
    text = text_of(opened(study, "Settings"))
    for words_ in (
        "1 board",
        "2 boards, not generated yet",
        "the 4 most informative of 8 generated",
    ):
        assert words_ in text
    text = text_of(opened(empty_study(store), "Settings"))
    assert "all generated images" in text


@pytest.mark.usefixtures("signed_in")
def test_progress_tells_of_the_last_part_where_there_is_one(store: Store) -> None:
    assert "Last part" not in text_of(opened(ranked_study(store, people=1)))
    study = empty_study(store, repeats=1)
    person(store, study, "Ada")
    text = text_of(opened(study))
    assert "Last part" in text and "0 of 1" in text


# --- fit and report -----------------------------------------------------------------------------


@pytest.mark.usefixtures("signed_in")
def test_pressing_fit_asks_the_worker_once_and_shows_that_it_waits(store: Store) -> None:
    study = ranked_study(store)
    screen = opened(study, "Fit & report")
    fit_button = next(each for each in screen.button if each.label == "Fit personal metric")
    fit_button.click().run()
    (asked,) = store.jobs.latest(study.id, kinds=["fit"])
    assert asked.payload == {"study_id": study.id, "scope": "each", "participant_id": None}
    again = next(each for each in screen.button if each.label == "Fit personal metric")
    again.click().run()
    assert len(store.jobs.latest(study.id, kinds=["fit"])) == 1
    next(each for each in screen.button if each.label == "Cancel").click().run()
    assert store.jobs.get(asked.id).state == "cancelled"


@pytest.mark.usefixtures("signed_in")
def test_a_failed_fit_says_why(store: Store) -> None:
    study = ranked_study(store)
    asked = job(store, "fit", study, scope="each", participant_id=None)
    store.jobs.fail(asked.id, "test", "the weights could not be had")
    assert "The fit failed: the weights could not be had" in text_of(opened(study, "Fit & report"))


@pytest.mark.usefixtures("signed_in")
def test_rankings_that_arrive_after_a_fit_are_counted(store: Store) -> None:
    study = empty_study(store, targets=3)
    somebody = person(store, study)
    rank_once(store, somebody)
    rank_once(store, somebody)
    add_vectors(store, study)
    fitted(store, study, "participant", somebody.id)
    assert "since this fit" not in text_of(opened(study, "Fit & report"))
    rank_once(store, somebody)
    assert "1 new ranking since this fit" in text_of(opened(study, "Fit & report"))
    assert metric_picker.newer_rankings(store, store.fits.of_study(study.id)[0]) == 1


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize(
    ("tab", "sentence"),
    [
        ("Progress", "Nobody has joined yet"),
        ("Rankings", "No ranking has been submitted yet"),
        ("Fit & report", "Nobody has joined yet, so there is nothing to fit"),
        ("Why", "Nothing has been fitted yet"),
        ("Export", "Nothing has been fitted yet"),
    ],
)
def test_an_empty_study_says_on_each_tab_what_to_do_next(
    store: Store, tab: str, sentence: str
) -> None:
    assert sentence in text_of(opened(empty_study(store), tab))


# --- weights, export, settings ------------------------------------------------------------------


@pytest.mark.usefixtures("signed_in")
def test_the_weights_tab_shows_true_weights_only_of_simulated_participants(store: Store) -> None:
    study = ranked_study(store, people=1, targets=2)
    robot, _ = store.participants.create(
        study.id,
        label="Robot",
        simulated=True,
        true_weights={"backbone": "alex", "layers": [0.6, 0.1, 0.1, 0.1, 0.1]},
    )
    store.participants.consent(robot.id)
    store.participants.start(robot.id)
    rank_once(store, robot)
    add_vectors(store, study)
    fitted(store, study, "each")
    screen = opened(study, "Why")
    assert "True, share" not in text_of(screen)
    screen.selectbox(key="whose-weights").select("Robot").run()
    assert "True, share" in text_of(screen)
    assert '<td class="cl-number">60 %</td>' in text_of(screen)


@pytest.mark.usefixtures("signed_in")
def test_an_export_is_asked_for_then_offered_as_a_link(store: Store) -> None:
    study = ranked_study(store)
    screen = opened(study, "Export")
    next(each for each in screen.button if each.label == "Rankings (.csv)").click().run()
    asked = store.jobs.claim("test", ["export"])
    assert asked is not None
    assert asked.payload == {
        "study_id": study.id,
        "what": "csv",
        "fit_id": None,
        "participant_id": None,
    }
    path = store.settings.exports / "x.csv"
    made = store.exports.add(study.id, "x.csv", path, "text/csv", 1234, "0" * 64)
    store.jobs.finish(asked.id, "test", {"export_id": made.id, "name": "x.csv"})
    text = text_of(opened(study, "Export"))
    assert f'href="/download/{made.id}/x.csv"' in text
    assert "x.csv · 1 KB, just now" in text


@pytest.mark.usefixtures("signed_in")
def test_the_export_tab_says_how_to_load_the_lpips_file(store: Store) -> None:
    study = ranked_study(store, people=1)
    add_vectors(store, study)
    fitted(store, study, "pooled")
    text = text_of(opened(study, "Export"))
    assert 'lpips.LPIPS(net="alex", pnet_rand=True, model_path="metric.pth")' in text


@pytest.mark.usefixtures("signed_in")
def test_archiving_takes_a_study_out_of_the_list_and_back(store: Store) -> None:
    study = empty_study(store)
    screen = opened(study, "Settings")
    next(each for each in screen.button if each.label == "Archive").click().run()
    assert store.studies.all() == ()
    next(each for each in screen.button if each.label == "Restore").click().run()
    assert [each.id for each in store.studies.all()] == [study.id]


# --- the store's counts, and small words --------------------------------------------------------


def test_tallies_count_what_the_progress_counts(store: Store) -> None:
    study = ranked_study(store, people=2, targets=2)
    rank_once(store, person(store, study))
    empty = empty_study(store)
    progress = store.progress.of_study(study.id)
    tally = store.progress.tallies()[study.id]
    assert tally.participants == len(progress)
    assert tally.rankings == sum(each.rankings for each in progress) == 5
    assert (tally.done_trials, tally.trials) == (5, 6)
    assert tally.completed == 2
    nothing = store.progress.tallies()[empty.id]
    assert (nothing.participants, nothing.rankings, nothing.last_activity) == (0, 0, "")


def test_a_table_escapes_text_and_keeps_html() -> None:
    made = table([Column("A"), Column("B", numeric=True)], [["<b>", Html("<i>1</i>")]])
    assert "<td>&lt;b&gt;</td>" in made
    assert '<td class="cl-number"><i>1</i></td>' in made


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "–"), (-0.204, "−0.20"), (-0.001, "0.00"), (1.0, "1.00")]
)
def test_numbers_have_two_decimals_and_a_true_minus(value: float | None, shown: str) -> None:
    assert formatting.number(value) == shown


def test_a_difference_has_its_sign() -> None:
    assert [formatting.signed(value) for value in (0.12, -0.12, 0.001)] == [
        "+0.12",
        "−0.12",
        "0.00",
    ]


@pytest.mark.parametrize(
    ("milliseconds", "shown"), [(200, "under 1 s"), (14_000, "14 s"), (125_400, "2 min 05 s")]
)
def test_durations_read_as_people_say_them(milliseconds: int, shown: str) -> None:
    assert formatting.took(milliseconds) == shown


# --- targets that change, studies that are deleted --------------------------------------------


def png_of(colour: str, side: int = 80) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "PNG")
    return buffer.getvalue()


def press(screen: AppTest, label: str) -> AppTest:
    (button,) = [each for each in screen.button if each.label == label]
    return button.click().run()


@pytest.mark.usefixtures("signed_in")
def test_targets_can_be_added_and_taken_out_until_somebody_has_joined(store: Store) -> None:
    study = empty_study(store, targets=2)
    screen = opened(study, "Settings")
    (uploader,) = screen.get("file_uploader")
    uploader.upload("notes.txt", b"words", "text/plain")
    uploader.upload("hat.png", png_of("red"), "image/png")
    press(screen, "Add targets")
    assert "notes.txt: an image must be PNG" in screen.error[0].value
    assert len(store.studies.targets(study.id)) == 2
    screen.get("file_uploader")[0].set_value([("hat.png", png_of("red"), "image/png")])
    press(screen, "Add targets")
    assert [each.name for each in store.studies.targets(study.id)][-1] == "hat"
    assert "1 target added." in text_of(screen)
    (choice,) = [each for each in screen.multiselect if each.label == "Targets to take out"]
    choice.select(store.studies.targets(study.id)[0].id)
    press(screen, "Take them out")
    assert [each.name for each in store.studies.targets(study.id)] == ["target 1", "hat"]
    person(store, study)
    screen = opened(study, "Settings")
    assert "Targets cannot change once somebody has joined" in text_of(screen)
    assert "Add targets" not in [each.label for each in screen.button]


def title_of(screen: AppTest) -> Any:
    (found,) = [each for each in screen.text_input if each.label.startswith("Type the study")]
    return found


@pytest.mark.usefixtures("signed_in")
def test_a_study_is_deleted_when_its_title_was_typed(store: Store) -> None:
    study, other = ranked_study(store), empty_study(store)
    screen = opened(study, "Settings")
    assert "Deletes" not in text_of(screen)  # nothing is counted before it is opened
    screen.session_state[delete.OPEN] = True
    text = text_of(screen.run())
    assert "Deletes 2 participants, 6 rankings, 27 images, 0 fits and 0 exported files" in text
    assert "Export and download one first" in text
    assert "Study bundle (.zip)" in [each.label for each in screen.button]
    title_of(screen).input("Hüte")
    press(screen, "Delete for good")
    assert "The title must be typed as it is" in screen.error[0].value
    title_of(screen).input(study.title)
    press(screen, "Delete for good")
    assert "was deleted with everything in it" in screen.success[0].value
    assert [each.id for each in store.studies.all(include_archived=True)] == [other.id]
    assert "There is no such study" in text_of(opened(study))


# --- files that a field cannot use --------------------------------------------------------------


def titled(screen: AppTest) -> None:
    (field,) = [each for each in screen.text_input if each.label == "Title"]
    field.input("Hats")


def labelled_upload(screen: AppTest, words: str) -> Any:
    (field,) = [each for each in screen.get("file_uploader") if words in each.label]
    return field


@pytest.mark.usefixtures("signed_in")
def test_a_file_of_another_kind_reaches_the_form_and_is_named(store: Store) -> None:
    screen = AppTest.from_function(studies_page, default_timeout=120).run()
    (kind,) = [each for each in screen.selectbox if each.label == "Image source"]
    kind.select("pool").run()
    assert [each.allowed_type for each in screen.get("file_uploader")] == [[], [], []]
    labelled_upload(screen, "bundle").set_value(("old.rar", b"Rar!", "application/x-rar"))
    press(screen, "Open bundle")
    assert "old.rar: a bundle must be a whole zip file" in screen.error[0].value
    labelled_upload(screen, "Images").set_value(("old.7z", b"7z", "application/x-7z"))
    titled(screen)
    press(screen, "Create study")
    (error,) = screen.error
    assert error.value == "old.7z: a pool must be a .zip of images, got another kind of file."
    assert store.studies.all() == ()


@pytest.mark.usefixtures("signed_in")
def test_fields_say_which_files_they_take_and_that_larger_ones_stay_in_the_browser(
    store: Store,
) -> None:
    text = text_of(AppTest.from_function(studies_page, default_timeout=120).run())
    assert "PNG, JPEG or WebP, at most 20 MB each" in text
    assert "A file over 200 MB is not sent" in text
    assert text.count("A file over 200 MB is not sent") == 2  # targets and bundles


@pytest.mark.usefixtures("signed_in")
def test_two_targets_of_one_name_are_named(store: Store) -> None:
    screen = AppTest.from_function(studies_page, default_timeout=120).run()
    images = [
        ("007.png", png_of("red"), "image/png"),
        ("007.jpg", png_of("blue"), "image/jpeg"),
        ("notes.txt", b"words", "text/plain"),
    ]
    labelled_upload(screen, "target images").set_value(images)
    titled(screen)
    press(screen, "Create study")
    (error,) = screen.error
    assert "007.jpg: a target must have a name of its own, '007' is that of 007.png" in error.value
    assert "notes.txt: an image must be PNG" in error.value
    assert store.studies.all() == ()
