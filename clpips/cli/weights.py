"""``clpips weights``: the networks' own weights, found or fetched."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from clpips.cli.output import print_json, progress, say
from clpips.features.names import Backbone
from clpips.features.weights import fetch_weights, local_file


def run(options: argparse.Namespace) -> None:
    """``clpips weights list | fetch``."""
    backbones: Sequence[Backbone] = [options.backbone] if options.backbone else ["alex", "vgg"]
    if options.action == "list" and not options.backbone:
        backbones = ["alex", "vgg", "squeeze"]
    paths: dict[str, str | None] = {}
    for backbone in backbones:
        path = local_file(backbone)
        if options.action == "fetch":
            with progress():
                path = fetch_weights(backbone, progress=lambda words, share: say(words))
        paths[backbone] = str(path) if path else None
    if options.json:
        print_json(paths)
        return
    for name, where in paths.items():
        print(
            f"{name:<8} {where or 'not on this machine: clpips weights fetch --backbone ' + name}"
        )
