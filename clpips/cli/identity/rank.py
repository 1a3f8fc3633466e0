"""``clpips identity rank``: does a generated image find its subject among look-alikes?"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clpips.cli.identity.encoder_option import add_encoder_options, positive_integer
from clpips.cli.output import one_number, print_json, progress

if TYPE_CHECKING:
    from clpips.identity.distances import Distances
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
        "--masks", action="store_true", help="compare what is white in each image's mask_path"
    )
    parser.add_argument(
        "--exact-up-to",
        type=positive_integer,
        default=200_000,
        metavar="N",
        help="search a class with more gallery images through an index (default: 200,000)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of intervals, tests and samples")
    parser.add_argument("--json", action="store_true", help="print report.json")


def run(options: argparse.Namespace) -> None:
    """``clpips identity rank``: rank, summarise, write, print."""
    from clpips.identity.rank_page import write_rank_report

    tables = _read(options)
    with progress() as watch:
        report = _report(options, tables, watch)
        write_rank_report(report, Path(options.out), watch.part(0.95, 0.05))
    if options.json:
        print_json(report.to_dict())
    else:
        _print(report, options.out)


def _read(options: argparse.Namespace) -> RankTables:
    from clpips.identity.rank_run import RankTables
    from clpips.io.image_tables import read_image_table

    notes: list[str] = []

    def table(path: str | None) -> list[ImageRow]:
        if path is None:
            return []
        needed = options.embeddings is None
        return read_image_table(path, image_dir=options.images, files=needed, notes=notes)

    return RankTables(
        table(options.queries), table(options.gallery), table(options.references), notes
    )


def _report(options: argparse.Namespace, tables: RankTables, watch: Watch) -> RankReport:
    from clpips.identity.rank_run import rank_images

    distances, compared_by, unusable = _distances(options, tables, watch.part(0.0, 0.7))
    return rank_images(
        tables,
        distances,
        compared_by=compared_by,
        unusable=unusable.values(),
        settings={"masks": options.masks},
        exact_up_to=options.exact_up_to,
        seed=options.seed,
        watch=watch.part(0.7, 0.25),
    )


def _distances(
    options: argparse.Namespace, tables: RankTables, watch: Watch
) -> tuple[Distances, Mapping[str, Any], Mapping[str, str]]:
    from clpips.cli.identity.encoder_option import embeddings_for
    from clpips.identity.distances import CosineDistances, image_key

    rows = list({image_key(row): row for row in tables.rows}.values())
    if options.metric is not None:
        from clpips.cli.identity.personal_distances import PersonalDistances

        personal = PersonalDistances(options.metric, watch)
        return personal, personal.card.to_dict(), personal.unusable
    found, card, unusable = embeddings_for(
        options, [(row.file_path, row.path) for row in rows], watch
    )
    places = {image_key(row): place for place, row in enumerate(rows)}
    return CosineDistances(found, places), card.to_dict(), unusable


COLUMNS = {
    "rank-1": "rank1", "MRR": "mrr", "chance": "chance_map", "ceiling": "ceiling_map",
    "drift": "drift", "ref. sim.": "reference_similarity",
}  # fmt: skip


def _print(report: RankReport, out: str) -> None:
    rows = [("", "mAP", "95 % interval", *COLUMNS, "n")]
    for method in report.methods:
        shown = dict(method.classes)
        if len(shown) > 1:
            shown["all classes"] = method.macro
        for species, one in shown.items():
            interval = "–" if one.map_ci is None else "{:.3f} … {:.3f}".format(*one.map_ci)
            values = [one_number(getattr(one, name)) for name in COLUMNS.values()]
            name = f"{method.method}  {species}"
            rows.append((name, one_number(one.map), interval, *values, str(one.n_queries)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *rest = (f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        print(f"{row[0]:<{len(first)}}  {'  '.join(rest)}".rstrip())
    for pair in report.comparisons:
        interval = "" if pair.ci is None else " ({:+.3f} to {:+.3f})".format(*pair.ci)
        print(
            f"{pair.first} − {pair.second}: {pair.difference:+.3f} mAP{interval}, "
            f"p = {pair.p_corrected:.3f} over {pair.n_identities} identities"
        )
    for note in report.notes:
        print(note)
    print(f"written to {out}")
