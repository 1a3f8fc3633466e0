"""What makes a new study's images, and how: the fields of each kind of maker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st

from clpips.generation.diffusion_settings import MAX_STEPS, SCHEDULERS

KINDS: dict[str, str] = {
    "scenes": "Built-in renderer (no model)",
    "tiny": "Built-in small diffusion model",
    "diffusers": "A diffusers model (folder or id)",
    "http": "An image service (OpenAI-compatible)",
    "pool": "Images made elsewhere (upload)",
}
ABOUT: dict[str, str] = {
    "scenes": "Draws what the words say, in a moment, on any machine.",
    "tiny": "A real Stable-Diffusion-shaped model, 64 × 64 pixels; it knows some twenty kinds of "
    "things in twelve colours.",
    "diffusers": "Any text-to-image model of the diffusers library with safetensors weights. An "
    "id is downloaded by the worker when the first image is asked for.",
    "http": "One call an image. The key is read from CLPIPS_IMAGES_KEY where the worker runs; it "
    "is stored nowhere.",
    "pool": "For studies that only rank: a zip of PNG, JPEG or WebP images, with a captions.csv "
    "(image,caption,target) if there are captions.",
}
TINY = Path(__file__).resolve().parents[3] / "data" / "models" / "tiny"
AS_IT_COMES = "as the model comes"
DIFFUSERS_STEPS, TINY_STEPS, TINY_GUIDANCE = 30, 20, 3.0


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
    """The kind of maker; outside the form, so that its own fields appear at once."""
    there = [kind for kind in KINDS if kind != "tiny" or TINY.is_dir()]
    kind: str = st.selectbox("Images made by", there, format_func=KINDS.__getitem__)
    st.caption(ABOUT[kind])
    return kind


def draw(kind: str) -> MakerAnswers:
    """The fields of one kind of maker, inside the form."""
    return _FIELDS[kind]()


def _scenes() -> MakerAnswers:
    return SCENES


def _tiny() -> MakerAnswers:
    left, right = st.columns(2)
    steps = left.number_input("Denoising steps", 1, MAX_STEPS, TINY_STEPS)
    guidance = right.number_input("Guidance", 0.0, 50.0, TINY_GUIDANCE, 0.5)
    return MakerAnswers("tiny", {"steps": int(steps), "guidance": float(guidance)})


def _diffusers() -> MakerAnswers:
    source = st.text_input("Model", placeholder="owner/model or /path/to/folder")
    first, second, third = st.columns(3)
    steps = first.number_input("Denoising steps", 1, MAX_STEPS, DIFFUSERS_STEPS)
    guidance = second.number_input(
        "Guidance", 0.0, 50.0, None, 0.5, placeholder=AS_IT_COMES.capitalize()
    )
    scheduler = third.selectbox(
        "Scheduler", [None, *SCHEDULERS], format_func=lambda name: name or AS_IT_COMES.capitalize()
    )
    negative = st.text_input("Negative prompt (optional)", max_chars=2000)
    native = st.toggle("Make images at the model’s own size", True)
    options: dict[str, Any] = {"steps": int(steps), "native_size": bool(native)}
    if guidance is not None:
        options["guidance"] = float(guidance)
    if scheduler is not None:
        options["scheduler"] = scheduler
    if negative.strip():
        options["negative_prompt"] = negative.strip()
    missing = "" if source.strip() else "a diffusers model must be named by its folder or id"
    return MakerAnswers(f"diffusers:{source.strip()}", options, missing=missing)


def _http() -> MakerAnswers:
    left, right = st.columns([2, 1])
    base = left.text_input("Base address", placeholder="https://api.example.com/v1")
    model = right.text_input("Model (optional)")
    first, second, third = st.columns(3)
    pace = first.number_input("Calls a minute, at most", 0.1, 60_000.0, None, placeholder="Any")
    cost = second.number_input("Cost an image", 0.0, 1e6, None, 0.01, placeholder="Unknown")
    currency = third.text_input("Currency", "USD", max_chars=3)
    options: dict[str, Any] = {}
    if model.strip():
        options["model"] = model.strip()
    if pace is not None:
        options["per_minute"] = float(pace)
    if cost is not None:
        options |= {"cost_per_image": float(cost), "currency": currency.strip().upper()}
    missing = "" if base.strip() else "an image service must be named by its base address"
    return MakerAnswers(f"http:{base.strip()}", options, missing=missing)


def _pool() -> MakerAnswers:
    upload = st.file_uploader("Images (.zip)", type=["zip"])
    writes = st.toggle("Participants describe the target, and get the images that fit best", False)
    data = None if upload is None else upload.getvalue()
    missing = "a pool must be uploaded as a .zip of images" if upload is None else ""
    return MakerAnswers("pool", {}, pool=data, missing=missing, writes_prompts=bool(writes))


_FIELDS: dict[str, Callable[[], MakerAnswers]] = {
    "scenes": _scenes,
    "tiny": _tiny,
    "diffusers": _diffusers,
    "http": _http,
    "pool": _pool,
}
