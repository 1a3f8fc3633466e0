"""What reports call metrics and features: one name for one thing, on screens and in papers."""

from __future__ import annotations

from collections.abc import Mapping

from clpips.features.names import BACKBONES

STOCK, UNFITTED, PERSONAL = "Stock LPIPS", "Not fitted", "Personal"
POOLED_WEIGHTS, POOLED_METRIC = "Pooled weights", "Pooled metric"
"""Where personal fits start from, and the separate fit to all rankings: not the same."""

METRICS: Mapping[str, str] = {
    "stock": STOCK,
    "pooled": POOLED_WEIGHTS,
    "personal": PERSONAL,
    "unregularised": "Unregularised",
    "layer": "One factor per layer",
    "tilt": "One parameter",
}
"""By the keys of comparisons and of reports as JSON."""

IN_A_SENTENCE: Mapping[str, str] = {
    STOCK: "stock LPIPS",
    UNFITTED: "the unfitted metric",
    POOLED_WEIGHTS: "the pooled weights",
    POOLED_METRIC: "the pooled metric",
    PERSONAL: "the personal metric",
}

SPACES: Mapping[str, str] = {
    "alex": "AlexNet",
    "vgg": "VGG-16",
    "squeeze": "SqueezeNet 1.1",
    "st-alex": "shift-tolerant AlexNet",
    "st-vgg": "shift-tolerant VGG-16",
    "wide": "wide features",
}


def metric_name(key: str, space: str | None = None) -> str:
    """A metric's name; only the networks of LPIPS itself have a stock LPIPS."""
    if key == "stock" and space is not None and space not in BACKBONES:
        return UNFITTED
    return METRICS.get(key, key.capitalize())


def space_name(space: str) -> str:
    """A feature space's name; a model of timm or transformers keeps its own."""
    return SPACES.get(space, space)
