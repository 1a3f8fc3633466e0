"""A study's images as the queries of an identity ranking: its targets are the identities."""

from __future__ import annotations

from collections.abc import Sequence

from app.store import Store
from app.study.arms import ARM
from app.study.types import Candidate, Target
from clpips.errors import StudyError
from clpips.io.image_names import target_key
from clpips.io.image_tables import ImageRow
from clpips.text import named, quoted

Identity = tuple[str, str]


def study_queries(
    store: Store, study_id: int, gallery: Sequence[ImageRow]
) -> tuple[list[ImageRow], list[ImageRow], list[str]]:
    """The images that participants made and ranked, each once for every target.

    A target is the gallery's identity of the same name, compared by
    :func:`clpips.io.image_names.target_key`; it is the reference of its images. Their method is
    the study's arm, or else what made them.

    Returns:
        The queries; the targets as references; and what was left out, in sentences.

    Raises:
        StudyError: nothing was ranked, no target is in the gallery, or one is in it as several
            species.
    """
    identities = _identities(gallery)
    found: dict[tuple[str, str, str], tuple[Target, Candidate, str]] = {}
    for ranked in store.rounds.each_ranked(study_id):
        if ranked.round.kind != "own":
            continue
        for one in ranked.round.candidates:
            method = str(one.provenance.options.get(ARM, ranked.round.arm) or one.provenance.maker)
            target = ranked.trial.target
            found.setdefault((method, target.image, one.image), (target, one, method))
    if not found:
        raise StudyError("a study must have ranked images to search a gallery, got none")
    targets = {target.image: target for target, _, _ in found.values()}
    known = {
        image: identity
        for image, target in targets.items()
        if (identity := identities.get(target_key(target.name))) is not None
    }
    absent = sorted({each.name for image, each in targets.items() if image not in known})
    if not known:
        raise StudyError(
            "the gallery must show the study's targets under their names, got none of "
            f"{named(absent)}"
        )
    paths = store.images.paths([*known, *(one.image for _, one, _ in found.values())])

    def row(image: str, identity: Identity, **more: str) -> ImageRow:
        species, name = identity
        return ImageRow(name, species, f"images/{paths[image].name}", str(paths[image]), **more)

    references = {image: row(image, identity) for image, identity in known.items()}
    queries = [
        row(
            one.image,
            known[target.image],
            method=method,
            ref_path=references[target.image].file_path,
            ref=references[target.image].path,
            prompt=one.provenance.prompt,
        )
        for target, one, method in found.values()
        if target.image in known
    ]
    notes = [f"left out: the images of {named(absent)}, which the gallery does not show"]
    return queries, list(references.values()), notes if absent else []


def _identities(gallery: Sequence[ImageRow]) -> dict[str, Identity]:
    """Species and name of each identity, by how targets are compared."""
    found: dict[str, Identity] = {}
    for row in gallery:
        known = found.setdefault(target_key(row.name), row.identity)
        if known != row.identity:
            raise StudyError(
                f"a name must be of one identity to be found by it, got {quoted(row.name)} as "
                f"{quoted(known[0])} and {quoted(row.species)}"
            )
    return found
