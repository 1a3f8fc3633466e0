"""What a study compares at random: makers of images, and what people are told by a metric."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args

from clpips.errors import GenerationError, StudyError
from clpips.generation.names import check_maker_name

MAX_ARMS = 6
MAX_ARM_NAME = 40

ARM = "arm"
"""The option of a candidate's provenance that names the arm which made it."""

Guidance = Literal["none", "stock", "personal"]
"""Which metric a person is shown between rounds: none, stock LPIPS, or the one fitted to them."""
GUIDANCES: tuple[Guidance, ...] = get_args(Guidance)

_Any = TypeVar("_Any")


@dataclass(frozen=True, slots=True)
class MakerArm:
    """One way of making a study's images; participants never see which one made theirs.

    Args:
        name: what reports call it, 1 to 40 characters.
        maker: what makes the images, by its name (:mod:`clpips.generation.names`).
        options: the maker's own settings, JSON-serialisable.

    Raises:
        StudyError: an impossible name, or no maker of that name.
    """

    name: str
    maker: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= len(self.name.strip()) <= MAX_ARM_NAME:
            raise StudyError(f"an arm's name must have 1 to {MAX_ARM_NAME} characters")
        try:
            check_maker_name(self.maker)
        except GenerationError as error:
            raise StudyError(str(error)) from error


def check_arms(arms: Sequence[MakerArm]) -> None:
    """Check that a study's arms can be told apart.

    Raises:
        StudyError: a single arm, too many, two of one name, or two that make the same images.
    """
    if not arms:
        return
    if not 2 <= len(arms) <= MAX_ARMS:
        raise StudyError(f"a study must have 2 to {MAX_ARMS} arms or none, got {len(arms)}")
    if len({arm.name.strip() for arm in arms}) < len(arms):
        raise StudyError("the arms of a study must have different names")
    if len({(arm.maker, json.dumps(arm.options, sort_keys=True)) for arm in arms}) < len(arms):
        raise StudyError("the arms of a study must differ in their maker or its settings")


def check_guidance(guidance: Sequence[str]) -> None:
    """Check the arms of what people are shown.

    Raises:
        StudyError: none at all, one twice, or one that there is not.
    """
    if len(set(guidance)) != max(len(guidance), 1) or not set(guidance) <= set(GUIDANCES):
        raise StudyError(
            f"the metrics shown between rounds must be different ones of {GUIDANCES}, "
            f"got {tuple(guidance)}"
        )


def in_blocks(arms: Sequence[_Any], seed: str, place: int) -> _Any:
    """The arm at one place (from 0) of a random sequence in which every arm is equally frequent.

    The sequence consists of blocks with each arm once, in random order (permuted blocks).

    Args:
        arms: at least one.
        seed: decides the sequence.
        place: which one is wanted.
    """
    block, within = divmod(place, len(arms))
    order = list(arms)
    random.Random(f"{seed}/{block}").shuffle(order)
    return order[within]


def shared_out(count: int, arms: int, seed: str) -> list[int]:
    """How many of ``count`` images each arm makes: as equal as can be, the rest at random."""
    each, more = divmod(count, arms)
    extra = set(random.Random(seed).sample(range(arms), more))
    return [each + (number in extra) for number in range(arms)]
