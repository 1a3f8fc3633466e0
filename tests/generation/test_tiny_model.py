"""The small diffusion model that comes with the project: what is in its folder, what it does."""

from __future__ import annotations

import json
from dataclasses import asdict

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
from tools.train_tiny.run import TrainingSettings


@pytest.fixture(scope="module")
def tiny() -> Tiny:
    return Tiny()


def generated_by(maker: Tiny, prompt: str, count: int = 3) -> list[Generated]:
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


def test_its_card_and_record_say_how_it_was_trained() -> None:
    record, settings = json.loads((FOLDER / "training.json").read_text()), TrainingSettings()
    for schedule in settings.schedules:
        trained = record["schedules"][schedule.name]
        assert {**trained, **asdict(schedule)} == trained
        assert trained["last_loss"] < trained["first_loss"]
    assert record["images"] == settings.images
    assert f"{record['images']:,} images" in (FOLDER / "README.md").read_text()
    schedules = record["schedules"].values()
    assert sum(each["core_hours_at_its_fastest"] for each in schedules) / 2 < 3


def test_the_colour_in_the_prompt_is_the_colour_of_the_image(tiny: Tiny) -> None:
    seen = {}
    for colour in ("red", "green", "blue"):
        made = generated_by(tiny, f"a large {colour} ball on a plain background")
        middle = [np.asarray(each.image)[20:44, 20:44].mean(axis=(0, 1)) for each in made]
        seen[colour] = np.mean(middle, axis=0)
    assert seen["red"].argmax() == 0 and seen["blue"].argmax() == 2
    assert seen["green"][0] < seen["red"][0] - 50


def test_generation_is_repeatable_and_names_words_that_are_not_understood(tiny: Tiny) -> None:
    first, again = (generated_by(tiny, "a red zebra in the snow", 1)[0] for _ in range(2))
    assert first.image.tobytes() == again.image.tobytes()
    assert first.provenance.not_understood == ("zebra",)
    assert tiny.remake(first.provenance).tobytes() == first.image.tobytes()


def retrieved(images: list[Image.Image], texts: list[str]) -> float:
    """The share of images whose own text is nearest to them, by the model's CLIP."""
    model = CLIPModel.from_pretrained(FOLDER.parent / "tiny-clip").eval()
    processor = CLIPProcessor.from_pretrained(FOLDER.parent / "tiny-clip")
    given = processor(
        text=texts,
        images=images,
        return_tensors="pt",
        padding="max_length",
        truncation=True,
        max_length=32,
    )
    with torch.no_grad():
        similarity = model(**given).logits_per_image
    return float((similarity.argmax(dim=1) == torch.arange(len(texts))).float().mean())


def test_the_object_that_is_named_is_generated(tiny: Tiny) -> None:
    texts = [f"a large red {kind} in a meadow" for kind in KINDS]
    images = [generated_by(tiny, text, 1)[0].image for text in texts]
    share = retrieved(images, texts)
    assert share > 0.6, share  # of 24 kinds that differ in their shape alone; by chance 0.042


def test_its_clip_finds_the_caption_of_an_image() -> None:
    asked = captions(30_000_000, 40)
    images = [Image.fromarray(each) for each in rendered(asked).pixels]
    assert retrieved(images, [each.text for each in asked]) > 0.5  # by chance 0.025
