"""Which share of the machine's own matrix-multiply rate the network reaches, in one run.

Run ``python benchmarks/network.py [--sides 64 256 512] [--threads N] [--check]``.

The network's rate counts only the multiplications and additions of its convolutions, as the
definition of a convolution has them (2 · kernel area · channels in · channels out · places), over
the time of the whole of ``Network.features``: scaling, ReLU, pooling and normalisation included.
The machine's own rate is ``torch.mm`` of two square single-precision matrices, at the size that
is fastest here. Above 100 % is possible: oneDNN's convolutions can beat the BLAS library. The
claim (``--check``) is 85 % for each network, at 256 pixels. Beside it stands the same network in
PyTorch's default layout, channels first: how many times as long it takes.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
from collections.abc import Callable

import torch
from interleaved import add_options, ratio, seconds
from torch import nn

from clpips.features.lpips import Network
from clpips.features.spatial import LayeredEncoder

CLAIM, CLAIMED_SIDE = 0.85, 256
MATRIX_SIDES = (1024, 2048, 4096)


def multiply(side: int) -> Callable[[], object]:
    """The job of multiplying two matrices of this size."""
    a, b, out = torch.randn(side, side), torch.randn(side, side), torch.empty(side, side)
    return lambda: torch.mm(a, b, out=out)


def fastest_matrix(*, cpu_time: bool) -> int:
    """The side at which the machine multiplies fastest."""
    jobs = [multiply(side) for side in MATRIX_SIDES]
    times = seconds(jobs, repeats=3, cpu_time=cpu_time)
    rates = [side**3 / min(taken) for side, taken in zip(MATRIX_SIDES, times, strict=True)]
    return MATRIX_SIDES[rates.index(max(rates))]


def convolution_operations(layers: list[nn.Module], side: int) -> int:
    """Multiplications and additions of the convolutions for one picture."""
    total, shape = 0, torch.empty(1, 3, side, side, device="meta")
    for layer in layers:
        shape = layer.to("meta")(shape)
        if isinstance(layer, nn.Conv2d):
            area = layer.kernel_size[0] * layer.kernel_size[1]
            total += 2 * area * layer.in_channels * shape.numel()
    return total


def operations(network: Network, side: int) -> int:
    """As :func:`convolution_operations`, of a whole network."""
    from clpips.features.architecture import empty_network

    features = empty_network(network.backbone)["features"]  # type: ignore[index]
    last = network.spec.taps[-1][1]
    return convolution_operations(list(features)[:last], side)


def channels_first(network: Network) -> LayeredEncoder:
    """The same network in PyTorch's default layout."""
    slices = copy.deepcopy(network.slices)
    for each in slices:
        each.to(memory_format=torch.contiguous_format)
    return LayeredEncoder(slices, checksum=network.checksum)


def main() -> None:
    """Print a line per network and side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbones", nargs="+", default=["alex", "vgg"])
    parser.add_argument("--sides", nargs="+", type=int, default=[64, 256, 512])
    add_options(parser, repeats=7)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    side_of_matrix = fastest_matrix(cpu_time=options.cpu_time)
    matrix = multiply(side_of_matrix)
    print(f"torch.mm at {side_of_matrix} × {side_of_matrix}, {torch.get_num_threads()} threads")
    missed = False
    for backbone in options.backbones:
        network = Network(backbone)
        other = channels_first(network)
        for side in options.sides:
            batch = network.batch_for(side, side)
            images = torch.rand(batch, 3, side, side) * 2 - 1
            ours, default, theirs = seconds(
                [lambda: network.features(images), lambda: other.features(images), matrix],  # noqa: B023 # called at once
                repeats=options.repeats,
                cpu_time=options.cpu_time,
            )
            work = operations(network, side) * batch
            rates = [work / taken for taken in ours]
            machine = [2 * side_of_matrix**3 / taken for taken in theirs]
            share, text = ratio(rates, machine)
            missed |= side == CLAIMED_SIDE and share < CLAIM
            print(
                f"{backbone} {side} px, batch {batch}: {text} of the matrix-multiply rate "
                f"({statistics.median(rates) / 1e9:.0f} of {statistics.median(machine) / 1e9:.0f} "
                f"GFLOP/s; {statistics.median(ours) / batch * 1e3:.2f} ms an image); "
                f"channels first takes {ratio(default, ours)[1]} times as long"
            )
    if options.check and missed:
        sys.exit(f"below the claim: {CLAIM:.0%} at {CLAIMED_SIDE} px")


if __name__ == "__main__":
    main()
