"""Every maker through the real app in Chromium, as its two users meet it, without a model hub.

The researcher makes a study in the form; a participant opens its join link, asks for images and
ranks them. What counts is what the store holds afterwards.
"""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from misbehaving import Reply, Server, image, serving
from pictures import scene
from playwright.sync_api import Browser, Page, TimeoutError, expect
from running import RunningApp
from small_pipeline import save_small_pipeline
from test_participant import DESK, PHONE, Visitor

from app.settings import Settings
from app.store import Store
from app.study.records import RankedRound
from app.study.settings import StudySettings
from app.study.types import Candidate, Study
from app.views.researcher.new_study.maker_fields import ABOUT, KINDS
from clpips.generation.names import NO_PROMPT, kind_of

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PASSWORD = "correct horse battery"
KEY = "sk-known-to-the-worker-alone"
WORDS = "a red house by the sea"
SIDE = 64


class Stage(NamedTuple):
    """One app for all makers, and what they draw with."""

    app: RunningApp
    store: Store
    service: Server
    model: Path
    pool: Path
    target: Path


class Case(NamedTuple):
    """How the form is filled in for a maker, and what its images must say about themselves."""

    fill: Callable[[Page, Stage], None]
    check: Callable[[Candidate, Stage], None]
    prompt: str = WORDS


def png(number: int) -> bytes:
    buffer = io.BytesIO()
    scene(number, SIDE).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module", autouse=True)
def _patience() -> Iterator[None]:
    """A worker that loads a model leaves the pages little of two cores."""
    expect.set_options(timeout=30_000)
    yield
    expect.set_options(timeout=5_000)  # Playwright's own


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("makers")
    pool, target = folder / "pool.zip", folder / "target.png"
    target.write_bytes(png(99))
    with zipfile.ZipFile(pool, "w") as packed:
        for number in range(4):
            packed.writestr(f"images/{number}.png", png(number))
    model = save_small_pipeline(folder / "small")
    with serving() as service, pytest.MonkeyPatch.context() as environment:
        environment.setenv("CLPIPS_IMAGES_KEY", KEY)
        environment.setenv("CLPIPS_IMAGES_URL", service.url)
        data = folder / "data"
        data.mkdir()
        with RunningApp(data) as app:
            yield Stage(app, Store(Settings(data_dir=data)), service, model, pool, target)


@pytest.fixture(scope="module")
def researcher(stage: Stage, browser: Browser) -> Iterator[Page]:
    """The studies' page, signed in."""
    visitor = Visitor(browser, stage.app, DESK)
    visitor.page.goto("/researcher")
    for field in (visitor.page.get_by_label("Password"), visitor.page.get_by_label("again")):
        field.first.fill(PASSWORD)
    visitor.press("Set password")
    expect(visitor.page.get_by_role("heading", name="Studies")).to_be_visible()
    yield visitor.page
    visitor.context.close()


@pytest.fixture
def participant(stage: Stage, browser: Browser) -> Iterator[Visitor]:
    visitor = Visitor(browser, stage.app, PHONE)
    yield visitor
    visitor.context.close()


def fill_diffusers(page: Page, stage: Stage) -> None:
    page.get_by_label("Model", exact=True).fill(str(stage.model))
    page.get_by_label("Denoising steps").fill("2")


def fill_tiny(page: Page, stage: Stage) -> None:
    page.get_by_label("Denoising steps").fill("2")


def fill_http(page: Page, stage: Stage) -> None:
    page.get_by_label("Base address").fill(stage.service.url)
    page.get_by_label("Cost per image").fill("0.04")


def fill_pool(page: Page, stage: Stage) -> None:
    upload(page, "Images (.zip)", stage.pool)


def two_steps(drawn: Candidate, stage: Stage) -> None:
    assert drawn.provenance.options["settings"]["steps"] == 2


def from_the_service(drawn: Candidate, stage: Stage) -> None:
    record = drawn.provenance.options["service"]
    assert (record["base_url"], record["cost"]) == (stage.service.url, 0.04)
    assert {each.headers["authorization"] for each in stage.service.asked} == {f"Bearer {KEY}"}
    assert KEY not in repr(drawn.provenance)


def from_the_pool(drawn: Candidate, stage: Stage) -> None:
    assert drawn.provenance.options["sha256"]


CASES = {
    "scenes": Case(lambda page, stage: None, lambda drawn, stage: None),
    "diffusers": Case(fill_diffusers, two_steps),
    "http": Case(fill_http, from_the_service),
    "pool": Case(fill_pool, from_the_pool, NO_PROMPT),
    "tiny": Case(fill_tiny, two_steps),
}


SLOW = {"diffusers"}  # the same screens and the same pipeline as tiny


