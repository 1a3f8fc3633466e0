"""FID and KID: all images of a method together against all targets.

Fréchet distance of two Gaussians (Heusel et al. 2017) and the unbiased kernel distance (Bińkowski
et al. 2018), on any encoder's features instead of Inception's: the report names it, and numbers of
different encoders cannot be compared. FID needs more images than features have dimensions, or its
covariances are singular; KID is unbiased at any size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from scipy import linalg

from clpips.bench.features import Features
from clpips.bench.generated import Generated
from clpips.errors import InputError
from clpips.progress import Watch

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

LEAST_FOR_KID = 20
"""Images of each set; below, its spread is larger than most differences."""


def set_figures(
    images: Mapping[str, Sequence[Generated]], features: Features, encoder: str, watch: Watch
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """FID and KID of each method against the targets of its own samples.

    Args:
        images: each method's.
        features: gives them.
        encoder: whose.
        watch: progress and cancel.

    Returns:
        method → figure → value, and figure → why it was left out for some method.
    """
    found: dict[str, dict[str, float]] = {}
    left_out: dict[str, str] = {}
    for number, (method, own) in enumerate(images.items()):
        part = watch.part(number / len(images), 1 / len(images))
        rows = features.of_images(
            encoder,
            [*(one.path for one in own), *(one.sample.target.path for one in own)],
            part,
            normalised=False,
        ).astype(np.float64)
        made, real = rows[: len(own)], rows[len(own) :]
        found[method] = {}
        if len(own) > rows.shape[1]:
            found[method]["fid"] = frechet_distance(made, real)
        else:
            left_out["fid"] = (
                f"needs more images than {encoder}'s {rows.shape[1]} dimensions, got {len(own)} "
                f"of {method}"
            )
        if len(own) >= LEAST_FOR_KID:
            found[method]["kid"] = kernel_distance(made, real)
        else:
            left_out["kid"] = f"needs {LEAST_FOR_KID} images or more, got {len(own)} of {method}"
    return found, left_out


def frechet_distance(first: Array, second: Array) -> float:
    """Squared Fréchet distance of the Gaussians of two sets of features, (n, d) and (m, d).

    Raises:
        InputError: fewer than two rows.
    """
    if min(len(first), len(second)) < 2:
        raise InputError("a Fréchet distance needs two images or more in each set")
    means = first.mean(axis=0) - second.mean(axis=0)
    one, other = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    # The trace of (AB)^½ is the sum of the roots of AB's eigenvalues, which are real and ≥ 0.
    roots = np.sqrt(np.clip(linalg.eigvals(one @ other).real, 0, None))
    return float(means @ means + np.trace(one) + np.trace(other) - 2 * roots.sum())


def kernel_distance(first: Array, second: Array) -> float:
    """Unbiased squared MMD with the kernel (x·y / d + 1)³, of (n, d) and (m, d) features.

    Raises:
        InputError: fewer than two rows.
    """
    n, m = len(first), len(second)
    if min(n, m) < 2:
        raise InputError("a kernel distance needs two images or more in each set")

    def kernel(a: Array, b: Array) -> Array:
        values: Array = (a @ b.T / a.shape[1] + 1) ** 3
        return values

    own, its = kernel(first, first), kernel(second, second)
    within = (own.sum() - np.trace(own)) / (n * (n - 1))
    within += (its.sum() - np.trace(its)) / (m * (m - 1))
    return float(within - 2 * kernel(first, second).mean())
