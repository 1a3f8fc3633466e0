"""The tiny model from nothing: draw pictures, train each part, put the pipeline together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

from clpips.progress import Watch
from tools.train_tiny import architecture
from tools.train_tiny.dataset import covered, drawn
from tools.train_tiny.loop import Course
from tools.train_tiny.objectives import latents_of, teach_autoencoder, teach_clip, teach_denoiser

AUTOENCODER = Course("autoencoder", steps=6000, rate=2e-3, seed=1, decay=0.995)
CLIP = Course("clip", steps=1800, rate=1e-3, seed=2)
DENOISER = Course("denoiser", steps=5000, rate=1e-3, seed=3, decay=0.999, level=0.6, muon=True)


@dataclass(frozen=True, slots=True)
class Syllabus:
    """How much of everything: the defaults are what the shipped model was made with.

    Args:
        pictures: how many to learn from, in whole thousands.
        autoencoder, clip, denoiser: how each is trained.
    """

    pictures: int = 36_000
    autoencoder: Course = AUTOENCODER
    clip: Course = CLIP
    denoiser: Course = DENOISER

    @property
    def courses(self) -> tuple[Course, ...]:
        """All of them, in their order."""
        return (self.clip, self.autoencoder, self.denoiser)


@dataclass(frozen=True, slots=True)
class Parts:
    """A trained model in its parts; ``scale`` is the latents' scaling factor."""

    tokenizer: CLIPTokenizer
    clip: CLIPModel
    autoencoder: AutoencoderKL
    denoiser: UNet2DConditionModel
    scale: float

    @property
    def text_encoder(self) -> CLIPTextModel:
        """The text tower as the diffusion model wants it."""
        return text_encoder_of(self.clip)


def make(folder: Path, syllabus: Syllabus, watch: Watch) -> Parts:
    """Train everything; a second call in the same folder goes on where the first one stopped.

    Args:
        folder: of pictures, states and logs.
        syllabus: how much of everything.
        watch: progress and cancel.
    """
    seen = drawn("model", syllabus.pictures, folder / "pictures", watch)
    tokenizer = architecture.tokenizer_of(seen.texts)
    torch.manual_seed(syllabus.clip.seed)
    clip = architecture.clip(tokenizer)
    torch.manual_seed(syllabus.autoencoder.seed)
    autoencoder = architecture.autoencoder().to(memory_format=torch.channels_last)
    torch.manual_seed(syllabus.denoiser.seed)
    denoiser = architecture.denoiser().to(memory_format=torch.channels_last)
    teach_clip(clip, tokenizer, seen, syllabus.clip, folder, watch)
    teach_autoencoder(autoencoder, seen, syllabus.autoencoder, folder, watch)
    latents = latents_of(autoencoder, seen, watch)
    things = covered("model", syllabus.pictures, architecture.LATENT_SIDE, watch)
    teach_denoiser(
        denoiser,
        architecture.scheduler(),
        text_encoder_of(clip),
        tokenizer,
        seen,
        latents,
        torch.from_numpy(things),
        syllabus.denoiser,
        folder,
        watch,
    )
    return Parts(tokenizer, clip, autoencoder, denoiser, latents.scale)


def text_encoder_of(clip: CLIPModel) -> CLIPTextModel:
    """A model of a CLIP's text tower alone, with the same weights."""
    encoder = CLIPTextModel(clip.config.text_config)
    encoder.load_state_dict(clip.text_model.state_dict())
    return encoder.eval().requires_grad_(False)