@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=pytest.mark.slow if k in SLOW else ()) for k in CASES]
)
def test_a_study_with_this_maker_is_made_in_the_form_and_ranked(
    stage: Stage, researcher: Page, participant: Visitor, kind: str
) -> None:
    case = CASES[kind]
    stage.service.tell(*(image(png(number)) for number in range(4)))
    study = make_study(researcher, stage, kind)
    enter(participant, study)
    ask(participant.page, case.prompt)
    shown = board(participant)
    participant.rank([2, 0, 3, 1])
    participant.check()
    ranked = only_ranking(stage.store, study)
    drawn = {f"/img/{each.image}.png": each for each in ranked.round.candidates}
    assert list(drawn) == shown
    assert ranked.round.prompt == case.prompt
    for each in drawn.values():
        assert (kind_of(each.provenance.maker), each.provenance.prompt) == (kind, case.prompt)
        case.check(each, stage)
    assert ranked.round.ranking is not None
    assert [drawn[shown[index]].id for index in (2, 0, 3, 1)] == list(ranked.round.ranking.order)


def test_after_a_service_failed_the_same_words_can_be_sent_again(
    stage: Stage, participant: Visitor
) -> None:
    name, settings = f"http:{stage.service.url}", {"attempts": 2}
    study = small_study(
        stage.store,
        StudySettings(image_size=SIDE, maker=name, maker_options=settings, min_rounds=1),
    )
    broken = Reply({"error": {"message": "the painters are ill"}}, status=500)
    stage.service.tell(broken)
    enter(participant, study)
    ask(participant.page, WORDS)
    warning = participant.page.get_by_test_id("stAlert")
    expect(warning).to_contain_text("got status 500: the painters are ill", timeout=30_000)
    expect(warning).to_contain_text("Your words are still here: try again.")
    expect(participant.page.get_by_label("Your description")).to_have_value(WORDS)
    participant.check()
    stage.service.tell(*(image(png(number)) for number in range(4)))
    participant.press("Try again")
    board(participant)
    participant.rank([0, 1, 2, 3])
    assert only_ranking(stage.store, study).round.prompt == WORDS


def make_study(page: Page, stage: Stage, kind: str) -> Study:
    """Fill in the form for a maker and send it; the study must be there."""
    before = {study.id for study in stage.store.studies.all()}
    page.goto("/researcher")
    page.locator("summary").filter(has_text="New study").click()
    choose_maker(page, kind)
    CASES[kind].fill(page, stage)
    page.get_by_label("Title", exact=True).fill(f"A study of {kind}")
    upload(page, "Or upload target images", stage.target)
    page.get_by_role("button", name="Create study").click()
    expect(page.get_by_text("The study is ready: 1 target.")).to_be_visible()
    (study,) = [each for each in stage.store.studies.all() if each.id not in before]
    expect(page.get_by_text(f"join={study.join_code}").first).to_be_visible()
    assert study.title == f"A study of {kind}"
    return study


def choose_maker(page: Page, kind: str) -> None:
    """Choose from the list, which closes by itself when the page is drawn again meanwhile."""
    wanted = page.get_by_role("option", name=KINDS[kind])
    for _ in range(5):
        page.get_by_role("combobox", name="Image source").click()
        with contextlib.suppress(TimeoutError):
            wanted.click(timeout=5_000)
            break
    expect(page.get_by_text(ABOUT[kind][:40])).to_be_visible()


def upload(page: Page, field: str, file: Path) -> None:
    """Give a file to one of the form's fields for files, and wait until the app has it."""
    page.get_by_test_id("stFileUploader").filter(has_text=field).locator("input").set_input_files(
        file
    )
    expect(page.get_by_text(file.name)).to_be_visible()


def small_study(store: Store, settings: StudySettings) -> Study:
    target = store.images.add(png(99), width=SIDE, height=SIDE)
    return store.studies.create("A study that fails", settings, [("a target", target)])


def enter(participant: Visitor, study: Study) -> None:
    """From the join link to the first target."""
    participant.page.goto(f"/?join={study.join_code}")
    for name in ("Join this study", "I agree, continue", "Begin"):
        participant.press(name)


def ask(page: Page, prompt: str) -> None:
    """Write the prompt and send it, or only ask for images where there is none to write."""
    if prompt == NO_PROMPT:
        page.get_by_role("button", name="Show the images").click()
    else:
        page.get_by_label("Your description").fill(prompt)
        page.get_by_role("button", name="Generate").click()


def board(participant: Visitor) -> list[str]:
    """Wait for the images, as long as a model's first one may take; their addresses."""
    participant.page.wait_for_selector("[data-phase=ranking]", timeout=90_000)
    return participant.shown()


def only_ranking(store: Store, study: Study) -> RankedRound:
    (ranked,) = store.rounds.ranked(study.id)
    return ranked
