"""Four images of the tiny model, 20 steps, beside diffusers making the four in one batch.

Run ``python benchmarks/tiny.py [--threads 1] [--check]``. The maker makes one image after the
other, each from a generator of its own, so that each can be made again alone; the peer is
diffusers' own pipeline with the same settings. The claim (``--check``): four images in less than
four seconds.
"""

from __future__ import annotations

import argparse
import statistics
import sys

import torch
from diffusers import StableDiffusionPipeline
from interleaved import add_options, ratio, seconds

from clpips.generation.diffusion.tiny import FOLDER, SETTINGS, Tiny
from clpips.generation.protocol import Request

PROMPT, COUNT, CLAIM = "a red ball on the beach", 4, 4.0


def main() -> int:
    """Print the seconds of both, and the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_options(parser, repeats=7)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    pipeline = StableDiffusionPipeline.from_pretrained(FOLDER, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    maker = Tiny()

    def one_by_one() -> None:
        list(maker.generate(Request(PROMPT, 1, COUNT, 64, 64)))

    def batch() -> None:
        pipeline(
            PROMPT,
            num_inference_steps=SETTINGS.steps,
            guidance_scale=SETTINGS.guidance,
            num_images_per_prompt=COUNT,
        )

    ours, theirs = seconds([one_by_one, batch], repeats=options.repeats, cpu_time=options.cpu_time)
    longest = max(ours)
    sys.stdout.write(
        f"{COUNT} images, {SETTINGS.steps} steps, {torch.get_num_threads()} threads: "
        f"{statistics.median(ours):.2f} s one by one (longest {longest:.2f} s), "
        f"{statistics.median(theirs):.2f} s in one batch of diffusers, "
        f"ratio {ratio(ours, theirs)[1]}\n"
    )
    return int(options.check and longest >= CLAIM)


if __name__ == "__main__":
    sys.exit(main())
