"""Ranking against galleries of a thousand to a million images: time, memory and recall.

Run ``python benchmarks/gallery_size.py [--sizes 1000 10000 100000 1000000] [--queries 1000]``.

Planted embeddings of 512 numbers: kinds of thing, identities of a kind, ten images of each, with
most of the spread in 48 directions, as embeddings of photographs have it. Each size runs in a
process of its own, by comparing all and through the index. Printed are seconds after embedding,
from the rows of the tables to the ranked queries; the peak memory of the process, and of it what
the embeddings take; mAP; and the index's recall@10 against comparing all.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from multiprocessing.connection import Connection

import numpy as np

from clpips.features.embedding.encoder import unit
from clpips.identity.distances import CosineDistances, image_key
from clpips.identity.ranking import GalleryRanking
from clpips.io.image_tables import ImageRow
from clpips.progress import Watch

WIDTH, DIRECTIONS, VIEWS, KINDS = 512, 48, 10, 200
IDENTITY_SPREAD, VIEW_SPREAD, NOISE = 0.7, 0.85, 0.02
PLANTED_AT_ONCE = 10_000


def planted(size: int, n_queries: int) -> tuple[list[ImageRow], list[ImageRow], CosineDistances]:
    """Queries and gallery rows, and their distances."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(WIDTH, DIRECTIONS)))[0].T.astype(np.float32)
    identities = size // VIEWS
    kinds = rng.normal(size=(KINDS, DIRECTIONS))
    centres = kinds[rng.integers(KINDS, size=identities)]
    centres = centres + IDENTITY_SPREAD * rng.normal(size=centres.shape)
    queried = rng.integers(identities, size=n_queries)
    own = np.concatenate([np.repeat(np.arange(identities), VIEWS), queried])
    features = np.empty((len(own), WIDTH), dtype=np.float32)
    for at in range(0, len(own), PLANTED_AT_ONCE):
        block = centres[own[at : at + PLANTED_AT_ONCE]]
        block = block + VIEW_SPREAD * rng.normal(size=block.shape)
        noise = NOISE * rng.standard_normal((len(block), WIDTH), dtype=np.float32)
        features[at : at + PLANTED_AT_ONCE] = unit(block.astype(np.float32) @ basis + noise)
    gallery = [ImageRow(f"n{own[at]}", "thing", f"{at}.png") for at in range(size)]
    queries = [ImageRow(f"n{name}", "thing", f"q{at}.png") for at, name in enumerate(queried)]
    places = {image_key(row): at for at, row in enumerate([*gallery, *queries])}
    return queries, gallery, CosineDistances(features, places)


def measure(size: int, n_queries: int, exact_up_to: int, answer: Connection) -> None:
    """Rank once, and tell what it took."""
    queries, gallery, distances = planted(size, n_queries)
    start = time.perf_counter()
    ranking = GalleryRanking(gallery, distances, exact_up_to=exact_up_to)
    ranked = ranking.rank(queries, Watch())
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    answer.send(
        {
            "seconds": seconds,
            "peak": peak,
            "map": float(np.mean([one.result.ap for one in ranked])),
            "rank1": float(np.mean([one.result.first_hit == 1 for one in ranked])),
            "said": " ".join(ranking.searches()),
        }
    )


def main() -> None:
    """Print a row for each size and way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=1000)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    print("images      way     seconds   peak MB   embeddings MB   mAP    rank-1")
    for size in options.sizes:
        for way, exact_up_to in (("exact", size), ("index", 1)):
            answer, sender = context.Pipe(duplex=False)
            arguments = (size, options.queries, exact_up_to, sender)
            process = context.Process(target=measure, args=arguments)
            process.start()
            found = answer.recv()
            process.join()
            embeddings = (size + options.queries) * WIDTH * 4
            print(
                f"{size:<10,}  {way}  {found['seconds']:9.1f}  {found['peak'] / 1e6:8.0f}  "
                f"{embeddings / 1e6:14.0f}   {found['map']:.3f}  {found['rank1']:.3f}  "
                f"{found['said']}",
                flush=True,
            )


if __name__ == "__main__":
    main()
