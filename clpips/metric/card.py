"""The card of a personal metric: where its weights came from.

Reading is strict: a missing, unknown or impossible entry is an error, and so is a card that names
another network's weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import MinLen
from pydantic import BaseModel, FailFast, PositiveFloat, PositiveInt, ValidationError

from clpips.errors import InputError, MetricFileError
from clpips.features.base import Block, Space
from clpips.features.names import BACKBONES, SPACES, Backbone, is_space_name
from clpips.features.registry import space_of
from clpips.io.validation import first_fault
from clpips.metric.fingerprints import card_digests, digests
from clpips.metric.participants import listed
from clpips.metric.settings import FitSettings, Start
from clpips.metric.solver import TOLERANCE
from clpips.text import counted, one_line
from clpips.types import Granularity, Ranking
from clpips.version import __version__

FORMAT = "clpips-personal-metric-2"
FORMER = "clpips-personal-metric-1"
"""Files older than blocks and starting points: alex, vgg or squeeze from stock."""

_STORED_START: Mapping[Start, str] = {"stock": "stock", "pooled": "everyone"}
"""The names of starting points in files, which are older than those in the code."""
_READ_START: Mapping[str, Start] = {name: start for start, name in _STORED_START.items()}


SHORT = 10 * TOLERANCE
"""With a larger duality gap than this, a fit is said to have stopped short of its optimum."""


@dataclass(frozen=True, slots=True)
class Card:
    """Where a personal metric came from.

    Args:
        backbone, backbone_sha256: the feature space, and the checksum of its frozen networks.
        blocks: what its difference vector is made of, each with the checksum of its network.
        participants: whose rankings, in alphabetical order.
        n_rankings, n_comparisons, n_targets: how many.
        settings: how the weights were learnt.
        gap: the solver's relative duality gap.
        held_out: agreement on rankings that were not fitted, with interval; ``None`` if unknown.
        library: this project's version.
        learnt_from: digests of the rankings that the weights depend on, including those of
            the pooled prior (:mod:`clpips.metric.fingerprints`); none in older files.
    """

    backbone: Backbone
    backbone_sha256: str
    blocks: tuple[Block, ...]
    participants: tuple[str, ...]
    n_rankings: int
    n_comparisons: int
    n_targets: int
    settings: FitSettings
    gap: float
    held_out: Mapping[str, Any] | None
    library: str
    learnt_from: tuple[str, ...] = ()

    @classmethod
    def of_fit(
        cls,
        space: Space,
        rankings: Sequence[Ranking],
        settings: FitSettings,
        gap: float,
        prior_rankings: Sequence[Ranking] = (),
    ) -> Card:
        """The card of weights that were just fitted.

        Args:
            space: the feature space.
            rankings: that the weights were fitted to.
            settings: of the fit.
            gap: the solver's relative duality gap.
            prior_rankings: that the prior weights were fitted to.
        """
        return cls(
            backbone=space.name,
            backbone_sha256=space.checksum,
            blocks=space.blocks,
            participants=tuple(sorted({ranking.participant for ranking in rankings})),
            n_rankings=len(rankings),
            n_comparisons=sum(_count_comparisons(one.ranks) for one in rankings),
            n_targets=len({ranking.target for ranking in rankings}),
            settings=settings,
            gap=gap,
            held_out=None,
            library=__version__,
            learnt_from=card_digests([*rankings, *prior_rankings]),
        )

    @property
    def summary(self) -> str:
        """Whose it is and from how much, in a few words."""
        people = self.participants
        if len(people) == 1:
            whose = f"personal metric of {people[0]!r}"
        else:
            whose = f"pooled metric of {len(people)} participants ({listed(people)})"
        amount = (
            f"{counted(self.n_rankings, 'ranking')} of {counted(self.n_targets, 'target')}, "
            f"{counted(self.n_comparisons, 'comparison')}"
        )
        return f"{whose}, from {amount}"

    @property
    def stopped_short(self) -> str | None:
        """A sentence where the fit ended before its optimum; ``None`` for nearly all fits."""
        if abs(self.gap) <= SHORT:
            return None
        return (
            f"The fit to the rankings of {listed(self.participants)} stopped {abs(self.gap):.1%} "
            "short of its optimum, so its weights and figures are approximate."
        )

    def count_learnt_from(self, rankings: Iterable[Ranking]) -> int | None:
        """How many of some rankings had a part in the weights; ``None`` in older files.

        At least so many, where more than :data:`clpips.metric.fingerprints.MOST` had a part.
        """
        kept = frozenset(self.learnt_from)
        return sum(one in kept for one in digests(rankings)) if kept else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON, as files hold them."""
        return {**asdict(self), "settings": stored_settings(self.settings)}

    def with_held_out(self, held_out: Mapping[str, Any]) -> Card:
        """The same card with the agreement on rankings that were not fitted."""
        return replace(self, held_out=dict(held_out))


