"""The small diffusion model that comes with the project: what is in its folder, what it does."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from PIL import Image
from transformers import CLIPModel, CLIPProcessor

from clpips.generation.diffusion.tiny import FOLDER, Tiny
from clpips.generation.protocol import Generated, Request
from tools.train_tiny.captions import KINDS, captions
from tools.train_tiny.dataset import rendered
from tools.train_tiny.run import Syllabus


@pytest.fixture(scope="module")
def tiny() -> Tiny:
    return Tiny()


def drawn_by(maker: Tiny, prompt: str, count: int = 3) -> list[Generated]:
    return list(maker.generate(Request(prompt, 5, count, 64, 64)))


def test_the_model_is_small_and_in_the_standard_layout() -> None:
    files = [each for each in FOLDER.parent.rglob("*") if each.is_file()]
    assert sum(each.stat().st_size for each in files) < 20_000_000
    assert not [each for each in files if each.suffix in (".bin", ".pt", ".pkl", ".ckpt")]
    index = json.loads((FOLDER / "model_index.json").read_text())
    assert index["_class_name"] == "StableDiffusionPipeline"
    parts = {"tokenizer", "text_encoder", "vae", "unet", "scheduler"}
    assert parts <= set(index) and all((FOLDER / part).is_dir() for part in parts)


def test_diffusers_alone_loads_the_folder_and_generates_an_image() -> None:
    pipeline = DiffusionPipeline.from_pretrained(FOLDER)
    image = pipeline("a red ball on the beach", num_inference_steps=2).images[0]
    assert image.size == (64, 64)
    assert len({*image.convert("L").tobytes()}) > 20  # neither blank nor black


def test_its_card_says_how_it_was_made() -> None:
    record, syllabus = json.loads((FOLDER / "training.json").read_text()), Syllabus()
    for course in syllabus.courses:
        told = record["courses"][course.name]
        assert (told["steps"], told["rate"], told["seed"]) == (
            course.steps,
            course.rate,
            course.seed,
        )
        assert told["last_loss"] < told["first_loss"]
    assert f"{record['pictures']:,} pictures" in (FOLDER / "README.md").read_text()
    courses = record["courses"].values()
    assert sum(each["core_hours_at_its_fastest"] for each in courses) / 2 < 3


def test_the_words_steer_the_model(tiny: Tiny) -> None:
    seen = {}
    for colour in ("red", "green", "blue"):
        made = drawn_by(tiny, f"a large {colour} ball on a plain background")
        middle = [np.asarray(each.image)[20:44, 20:44].mean(axis=(0, 1)) for each in made]
        seen[colour] = np.mean(middle, axis=0)
    assert seen["red"].argmax() == 0 and seen["blue"].argmax() == 2
    assert seen["green"][0] < seen["red"][0] - 50


def test_the_model_makes_the_same_image_again_and_names_words_it_does_not_know(tiny: Tiny) -> None:
    first, again = (drawn_by(tiny, "a red zebra in the snow", 1)[0] for _ in range(2))
    assert first.image.tobytes() == again.image.tobytes()
    assert first.provenance.not_understood == ("zebra",)
    assert tiny.remake(first.provenance).tobytes() == first.image.tobytes()


def found(pictures: list[Image.Image], texts: list[str]) -> float:
    """The share of pictures whose own text is nearest to them, by the model's CLIP."""
    model = CLIPModel.from_pretrained(FOLDER.parent / "tiny-clip").eval()
    processor = CLIPProcessor.from_pretrained(FOLDER.parent / "tiny-clip")
    given = processor(
        text=texts,
        images=pictures,
        return_tensors="pt",
        padding="max_length",
        truncation=True,
        max_length=32,
    )
    with torch.no_grad():
        likeness = model(**given).logits_per_image
    return float((likeness.argmax(dim=1) == torch.arange(len(texts))).float().mean())


def test_the_thing_that_is_named_is_drawn(tiny: Tiny) -> None:
    texts = [f"a large red {kind} in a meadow" for kind in KINDS]
    pictures = [drawn_by(tiny, text, 1)[0].image for text in texts]
    share = found(pictures, texts)
    assert share > 0.6, share  # of 24 kinds that differ in their shape alone; by chance 0.042


def test_its_clip_tells_which_caption_belongs_to_a_picture() -> None:
    asked = captions(30_000_000, 40)
    pictures = [Image.fromarray(each) for each in rendered(asked).pixels]
    assert found(pictures, [each.text for each in asked]) > 0.5  # by chance 0.025
