"""The participant's pages without a browser: what is shown, and what each button does."""

from __future__ import annotations

import re

import pytest
from floor import Floor
from participant_pages import labels, press, text_of, visit, words_of

from app.session import outbox_name
from app.study.prompts import plain_prompt
from app.study.types import Participant
from app.views.participant.progress import segments
from app.views.participant.prompt_form import words_not_understood
from app.views.participant.trial import _what_remains
from clpips.errors import StudyError
from clpips.types import Provenance

TOKEN = "a-secret-of-enough-characters"


@pytest.fixture(autouse=True)
def data(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages open the same store as the test."""
    monkeypatch.setenv("CLPIPS_DATA", str(floor.store.settings.data_dir))


@pytest.fixture
def person(floor: Floor) -> Participant:
    study = floor.study(targets=2, min_rounds=1, max_rounds=2)
    person, _ = floor.store.participants.create(study.id, token=TOKEN)
    floor.store.participants.consent(person.id)
    return floor.store.participants.start(person.id)


# --- getting in -------------------------------------------------------------------------------


def test_the_first_page_lists_open_studies_and_no_simulated_or_closed_ones(floor: Floor) -> None:
    assert "No study is open" in text_of(visit())
    study = floor.study()
    floor.store.studies.create("Robots", study.settings, [("one", floor.image(5))], simulated=True)
    shown = text_of(visit())
    assert f"/?join={study.join_code}" in shown
    assert "Robots" not in shown
    floor.store.studies.set_open(study.id, False)
    assert study.join_code not in text_of(visit())


def test_a_title_cannot_bring_its_own_html(floor: Floor) -> None:
    study = floor.study()
    image = floor.image(1)
    floor.store.studies.create("<img src=x onerror=alert(1)>", study.settings, [("t", image)])
    assert "<img src=x" not in text_of(visit())


def test_opening_a_join_link_uses_nothing_up(floor: Floor) -> None:
    study = floor.study()
    page = visit(join=study.join_code)
    page.run()
    assert labels(page) == ["Join this study"]
    assert floor.store.participants.of_study(study.id) == ()


def test_joining_leads_to_consent_instructions_and_the_first_target(floor: Floor) -> None:
    study = floor.study()
    page = press(visit(join=study.join_code), "Join this study")
    (person,) = floor.store.participants.of_study(study.id)
    token = str(page.query_params["p"])
    found = floor.store.participants.by_token(token)
    assert found is not None
    assert found.id == person.id
    assert "join" not in page.query_params
    assert study.settings.consent[:40] in text_of(page)
    press(page, "I agree, continue")
    assert floor.store.participants.get(person.id).consented_at is not None
    press(page, "Begin")
    assert "Target 1 of 2 · Round 1" in text_of(page)
    assert "Generate" in labels(page)


def test_a_double_click_on_join_makes_one_participant(floor: Floor) -> None:
    study = floor.study()
    page = visit(join=study.join_code)
    request = page.session_state[f"join-{study.id}"]
    press(page, "Join this study")
    floor.store.participants.join(study.id, request)
    assert len(floor.store.participants.of_study(study.id)) == 1


def test_a_closed_study_says_so_and_takes_nobody(floor: Floor) -> None:
    study = floor.study()
    page = visit(join=study.join_code)
    floor.store.studies.set_open(study.id, False)
    assert "is not taking new participants" in text_of(press(page, "Join this study"))
    assert "This study is closed" in text_of(visit(join=study.join_code))
    assert floor.store.participants.of_study(study.id) == ()


@pytest.mark.parametrize("query", [{"p": "nobody"}, {"p": "x" * 4000}, {"join": "NOWHERE"}])
def test_an_unknown_link_is_a_clear_page(floor: Floor, query: dict[str, str]) -> None:
    page = visit(**query)
    assert labels(page) == []
    assert "cut short" in text_of(page)


def test_a_replaced_link_stops_working(floor: Floor, person: Participant) -> None:
    newer = floor.store.participants.renew_link(person.id)
    assert "This link does not work" in text_of(visit(p=TOKEN))
    assert "Generate" in labels(visit(p=newer))


# --- a target ---------------------------------------------------------------------------------


def test_generate_asks_for_one_round_with_the_words(floor: Floor, person: Participant) -> None:
    page = visit(p=TOKEN)
    page.text_area[0].set_value("a red ball on a beach")
    press(page, "Generate")
    standing = floor.store.progress.of_participant(person.id)
    assert [each.prompt for each in standing.rounds] == ["a red ball on a beach"]
    assert standing.phase == "generating"
    assert "Generate" not in labels(page)


def test_an_empty_prompt_is_one_sentence_and_asks_for_nothing(
    floor: Floor, person: Participant
) -> None:
    page = visit(p=TOKEN)
    page.text_area[0].set_value("   ")
    press(page, "Generate")
    assert [each.value for each in page.warning] == [
        "Please describe the target in a few words first."
    ]
    assert floor.store.progress.of_participant(person.id).rounds == ()


@pytest.mark.parametrize(
    ("words", "problem"),
    [("a ball\0", "plain text"), ("a ball " * 300, "at most 2000 characters, got 2099")],
)
def test_an_impossible_prompt_is_one_sentence_and_the_text_is_kept(
    floor: Floor, person: Participant, words: str, problem: str
) -> None:
    page = visit(p=TOKEN)
    page.text_area[0].set_value(words)
    press(page, "Generate")
    assert problem in page.warning[0].value
    assert page.text_area[0].value == words
    assert floor.store.progress.of_participant(person.id).rounds == ()


def test_characters_that_work_unseen_are_left_out_of_a_prompt() -> None:
    turning = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    assert plain_prompt(f" a {turning}red\x01\x1b\r\n\tball ") == "a red\n\tball"
    assert plain_prompt("ein Käse, شمس") == "ein Käse, شمس"
    with pytest.raises(StudyError, match="must say something"):
        plain_prompt(f" {turning} ")


def test_two_tabs_that_generate_at_once_make_one_round(floor: Floor, person: Participant) -> None:
    one, two = visit(p=TOKEN), visit(p=TOKEN)
    for page, words in ((one, "a red ball"), (two, "a blue ball")):
        page.text_area[0].set_value(words)
        press(page, "Generate")
    assert [each.prompt for each in floor.store.progress.of_participant(person.id).rounds] == [
        "a red ball"
    ]
    told = "This round was already started in another tab. Your words are kept for the next one."
    assert told in text_of(two)
    assert told not in text_of(one)
    asked = floor.store.progress.of_participant(person.id).rounds[0]
    floor.make(asked)
    floor.send(person, floor.submission(floor.store.rounds.get(asked.id)))
    two.run()
    assert press(two, "Next round").text_area[0].value == "a blue ball"


def test_the_same_words_from_two_tabs_need_no_remark(floor: Floor, person: Participant) -> None:
    one, two = visit(p=TOKEN), visit(p=TOKEN)
    for page, words in ((one, "a red ball"), (two, " a red ball\u202e ")):
        page.text_area[0].set_value(words)
        press(page, "Generate")
    assert "another tab" not in text_of(two)


def test_a_new_link_keeps_the_outbox_and_another_person_has_another(
    floor: Floor, person: Participant
) -> None:
    before = outbox_name(person)
    token = floor.store.participants.renew_link(person.id)
    again = floor.store.participants.by_token(token)
    assert again is not None
    assert outbox_name(again) == before
    other, _ = floor.store.participants.create(person.study_id)
    assert outbox_name(other) != before


def test_long_words_above_the_board_are_cut_and_can_be_read_in_full(
    floor: Floor, person: Participant
) -> None:
    floor.make(floor.ask(person, 'a "red" ball ' * 60))
    drawn = text_of(visit(p=TOKEN))
    assert '<p class="under cut" title="Your words: “a &quot;red&quot; ball' in drawn


@pytest.mark.parametrize(("ending", "action"), [("failed", "Try again"), ("cancelled", "Generate")])
def test_after_a_setback_the_words_are_still_there(
    floor: Floor, person: Participant, ending: str, action: str
) -> None:
    asked = floor.ask(person, "a small red boat")
    if ending == "failed":
        floor.store.rounds.fail(asked.id, "the disk is full")
    else:
        floor.store.rounds.cancel(person.id, asked.id)
    page = visit(p=TOKEN)
    assert page.text_area[0].value == "a small red boat"
    assert "still here" in text_of(page)
    assert ("the disk is full" in text_of(page)) == (ending == "failed")
    press(page, action)
    assert floor.store.progress.of_participant(person.id).phase == "generating"


def test_the_next_round_carries_the_words_over_and_shows_the_nearest(
    floor: Floor, person: Participant
) -> None:
    ranked = floor.rank(person, (2, 0, 1, 3))
    page = visit(p=TOKEN)
    assert {"Next round", "I am done with this target"} <= set(labels(page))
    press(page, "Next round")
    assert page.text_area[0].value == "a red ball"
    first = floor.store.rounds.get(ranked.round_id).candidates[2]
    assert text_of(page).count(f"/img/{first.image}.png") == 2
    assert "Round 2" in text_of(page)
    press(page, "Back to the ranking")
    assert "Next round" in labels(page)


def test_a_target_cannot_be_left_before_the_minimum(floor: Floor) -> None:
    study = floor.study(min_rounds=2, max_rounds=3)
    person, token = floor.store.participants.create(study.id)
    floor.store.participants.consent(person.id)
    floor.store.participants.start(person.id)
    floor.rank(person)
    page = visit(p=token)
    done = next(each for each in page.button if each.label == "I am done with this target")
    assert done.disabled
    assert "1 round to go" in text_of(page)


def test_all_rounds_used_leaves_only_the_way_on(floor: Floor, person: Participant) -> None:
    floor.rank(person)
    floor.rank(person)
    page = visit(p=TOKEN)
    onward = next(each for each in page.button if each.label == "Next round")
    assert onward.disabled
    press(page, "I am done with this target")
    assert "Target 2 of 2 · Round 1" in text_of(page)
    assert page.text_area[0].value == ""


def test_a_waiting_round_is_shown_again_after_the_tab_was_closed(
    floor: Floor, person: Participant
) -> None:
    floor.board(person)
    page = visit(p=TOKEN)
    assert "Which looks most like the target?" in text_of(page)
    assert labels(page) == []


def test_words_of_a_prompt_cannot_bring_their_own_html(floor: Floor, person: Participant) -> None:
    floor.make(floor.ask(person, "<script>alert(1)</script> & a ball"))
    assert "<script>" not in text_of(visit(p=TOKEN))


def test_words_not_understood_are_named_once(floor: Floor, person: Participant) -> None:
    asked = floor.ask(person, "a fluffy zorb")
    made = [
        (
            floor.image(50 + i),
            Provenance("scenes", "1", asked.prompt, i, 64, 64, not_understood=("zorb",)),
        )
        for i in range(4)
    ]
    floor.store.rounds.add_candidates(asked.id, made)
    board = floor.store.rounds.get(asked.id)
    assert words_not_understood(board) == ("zorb",)
    floor.send(person, floor.submission(board))
    page = press(visit(p=TOKEN), "Next round")
    assert "Not understood: <span>zorb</span>" in text_of(page)


# --- how far ----------------------------------------------------------------------------------


def test_the_progress_fills_with_each_ranking_and_is_full_only_when_a_target_is_left(
    floor: Floor, person: Participant
) -> None:
    seen = [segments(floor.store.progress.of_participant(person.id))]
    floor.rank(person)
    seen.append(segments(floor.store.progress.of_participant(person.id)))
    assert "1 more round" in _what_remains(floor.store.progress.of_participant(person.id))
    floor.rank(person)
    seen.append(segments(floor.store.progress.of_participant(person.id)))
    assert "the last round" in _what_remains(floor.store.progress.of_participant(person.id))
    floor.finish(person)
    seen.append(segments(floor.store.progress.of_participant(person.id)))
    assert seen[0] == [0, 0]
    assert 0 < seen[1][0] <= seen[2][0] < 1
    assert seen[3] == [1, 0]


# --- the end ----------------------------------------------------------------------------------


def test_the_code_is_shown_only_when_the_browser_has_nothing_left_to_send(
    floor: Floor, person: Participant
) -> None:
    for _ in range(2):
        floor.rank(person)
        floor.finish(person)
    code = floor.store.participants.get(person.id).completion_code
    assert code is not None
    page = visit(p=TOKEN)
    assert "Checking that everything is saved" in text_of(page)
    for pending, shown in ((2, False), (1, False), (0, True)):
        page.session_state["outbox"] = {"pending": pending}
        page.run()
        assert not page.exception
        assert ("Everything is saved" in text_of(page)) == shown
        assert ("still being sent" in text_of(page)) != shown


# --- the last part ----------------------------------------------------------------------------


@pytest.fixture
def near_the_end(floor: Floor) -> Participant:
    """Somebody who has ranked all but the last target of a study with two repeats."""
    study = floor.study(targets=3, min_rounds=1, max_rounds=2, repeats=2)
    person, _ = floor.store.participants.create(study.id, token=TOKEN)
    floor.store.participants.consent(person.id)
    floor.store.participants.start(person.id)
    for _ in range(2):
        floor.rank(person)
        floor.finish(person)
    return person


def test_the_instructions_say_what_comes_after_the_targets(floor: Floor) -> None:
    for count, words in ((0, ""), (1, "there is 1 more set"), (2, "there are up to 2 more sets")):
        study = floor.study(repeats=count)
        person, token = floor.store.participants.create(study.id)
        floor.store.participants.consent(person.id)
        shown = text_of(visit(p=token))
        assert words in shown
        assert ("After the last target" in shown) == (count > 0)


def test_after_the_last_target_come_boards_with_nothing_to_write(
    floor: Floor, near_the_end: Participant
) -> None:
    floor.rank(near_the_end)
    page = visit(p=TOKEN)
    assert "up to 2 more sets of images" in text_of(page)
    press(page, "I am done with this target")
    for place, onward in ((1, "Next set"), (2, "Finish the study")):
        assert f"Last part · Set {place} of 2" in text_of(page)
        assert labels(page) == [] and not page.text_area
        board = floor.store.progress.of_participant(near_the_end.id).round
        assert board is not None
        again = visit(p=TOKEN)  # the tab was closed meanwhile
        assert f"Last part · Set {place} of 2" in text_of(again)
        floor.send(near_the_end, floor.submission(board))
        page.run()
        assert ("1 more set to rank" in text_of(page)) == (place == 1)
        press(page, onward)
    assert "Thank you" in text_of(page)
    assert floor.store.participants.get(near_the_end.id).completion_code is not None


def test_a_repeat_is_not_announced_and_shows_no_words_of_before(
    floor: Floor, near_the_end: Participant
) -> None:
    floor.rank(near_the_end)
    floor.finish(near_the_end)
    drawn = text_of(visit(p=TOKEN)).lower()
    shown = re.sub("<style>.*?</style>", "", drawn, flags=re.DOTALL)
    assert "set 1 of 2" in shown
    assert not any(words in shown for words in ("a red ball", "repeat", "again"))


# --- what a metric says between rounds ----------------------------------------------------------


def test_only_who_is_shown_a_metric_reads_what_it_says(floor: Floor) -> None:
    told = {}
    for arm in ("none", "stock", "personal"):
        study = floor.study(targets=1, min_rounds=1, max_rounds=3, guidance=(arm,))
        token = f"{TOKEN}-{arm}"
        person, _ = floor.store.participants.create(study.id, token=token)
        floor.store.participants.consent(person.id)
        floor.store.participants.start(person.id)
        for _ in range(2):
            floor.rank(person)
        rounds = floor.store.progress.of_participant(person.id).rounds
        images = [each.image for one in rounds for each in one.candidates]
        away = {image: 0.9 - 0.1 * place for place, image in enumerate(images)}
        away[images[0]] = 0.01  # the nearest of all is from the first round
        floor.store.guidance.add(rounds[-1].id, arm if arm != "none" else "stock", 0, away)
        told[arm] = words_of(press(visit(p=token), "Next round"))
    assert "measure" not in told["none"]
    for arm in ("stock", "personal"):
        shown = told[arm]
        assert "nearest image so far is from round 1" in shown
        measured = shown[shown.index('class="measured"') :].split("</section>")[0]
        assert re.findall(r"Image \d in the computer’s order", measured) == [
            f"Image {place} in the computer’s order" for place in (1, 2, 3, 4)
        ]
        widths = [int(each) for each in re.findall(r"width:(\d+)%", measured)]
        assert widths == sorted(widths, reverse=True) and len(set(widths)) == 4
    assert told["stock"].count("measure") == told["personal"].count("measure")


def test_next_round_goes_on_where_it_was_pressed_on_any_device(floor: Floor) -> None:
    study = floor.study(targets=1, min_rounds=1, max_rounds=3)
    person, _ = floor.store.participants.create(study.id, token=TOKEN)
    floor.store.participants.consent(person.id)
    floor.store.participants.start(person.id)
    floor.rank(person)
    press(visit(p=TOKEN), "Next round")
    elsewhere = visit(p=TOKEN)
    assert "Now get closer to it" in text_of(elsewhere)
    press(elsewhere, "Back to the ranking")
    assert "Next round" in labels(visit(p=TOKEN))


def test_who_waits_for_the_measure_is_told_so_and_not_for_ever(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = floor.study(targets=1, min_rounds=1, max_rounds=3, guidance=("stock",))
    person, _ = floor.store.participants.create(study.id, token=TOKEN)
    floor.store.participants.consent(person.id)
    floor.store.participants.start(person.id)
    floor.rank(person)
    waiting = "is comparing your images with the target"
    assert waiting in text_of(press(visit(p=TOKEN), "Next round"))
    monkeypatch.setattr("app.views.participant.guidance.PATIENCE_SECONDS", 0.0)
    late = words_of(visit(p=TOKEN))
    assert not any(words in late for words in ("comparing", "measur", "a computer orders"))
