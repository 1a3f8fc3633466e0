"""What makes a new study's images, and how: the fields of each kind of maker."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

import streamlit as st

from app.views.researcher.new_study.upload_limit import too_large
from clpips.errors import GenerationError
from clpips.generation.diffusion.settings import MAX_STEPS, SCHEDULERS
from clpips.generation.openai_images.options import service_options
from clpips.io.resources import tiny_model_folder
from clpips.text import without_paths

KINDS: dict[str, str] = {
    "scenes": "Built-in renderer (no model)",
    "tiny": "Built-in small diffusion model",
    "diffusers": "A diffusers model (folder or id)",
    "http": "An image service (OpenAI-compatible)",
    "pool": "Images made elsewhere (upload)",
}
SEVERAL = "several"
"""Chosen instead of a kind where a study compares several arms."""
KIND_LABELS: dict[str, str] = {**KINDS, SEVERAL: "Several study arms, compared"}
ABOUT: dict[str, str] = {
    "scenes": "Renders what the prompt says within moments, on any machine.",
    "tiny": "A real, small model with the architecture of Stable Diffusion, 64 × 64 pixels. It "
    "knows about twenty kinds of things in twelve colours.",
    "diffusers": "Any text-to-image model of the diffusers library with safetensors weights. A "
    "model given by id is downloaded by the worker when the first image is requested.",
    "http": "One call per image. The worker sends the key in CLPIPS_IMAGES_KEY to the address in "
    "CLPIPS_IMAGES_URL only; it is never stored.",
    "pool": "For studies that only rank: a zip of PNG, JPEG or WebP images, optionally with a "
    "captions.csv (image,caption,target).",
    SEVERAL: "Images are assigned to arms at random, equally often to each. Participants never see "
    "which arm made theirs.",
}
MODEL_DEFAULT = "Model default"
DIFFUSERS_STEPS, TINY_STEPS, TINY_GUIDANCE = 30, 20, 5.0


class MakerAnswers(NamedTuple):
    """What the fields hold: the maker's name, its options, and an uploaded pool.

    ``missing`` says what must still be filled in; empty where nothing is.
    """

    name: str
    options: dict[str, Any]
    pool: bytes | None = None
    missing: str = ""
    writes_prompts: bool = True


SCENES = MakerAnswers("scenes", {})


def choose_kind() -> str:
    """A kind of maker or :data:`SEVERAL`; outside the form, so that its fields appear at once."""
    kind: str = st.selectbox(
        "Image source", [*kinds_here(), SEVERAL], format_func=KIND_LABELS.__getitem__
    )
    st.caption(ABOUT[kind])
    return kind


def kinds_here() -> list[str]:
    """The kinds of maker that this installation has."""
    return [kind for kind in KINDS if kind != "tiny" or tiny_model_folder().is_dir()]


def draw(kind: str, *, key: str = "") -> MakerAnswers:
    """The fields of one kind of maker.

    Args:
        kind: one of :data:`KINDS`.
        key: tells fields of one kind apart where a page has them several times.
    """
    return _FIELDS[kind](f"{key}-{kind}-" if key else "")


def _key(prefix: str, name: str) -> str | None:
    return prefix + name if prefix else None


def _scenes(_prefix: str) -> MakerAnswers:
    return SCENES


def _tiny(prefix: str) -> MakerAnswers:
    left, right = st.columns(2)
    steps = left.number_input(
        "Denoising steps", 1, MAX_STEPS, TINY_STEPS, key=_key(prefix, "steps")
    )
    guidance = right.number_input(
        "Guidance", 0.0, 50.0, TINY_GUIDANCE, 0.5, key=_key(prefix, "guidance")
    )
    return MakerAnswers("tiny", {"steps": int(steps), "guidance": float(guidance)})


def _diffusers(prefix: str) -> MakerAnswers:
    source = st.text_input(
        "Model", placeholder="owner/model or /path/to/folder", key=_key(prefix, "model")
    )
    first, second, third = st.columns(3)
    steps = first.number_input(
        "Denoising steps", 1, MAX_STEPS, DIFFUSERS_STEPS, key=_key(prefix, "steps")
    )
    guidance = second.number_input(
        "Guidance",
        0.0,
        50.0,
        None,
        0.5,
        placeholder=MODEL_DEFAULT,
        key=_key(prefix, "guidance"),
    )
    scheduler = third.selectbox(
        "Scheduler",
        [None, *SCHEDULERS],
        format_func=lambda name: name or MODEL_DEFAULT,
        key=_key(prefix, "scheduler"),
    )
    negative = st.text_input("Negative prompt (optional)", key=_key(prefix, "negative"))
    native = st.toggle("Generate at the model’s native size", True, key=_key(prefix, "native"))
    options: dict[str, Any] = {"steps": int(steps), "native_size": bool(native)}
    if guidance is not None:
        options["guidance"] = float(guidance)
    if scheduler is not None:
        options["scheduler"] = scheduler
    if negative.strip():
        options["negative_prompt"] = negative.strip()
    missing = "" if source.strip() else "a diffusers model must be named by its folder or id"
    return MakerAnswers(f"diffusers:{source.strip()}", options, missing=missing)


def _http(prefix: str) -> MakerAnswers:
    left, right = st.columns([2, 1])
    base = left.text_input(
        "Base address", placeholder="https://api.example.com/v1", key=_key(prefix, "base")
    )
    model = right.text_input("Model (optional)", key=_key(prefix, "model"))
    first, second, third = st.columns(3)
    pace = first.number_input(
        "Calls per minute, at most",
        0.1,
        60_000.0,
        None,
        placeholder="Any",
        key=_key(prefix, "pace"),
    )
    cost = second.number_input(
        "Cost per image", 0.0, 1e6, None, 0.01, placeholder="Unknown", key=_key(prefix, "cost")
    )
    currency = third.text_input("Currency", "USD", max_chars=3, key=_key(prefix, "currency"))
    size = st.text_input(
        "Size (optional)",
        placeholder="As the study’s image size, for example 256x256",
        max_chars=40,
        key=_key(prefix, "size"),
        help="What to ask this service for, where it knows certain sizes only: 1024x1024, auto, …",
    )
    further = st.text_area(
        "Further fields (optional)",
        placeholder='{"quality": "low", "response_format": null}',
        height=80,
        max_chars=4000,
        key=_key(prefix, "fields"),
        help="A JSON object that is added to each request; null leaves a field out. Where the "
        "service refuses size or response_format, these are left out without being listed here.",
    )
    options: dict[str, Any] = {}
    if model.strip():
        options["model"] = model.strip()
    if pace is not None:
        options["per_minute"] = float(pace)
    if cost is not None:
        options |= {"cost_per_image": float(cost), "currency": currency.strip().upper()}
    missing = "" if base.strip() else "an image service must be named by its base address"
    try:
        fields = _request_fields(size, further)
        service_options({**options, "fields": fields})
    except GenerationError as error:
        fields, missing = {}, without_paths(error)
    if fields:
        options["fields"] = fields
    return MakerAnswers(f"http:{base.strip()}", options, missing=missing)


def _request_fields(size: str, further: str) -> dict[str, Any]:
    """The further fields of each request, as they were written.

    Raises:
        GenerationError: not a JSON object.
    """
    try:
        fields = json.loads(further) if further.strip() else {}
    except (ValueError, RecursionError) as error:
        raise GenerationError(f"further fields must be JSON, got {error}") from error
    if not isinstance(fields, dict):
        raise GenerationError('further fields must be a JSON object, as in {"quality": "low"}')
    return {**fields, "size": size.strip()} if size.strip() else fields


def _pool(prefix: str) -> MakerAnswers:
    # No list of types: the browser would leave another file out, where the form names it.
    upload = st.file_uploader("Images (.zip)", key=_key(prefix, "zip"))
    st.caption(f"One .zip file. {too_large()}")
    writes = st.toggle(
        "Participants describe the target and get the best-matching images",
        False,
        key=_key(prefix, "writes"),
    )
    data = None if upload is None else upload.getvalue()
    missing = "a pool must be uploaded as a .zip of images" if upload is None else ""
    if upload is not None and not zipfile.is_zipfile(upload):
        missing = f"{upload.name}: a pool must be a .zip of images, got another kind of file"
    return MakerAnswers("pool", {}, pool=data, missing=missing, writes_prompts=bool(writes))


_FIELDS: dict[str, Callable[[str], MakerAnswers]] = {
    "scenes": _scenes,
    "tiny": _tiny,
    "diffusers": _diffusers,
    "http": _http,
    "pool": _pool,
}
