"""How long one picture of ``scenes`` takes, beside writing a PNG of the same size.

Run ``python benchmarks/scenes.py``. The peer is Pillow encoding one noise-free photograph-like
picture as PNG, which every maker has to do anyway; the ratio hardly depends on the machine.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
from collections.abc import Callable

from PIL import Image

from clpips.generation.scenes import draw, image_seed, sample_targets


def seconds(job: Callable[[int], object], runs: int) -> float:
    """The median time of ``job(0)``, ``job(1)``, …, in seconds."""
    times = []
    for run in range(runs):
        started = time.perf_counter()
        job(run)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def encode(picture: Image.Image) -> None:
    """One PNG in memory."""
    picture.save(io.BytesIO(), "PNG", compress_level=6)


def main() -> None:
    """Print seconds per picture and the ratio, at 512 and at 1024 pixels."""
    prompts = [target.prompt for target in sample_targets()]
    for side in (512, 1024):
        picture = draw(prompts[0], 1, width=side, height=side)
        making = seconds(
            lambda run: draw(
                prompts[run % len(prompts)],
                image_seed(5, run),
                width=side,  # noqa: B023 # called within the loop
                height=side,  # noqa: B023
            ),
            len(prompts) * 2,
        )
        writing = seconds(lambda run: encode(picture), 7)  # noqa: B023
        sys.stdout.write(
            f"{side} px: {making:.3f} s a picture, {writing:.3f} s to write one as PNG, "
            f"ratio {making / writing:.1f}\n"
        )


if __name__ == "__main__":
    main()
