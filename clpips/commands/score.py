"""``clpips score``: distances of images from a target."""

from __future__ import annotations

import argparse

from clpips.commands.chosen import single_metric
from clpips.commands.printing import print_json


def run(options: argparse.Namespace) -> None:
    """``clpips score``: distances in the order given."""
    metric = single_metric(options.weights, options.backbone)
    found = metric.distances(options.target, options.images)
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
