"""Evaluates the tiny model on new captions: its images beside those of ``scenes``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from diffusers.image_processor import VaeImageProcessor

from clpips.generation.diffusion.maker import Diffusers
from clpips.generation.diffusion.tiny import SETTINGS
from clpips.generation.protocol import Request
from clpips.progress import Watch
from tools.train_tiny.captions import Caption
from tools.train_tiny.dataset import SIDE, Array, image_set, rendered, unseen_captions
from tools.train_tiny.evaluators import Scores, score, trained_evaluators
from tools.train_tiny.objectives import as_tensor
from tools.train_tiny.run import TrainingSettings

CAPTIONS = 200


def evaluate(work: Path, models: Path, watch: Watch) -> dict[str, Scores]:
    """Score the images of 200 captions that are not in the training set.

    Args:
        work: folder of images and of the evaluators' states.
        models: folder of the finished ``tiny``.

    Returns:
        ``tiny``, the model's images; ``scenes``, the renderer's for the same captions: the
        ceiling; ``autoencoder``, those after the model's autoencoder: the ceiling of a perfect
        denoiser; ``shuffled``, the model's beside other captions: the floor.
    """
    evaluators = trained_evaluators(work, watch)
    training = image_set("model", TrainingSettings().images, work / "images", watch)
    asked = unseen_captions(CAPTIONS, training)
    generated = _generated(models, asked, watch)
    shuffled = np.roll(generated, 7 * CAPTIONS // 20, axis=0)
    scenes = rendered(asked).pixels
    return {
        "tiny": score(evaluators, generated, asked),
        "scenes": score(evaluators, scenes, asked),
        "autoencoder": score(evaluators, _reconstructed(models, scenes), asked),
        "shuffled": score(evaluators, shuffled, asked),
    }


def _generated(models: Path, asked: tuple[Caption, ...], watch: Watch) -> Array:
    """(captions, 64, 64, 3) what the model generates for each caption, with seed 1, 2, …"""
    maker = Diffusers(str(models / "tiny"), name="tiny", default=SETTINGS)
    pixels = []
    for number, each in enumerate(asked, start=1):
        watch.report(number / len(asked), "Generating the images")
        (made,) = maker.generate(Request(each.text, number, 1, SIDE, SIDE))
        pixels.append(np.asarray(made.image))
    return np.stack(pixels)


@torch.no_grad()
def _reconstructed(models: Path, pixels: Array) -> Array:
    """(n, 64, 64, 3) encoded and decoded again."""
    model = AutoencoderKL.from_pretrained(models / "tiny", subfolder="vae", dtype=torch.float32)
    decoded = model.decode(model.encode(as_tensor(pixels)).latent_dist.mean).sample
    return np.stack([np.asarray(each) for each in VaeImageProcessor().postprocess(decoded)])
