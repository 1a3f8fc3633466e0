"""``clpips identity rank``: does a generated image find its subject among look-alikes?"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clpips.cli.identity.encoder_option import (
    add_encoder_options,
    check_encoder_options,
    encoder_name,
    positive_integer,
)
from clpips.cli.output import check_out_folder, one_number, print_json, print_table, progress
from clpips.errors import InputError

if TYPE_CHECKING:
    from clpips.identity.distances import Distances
    from clpips.identity.gallery_choice import GallerySize
    from clpips.identity.masked_images import MaskedImages
    from clpips.identity.rank_report import RankReport
    from clpips.identity.rank_run import RankTables
    from clpips.io.image_tables import ImageRow
    from clpips.progress import Watch


def add_parser(commands: Any) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "rank", help="rank real images by their distance to generated ones"
    )
    parser.add_argument("--queries", required=True, help="table of the generated images")
    parser.add_argument("--gallery", required=True, help="table of real images to search")
    parser.add_argument(
        "--references", help="table of the real images that were shown to the methods"
    )
    parser.add_argument(
        "--out", required=True, help="folder for report.json, queries.csv, report.html"
    )
    parser.add_argument("--images", help="folder that image paths are relative to")
    add_encoder_options(parser, metric=True)
    parser.add_argument(
        "--masks",
        action="store_true",
        help="compare foregrounds alone: what is white in each image's mask_path",
    )
    parser.add_argument(
        "--clip",
        type=encoder_name,
        metavar="NAME",
        help="also measure CLIP-T, image against prompt: tiny-clip, clip-b32, siglip2 or "
        "transformers:MODEL",
    )
    parser.add_argument(
        "--exact-up-to",
        type=positive_integer,
        default=200_000,
        metavar="N",
        help="search a class with more gallery images through an index (default: 200,000)",
    )
    _add_gallery_options(parser)
    parser.add_argument("--seed", type=int, default=0, help="of intervals, tests and samples")
    parser.add_argument("--json", action="store_true", help="print report.json")


def _add_gallery_options(parser: argparse.ArgumentParser) -> None:
    """Declare which images are searched, and the ablations over them."""
    parser.add_argument(
        "--extra", metavar="TABLE", help="further real images, for larger galleries"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--gallery-size",
        type=_gallery_sizes,
        action="extend",
        default=[],
        metavar="SUBJECTS,IMAGES",
        help="also rank in a gallery of so many subjects per species and images per subject "
        "(a number or 'all'); may be repeated; 'release' stands for the published seven",
    )
    how.add_argument(
        "--gallery-choice",
        choices=("random", "kmeans"),
        help="search only some images of each subject: drawn, or nearest to k-means centres",
    )
    parser.add_argument(
        "--gallery-images",
        type=positive_integer,
        metavar="N",
        help="images per subject that --gallery-choice keeps (default: 10)",
    )
    parser.add_argument(
        "--gallery-seed",
        type=int,
        metavar="N",
        help="of --gallery-size and --gallery-choice (default: 101, for kmeans 42)",
    )


def _gallery_sizes(text: str) -> list[GallerySize]:
    """Sizes of galleries, for argparse."""
    if text == "release":
        from clpips.identity.gallery_choice import SIZES

        return list(SIZES)
    parts = text.split(",")
    if len(parts) != 2:
        raise argparse.ArgumentTypeError(f"must be SUBJECTS,IMAGES or release, got {text!r}")
    subjects, images = (None if part == "all" else positive_integer(part) for part in parts)
    return [(subjects, images)]


def run(options: argparse.Namespace) -> None:
    """``clpips identity rank``: rank, summarise, write, print."""
    from clpips.identity.rank_page import write_rank_report

    _check(options)
    tables = _read(options)
    with progress() as watch:
        similar, notes = _text_similarity(options, tables, watch.part(0.0, 0.1))
        tables = replace(tables, notes=[*tables.notes, *notes])
        with _shown(options, tables, watch.part(0.1, 0.1)) as (shown, masked):
            report = _report(options, shown, masked, similar, watch.part(0.2, 0.75))
            write_rank_report(report, Path(options.out), watch.part(0.95, 0.05))
    if options.json:
        print_json(report.to_dict())
    else:
        _print(report, options.out)


def _check(options: argparse.Namespace) -> None:
    """Refuse what would have no effect, before anything is read."""
    if options.extra is not None and not options.gallery_size:
        raise InputError("--extra goes with --gallery-size")
    if options.gallery_images is not None and options.gallery_choice is None:
        raise InputError("--gallery-images goes with --gallery-choice")
    if options.gallery_seed is not None and not (options.gallery_size or options.gallery_choice):
        raise InputError("--gallery-seed goes with --gallery-size or --gallery-choice")
    check_encoder_options(options)
    check_out_folder(options.out)
    if options.masks and options.embeddings is not None:
        raise InputError("--masks needs the pictures, and --embeddings are made already")
    if options.gallery_choice == "kmeans" and options.metric is not None:
        raise InputError("--gallery-choice kmeans needs embeddings, and a metric has none")


def _read(options: argparse.Namespace) -> RankTables:
    from clpips.identity.rank_run import RankTables
    from clpips.io.image_tables import read_image_table

    notes: list[str] = []

    def table(path: str | None, *, files: bool = False) -> list[ImageRow]:
        if path is None:
            return []
        files = files or options.embeddings is None
        return read_image_table(path, image_dir=options.images, files=files, notes=notes)

    return RankTables(
        table(options.queries, files=options.clip is not None),
        table(options.gallery),
        table(options.references),
        table(options.extra),
        notes,
    )


def _text_similarity(
    options: argparse.Namespace, tables: RankTables, watch: Watch
) -> tuple[list[float | None], list[str]]:
    """CLIP-T of the queries, if it is asked for, and what is to be said about it."""
    if options.clip is None:
        return [], []
    from clpips.features.cache import default_cache
    from clpips.features.embedding.registry import open_encoder
    from clpips.identity.text_similarity import text_similarities

    return text_similarities(
        tables.queries,
        open_encoder(options.clip, device=options.device),
        cache=default_cache(),
        watch=watch,
        batch_size=options.batch_size,
    )


def _shown(
    options: argparse.Namespace, tables: RankTables, watch: Watch
) -> AbstractContextManager[tuple[RankTables, MaskedImages | None]]:
    """The tables with the pictures that are compared: whole ones, or foregrounds."""
    from clpips.identity.masked_images import masked_tables

    return masked_tables(tables, watch) if options.masks else nullcontext((tables, None))


def _report(
    options: argparse.Namespace,
    tables: RankTables,
    masked: MaskedImages | None,
    text_similarity: Sequence[float | None],
    watch: Watch,
) -> RankReport:
    from clpips.identity.gallery_choice import SIZE_SEED, GalleryChoice
    from clpips.identity.rank_run import rank_images

    choice = None
    if options.gallery_choice is not None:
        images = options.gallery_images or 10
        choice = GalleryChoice(options.gallery_choice, images, options.gallery_seed)
    distances, compared_by, unusable = _distances(options, tables, watch.part(0.0, 0.7))
    return rank_images(
        tables,
        distances,
        compared_by=compared_by,
        unusable=(masked.reasons(unusable) if masked else unusable).values(),
        text_similarity=text_similarity,
        settings={"masks": options.masks, "clip": options.clip},
        exact_up_to=options.exact_up_to,
        choice=choice,
        sizes=options.gallery_size,
        size_seed=SIZE_SEED if options.gallery_seed is None else options.gallery_seed,
        seed=options.seed,
        watch=watch.part(0.7, 0.25),
    )


def _distances(
    options: argparse.Namespace, tables: RankTables, watch: Watch
) -> tuple[Distances, Mapping[str, Any], Mapping[str, str]]:
    from clpips.cli.identity.encoder_option import embedder_for
    from clpips.identity.rank_run import cosine_distances

    if options.metric is not None:
        from clpips.cli.identity.personal_distances import PersonalDistances

        personal = PersonalDistances(options.metric, watch)
        return personal, personal.card.to_dict(), personal.unusable
    card, embed = embedder_for(options)
    unusable: dict[str, str] = {}
    found = cosine_distances(
        tables,
        lambda rows: embed([(row.file_path, row.path) for row in rows], watch, unusable),
    )
    return found, card.to_dict(), unusable


COLUMNS = {
    "rank-1": "rank1", "MRR": "mrr", "chance": "chance_map", "ceiling": "ceiling_map",
    "drift": "drift", "ref. sim.": "reference_similarity", "CLIP-T": "clip_t",
}  # fmt: skip


def _print(report: RankReport, out: str) -> None:
    rows: list[tuple[str, ...]] = [("", "mAP", "95 % interval", *COLUMNS, "n")]
    for method in report.methods:
        shown = dict(method.classes)
        if len(shown) > 1:
            shown["all classes"] = method.macro
        for species, one in shown.items():
            interval = "–" if one.map_ci is None else "{:.3f} … {:.3f}".format(*one.map_ci)
            values = [one_number(getattr(one, name)) for name in COLUMNS.values()]
            name = f"{method.method}  {species}"
            rows.append((name, one_number(one.map), interval, *values, str(one.n_queries)))
    print_table(rows)
    for pair in report.comparisons:
        interval = "" if pair.ci is None else " ({:+.3f} to {:+.3f})".format(*pair.ci)
        print(
            f"{pair.first} − {pair.second}: {pair.difference:+.3f} mAP{interval}, "
            f"p = {pair.p_corrected:.3f} over {pair.n_identities} identities"
        )
    _print_sizes(report)
    for note in report.notes:
        print(note)
    print(f"written to {out}")


def _print_sizes(report: RankReport) -> None:
    if not report.gallery_sizes:
        return
    rows: list[tuple[str, ...]] = [("subjects", "images", "gallery", "method", "mAP", "ceiling")]
    for size in report.gallery_sizes:
        wanted = ["all" if each is None else str(each) for each in (size.subjects, size.images)]
        for one in size.methods:
            reached = one_number(one.macro.map), one_number(one.macro.ceiling_map)
            rows.append((*wanted, str(size.n_gallery), one.method, *reached))
    print_table(rows)
