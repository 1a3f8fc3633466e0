"""A real Stable-Diffusion-shaped pipeline with random weights, small enough for tests."""

from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

WORDS = ["a red house by the sea", "two green trees in the snow", "a blue boat at night"]
SIDE = 64


def small_pipeline() -> StableDiffusionPipeline:
    torch.manual_seed(0)
    tokenizer = CLIPTokenizer().train_new_from_iterator(WORDS, vocab_size=320, show_progress=False)
    tokenizer.model_max_length = 16
    text = CLIPTextConfig(
        hidden_size=16,
        intermediate_size=32,
        num_attention_heads=2,
        num_hidden_layers=1,
        vocab_size=len(tokenizer),
        max_position_embeddings=16,
        projection_dim=16,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    autoencoder = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 8, 8),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=2,
        sample_size=SIDE,
    )
    denoiser = UNet2DConditionModel(
        sample_size=SIDE // 8,
        down_block_types=("CrossAttnDownBlock2D",),
        mid_block_type="UNetMidBlock2DCrossAttn",
        up_block_types=("CrossAttnUpBlock2D",),
        block_out_channels=(16,),
        layers_per_block=1,
        cross_attention_dim=16,
        attention_head_dim=2,
        norm_num_groups=4,
    )
    return StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=denoiser,
        scheduler=DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def save_small_pipeline(folder: Path) -> Path:
    """Write it in the layout of diffusers; returns the folder."""
    small_pipeline().save_pretrained(folder, safe_serialization=True)
    return folder


def broken_pipeline(folder: Path, part: str) -> Path:
    """Write one whose numbers are not finite from some part on; returns the folder.

    Args:
        folder: where.
        part: ``unet``, ``decoder`` (both give NaN) or ``infinite decoder``.
    """
    pipeline = small_pipeline()
    layer = pipeline.unet.conv_out if part == "unet" else pipeline.vae.decoder.conv_out
    torch.nn.init.constant_(layer.bias, torch.inf if part == "infinite decoder" else torch.nan)
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder
