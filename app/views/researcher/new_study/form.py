"""The form that makes a new study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app import session
from app.files.new_targets import conversion_notes, read_uploads, store_targets
from app.files.pools import add_pool, check_pools
from app.store import Store
from app.study.arms import MakerArm
from app.study.settings import StudySettings
from app.study.types import Study
from app.views.researcher.formatting import plural
from app.views.researcher.html import link, show
from app.views.researcher.new_study import advanced_fields, arm_fields, maker_fields, target_fields
from app.views.researcher.new_study.arm_fields import ArmAnswers, SeveralAnswers
from app.views.researcher.new_study.maker_fields import MakerAnswers
from app.views.researcher.urls import study_address
from clpips.errors import GenerationError, InputError, StudyError
from clpips.features.names import SPACES
from clpips.generation.scenes.targets import SampleTarget

MADE = "study_form.made"
NETWORKS = {
    "alex": "AlexNet",
    "vgg": "VGG",
    "squeeze": "SqueezeNet",
    "st-alex": "AlexNet, shift-tolerant",
    "st-vgg": "VGG, shift-tolerant",
    "wide": "AlexNet with EfficientNet-Lite0",
}
SIZES = (256, 384, 512, 768, 1024)
DEFAULTS = StudySettings()


@dataclass(frozen=True, slots=True)
class Answers:
    """What the form holds when it is sent; ``several`` where the study has arms."""

    title: str
    samples: Sequence[SampleTarget]
    uploads: Sequence[tuple[str, bytes]]
    settings: dict[str, Any]
    maker: MakerAnswers = maker_fields.SCENES
    several: SeveralAnswers | None = None


def draw(store: Store) -> None:
    """Draw the form; make the study when it is sent and nothing is wrong with it."""
    kind = maker_fields.choose_kind()
    several = arm_fields.draw() if kind == maker_fields.SEVERAL else None
    answers = _form(kind, several)
    if answers is None:
        return
    try:
        study, notes = make_study(store, answers)
    except InputError as error:
        st.error(session.sentence(error))
        return
    st.session_state[MADE] = (study.id, notes)
    st.rerun()


def made_notice(store: Store) -> None:
    """Say once that the new study was created, and what was done to its images."""
    study_id, notes = st.session_state.pop(MADE, (None, ()))
    if study_id is None:
        return
    study = store.studies.get(study_id)
    with st.container(border=True):
        st.success(f"The study is ready: {plural(len(store.studies.targets(study_id)), 'target')}.")
        show(link(f"Open {study.title}", study_address(study_id), button=True))
    for sentence in notes:
        st.info(sentence)


def make_study(store: Store, answers: Answers) -> tuple[Study, tuple[str, ...]]:
    """Store the targets and the study.

    Returns:
        The study, and one sentence for each uploaded image that was converted.

    Raises:
        StudyError: a setting outside its range, no title, no target, an upload that cannot be a
            target, two targets of one name, or a pool with too few images of a target; nothing
            but images was stored then.
        GenerationError: a maker that lacks something, or a pool that breaks a rule.
    """
    if not answers.title.strip():
        raise StudyError("a study must have a title, got an empty one")
    settings = StudySettings(**answers.settings, **_making(store, answers))
    pictures = read_uploads(answers.uploads, answers.samples)
    targets = store_targets(store, answers.samples, pictures)
    if not targets:
        raise StudyError("a study must have at least one target: choose samples or upload images")
    unused = check_pools(store, settings, [name for name, _ in targets])
    study = store.studies.create(answers.title, settings, targets)
    return study, (*conversion_notes(pictures), *unused)


def _making(store: Store, answers: Answers) -> dict[str, Any]:
    """The settings that say what makes the images."""
    if answers.several is not None:
        arms = answers.several.arms
        for each in arms:
            _check_filled_in(each.maker, each.prefix)
        return {
            "arms": tuple(_arm(store, each) for each in arms),
            "mixes_arms": answers.several.mixes,
            "writes_prompts": any(each.maker.writes_prompts for each in arms),
        }
    _check_filled_in(answers.maker)
    return {
        "maker": _maker_name(store, answers.maker),
        "maker_options": answers.maker.options,
        "writes_prompts": answers.maker.writes_prompts,
    }


def _check_filled_in(maker: MakerAnswers, prefix: str = "") -> None:
    if maker.missing:
        raise GenerationError(prefix + maker.missing)


def _arm(store: Store, answers: ArmAnswers) -> MakerArm:
    try:
        name = _maker_name(store, answers.maker)
    except GenerationError as error:
        raise GenerationError(f"{answers.prefix}{error}") from error
    return MakerArm(answers.name, name, answers.maker.options)


def _maker_name(store: Store, maker: MakerAnswers) -> str:
    """The name that the settings keep; an uploaded pool is checked and stored first."""
    return maker.name if maker.pool is None else add_pool(store, maker.pool)


def _form(kind: str, several: SeveralAnswers | None) -> Answers | None:
    with st.form("new-study", border=False, enter_to_submit=False):
        # Right below the choice of its kind; several are drawn above, each with its own kind.
        maker = maker_fields.SCENES if several else maker_fields.draw(kind)
        title = st.text_input("Title", max_chars=200)
        samples, uploads = target_fields.draw()
        settings = _settings_fields()
        sent = st.form_submit_button("Create study", type="primary")
    if not sent:
        return None
    return Answers(title, samples, uploads, settings, maker, several)


def _settings_fields() -> dict[str, Any]:
    first, second, third = st.columns(3)
    candidates = first.number_input("Candidates per round", 2, 9, DEFAULTS.candidates)
    least = second.number_input("Rounds per target, at least", 1, 50, DEFAULTS.min_rounds)
    most = third.number_input("At most", 1, 50, DEFAULTS.max_rounds)
    left, right = st.columns(2)
    side = left.selectbox(
        "Image size",
        SIZES,
        index=SIZES.index(DEFAULTS.image_size),
        format_func=lambda pixels: f"{pixels} × {pixels} pixels",
    )
    backbone = right.selectbox(
        "Network (backbone)",
        SPACES,
        format_func=lambda name: NETWORKS[name],
        help="AlexNet is fast, and agrees best with people in the LPIPS paper.",
    )
    consent = st.text_area("Consent text", DEFAULTS.consent, height=140)
    instructions = st.text_area(
        "Your own instructions (optional)",
        placeholder="Shown before the first target",
        height=80,
    )
    with st.expander("Advanced"):
        advanced = advanced_fields.draw(int(candidates))
    return {
        "candidates": int(candidates),
        "min_rounds": int(least),
        "max_rounds": int(most),
        "image_size": side,
        "backbone": backbone,
        "consent": consent.strip(),
        "instructions": instructions.strip(),
        **advanced,
    }
