"""Which embeddings a command uses: an encoder's, one's own, or none but a personal metric."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from clpips.errors import InputError
from clpips.features.embedding.names import ENCODERS, checked_encoder_name

if TYPE_CHECKING:
    from clpips.features.embedding.compute import Unusable
    from clpips.features.embedding.encoder import Embeddings, EncoderCard
    from clpips.progress import Watch


Rows: TypeAlias = Sequence[tuple[str, str]]
"""Of each image, its path as it stands in a table, and the file."""
EmbedRows: TypeAlias = "Callable[[Rows, Watch, Unusable], Embeddings]"
"""Rows, progress, and what receives why images cannot be used, by file → (n, d) unit rows."""


def add_encoder_options(parser: argparse.ArgumentParser, *, metric: bool = False) -> None:
    """Declare ``--encoder | --embeddings`` (``| --metric``), and what goes with an encoder."""
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--encoder",
        type=encoder_name,
        metavar="NAME",
        help=f"{', '.join(ENCODERS)}, timm:MODEL, transformers:MODEL, open_clip:MODEL or head:FILE",
    )
    how.add_argument("--embeddings", metavar="FILE", help="embeddings of one's own (.npz)")
    if metric:
        how.add_argument("--metric", metavar="FILE", help="a personal metric (.safetensors)")
    parser.add_argument(
        "--device", default="auto", metavar="NAME", help="cpu, cuda or auto (default: auto)"
    )
    parser.add_argument(
        "--batch-size",
        type=positive_integer,
        metavar="N",
        help="images per network pass (default: 32)",
    )
    parser.add_argument(
        "--ray",
        nargs="?",
        const="local",
        metavar="ADDRESS",
        help="embed on a Ray cluster: host:port, or one on this machine where no address is given",
    )


def check_encoder_options(options: argparse.Namespace) -> None:
    """Refuse what would have no effect.

    Raises:
        InputError: ``--ray`` without an encoder.
    """
    if options.ray is not None and options.encoder is None:
        raise InputError("--ray goes with --encoder")


def embedder_for(options: argparse.Namespace) -> tuple[EncoderCard, EmbedRows]:
    """What embeds a table's images; the encoder, or the file, is opened once.

    Args:
        options: what :func:`add_encoder_options` declared.

    Returns:
        The card of what embeds, and a function: of each image its path as it stands in the table
        and the file; progress and cancel; and what receives why images cannot be used, by file →
        (n, d) unit rows, NaN where an image cannot be used.
    """
    from clpips.features.cache import default_cache
    from clpips.features.embedding.compute import embed_files
    from clpips.features.embedding.file import EmbeddingsFile
    from clpips.features.embedding.registry import open_encoder

    if options.embeddings is not None:
        file = EmbeddingsFile(options.embeddings)
        return file.card, lambda rows, watch, unusable: file.of([name for name, _ in rows])
    encoder = open_encoder(options.encoder, device=options.device)
    spread = None
    if options.ray is not None:
        from clpips.features.embedding.ray_cluster import RayEmbedding

        checksum = encoder.card.checksum
        spread = RayEmbedding(
            options.ray, options.encoder, device=options.device, checksum=checksum
        )

    def embed(rows: Rows, watch: Watch, unusable: Unusable) -> Embeddings:
        return embed_files(
            encoder,
            [path for _, path in rows],
            cache=default_cache(),
            watch=watch,
            batch_size=options.batch_size,
            unusable=unusable,
            embed=spread,
        )

    return encoder.card, embed


def encoder_name(name: str) -> str:
    """An encoder's checked name, for argparse."""
    try:
        return checked_encoder_name(name)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def positive_integer(text: str) -> int:
    """An option's number of things, for argparse."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"must be a positive whole number, got {text!r}")
    return int(text)
