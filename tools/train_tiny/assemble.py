"""The trained parts as folders in the libraries' own layouts, with a card each."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from transformers import CLIPImageProcessor

from tools.train_tiny import architecture
from tools.train_tiny.captions import COLOURS, KINDS
from tools.train_tiny.dataset import SIDE
from tools.train_tiny.loop import LOG_EVERY
from tools.train_tiny.run import Parts, TrainingSettings

HALF = torch.float16


def assemble(parts: Parts, settings: TrainingSettings, folder: Path, *, trained_in: Path) -> None:
    """Write ``folder/tiny``, the pipeline, and ``folder/tiny-clip``, its CLIP.

    Weights are stored in 16 bits, but for the pipeline's text encoder: transformers loads a model
    in the precision it was saved in, diffusers in 32 bits unless told otherwise, and the two must
    agree when somebody calls ``DiffusionPipeline.from_pretrained`` and nothing more.

    Args:
        parts: of the trained model.
        settings: how it was trained, for the card.
        folder: where both go.
        trained_in: the folder with the losses.
    """
    parts.autoencoder.register_to_config(scaling_factor=parts.scale)
    pipeline = StableDiffusionPipeline(
        vae=parts.autoencoder.to(HALF, memory_format=torch.contiguous_format),
        text_encoder=parts.text_encoder.float(),
        tokenizer=parts.tokenizer,
        unet=parts.denoiser.to(HALF, memory_format=torch.contiguous_format),
        scheduler=architecture.scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder / "tiny", safe_serialization=True)
    parts.clip.to(HALF).save_pretrained(folder / "tiny-clip")
    parts.tokenizer.save_pretrained(folder / "tiny-clip")
    _processor().save_pretrained(folder / "tiny-clip")
    record = _record(parts, settings, trained_in)
    (folder / "tiny" / "training.json").write_text(json.dumps(record, indent=2) + "\n")
    for name in ("tiny", "tiny-clip"):
        (folder / name / "README.md").write_text(_card(name, record), encoding="utf-8")


def _processor() -> CLIPImageProcessor:
    side = {"height": SIDE, "width": SIDE}
    half = [0.5, 0.5, 0.5]
    return CLIPImageProcessor(
        size={"shortest_edge": SIDE}, crop_size=side, image_mean=half, image_std=half
    )


def _record(parts: Parts, settings: TrainingSettings, trained_in: Path) -> dict[str, object]:
    """How the model was trained, for people and programs."""
    trained = {}
    for schedule in settings.schedules:
        log = (trained_in / f"{schedule.name}.jsonl").read_text(encoding="utf-8")
        rows = [json.loads(line) for line in log.splitlines()]
        trained[schedule.name] = {
            **asdict(schedule),
            "first_loss": rows[0]["loss"],
            "last_loss": rows[-1]["loss"],
            "core_hours": round(sum(row["seconds"] * row["threads"] for row in rows) / 3600, 2),
            "core_hours_at_its_fastest": round(_fastest(rows, schedule.steps) / 3600, 2),
        }
    models = {"clip": parts.clip, "autoencoder": parts.autoencoder, "denoiser": parts.denoiser}
    return {
        "images": settings.images,
        "side": SIDE,
        "schedules": trained,
        "parameters": {
            name: sum(each.numel() for each in model.parameters()) for name, model in models.items()
        },
        "libraries": {name: version(name) for name in ("torch", "diffusers", "transformers")},
    }


def _fastest(rows: list[dict[str, float]], steps: int) -> float:
    """Seconds of one core for all steps, at the pace of the fastest full row of the log."""
    whole = [row for row in rows if row["steps"] >= min(LOG_EVERY, steps)]
    return steps * min(row["seconds"] * row["threads"] / row["steps"] for row in whole)


def _card(name: str, record: dict[str, object]) -> str:
    """The model card; what was measured is in docs/measurements.md."""
    what = {
        "tiny": "A Stable-Diffusion-shaped text-to-image pipeline, 64 × 64 pixels.",
        "tiny-clip": "Text and image towers whose text tower is the pipeline's text encoder.",
    }[name]
    return f"""---
license: bsd-2-clause
library_name: {"diffusers" if name == "tiny" else "transformers"}
---
# {name}

{what} It runs every code path of a text-to-image study on a laptop, without a network; its images
are small and plain.

- **Trained on**: {record["images"]:,} images, rendered for captions by this project's own `scenes`
  maker; no photograph, no image made by anybody else.
- **Captions**: one or two objects out of {len(KINDS)} kinds ({", ".join(KINDS)}), in
  {len(COLOURS)} colours ({", ".join(COLOURS)}), with places, lights, sizes, sides, counts and
  styles. Other words are not understood.
- **How**: `python -m tools.train_tiny train`, seeded and resumable. Steps, learning rates, seeds
  and losses are in `tiny/training.json`, with the core hours that passed on a machine shared with
  other work, and those that the same steps take at the fastest pace logged; two cores halve them.
- **Limits**: it was trained on these words alone. It has no safety checker; there is nothing unsafe
  in its training set.
- **Licence**: that of the project, BSD-2-Clause.
"""
