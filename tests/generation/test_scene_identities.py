"""Near-identity sets drawn by scenes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from clpips.errors import GenerationError
from clpips.generation.scenes.identities import LEVELS, SIMILAR, SceneIdentity, scene_identities
from clpips.generation.scenes.things.registry import KINDS


@pytest.fixture(scope="module")
def drawn() -> list[SceneIdentity]:
    return list(scene_identities(3, seed=3, side=64))


def _changed(first: Image.Image, second: Image.Image) -> np.ndarray:
    return (np.asarray(first) != np.asarray(second)).any(axis=2)


def test_an_identity_has_three_views_and_as_many_distractors_a_level(
    drawn: list[SceneIdentity],
) -> None:
    assert [one.id for one in drawn] == ["000000", "000001", "000002"]
    for one in drawn:
        pictures = [*one.views, *(each for level in LEVELS for each in one.distractors[level])]
        assert len(one.views) == 3 and set(one.distractors) == set(LEVELS)
        assert {each.size for each in pictures} == {(64, 64)}
        assert len({each.tobytes() for each in pictures}) == 9


def test_a_distractor_changes_the_thing_and_no_edge_of_the_background(
    drawn: list[SceneIdentity],
) -> None:
    for one in drawn:
        for level in LEVELS:
            for view, other in zip(one.views, one.distractors[level], strict=True):
                changed = _changed(view, other)
                assert changed.mean() > 0.02
                assert not changed[0].any() or not changed[:, 0].any()
                assert changed.mean() < _changed(view, one.views[one.views.index(view) - 1]).mean()


def test_each_identity_depends_on_seed_and_number_alone(drawn: list[SceneIdentity]) -> None:
    (again,) = scene_identities(1, seed=3, side=64, levels=("near",))
    assert again.views[2].tobytes() == drawn[0].views[2].tobytes()
    assert again.distractors["near"][1].tobytes() == drawn[0].distractors["near"][1].tobytes()
    assert list(again.distractors) == ["near"]
    (other,) = scene_identities(1, seed=4, side=64, levels=())
    assert other.views[0].tobytes() != drawn[0].views[0].tobytes()


def test_the_kinds_are_44_that_exist_each_in_one_group() -> None:
    kinds = [kind for group in SIMILAR for kind in group]
    assert len(kinds) == len(set(kinds)) == 44
    assert set(kinds) <= set(KINDS)


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(GenerationError, match="a level must be one of"):
        next(scene_identities(1, levels=("middling",)))
    with pytest.raises(GenerationError, match="at least 1 identity, got 0"):
        next(scene_identities(0))
    with pytest.raises(GenerationError, match="sides of 32 to 2048"):
        next(scene_identities(1, side=8))
