"""The objective of each part of the tiny model: its batches and its loss."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import lpips
import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import nn
from torch.nn import functional
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

from clpips.metric.clpips import CLPIPS
from clpips.progress import Watch
from tools.train_tiny.dataset import Array, CaptionedImages
from tools.train_tiny.loop import Schedule, train

KL_WEIGHT = 1e-6
LPIPS_WEIGHT = 0.5
LPIPS_IMAGES = 2
"""How many images of a batch LPIPS compares; it takes as long as the rest of a step."""
UNCONDITIONAL = 0.1
"""Share of captions that are replaced by the empty one, for classifier-free guidance."""
OBJECT_WEIGHT = 3.0
"""How much more an error counts on a named object, which covers a third of an image."""

CLIP_BATCH, AUTOENCODER_BATCH, DENOISER_BATCH = 128, 8, 64


def as_tensor(pixels: Array) -> torch.Tensor:
    """(images, side, side, 3) bytes → (images, 3, side, side) in [−1, 1]."""
    scaled = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float()
    return scaled / 127.5 - 1


def token_ids(tokenizer: CLIPTokenizer, texts: list[str]) -> torch.Tensor:
    """(texts, 32) token ids, truncated and padded."""
    found = tokenizer(
        texts,
        padding="max_length",
        truncation=True,
        max_length=tokenizer.model_max_length,
        return_tensors="pt",
    )
    return torch.as_tensor(found.input_ids)


def train_clip(
    model: CLIPModel,
    tokenizer: CLIPTokenizer,
    images: CaptionedImages,
    schedule: Schedule,
    folder: Path,
    watch: Watch,
) -> None:
    """Contrastive objective: match captions to images (Radford et al. 2021, section 2.3)."""
    ids = token_ids(tokenizer, images.texts)

    def objective(generator: torch.Generator) -> torch.Tensor:
        rows = torch.randint(len(ids), (CLIP_BATCH,), generator=generator)
        pixels = as_tensor(images.pixels[rows.numpy()])
        loss = model(input_ids=ids[rows], pixel_values=pixels, return_loss=True).loss
        return torch.as_tensor(loss)

    train([model], objective, schedule, folder, watch)


def train_autoencoder(
    model: AutoencoderKL, images: CaptionedImages, schedule: Schedule, folder: Path, watch: Watch
) -> None:
    """Reconstruction loss: L1 + ½ LPIPS + a small KL term (Rombach et al. 2022, appendix G)."""
    perceptual = _lpips()

    def objective(generator: torch.Generator) -> torch.Tensor:
        rows = torch.randint(len(images.pixels), (AUTOENCODER_BATCH,), generator=generator)
        pixels = as_tensor(images.pixels[rows.numpy()])
        latent = model.encode(pixels).latent_dist
        decoded = model.decode(latent.sample(generator=generator)).sample
        distance = perceptual(decoded[:LPIPS_IMAGES], pixels[:LPIPS_IMAGES]).mean()
        l1 = functional.l1_loss(decoded, pixels)
        loss: torch.Tensor = l1 + LPIPS_WEIGHT * distance + KL_WEIGHT * latent.kl().mean()
        return loss

    train([model], objective, schedule, folder, watch)


def _lpips() -> nn.Module:
    """Stock LPIPS in the ``lpips`` package, through which gradients reach the images."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stock.pth"
        CLPIPS("alex").save_lpips(path)
        model: nn.Module = lpips.LPIPS(
            net="alex", pnet_rand=True, model_path=str(path), verbose=False
        )
    return model.eval().requires_grad_(False)


@dataclass(frozen=True, slots=True)
class Latents:
    """The images as the autoencoder encodes them.

    Args:
        mean, std: (images, 4, 16, 16) of each image's normal distribution.
        scale: 1 / standard deviation over all, the pipeline's ``scaling_factor``.
    """

    mean: torch.Tensor
    std: torch.Tensor
    scale: float

    def sample(self, rows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """(rows, 4, 16, 16) sampled from some images' distributions, not scaled."""
        noise = torch.randn(self.mean[rows].shape, generator=generator)
        return self.mean[rows] + self.std[rows] * noise


@torch.no_grad()
def encode_images(model: AutoencoderKL, images: CaptionedImages, watch: Watch) -> Latents:
    """Encode all images once."""
    means, stds = [], []
    for start in range(0, len(images.pixels), 256):
        watch.report(start / len(images.pixels), "Encoding the images")
        latent = model.encode(as_tensor(images.pixels[start : start + 256])).latent_dist
        means.append(latent.mean)
        stds.append(latent.std)
    mean, std = torch.cat(means), torch.cat(stds)
    return Latents(mean, std, float(1 / (mean.var() + (std**2).mean()).sqrt()))


def train_denoiser(
    model: UNet2DConditionModel,
    scheduler: DDIMScheduler,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    images: CaptionedImages,
    latents: Latents,
    masks: torch.Tensor,
    schedule: Schedule,
    folder: Path,
    watch: Watch,
) -> None:
    """Predict the velocity from noisy latents and a caption (Salimans and Ho 2022).

    All noise levels have equal weight, since the caption matters most where there is the most
    noise; named objects have more weight than their background; one caption in ten is empty.

    Args:
        model: trained in place.
        scheduler: adds the noise.
        text_encoder, tokenizer: encode the captions.
        images: with their captions.
        latents: of those images.
        masks: (images, 16, 16) in [0, 1], where the named objects are.
        schedule, folder, watch: as in :func:`train`.
    """
    encoded = _encode_texts(text_encoder, token_ids(tokenizer, images.texts), watch)
    empty = _encode_texts(text_encoder, token_ids(tokenizer, [""]), watch)
    steps = len(scheduler.alphas_cumprod)

    def objective(generator: torch.Generator) -> torch.Tensor:
        rows = torch.randint(len(encoded), (DENOISER_BATCH,), generator=generator)
        clean = latents.sample(rows, generator) * latents.scale
        noise = torch.randn(clean.shape, generator=generator)
        times = torch.randint(steps, (len(rows),), generator=generator)
        unconditional = torch.rand(len(rows), 1, 1, generator=generator) < UNCONDITIONAL
        condition = torch.where(unconditional, empty, encoded[rows]).float()
        noisy = scheduler.add_noise(clean, noise, times)
        velocity = scheduler.get_velocity(clean, noise, times)
        predicted = model(noisy, times, condition).sample
        weight = 1 + OBJECT_WEIGHT * masks[rows].float()
        squared = ((predicted - velocity) ** 2).mean(dim=1)
        loss: torch.Tensor = (weight * squared).sum() / weight.sum()
        return loss

    train([model], objective, schedule, folder, watch)


@torch.no_grad()
def _encode_texts(text_encoder: CLIPTextModel, ids: torch.Tensor, watch: Watch) -> torch.Tensor:
    """(texts, 32) token ids → (texts, 32, width) conditions of the denoiser, in 16 bits."""
    found = []
    for start in range(0, len(ids), 512):
        watch.report(start / len(ids), "Encoding the captions")
        found.append(text_encoder(ids[start : start + 512]).last_hidden_state.half())
    return torch.cat(found)
