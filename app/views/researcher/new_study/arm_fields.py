"""The fields of a study that compares several image sources: one part for each arm."""

from __future__ import annotations

from string import ascii_uppercase
from typing import NamedTuple

import streamlit as st

from app.study.arms import MAX_ARM_NAME, MAX_ARMS
from app.views.researcher.new_study import maker_fields
from app.views.researcher.new_study.maker_fields import ABOUT, KINDS, MakerAnswers

TURNS: dict[bool, str] = {
    False: "Each round uses one arm, in random order",
    True: "Every board mixes images from all arms",
}
"""What ``StudySettings.mixes_arms`` means."""
LEAST = 2


class ArmAnswers(NamedTuple):
    """What the fields of one arm hold."""

    name: str
    maker: MakerAnswers

    @property
    def prefix(self) -> str:
        """What a sentence about this arm begins with."""
        return f"{self.name}: " if self.name else ""


class SeveralAnswers(NamedTuple):
    """What the fields of all arms hold; ``mixes``: every board has images from all of them."""

    arms: tuple[ArmAnswers, ...]
    mixes: bool


def draw() -> SeveralAnswers:
    """Draw the fields; outside the form, so that those of a kind appear when it is chosen."""
    left, right = st.columns([1, 3], gap="large")
    count = left.number_input("Number of arms", LEAST, MAX_ARMS, LEAST)
    mixes = right.radio("Arms within a round", list(TURNS), format_func=TURNS.__getitem__)
    right.caption(
        "Mixed boards compare the arms side by side. With more arms than candidates, the arms "
        "on each board are chosen at random."
    )
    return SeveralAnswers(tuple(_arm(place) for place in range(int(count))), bool(mixes))


def _arm(place: int) -> ArmAnswers:
    key, kinds = f"arm-{place}", maker_fields.kinds_here()
    with st.container(border=True):
        left, right = st.columns([1, 2])
        name = left.text_input(
            "Name in reports", ascii_uppercase[place], max_chars=MAX_ARM_NAME, key=f"{key}-name"
        )
        kind = right.selectbox(
            "Image source",
            kinds,
            index=min(place, 1),
            format_func=KINDS.__getitem__,
            key=f"{key}-kind",
        )
        st.caption(ABOUT[kind])
        maker = maker_fields.draw(kind, key=key)
    return ArmAnswers(name.strip(), maker)
