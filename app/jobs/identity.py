"""The job ``identity``: generated images search a gallery (Finer-Personalization Rank).

Embeddings are kept in the user's cache as they are made, so that a job that is run again after an
interruption goes on where it was.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from app.files.identity_runs import images_of, run_folder
from app.jobs.identity_results import write_results
from app.jobs.vectors import THREADS
from app.store import Store
from app.study.identity_run import run_of
from app.study.types import Job
from clpips.errors import StudyError
from clpips.features.cache import default_cache
from clpips.features.embedding.compute import embed_files
from clpips.features.embedding.encoder import Embeddings
from clpips.features.embedding.registry import open_encoder
from clpips.identity.rank_run import RankTables, cosine_distances, rank_images
from clpips.io.image_tables import ImageRow
from clpips.progress import Watch

READING, EMBEDDING, RANKING = 0.15, 0.6, 0.15  # of the progress bar; the rest is writing


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Read or draw the images, embed, rank, and write the results into the ranking's folder.

    An image that cannot be read is left out and named in the report.

    Returns:
        ``{"n_queries"}``.

    Raises:
        StudyError, DatasetError: the study's images or the gallery have changed since.
        WeightsError: the encoder's weights are not available.
        Cancelled: the job was cancelled; no result is written.
    """
    asked = run_of(job)
    if asked is None:
        raise StudyError("an identity ranking must say what is ranked, got nothing")
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory(prefix="clpips-identity-") as scratch:
        images = images_of(store, asked, Path(scratch), watch.part(0.0, READING))
        tables = RankTables(images.queries, images.gallery, images.references, notes=images.notes)
        watch.report(READING, "Loading the encoder…")
        encoder = open_encoder(asked.encoder, device="auto")
        unusable: dict[str, str] = {}
        names: dict[str, str] = {}

        def embed(rows: Sequence[ImageRow]) -> Embeddings:
            names.update((row.path, row.file_path) for row in rows)
            return embed_files(
                encoder,
                [row.path for row in rows],
                cache=default_cache(),
                watch=watch.part(READING, EMBEDDING),
                unusable=unusable,
            )

        report = rank_images(
            tables,
            cosine_distances(tables, embed),
            compared_by=encoder.card.to_dict(),
            unusable=[why.replace(path, names[path]) for path, why in unusable.items()],
            watch=watch.part(READING + EMBEDDING, RANKING),
        )
        start = READING + EMBEDDING + RANKING
        write_results(report, run_folder(store, asked), watch.part(start, 1 - start))
    return {"n_queries": len(tables.queries)}
