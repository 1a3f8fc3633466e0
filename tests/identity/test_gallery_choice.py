"""Ablations over the gallery: its size, and which images it has."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans

from clpips.errors import InputError
from clpips.identity.gallery_choice import (
    random_gallery,
    representative_gallery,
    resized_gallery,
)
from clpips.io.image_tables import ImageRow


def rows(species: str, counts: dict[str, int], kind: str) -> list[ImageRow]:
    return [
        ImageRow(name, species, f"{species}/{name}/{kind}{n}.png", f"/{species}/{name}/{kind}{n}")
        for name, count in counts.items()
        for n in range(count)
    ]


QUERIED = [("cow", f"q{n}") for n in range(10)]
GALLERY = rows("cow", {name: 12 for _, name in QUERIED}, "g")
EXTRA = rows("cow", {"q3": 20, **{f"x{n:02}": 3 + n for n in range(30)}}, "e")
OTHER = rows("cat", {"tom": 9}, "e")


def names(chosen: list[ImageRow]) -> list[str]:
    return [row.file_path for row in chosen]


def test_images_are_capped_as_pandas_caps_them() -> None:
    table = pd.DataFrame({"name": [r.name for r in EXTRA], "path": [r.file_path for r in EXTRA]})
    capped = [own.sample(min(len(own), 15), random_state=42) for _, own in table.groupby("name")]
    gallery = pd.DataFrame({"name": [r.name for r in GALLERY], "path": names(GALLERY)})
    both = pd.concat([*capped, gallery])
    wanted = pd.concat(
        [own.sample(min(len(own), 5), random_state=101) for _, own in both.groupby("name")]
    )
    assert names(resized_gallery(GALLERY, EXTRA, QUERIED, images=5)) == wanted["path"].tolist()


@pytest.mark.parametrize(("subjects", "found"), [(1, 10), (10, 10), (15, 15), (40, 40), (100, 40)])
def test_subjects_are_added_from_the_same_species(subjects: int, found: int) -> None:
    chosen = resized_gallery(GALLERY, [*EXTRA, *OTHER], QUERIED, subjects=subjects)
    identities = {row.identity for row in chosen}
    assert len(identities) == found
    assert identities >= set(QUERIED)
    assert {row.species for row in chosen} == {"cow"}


def test_as_many_subjects_as_are_queried_change_nothing() -> None:
    assert resized_gallery(GALLERY, EXTRA, QUERIED, subjects=10) == GALLERY


def test_subjects_are_drawn_with_the_seed() -> None:
    def drawn(seed: int) -> set[str]:
        chosen = resized_gallery(GALLERY, EXTRA, QUERIED, subjects=20, images=10, seed=seed)
        return {row.name for row in chosen}

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_another_species_changes_no_draw() -> None:
    alone = resized_gallery(GALLERY, EXTRA, QUERIED, subjects=20, images=4)
    queried = [("cat", "tom"), *QUERIED]
    both = resized_gallery(GALLERY, [*OTHER, *EXTRA], queried, subjects=20, images=4)
    assert [row for row in both if row.species == "cow"] == alone


def test_a_queried_identity_without_images_and_an_empty_extra_are_no_error() -> None:
    chosen = resized_gallery(GALLERY, [], [*QUERIED, ("cow", "nobody")], subjects=12, images=1)
    assert len(chosen) == 10


def test_a_random_gallery_is_that_of_the_release() -> None:
    order = [("cow", "q4"), ("cow", "q0"), ("cow", "q9")]
    random_state = random.Random(101)
    wanted: set[str] = set()
    for _, name in order:
        own = [row.file_path for row in GALLERY if row.name == name]
        wanted |= set(random_state.sample(own, 10))
    chosen = random_gallery(GALLERY, order)
    assert set(names(chosen)) == wanted
    assert names(chosen) == [path for path in names(GALLERY) if path in wanted]


def test_representatives_are_nearest_to_the_centres() -> None:
    embeddings = np.random.default_rng(1).normal(size=(len(GALLERY), 6)).astype(np.float32)
    chosen = set(names(representative_gallery(GALLERY, embeddings, QUERIED, images=4)))
    for _, name in QUERIED:
        own = [at for at, row in enumerate(GALLERY) if row.name == name]
        means = KMeans(n_clusters=4, random_state=42, n_init="auto", max_iter=300)
        means.fit(embeddings[own])
        for centre in range(4):
            inside = [at for at, label in zip(own, means.labels_, strict=True) if label == centre]
            nearest = min(
                inside,
                key=lambda at: np.sum((embeddings[at] - means.cluster_centers_[centre]) ** 2),
            )
            assert GALLERY[nearest].file_path in chosen
    assert len(chosen) == 40


def test_equal_and_missing_embeddings_give_fewer_representatives() -> None:
    embeddings = np.zeros((len(GALLERY), 3))
    embeddings[:12] = np.nan
    embeddings[13] = 1
    chosen = representative_gallery(GALLERY, embeddings, QUERIED[:3], images=10)
    assert names(chosen) == ["cow/q1/g0.png", "cow/q1/g1.png", "cow/q2/g0.png"]


def test_what_cannot_be_asked_for_is_refused() -> None:
    with pytest.raises(InputError, match="subjects must be at least 1, got 0"):
        resized_gallery(GALLERY, EXTRA, QUERIED, subjects=0)
    with pytest.raises(InputError, match="images must be at least 1, got 0"):
        random_gallery(GALLERY, QUERIED, images=0)
    with pytest.raises(InputError, match="one row for each of 120 images"):
        representative_gallery(GALLERY, np.zeros((3, 2)), QUERIED)
