"""What a researcher decides about a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from app.study.arms import Guidance, MakerArm, check_arms, check_guidance
from app.study.recruitment import check_address
from clpips.errors import GenerationError, StudyError
from clpips.features.names import SPACES, Backbone, is_space_name
from clpips.generation.names import check_maker_name

SelectionRule = Literal["random", "informative", "nearest"]
SELECTION_RULES: tuple[SelectionRule, ...] = get_args(SelectionRule)
MAX_EXTRA = 12  # boards of either kind: more would tire people at the end of a study
MAX_MADE = 36  # images drawn for one round


@dataclass(frozen=True, slots=True)
class StudySettings:
    """What a researcher decides about a study before anybody joins it.

    Args:
        repeats: how many boards each participant ranks once more at the end, unannounced.
        calibration: how many boards with the same images everybody ranks at the end.
        ask_confidence: whether each ranking is followed by the question how sure the person is.
        choice: which of the drawn images a board shows: any, those that tell most, or those that
            the person's metric so far ranks nearest and one at random.
        made_per_round: how many images are drawn for a round, of which ``candidates`` are
            shown; 0 becomes ``candidates``.
        maker: what makes the images, by its name (:mod:`clpips.generation.names`).
        maker_options: the maker's own settings, JSON-serialisable.
        writes_prompts: whether participants write prompts; where they do not, they only rank.
        arms: several makers, or one with several settings, which take turns at random; empty
            where ``maker`` makes all images. Otherwise the first of them is ``maker``.
        mixes_arms: whether every board has images of all arms; else each round has one arm.
        guidance: which metrics people are shown between rounds; each person gets one of them.
        duels: how many pairs each participant judges at the end: of fresh images, the one that
            the stock metric ranks nearer against the one that their own metric ranks nearer.
        completion_url: where a participant is led after the end; may hold placeholders
            (:mod:`app.study.recruitment`), empty for nowhere.
        screen_out_url: where who cannot or will not take part is led.
    """

    candidates: int = 4
    min_rounds: int = 2
    max_rounds: int = 6
    image_size: int = 512
    maker: str = "scenes"
    maker_options: Mapping[str, Any] = field(default_factory=dict)
    backbone: Backbone = "alex"
    consent: str = (
        "You will describe images, see what a computer generates from your words, and say which "
        "of its images look most like the original. We keep your descriptions, your rankings and "
        "how long each took; no name, no e-mail address. You may stop at any time by closing the "
        "page."
    )
    instructions: str = ""
    repeats: int = 0
    calibration: int = 0
    ask_confidence: bool = False
    choice: SelectionRule = "random"
    made_per_round: int = 0
    writes_prompts: bool = True
    arms: tuple[MakerArm, ...] = ()
    mixes_arms: bool = False
    guidance: tuple[Guidance, ...] = ("none",)
    duels: int = 0
    completion_url: str = ""
    screen_out_url: str = ""

    def __post_init__(self) -> None:
        if not 2 <= self.candidates <= 9:
            raise StudyError(f"candidates must lie between 2 and 9, got {self.candidates}")
        object.__setattr__(self, "made_per_round", self.made_per_round or self.candidates)
        if not self.candidates <= self.made_per_round <= MAX_MADE:
            raise StudyError(
                f"made_per_round must lie between candidates ({self.candidates}) and {MAX_MADE}, "
                f"got {self.made_per_round}"
            )
        for name in ("repeats", "calibration", "duels"):
            if not 0 <= getattr(self, name) <= MAX_EXTRA:
                raise StudyError(
                    f"{name} must lie between 0 and {MAX_EXTRA}, got {getattr(self, name)}"
                )
        if self.choice not in SELECTION_RULES:
            raise StudyError(f"choice must be one of {SELECTION_RULES}, got {self.choice!r}")
        if not 1 <= self.min_rounds <= self.max_rounds:
            raise StudyError(
                "rounds must satisfy 1 ≤ minimum ≤ maximum, "
                f"got {self.min_rounds} and {self.max_rounds}"
            )
        if not 64 <= self.image_size <= 1024:
            raise StudyError(f"image_size must lie between 64 and 1024, got {self.image_size}")
        check_address("the completion address", self.completion_url)
        check_address("the screen-out address", self.screen_out_url)
        self._take_arms()
        try:
            check_maker_name(self.maker)
        except GenerationError as error:
            raise StudyError(str(error)) from error
        if not is_space_name(self.backbone):
            raise StudyError(
                f"backbone must be one of {SPACES}, timm:<model> or transformers:<model>, "
                f"got {self.backbone!r}"
            )

    def _take_arms(self) -> None:
        """Check the arms; what comes out of JSON becomes what it was."""
        guidance = tuple(self.guidance)
        check_guidance(guidance)
        object.__setattr__(self, "guidance", guidance)
        arms = tuple(a if isinstance(a, MakerArm) else MakerArm(**a) for a in self.arms)
        check_arms(arms)
        object.__setattr__(self, "arms", arms)
        if arms:
            object.__setattr__(self, "maker", arms[0].maker)
            object.__setattr__(self, "maker_options", arms[0].options)
        elif self.mixes_arms:
            raise StudyError("boards can mix arms only where a study has arms")
        if self.mixes_arms and self.choice != "random":
            raise StudyError(
                "boards that mix arms must show all generated images: a metric that selects among "
                "them would favour one of the arms"
            )

    @property
    def makers(self) -> tuple[str, ...]:
        """The name of every maker that the study's images come from."""
        return tuple(arm.maker for arm in self.arms) or (self.maker,)
