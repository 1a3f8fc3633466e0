"""Text towers agree with transformers' own models."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers
from pictures import scene

from clpips.errors import InputError
from clpips.features.embedding.registry import open_encoder
from clpips.features.embedding.text import text_tower_of
from clpips.io.resources import tiny_clip_folder

TEXTS = ["a red ball on grass", "a blue teapot", "a very " + "very " * 60 + "long text"]


def test_a_picture_and_a_text_are_as_similar_as_the_model_says() -> None:
    folder = str(tiny_clip_folder())
    model = transformers.CLIPModel.from_pretrained(folder).float().eval()
    processor = transformers.CLIPImageProcessor.from_pretrained(folder)
    pixels = processor(images=[scene(1, 80)], return_tensors="pt")["pixel_values"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    encoder = open_encoder("tiny-clip")
    tower = text_tower_of(encoder)
    assert tower.longest == 32
    found = tower.embed(TEXTS) @ encoder.embed([scene(1, 80)])[0]
    for text, similarity in zip(TEXTS, found, strict=True):  # one by one: without padding
        ids = tokenizer(text, truncation=True, max_length=32, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            theirs = model(input_ids=ids, pixel_values=pixels)
        expected = float(theirs.text_embeds[0] @ theirs.image_embeds[0])
        np.testing.assert_allclose(similarity, expected, atol=1e-4)
    assert tower.n_cut == 1


def test_an_encoder_without_a_text_tower_is_refused() -> None:
    with pytest.raises(InputError, match=r"compares pictures with texts .* got alex"):
        text_tower_of(open_encoder("alex"))
