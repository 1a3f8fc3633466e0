"""The form of a new study: several ways of making images, what is shown, what is compared."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pictures import scene
from signed_in import signed_in_store
from streamlit.testing.v1 import AppTest

from app.store import Store
from app.study.arms import MakerArm
from app.study.types import Study
from app.views.researcher.new_study import advanced_fields, maker_fields
from app.views.researcher.new_study.arm_fields import ArmAnswers, SeveralAnswers
from app.views.researcher.new_study.form import Answers, make_study
from app.views.researcher.new_study.maker_fields import SEVERAL, MakerAnswers
from clpips.errors import GenerationError, StudyError


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(
        maker_fields, "tiny_model_folder", lambda: tmp_path
    )  # the form offers it where it is there
    return signed_in_store(tmp_path, monkeypatch)


def studies_page() -> None:
    from app.views.researcher.studies import page

    page()


def form() -> AppTest:
    screen = AppTest.from_function(studies_page, default_timeout=120).run()
    assert not screen.exception
    return screen


def labelled(screen: AppTest, kind: str, label: str) -> Any:
    return next(each for each in screen.get(kind) if each.label == label)


def labels(screen: AppTest) -> list[str]:
    kinds = ("text_input", "number_input", "selectbox", "multiselect", "radio", "toggle")
    return [each.label for kind in kinds for each in screen.get(kind)]


def send(screen: AppTest, title: str = "Hats") -> AppTest:
    labelled(screen, "text_input", "Title").set_value(title)
    targets = labelled(screen, "multiselect", "Sample targets")
    targets.set_value(targets.options[:1])
    labelled(screen, "button", "Create study").click()
    screen.run()
    assert not screen.exception
    return screen


def several(count: int = 2) -> AppTest:
    screen = form()
    labelled(screen, "selectbox", "Image source").set_value(SEVERAL).run()
    if count != 2:
        labelled(screen, "number_input", "Number of arms").set_value(count).run()
    return screen


def only(store: Store) -> Study:
    (study,) = store.studies.all()
    return study


def png(number: int) -> bytes:
    buffer = io.BytesIO()
    scene(number, 64).save(buffer, "PNG")
    return buffer.getvalue()


def archive(first: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for number in range(first, first + 9):
            packed.writestr(f"images/{number}.png", png(number))
    return buffer.getvalue()


def made(store: Store, *arms: ArmAnswers, mixes: bool = False) -> Study:
    answers = Answers(
        "Hats", (), [("t.png", png(99))], {}, maker_fields.SCENES, SeveralAnswers(arms, mixes)
    )
    return make_study(store, answers)[0]


# --- one way, as before -------------------------------------------------------------------------


def test_a_plain_study_has_no_arms_and_compares_nothing(store: Store) -> None:
    send(form())
    settings = only(store).settings
    assert (settings.maker, settings.arms, settings.mixes_arms) == ("scenes", (), False)
    assert (settings.guidance, settings.duels) == (("none",), 0)
    assert (settings.choice, settings.made_per_round) == ("random", settings.candidates)


def service_form(further: str, size: str = "") -> AppTest:
    screen = form()
    labelled(screen, "selectbox", "Image source").set_value("http").run()
    labelled(screen, "text_input", "Base address").set_value("https://images.example/v1")
    labelled(screen, "text_input", "Size (optional)").set_value(size)
    labelled(screen, "text_area", "Further fields (optional)").set_value(further)
    return send(screen)


def test_size_and_further_fields_of_a_service_are_set_in_the_form(store: Store) -> None:
    service_form('{"quality": "low", "response_format": null}', "1024x1024")
    fields = {"quality": "low", "response_format": None, "size": "1024x1024"}
    assert only(store).settings.maker_options["fields"] == fields


@pytest.mark.parametrize(
    ("further", "rule"),
    [
        ('{"quality": low}', "urther fields must be JSON"),
        ('["low"]', "urther fields must be a JSON object"),
        ('{"n": 4}', "name none of prompt, n, model"),
        ('{"steps": NaN}', "what JSON can hold"),
    ],
)
def test_further_fields_that_no_request_can_have_make_no_study(
    store: Store, further: str, rule: str
) -> None:
    screen = service_form(further)
    assert rule in screen.error[0].value and store.studies.all() == ()


def test_a_beginners_form_shows_nothing_of_several_ways(store: Store) -> None:
    assert "Number of arms" not in labels(form())
    assert "Name in reports" not in labels(form())


# --- several ways -------------------------------------------------------------------------------


def test_ways_get_letters_fields_of_their_own_and_turns(store: Store) -> None:
    send(several())
    settings = only(store).settings
    assert settings.arms == (
        MakerArm("A", "scenes"),
        MakerArm("B", "tiny", {"steps": 20, "guidance": 5.0}),
    )
    assert settings.mixes_arms is False and settings.writes_prompts


def test_two_ways_of_one_kind_keep_their_own_settings(store: Store) -> None:
    screen = several(3)
    screen.text_input(key="arm-1-name").set_value("few steps")
    screen.text_input(key="arm-2-name").set_value(" many steps ")
    screen.number_input(key="arm-1-tiny-steps").set_value(5)
    labelled(screen, "radio", "Arms within a round").set_value(True)
    send(screen)
    settings = only(store).settings
    assert [(arm.name, arm.options.get("steps")) for arm in settings.arms] == [
        ("A", None),
        ("few steps", 5),
        ("many steps", 20),
    ]
    assert settings.mixes_arms is True


def test_at_most_six_ways_can_be_asked_for(store: Store) -> None:
    screen = several(6)
    assert labels(screen).count("Name in reports") == 6
    assert labelled(screen, "number_input", "Number of arms").max == 6


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"arm-0-kind": "tiny"}, "The arms of a study must differ in their maker or its settings."),
        ({"arm-1-name": "A"}, "The arms of a study must have different names."),
        ({"arm-1-name": " "}, "An arm's name must have 1 to 40 characters."),
        ({"arm-1-kind": "diffusers"}, "B: a diffusers model must be named by its folder or id."),
        ({"arm-1-kind": "pool"}, "B: a pool must be uploaded as a .zip of images."),
    ],
)
def test_ways_that_break_a_rule_are_said_in_one_sentence(
    store: Store, fields: dict[str, str], sentence: str
) -> None:
    screen = several()
    for key, value in fields.items():
        kind = screen.selectbox if key.endswith("kind") else screen.text_input
        kind(key=key).set_value(value)
    send(screen.run())
    assert [each.value for each in screen.error] == [sentence]
    assert store.studies.all() == ()


def test_pools_of_ways_are_checked_and_kept(store: Store) -> None:
    one, two = (
        ArmAnswers(name, MakerAnswers("pool", {}, pool=archive(first), writes_prompts=False))
        for name, first in (("old", 0), ("new", 20))
    )
    study = made(store, one, two, mixes=True)
    assert all(arm.maker.startswith("pool:pools/") for arm in study.settings.arms)
    assert len(list((store.settings.data_dir / "pools").iterdir())) == 2
    assert not study.settings.writes_prompts
    assert store.studies.get(study.id).settings == study.settings


def test_prompts_are_written_unless_every_way_is_a_pool_without_them(store: Store) -> None:
    pool = ArmAnswers("old", MakerAnswers("pool", {}, pool=archive(0), writes_prompts=False))
    assert made(store, pool, ArmAnswers("new", maker_fields.SCENES)).settings.writes_prompts


def test_a_pool_that_is_none_is_said_with_the_way_it_belongs_to(store: Store) -> None:
    bad = ArmAnswers("old", MakerAnswers("pool", {}, pool=b"no zip"))
    with pytest.raises(GenerationError, match=r"^old: the uploaded archive"):
        made(store, ArmAnswers("new", maker_fields.SCENES), bad)


# --- what is shown and compared -----------------------------------------------------------------


@pytest.mark.parametrize("shown", list(advanced_fields.SELECTION_LABELS))
def test_the_choice_of_images_shown_is_kept(
    store: Store, shown: advanced_fields.SelectionOption
) -> None:
    screen = form()
    labelled(screen, "selectbox", "Images shown").set_value(shown)
    send(screen)
    settings = only(store).settings
    assert (settings.choice, settings.made_per_round) == (
        shown.choice,
        shown.times * settings.candidates,
    )


@pytest.mark.parametrize(
    ("chosen", "kept"),
    [
        (["personal", "stock"], ("stock", "personal")),
        (["none", "personal"], ("none", "personal")),
        ([], ("none",)),
    ],
)
def test_metrics_shown_between_rounds_are_kept(
    store: Store, chosen: list[str], kept: tuple[str, ...]
) -> None:
    screen = form()
    field = labelled(screen, "multiselect", "Shown between rounds")
    field.set_value(chosen)
    labelled(screen, "number_input", "Blind A/B comparisons at the end").set_value(4)
    send(screen)
    assert only(store).settings.guidance == kept
    assert only(store).settings.duels == 4


def test_more_than_six_ways_are_refused(store: Store) -> None:
    arms = [ArmAnswers(f"{n}", MakerAnswers("tiny", {"steps": n + 1})) for n in range(7)]
    with pytest.raises(StudyError, match="2 to 6 arms"):
        made(store, *arms)
