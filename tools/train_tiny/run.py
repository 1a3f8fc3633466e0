"""Training the tiny model from scratch: render images, train each part in its order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

from clpips.progress import Watch
from tools.train_tiny import architecture
from tools.train_tiny.dataset import image_set, object_masks
from tools.train_tiny.loop import Schedule
from tools.train_tiny.objectives import (
    encode_images,
    train_autoencoder,
    train_clip,
    train_denoiser,
)

AUTOENCODER = Schedule("autoencoder", steps=6000, learning_rate=2e-3, seed=1, ema_decay=0.995)
CLIP = Schedule("clip", steps=1800, learning_rate=1e-3, seed=2)
DENOISER = Schedule(
    "denoiser", steps=5000, learning_rate=1e-3, seed=3, ema_decay=0.999, constant=0.6, muon=True
)


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Size of the training set and the schedules; the defaults made the model that ships.

    Args:
        images: size of the training set, in whole thousands.
        autoencoder, clip, denoiser: how each is trained.
    """

    images: int = 36_000
    autoencoder: Schedule = AUTOENCODER
    clip: Schedule = CLIP
    denoiser: Schedule = DENOISER

    @property
    def schedules(self) -> tuple[Schedule, ...]:
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
        """CLIP's text tower, in the form that a diffusion pipeline takes."""
        return text_encoder_of(self.clip)


def train_model(folder: Path, settings: TrainingSettings, watch: Watch) -> Parts:
    """Train every part; a second call in the same folder resumes where the first one stopped.

    Args:
        folder: of images, states and logs.
        settings: size of the training set and the schedules.
        watch: progress and cancel.
    """
    images = image_set("model", settings.images, folder / "images", watch)
    tokenizer = architecture.tokenizer_of(images.texts)
    torch.manual_seed(settings.clip.seed)
    clip = architecture.clip(tokenizer)
    torch.manual_seed(settings.autoencoder.seed)
    autoencoder = architecture.autoencoder().to(memory_format=torch.channels_last)
    torch.manual_seed(settings.denoiser.seed)
    denoiser = architecture.denoiser().to(memory_format=torch.channels_last)
    train_clip(clip, tokenizer, images, settings.clip, folder, watch)
    train_autoencoder(autoencoder, images, settings.autoencoder, folder, watch)
    latents = encode_images(autoencoder, images, watch)
    masks = object_masks("model", settings.images, architecture.LATENT_SIDE, watch)
    train_denoiser(
        denoiser,
        architecture.scheduler(),
        text_encoder_of(clip),
        tokenizer,
        images,
        latents,
        torch.from_numpy(masks),
        settings.denoiser,
        folder,
        watch,
    )
    return Parts(tokenizer, clip, autoencoder, denoiser, latents.scale)


def text_encoder_of(clip: CLIPModel) -> CLIPTextModel:
    """A model of a CLIP's text tower alone, with the same weights."""
    encoder = CLIPTextModel(clip.config.text_config)
    encoder.load_state_dict(clip.text_model.state_dict())
    return encoder.eval().requires_grad_(False)
