"""The architecture of the tiny model's parts: a small Stable Diffusion."""

from __future__ import annotations

import json
from collections.abc import Sequence

from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from tools.train_tiny.captions import COLOURS, KINDS
from tools.train_tiny.dataset import SIDE

TOKENS = 32
"""Longest prompt in tokens, with the start and end tokens; longer prompts are truncated."""
VOCABULARY = 1024
WORD_END = "</w>"
"""What the tokenizer appends to the last letter of a word."""
WIDTH = 128
LATENT_SIDE = 16
LATENT_CHANNELS = 4


def tokenizer_of(texts: Sequence[str]) -> CLIPTokenizer:
    """A byte-pair tokenizer trained on some captions; other words are split into pieces.

    The library numbers the letters that end words differently each time; here they are sorted, so
    that a training that resumes in another process gets the same ids.
    """
    trained = CLIPTokenizer().train_new_from_iterator(
        [*texts, *COLOURS, *KINDS], vocab_size=VOCABULARY, show_progress=False
    )
    model = json.loads(trained.backend_tokenizer.to_str())["model"]
    vocabulary: dict[str, int] = model["vocab"]
    last = sorted(
        token for token in vocabulary if len(token.removesuffix(WORD_END)) == 1 != len(token)
    )
    vocabulary |= zip(last, sorted(vocabulary[token] for token in last), strict=True)
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[tuple(pair) for pair in model["merges"]])
    tokenizer.model_max_length = TOKENS
    return tokenizer


def clip(tokenizer: CLIPTokenizer) -> CLIPModel:
    """Text and image towers, untrained; the text tower is the diffusion model's text encoder."""
    ends = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    shape = {
        "hidden_size": WIDTH,
        "intermediate_size": 4 * WIDTH,
        "num_attention_heads": 4,
        "projection_dim": WIDTH,
    }
    text = {
        **shape,
        **ends,
        "num_hidden_layers": 3,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": TOKENS,
    }
    vision = {**shape, "num_hidden_layers": 4, "image_size": SIDE, "patch_size": 8}
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=WIDTH))


def autoencoder() -> AutoencoderKL:
    """64 × 64 pixels ↔ 16 × 16 latents of 4 channels, untrained."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 24, 48),
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=SIDE,
    )


def denoiser() -> UNet2DConditionModel:
    """The network that removes noise from latents, conditioned on a prompt; untrained."""
    widths = (32, 96, 128)
    return UNet2DConditionModel(
        sample_size=LATENT_SIDE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DCrossAttn",
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=widths,
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def scheduler() -> DDIMScheduler:
    """1,000 training steps that end in pure noise; the network predicts velocity."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
    )
