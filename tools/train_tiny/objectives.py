"""What each part of the tiny model is trained to do: batches and losses, equation by equation."""

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
from tools.train_tiny.dataset import Array, Pictures
from tools.train_tiny.loop import Chance, Course, train

KL_SHARE = 1e-6
LPIPS_SHARE = 0.5
LPIPS_PICTURES = 2
"""How many of a batch are compared by LPIPS, which takes as long as the rest of a step."""
UNCONDITIONED = 0.1
"""Share of captions that are replaced by nothing, for classifier-free guidance."""
THINGS_SHARE = 3.0
"""How much more an error counts where a thing is: what the words name is a third of a picture."""

PAIRS_AT_ONCE, PICTURES_AT_ONCE, LATENTS_AT_ONCE = 128, 8, 64


def tensor(pixels: Array) -> torch.Tensor:
    """(pictures, side, side, 3) bytes → (pictures, 3, side, side) in [−1, 1]."""
    scaled = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float()
    return scaled / 127.5 - 1


def tokens(tokenizer: CLIPTokenizer, texts: list[str]) -> torch.Tensor:
    """(texts, 32) token numbers, cut and filled up."""
    found = tokenizer(
        texts,
        padding="max_length",
        truncation=True,
        max_length=tokenizer.model_max_length,
        return_tensors="pt",
    )
    return torch.as_tensor(found.input_ids)


def teach_clip(
    model: CLIPModel,
    tokenizer: CLIPTokenizer,
    seen: Pictures,
    course: Course,
    folder: Path,
    watch: Watch,
) -> None:
    """Tell which caption belongs to which picture (Radford et al. 2021, section 2.3)."""
    ids = tokens(tokenizer, seen.texts)

    def loss(chance: Chance) -> torch.Tensor:
        rows = torch.randint(len(ids), (PAIRS_AT_ONCE,), generator=chance)
        pixels = tensor(seen.pixels[rows.numpy()])
        found = model(input_ids=ids[rows], pixel_values=pixels, return_loss=True).loss
        return torch.as_tensor(found)

    train([model], loss, course, folder, watch)


def teach_autoencoder(
    model: AutoencoderKL, seen: Pictures, course: Course, folder: Path, watch: Watch
) -> None:
    """Give pictures back: |difference| + ½ LPIPS + a little KL (Rombach et al. 2022, app. G)."""
    perceptual = _lpips()

    def loss(chance: Chance) -> torch.Tensor:
        rows = torch.randint(len(seen.pixels), (PICTURES_AT_ONCE,), generator=chance)
        pixels = tensor(seen.pixels[rows.numpy()])
        hidden = model.encode(pixels).latent_dist
        back = model.decode(hidden.sample(generator=chance)).sample
        apart = perceptual(back[:LPIPS_PICTURES], pixels[:LPIPS_PICTURES]).mean()
        wrong = functional.l1_loss(back, pixels)
        total: torch.Tensor = wrong + LPIPS_SHARE * apart + KL_SHARE * hidden.kl().mean()
        return total

    train([model], loss, course, folder, watch)


def _lpips() -> nn.Module:
    """Stock LPIPS as the ``lpips`` package has it: gradients pass through to the images."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stock.pth"
        CLPIPS("alex").save_lpips(path)
        model: nn.Module = lpips.LPIPS(
            net="alex", pnet_rand=True, model_path=str(path), verbose=False
        )
    return model.eval().requires_grad_(False)


@dataclass(frozen=True, slots=True)
class Latents:
    """What the autoencoder makes of the pictures.

    Args:
        mean, spread: (pictures, 4, 16, 16) of each picture's normal distribution.
        scale: 1 / standard deviation over all, the pipeline's ``scaling_factor``.
    """

    mean: torch.Tensor
    spread: torch.Tensor
    scale: float

    def sample(self, rows: torch.Tensor, chance: Chance) -> torch.Tensor:
        """(rows, 4, 16, 16) drawn from some pictures' distributions, not scaled."""
        draw = torch.randn(self.mean[rows].shape, generator=chance)
        return self.mean[rows] + self.spread[rows] * draw


@torch.no_grad()
def latents_of(model: AutoencoderKL, seen: Pictures, watch: Watch) -> Latents:
    """Encode all pictures once."""
    means, spreads = [], []
    for start in range(0, len(seen.pixels), 256):
        watch.report(start / len(seen.pixels), "Encoding the pictures")
        hidden = model.encode(tensor(seen.pixels[start : start + 256])).latent_dist
        means.append(hidden.mean)
        spreads.append(hidden.std)
    mean, spread = torch.cat(means), torch.cat(spreads)
    return Latents(mean, spread, float(1 / (mean.var() + (spread**2).mean()).sqrt()))


def teach_denoiser(
    model: UNet2DConditionModel,
    scheduler: DDIMScheduler,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    seen: Pictures,
    latents: Latents,
    things: torch.Tensor,
    course: Course,
    folder: Path,
    watch: Watch,
) -> None:
    """Tell the velocity from noisy latents and a caption (Salimans and Ho 2022).

    All noises count alike, since the words matter most where there is the most noise; what is
    named counts more than what is around it; one caption in ten is left out.

    Args:
        model: moved in place.
        scheduler: what adds the noise.
        text_encoder, tokenizer: what reads the captions.
        seen: pictures and captions.
        latents: of those pictures.
        things: (pictures, 16, 16) in [0, 1], where the named things are.
        course, folder, watch: as in :func:`train`.
    """
    read = _read(text_encoder, tokens(tokenizer, seen.texts), watch)
    nothing = _read(text_encoder, tokens(tokenizer, [""]), watch)
    signal = scheduler.alphas_cumprod

    def loss(chance: Chance) -> torch.Tensor:
        rows = torch.randint(len(read), (LATENTS_AT_ONCE,), generator=chance)
        clean = latents.sample(rows, chance) * latents.scale
        noise = torch.randn(clean.shape, generator=chance)
        times = torch.randint(len(signal), (len(rows),), generator=chance)
        blank = torch.rand(len(rows), 1, 1, generator=chance) < UNCONDITIONED
        words = torch.where(blank, nothing, read[rows]).float()
        noisy = scheduler.add_noise(clean, noise, times)
        wanted = scheduler.get_velocity(clean, noise, times)
        found = model(noisy, times, words).sample
        heed = 1 + THINGS_SHARE * things[rows].float()
        total: torch.Tensor = (heed * ((found - wanted) ** 2).mean(dim=1)).sum() / heed.sum()
        return total

    train([model], loss, course, folder, watch)


@torch.no_grad()
def _read(text_encoder: CLIPTextModel, ids: torch.Tensor, watch: Watch) -> torch.Tensor:
    """(texts, 32) token numbers → (texts, 32, width): what the denoiser is told; 16 bits each."""
    found = []
    for start in range(0, len(ids), 512):
        watch.report(start / len(ids), "Reading the captions")
        found.append(text_encoder(ids[start : start + 512]).last_hidden_state.half())
    return torch.cat(found)
