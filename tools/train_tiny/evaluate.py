"""The tiny model's examination: fresh captions, drawn by it and by ``scenes``, before judges."""

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
from tools.train_tiny.dataset import SIDE, Array, drawn, questions, rendered
from tools.train_tiny.judges import Verdict, judge, judges
from tools.train_tiny.objectives import tensor
from tools.train_tiny.run import Syllabus

QUESTIONS = 200


def examine(work: Path, models: Path, watch: Watch) -> dict[str, Verdict]:
    """Judge the pictures of 200 captions that the model was not taught.

    Args:
        work: folder of pictures and of the judges' states.
        models: folder of the finished ``tiny``.

    Returns:
        ``tiny``, the model's pictures; ``scenes``, the renderer's for the same captions: the
        ceiling; ``autoencoder``, those as the model's autoencoder gives them back: the ceiling of
        a perfect denoiser; ``shuffled``, the model's beside other captions: the floor.
    """
    by = judges(work, watch)
    asked = questions(QUESTIONS, drawn("model", Syllabus().pictures, work / "pictures", watch))
    made = _made(models, asked, watch)
    elsewhere = np.roll(made, 7 * QUESTIONS // 20, axis=0)
    scenes = rendered(asked).pixels
    return {
        "tiny": judge(by, made, asked),
        "scenes": judge(by, scenes, asked),
        "autoencoder": judge(by, _given_back(models, scenes), asked),
        "shuffled": judge(by, elsewhere, asked),
    }


def _made(models: Path, asked: tuple[Caption, ...], watch: Watch) -> Array:
    """(captions, 64, 64, 3) what the model makes of each caption, with seed 1, 2, …"""
    maker = Diffusers(str(models / "tiny"), name="tiny", default=SETTINGS)
    pixels = []
    for number, each in enumerate(asked, start=1):
        watch.report(number / len(asked), "Drawing what was asked")
        (made,) = maker.generate(Request(each.text, number, 1, SIDE, SIDE))
        pixels.append(np.asarray(made.image))
    return np.stack(pixels)


@torch.no_grad()
def _given_back(models: Path, pixels: Array) -> Array:
    """(n, 64, 64, 3) through the autoencoder and back."""
    model = AutoencoderKL.from_pretrained(models / "tiny", subfolder="vae", dtype=torch.float32)
    back = model.decode(model.encode(tensor(pixels)).latent_dist.mean).sample
    return np.stack([np.asarray(each) for each in VaeImageProcessor().postprocess(back)])