def stored_settings(settings: FitSettings) -> dict[str, Any]:
    """Settings as files and reports hold them."""
    values = asdict(settings)
    return {**values, "start": _STORED_START.get(values["start"])}


def refused(path: Path, rule: str) -> MetricFileError:
    """The error of a file that breaks a rule, in one line."""
    return MetricFileError(one_line(f"{path}: {rule}"))


def card_of(path: Path, metadata: Mapping[str, str]) -> Card:
    """The checked card in a file's metadata.

    Raises:
        MetricFileError: anything that no fit would have written; names ``path``.
    """
    if metadata.get("format") not in (FORMAT, FORMER):
        found = metadata.get("format", "none")
        raise refused(path, f"the format must be {FORMAT!r}, got {found!r}")
    try:
        content = json.loads(metadata["card"])
        if metadata["format"] == FORMER:
            content = _brought_up_to_date(content)
        card = _StoredCard.model_validate(content).card()
    except ValidationError as error:
        raise refused(path, f"the card cannot be read: {first_fault(error, 'card')}") from error
    except (KeyError, ValueError, RecursionError, InputError) as error:
        raise refused(path, f"the card cannot be read ({error})") from error
    if not is_space_name(card.backbone):
        raise refused(path, f"backbone must be one of {SPACES} or a model, got {card.backbone!r}")
    if card.backbone in SPACES:
        _check_space(path, card)
    return card


class _Stored(BaseModel, strict=True, extra="forbid", allow_inf_nan=False):
    """A JSON object that must have exactly these entries, each of the stated type."""


class _StoredBlock(_Stored):
    name: str
    channels: PositiveInt
    sha256: str


class _StoredSettings(_Stored):
    granularity: Granularity
    margin: PositiveFloat
    shrinkage: PositiveFloat
    start: Literal["stock", "everyone"]
    seed: int

    def settings(self) -> FitSettings:
        return FitSettings(
            self.granularity, self.margin, self.shrinkage, _READ_START[self.start], self.seed
        )


class _StoredCard(_Stored):
    """A card as files hold it; older files have no ``learnt_from``."""

    backbone: str
    backbone_sha256: str
    participants: Annotated[list[str], MinLen(1), FailFast()]
    n_rankings: PositiveInt
    n_comparisons: PositiveInt
    n_targets: PositiveInt
    settings: _StoredSettings
    gap: float
    blocks: Annotated[list[_StoredBlock], FailFast()]
    held_out: dict[str, Any] | None
    library: str
    learnt_from: Annotated[list[str], FailFast()] = []

    def card(self) -> Card:
        return Card(
            backbone=self.backbone,
            backbone_sha256=self.backbone_sha256,
            blocks=tuple(Block(each.name, each.channels, each.sha256) for each in self.blocks),
            participants=tuple(self.participants),
            n_rankings=self.n_rankings,
            n_comparisons=self.n_comparisons,
            n_targets=self.n_targets,
            settings=self.settings.settings(),
            gap=self.gap,
            held_out=self.held_out,
            library=self.library,
            learnt_from=tuple(self.learnt_from),
        )


def _count_comparisons(ranks: Sequence[int]) -> int:
    return sum(one < other for one in ranks for other in ranks)


def _check_space(path: Path, card: Card) -> None:
    space = space_of(card.backbone)
    if space.checksum and card.backbone_sha256 != space.checksum:
        raise refused(
            path,
            f"backbone_sha256 must be that of the {card.backbone} weights, "
            f"{space.checksum[:12]}…, got {card.backbone_sha256[:12]!r}",
        )
    if tuple(each.channels for each in card.blocks) != space.channels:
        raise refused(
            path,
            f"the blocks must have the channels of {card.backbone}, {space.channels}, "
            f"got {tuple(each.channels for each in card.blocks)}",
        )


def _brought_up_to_date(content: Any) -> Any:
    """A card in the old format, with the newer entries filled in."""
    if not isinstance(content, dict) or content.get("backbone") not in BACKBONES:
        return content
    blocks = [asdict(block) for block in space_of(content["backbone"]).blocks]
    settings = content.get("settings")
    settings = {**settings, "start": "stock"} if isinstance(settings, dict) else settings
    return {**content, "blocks": blocks, "settings": settings}
