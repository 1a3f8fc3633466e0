"""The table that PMG-bench published, to stand beside one's own.

Its rows are no one protocol: histories, targets and samples differ between methods, PMG's
"aesthetic" is a feature norm by its released script, and SSIM is in the inflated range. They are
quoted as published, not re-derived.
"""

from __future__ import annotations

from collections.abc import Mapping

COLUMNS = (
    "lpips_target", "lpips_history", "ssim_compat_target", "ssim_compat_history", "cps",
    "cpis_history", "hpsv2", "aesthetic_v1", "verifier",
)  # fmt: skip
"""The metrics that the published columns are nearest to."""
METHODS = ("Textual Inversion", "IP-Adapter", "PMG")
DATASETS: Mapping[str, tuple[tuple[float | None, ...], ...]] = {
    "ser30k": (
        (0.7782, 0.8025, 0.2707, 0.2591, 0.1953, 0.5467, 0.2376, 5.8417, None),
        (0.7269, 0.6971, 0.2654, 0.2838, 0.2580, 0.7480, 0.1620, 5.1885, None),
        (0.7841, 0.7878, 0.2690, 0.2785, 0.2357, 0.5705, 0.2009, 7.1608, None),
    ),
    "pog": (
        (0.7167, 0.7407, 0.2533, 0.2500, 0.2247, 0.6619, 0.2409, 5.7650, None),
        (0.6859, 0.6863, 0.2452, 0.2569, 0.2401, 0.7477, 0.1762, 5.0359, None),
        (0.7034, 0.7224, 0.2353, 0.2247, 0.2548, 0.7023, 0.1897, 7.7765, None),
    ),
    "flickr-aes": (
        (0.8019, 0.8086, 0.2957, 0.2949, 0.1536, 0.4735, 0.1925, 5.1527, 0.4475),
        (0.7930, 0.7624, 0.3223, 0.3420, 0.1835, 0.6546, 0.1294, 5.4714, 0.7108),
        (0.7487, 0.7955, 0.3102, 0.2889, 0.1907, 0.5002, 0.2255, 7.4664, 0.6475),
    ),
}
"""Means of each method, in the order of :data:`METHODS` and :data:`COLUMNS`."""


def published_rows(dataset: str) -> dict[str, dict[str, float]]:
    """Method → metric → published mean; empty for another data set."""
    rows = DATASETS.get(dataset, ())
    return {
        method: {name: value for name, value in zip(COLUMNS, row, strict=True) if value is not None}
        for method, row in zip(METHODS, rows, strict=False)
    }
