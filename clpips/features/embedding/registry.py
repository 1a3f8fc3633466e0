"""Image encoders by name.

| name | network | its feature |
| --- | --- | --- |
| ``efficientnet-lite0`` | EfficientNet-Lite0 (ImageNet) | 1280 pooled head features |
| ``alex``, ``vgg`` | LPIPS's own networks (ImageNet) | last layer, averaged over positions |
| ``mobilenet-v2`` | MobileNetV2 (ImageNet) | 1280 pooled features |
| ``tiny-clip`` | this project's CLIP, trained on rendered scenes | image embedding |
| ``clip-b32`` | openai/clip-vit-base-patch32 | image embedding |
| ``dinov2-base`` | facebook/dinov2-base | CLS token of the last hidden state |
| ``siglip2`` | google/siglip2-so400m-patch14-384 | image embedding |
| ``bioclip-2`` | imageomics/bioclip-2 | image embedding |
| ``miewid`` | conservationxlabs/miewid-msv2 | pooled features |
| ``head:FILE`` | an encoder with a trained head | the head's vector |
| ``timm:``, ``transformers:``, ``open_clip:`` | any model of theirs | its pooled features |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

import torch

from clpips.errors import InputError
from clpips.features import efficientnet
from clpips.features.architecture import spec_of
from clpips.features.base import joint_checksum
from clpips.features.embedding.encoder import EncoderCard, ImageEncoder
from clpips.features.embedding.head import PREFIX, open_head
from clpips.features.embedding.names import OFFLINE, checked_encoder_name
from clpips.features.embedding.network import NetworkEncoder, resized_square
from clpips.features.lpips import Network

Device: TypeAlias = str | torch.device
SIDE = 224
"""The side at which EfficientNet and LPIPS's networks embed: what they were trained on."""


def open_encoder(name: str, *, device: Device = "cpu") -> ImageEncoder:
    """An encoder's network on a device.

    Args:
        name: see the table above.
        device: ``cpu``, ``cuda``, or ``auto``: ``cuda`` where there is one.

    Raises:
        InputError: no such encoder.
        WeightsError: its weights cannot be had.
        MissingExtra: a library is not installed.
    """
    checked = checked_encoder_name(name)
    place = chosen_device(device)
    if checked.startswith(PREFIX):
        return open_head(checked.removeprefix(PREFIX), partial(open_encoder, device=place))
    if checked in OFFLINE:
        return _OFFLINE[checked](place)
    from clpips.features.embedding.published import open_published

    return open_published(checked, place)


def chosen_device(device: Device) -> torch.device:
    """The device itself; ``auto`` is the GPU where there is one.

    Raises:
        InputError: there is no such device.
    """
    there = torch.cuda.is_available()
    if device == "auto":
        return torch.device("cuda" if there else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"the device must be auto, cpu or cuda, got {device!r}") from error
    if chosen.type == "cuda" and not there:
        raise InputError(f"the device must be one of this machine's, got {device!r} without a GPU")
    return chosen


def _efficientnet(device: torch.device) -> NetworkEncoder:
    network = efficientnet.open_network(device)
    prepare, words = resized_square(SIDE, (0.5,) * 3, (0.5,) * 3)
    name = "efficientnet-lite0"
    card = EncoderCard(name, joint_checksum(efficientnet.SHA256, words), 1280, words)
    taps, maps = efficientnet.pooled_taps(network), efficientnet.stage_maps(network)
    return NetworkEncoder(card, prepare, lambda batch: taps(batch)[2], device, maps)


def _lpips(name: str) -> Callable[[torch.device], NetworkEncoder]:
    def opened(device: torch.device) -> NetworkEncoder:
        network = Network(name, device=device)
        # The network scales pictures in [-1, 1] itself.
        prepare, _ = resized_square(SIDE, (0.5,) * 3, (0.5,) * 3)
        words = f"resized to {SIDE} × {SIDE} (bicubic, no crop), ImageNet's mean and deviation"
        channels = spec_of(name).channels[-1]
        card = EncoderCard(name, joint_checksum(network.checksum, words), channels, words)
        return NetworkEncoder(
            card, prepare, lambda batch: network.features(batch)[-1].mean(dim=(2, 3)), device
        )

    return opened


def _mobilenet(device: torch.device) -> NetworkEncoder:
    from clpips.features import mobilenet
    from clpips.features.embedding.published import IMAGENET_MEAN, IMAGENET_STD

    network = mobilenet.open_network(device)
    prepare, words = resized_square(SIDE, IMAGENET_MEAN, IMAGENET_STD)
    checksum = joint_checksum(mobilenet.SHA256, words)
    card = EncoderCard("mobilenet-v2", checksum, mobilenet.DIMENSIONS, words)
    return NetworkEncoder(
        card,
        prepare,
        partial(mobilenet.pooled, network),
        device,
        partial(mobilenet.stage_maps, network),
    )


def _tiny_clip(device: torch.device) -> NetworkEncoder:
    from clpips.features.embedding.published import open_transformers_encoder
    from clpips.io.resources import tiny_clip_folder

    return open_transformers_encoder("tiny-clip", str(tiny_clip_folder()), device)


_OFFLINE: Mapping[str, Callable[[torch.device], NetworkEncoder]] = {
    "efficientnet-lite0": _efficientnet,
    "alex": _lpips("alex"),
    "vgg": _lpips("vgg"),
    "mobilenet-v2": _mobilenet,
    "tiny-clip": _tiny_clip,
}
