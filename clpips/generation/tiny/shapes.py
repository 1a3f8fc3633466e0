"""The shapes of the tiny model's parts: a Stable Diffusion in small."""

from __future__ import annotations

from collections.abc import Sequence

from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from clpips.generation.tiny.captions import COLOURS, KINDS
from clpips.generation.tiny.pictures import SIDE

TOKENS = 32
"""Longest prompt in tokens, the marks of begin and end included; what is longer is cut off."""
WORDS = 1024
WIDTH = 128
LATENT_SIDE = 8
LATENT_CHANNELS = 8


def tokenizer_of(texts: Sequence[str]) -> CLIPTokenizer:
    """A byte-pair tokenizer of the words in some captions; any other text is spelt in pieces."""
    tokenizer = CLIPTokenizer().train_new_from_iterator(
        [*texts, *COLOURS, *KINDS], vocab_size=WORDS, show_progress=False
    )
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
    """64 × 64 pixels ↔ 8 × 8 latents of 8 channels, untrained."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 32, 48, 64),
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=SIDE,
    )


def denoiser() -> UNet2DConditionModel:
    """The network that takes noise out of latents, told a prompt; untrained."""
    widths = (96, 128)
    return UNet2DConditionModel(
        sample_size=LATENT_SIDE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        down_block_types=("CrossAttnDownBlock2D",) * len(widths),
        mid_block_type="UNetMidBlock2DCrossAttn",
        up_block_types=("CrossAttnUpBlock2D",) * len(widths),
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
