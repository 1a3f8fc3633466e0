"""``clpips identity train``: a head over a frozen encoder that tells identities apart."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clpips.cli.identity.encoder_option import encoder_name
from clpips.cli.output import print_json, progress
from clpips.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from torch.nn import Module

    from clpips.features.embedding.network import NetworkEncoder
    from clpips.features.embedding.token_maps import Maps
    from clpips.identity.head_training import EpochResult, TrainingSettings
    from clpips.identity.training_slots import TrainingSlots
    from clpips.progress import Watch

KINDS = ("attention-linear", "attention", "linear")
CHECKPOINT = ".training"


def add_parser(commands: Any) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser("train", help="train a head on a near-identity set (NearID)")
    parser.add_argument("dataset", help="folder with nearid.csv, or with Parquet tables")
    parser.add_argument(
        "--encoder", required=True, type=encoder_name, metavar="NAME", help="the frozen encoder"
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="the head (.safetensors)")
    parser.add_argument(
        "--head", choices=KINDS, default=KINDS[0], help=f"its kind (default: {KINDS[0]})"
    )
    parser.add_argument("--dimensions", type=int, default=256, help="of its vectors (default: 256)")
    parser.add_argument(
        "--heads", type=int, default=4, help="attention probes or heads (default: 4)"
    )
    parser.add_argument("--epochs", type=int, default=20, help="default: 20")
    parser.add_argument("--batch-size", type=int, default=16, help="identities (default: 16)")
    parser.add_argument("--accumulate", type=int, default=1, help="batches a step (default: 1)")
    parser.add_argument("--alpha", type=float, default=0.5, help="weight of tier 2 (default: 0.5)")
    parser.add_argument("--temperature", type=float, default=0.07, help="default: 0.07")
    parser.add_argument("--lr", type=float, default=1e-3, help="learning rate (default: 0.001)")
    parser.add_argument("--no-tier2", action="store_true", help="leave tier 2 out (alpha 0)")
    parser.add_argument(
        "--compat", action="store_true", help="do not mask padding, as the released code"
    )
    parser.add_argument("--seed", type=int, default=42, help="of draws and split (default: 42)")
    parser.add_argument("--images", help="folder that image paths are relative to")
    parser.add_argument("--tokens", metavar="DIR", help="keep the encoder's token maps there")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: auto)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> None:
    """Train, write the head, print the table."""
    from clpips.features.embedding.network import NetworkEncoder
    from clpips.features.embedding.registry import open_encoder
    from clpips.identity.near_identity_set import chosen_identities, open_near_identity_set
    from clpips.identity.training_slots import training_slots

    settings = _settings(options)
    dataset = open_near_identity_set(options.dataset, image_dir=options.images)
    split = {
        name: chosen_identities(dataset.identities, name, seed=options.seed)
        for name in ("train", "val", "test")
    }
    encoder = open_encoder(options.encoder, device=options.device)
    if not isinstance(encoder, NetworkEncoder):
        raise InputError(f"a head is trained on a network's tokens, got {options.encoder}")
    slots = training_slots(dataset)
    with progress() as watch:
        maps = _maps(options, encoder, slots, watch.part(0.0, 0.9))
        report = _trained(options, settings, encoder, maps, slots, split, watch.part(0.9, 0.1))
    if options.json:
        print_json(report)
        return
    print("\n".join(table(report)))


def table(report: dict[str, Any]) -> list[str]:
    """The report as lines for a terminal."""
    lines = [f"{'epoch':>5} {'loss':>8} {'tier 1':>8} {'tier 2':>8} {'SSR val.':>9}"]
    for one in report["curve"]:
        mark = "  kept" if one["epoch"] == report["best_epoch"] else ""
        lines.append(
            f"{one['epoch']:>5} {one['loss']:>8.4f} {one['tier1']:>8.4f} {one['tier2']:>8.4f} "
            f"{_percent(one['ssr']):>9}{mark}"
        )
    counts = ", ".join(f"{count} {name}" for name, count in report["split"].items())
    lines += ["", f"SSR in percent, identities: {counts}.", ""]
    lines.append(f"{'test SSR':<14} {'before':>7} {'after':>7} {'after, interval':>17}")
    for source, one in report["test"].items():
        low, high = one["after_ci"] or (None, None)
        lines.append(
            f"{source:<14} {_percent(one['before']):>7} {_percent(one['after']):>7} "
            f"{_percent(low):>8} … {_percent(high)}"
        )
    return [*lines, "", f"Written: {report['out']} (use it as --encoder head:{report['out']})"]


def _settings(options: argparse.Namespace) -> TrainingSettings:
    from clpips.identity.head_training import TrainingSettings

    if options.dimensions < 1 or options.heads < 1:
        raise InputError("--dimensions and --heads must be at least 1")
    if options.head == "attention" and options.dimensions % options.heads:
        raise InputError(
            f"--dimensions must be a multiple of --heads, got {options.dimensions} "
            f"and {options.heads}"
        )
    return TrainingSettings(
        epochs=options.epochs,
        batch_size=options.batch_size,
        accumulate=options.accumulate,
        alpha=0.0 if options.no_tier2 else options.alpha,
        temperature=options.temperature,
        lr=options.lr,
        compat=options.compat,
        seed=options.seed,
    )


def _maps(
    options: argparse.Namespace, encoder: NetworkEncoder, slots: TrainingSlots, watch: Watch
) -> Maps:
    from clpips.features.embedding.token_maps import kept_token_maps, token_maps

    if options.tokens is None:
        return token_maps(encoder, len(slots.slots), slots.picture, watch=watch)
    contents = slots.contents()
    return kept_token_maps(encoder, contents, slots.picture, Path(options.tokens), watch=watch)


def _trained(
    options: argparse.Namespace,
    settings: TrainingSettings,
    encoder: NetworkEncoder,
    maps: Maps,
    slots: TrainingSlots,
    split: dict[str, list[int]],
    watch: Watch,
) -> dict[str, Any]:
    """Train and save; the report."""
    from clpips.features.embedding.head import HeadCard, save_head
    from clpips.identity.head_training import head_margins, train_head

    own = encoder.own_head if options.head == "attention" else None
    shapes = tuple((each.shape[1], each.shape[2]) for each in maps)
    head = _new_head(options, shapes, own, maps, slots.rows.pictures(split["train"]))
    out = Path(options.out)
    checkpoint = out.with_name(out.name + CHECKPOINT)
    test = partial(head_margins, head, maps, slots.rows, split["test"], device=encoder.device)
    before = test()
    state = train_head(
        head,
        maps,
        slots.rows,
        split["train"],
        split["val"],
        settings,
        device=encoder.device,
        checkpoint=checkpoint,
        resume=options.resume,
        watch=watch,
        on_epoch=_line,
    )
    after = test()
    card = HeadCard(
        encoder=encoder.card.name,
        encoder_checksum=encoder.card.checksum,
        kind=options.head,
        shapes=shapes,
        dimensions=options.dimensions,
        heads=options.heads,
        from_own_head=own is not None,
        settings=settings.to_dict(),
        dataset=Path(options.dataset).name,
        split={name: len(chosen) for name, chosen in split.items()},
        curve=tuple(each.to_dict() for each in state.curve),
        best_epoch=state.best_epoch,
    )
    save_head(head, card, out)
    checkpoint.unlink(missing_ok=True)
    return {
        "out": str(out),
        **asdict(card),
        "test": _before_and_after(before, after, slots.sources),
    }


def _new_head(
    options: argparse.Namespace,
    shapes: tuple[tuple[int, int], ...],
    own: Module | None,
    maps: Maps,
    pictures: np.ndarray[Any, Any],
) -> Module:
    """An untrained head; one that does not start from the encoder's own gets its channels' scale
    from the training pictures.
    """
    from clpips.features.embedding.pooling import fit_standard, make_head

    head = make_head(
        options.head,
        shapes,
        dimensions=options.dimensions,
        heads=options.heads,
        seed=options.seed,
        own=own,
    )
    if own is None:
        fit_standard(head, maps, pictures)
    return head


def _before_and_after(
    before: Sequence[np.ndarray[Any, Any]],
    after: Sequence[np.ndarray[Any, Any]],
    sources: Sequence[str],
) -> dict[str, Any]:
    """SSR from margins under the untrained head and the trained one, by source."""
    from clpips.identity.distractors import summarised

    found = {}
    for source, early, late in zip(sources, before, after, strict=True):
        last = summarised(late)
        found[source] = {
            "before": summarised(early).ssr,
            "after": last.ssr,
            "after_ci": None if last.ssr_ci is None else list(last.ssr_ci),
            "n_identities": last.n_identities,
        }
    return found


def _line(result: EpochResult) -> None:
    """The live curve, on standard error."""
    print(
        f"\r\033[Kepoch {result.epoch}: loss {result.loss:.4f} (tier 1 {result.tier1:.4f}, "
        f"tier 2 {result.tier2:.4f}), validation SSR {_percent(result.ssr)}"
        if sys.stderr.isatty()
        else f"epoch {result.epoch}: loss {result.loss:.4f}, validation SSR {_percent(result.ssr)}",
        file=sys.stderr,
        flush=True,
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f}"
