"""``clpips score``: distances of images from a target."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from clpips.cli.metric_option import single_metric
from clpips.cli.output import print_json
from clpips.features.cache import VectorCache, default_cache
from clpips.io.images import load_image
from clpips.metric.clpips import CLPIPS, Distances


def run(options: argparse.Namespace) -> None:
    """``clpips score``: distances in the order given."""
    metric = single_metric(options.weights, options.backbone)
    found = _distances(metric, options.target, options.images, default_cache())
    rows = [
        {"image": image, "distance": distance} | ({"resized": True} if resized else {})
        for image, distance, resized in zip(
            options.images, found.values, found.resized, strict=True
        )
    ]
    if options.json:
        print_json(rows)
        return
    for row in rows:
        note = "  (resized to the target's size)" if row.get("resized") else ""
        print(f"{row['distance']:.6f}  {row['image']}{note}")


def _distances(
    metric: CLPIPS, target: str, images: Sequence[str], cache: VectorCache | None
) -> Distances:
    """As ``metric.distances``, with difference vectors from the cache where they are kept."""
    if cache is None:
        return metric.distances(target, images)
    kept = metric.kept_in(cache)
    vectors = {}
    for image in dict.fromkeys(images):
        vector = kept.get(target, image)
        if vector is not None:
            vectors[image] = vector
    missing = [image for image in dict.fromkeys(images) if image not in vectors]
    if missing:
        found = metric.network().difference_vectors(target, missing).vectors
        for image, vector in zip(missing, found, strict=True):
            vectors[image] = vector
            kept.put(target, image, vector)
    size = load_image(target).shape
    values = metric.distances_of(np.stack([vectors[image] for image in images]))
    resized = tuple(load_image(image).shape != size for image in images)
    return Distances(tuple(float(value) for value in values), resized)
