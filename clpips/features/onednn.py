"""Frozen convolution layers, run the way the processor likes them.

On a CPU with oneDNN (every x86 build of PyTorch) three things cost more than they must in
``nn.Module``s: weights are laid out anew on each call, ReLU is a pass of its own over memory,
and max-pooling of channels-first tensors is ten times slower than of channels-last ones. So
here weights are laid out once per shape of input, ReLU is computed as convolutions write their
results, and everything runs channels-last. The arithmetic is the same; elsewhere, the modules
run as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from torchvision.models.squeezenet import Fire

Step: TypeAlias = Callable[[Tensor], Tensor]

KEPT_SHAPES = 3
"""Shapes of input for which weights stay laid out: a target's, a batch's, and the last batch's."""


def can_pack(device: torch.device) -> bool:
    """Whether :func:`packed` works on this device with this build of PyTorch."""
    return (
        device.type == "cpu"
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch's own
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
        and hasattr(torch.ops.mkldnn, "_reorder_convolution_weight")
    )


def packed(layers: nn.Sequential) -> Step:
    """The same function as ``layers``, faster, for channels-last tensors on the CPU.

    Args:
        layers: convolutions, each followed by its ReLU, max-poolings and Fire modules; frozen.

    Raises:
        TypeError: any other layer, or a convolution without ReLU.
    """
    return _chain(_steps(list(layers)))


def _chain(steps: Sequence[Step]) -> Step:
    def run(activation: Tensor) -> Tensor:
        for step in steps:
            activation = step(activation)
        return activation

    return run


def _steps(layers: Sequence[nn.Module]) -> list[Step]:
    from torchvision.models.squeezenet import Fire  # slow to import

    steps: list[Step] = []
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        if isinstance(layer, nn.Conv2d) and isinstance(following, nn.ReLU):
            steps.append(_ConvolutionWithReLU(layer))
        elif isinstance(layer, nn.MaxPool2d):
            steps.append(layer)
        elif isinstance(layer, Fire):
            steps.append(_fire(layer))
        elif not isinstance(layer, nn.ReLU):
            raise TypeError(f"layers must be Conv2d with ReLU, MaxPool2d or Fire, got {layer}")
    return steps


def _fire(fire: Fire) -> Step:
    squeeze, narrow, wide = (
        _ConvolutionWithReLU(layer) for layer in (fire.squeeze, fire.expand1x1, fire.expand3x3)
    )

    def run(activation: Tensor) -> Tensor:
        squeezed = squeeze(activation)
        return torch.cat([narrow(squeezed), wide(squeezed)], dim=1)

    return run


class _ConvolutionWithReLU:
    def __init__(self, layer: nn.Conv2d) -> None:
        if layer.groups != 1 or isinstance(layer.padding, str) or layer.padding_mode != "zeros":
            raise TypeError(f"a convolution must be plain and padded with zeros, got {layer}")
        self.weight, self.bias = layer.weight, layer.bias
        self.where = ([*layer.padding], [*layer.stride], [*layer.dilation], layer.groups)
        self.laid_out: dict[torch.Size, Tensor] = {}

    def __call__(self, activation: Tensor) -> Tensor:
        weight = self.laid_out.get(activation.shape)
        if weight is None:
            weight = self._lay_out(activation.shape)
        found: Tensor = torch.ops.mkldnn._convolution_pointwise(
            activation, weight, self.bias, *self.where, "relu", [], ""
        )
        return found

    def _lay_out(self, shape: torch.Size) -> Tensor:
        # oneDNN picks the layout by shape; a layout meant for another one can cost tenfold.
        padding, stride, dilation, groups = self.where
        weight: Tensor = torch.ops.mkldnn._reorder_convolution_weight(
            self.weight, padding, stride, dilation, groups, [*shape]
        )
        if len(self.laid_out) >= KEPT_SHAPES:
            self.laid_out.clear()
        self.laid_out[shape] = weight
        return weight
