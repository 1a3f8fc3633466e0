"""The three steps, each an illustration with a sentence."""

from __future__ import annotations

from urllib.parse import quote

import streamlit as st

_STEPS = (
    (
        "Describe",
        "Look at the target and say what you see, in your own words.",
        "look",
    ),
    (
        "Generate",
        "The computer generates a few images from your words alone.",
        "generate",
    ),
    (
        "Rank",
        "Put the images in order, the one that looks most like the target first.",
        "rank",
    ),
)


def three_steps() -> None:
    """Draw the steps side by side, on a narrow screen one below the other."""
    items = "".join(
        f'<li><img src="{_address(_PICTURES[name])}" alt="" width="300" height="200">'
        f"<h2>{number}. {title}</h2><p>{sentence}</p></li>"
        for number, (title, sentence, name) in enumerate(_STEPS, start=1)
    )
    st.html(f'<ol class="steps">{items}</ol>')


def _address(drawing: str) -> str:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 200" width="300" height="200">'
        f'<rect width="300" height="200" fill="#dfe8f2"/>{drawing}</svg>'
    )
    return f"data:image/svg+xml,{quote(svg)}"


def _scene(
    x: float, y: float, size: float, *, sky: str, sun: tuple[int, int], wall: str, hill: str
) -> str:
    """A small drawing of a house on a hill, ``size`` wide."""
    return (
        f'<svg x="{x}" y="{y}" width="{size}" height="{size}" viewBox="0 0 100 100">'
        f'<rect width="100" height="100" rx="9" fill="{sky}"/>'
        f'<circle cx="{sun[0]}" cy="{sun[1]}" r="11" fill="#f6c65b"/>'
        f'<path d="M0 74 Q50 56 100 74 V91 Q100 100 91 100 H9 Q0 100 0 91 Z" fill="{hill}"/>'
        f'<rect x="36" y="48" width="30" height="27" fill="{wall}"/>'
        '<path d="M31 50 L51 31 L71 50 Z" fill="#7a4a3a"/>'
        '<rect x="46" y="60" width="10" height="15" fill="#40302b"/></svg>'
    )


_TARGET = _scene(0, 0, 100, sky="#bfdcf0", sun=(78, 22), wall="#c8553d", hill="#7fa66b")


def _target(x: float, y: float, size: float) -> str:
    return (
        f'<svg x="{x}" y="{y}" width="{size}" height="{size}" viewBox="0 0 100 100">{_TARGET}</svg>'
    )


_VARIANTS = (
    {"sky": "#f2c9a1", "sun": (24, 40), "wall": "#c8553d", "hill": "#7fa66b"},
    {"sky": "#bfdcf0", "sun": (74, 20), "wall": "#cf5f48", "hill": "#86ad70"},
    {"sky": "#27324d", "sun": (70, 24), "wall": "#8f6b9d", "hill": "#3f5a4e"},
    {"sky": "#cfe4ee", "sun": (24, 22), "wall": "#e0b04c", "hill": "#a3b86c"},
)


def _small(index: int, x: float, y: float, size: float) -> str:
    variant = _VARIANTS[index]
    return _scene(
        x,
        y,
        size,
        sky=str(variant["sky"]),
        sun=variant["sun"],  # type: ignore[arg-type] # the one pair among the texts
        wall=str(variant["wall"]),
        hill=str(variant["hill"]),
    )


def _lines(x: float, y: float, lengths: tuple[int, ...]) -> str:
    return "".join(
        f'<rect x="{x}" y="{y + 17 * row}" width="{length}" height="7" rx="3.5" fill="#9db0c4"/>'
        for row, length in enumerate(lengths)
    )


def _badge(number: int, x: float, y: float) -> str:
    return (
        f'<circle cx="{x}" cy="{y}" r="12" fill="#2660a4"/><text x="{x}" y="{y + 5}" '
        'font-family="system-ui,sans-serif" font-size="15" font-weight="700" fill="#fff" '
        f'text-anchor="middle">{number}</text>'
    )


_RANKED = (1, 3, 0, 2)  # which variant is nearest, second, …
_PICTURES = {
    "look": _target(28, 42, 116)
    + '<rect x="164" y="52" width="110" height="96" rx="12" fill="#fff"/>'
    + _lines(178, 70, (82, 66, 78, 40)),
    "generate": '<rect x="22" y="76" width="78" height="50" rx="10" fill="#fff"/>'
    + _lines(33, 86, (56, 44))
    + '<path d="M110 101 h22 m-9 -9 l10 9 l-10 9" fill="none" stroke="#2660a4" '
    'stroke-width="5" stroke-linecap="round" stroke-linejoin="round"/>'
    + "".join(_small(i, 146 + 68 * (i % 2), 32 + 70 * (i // 2), 62) for i in range(4)),
    "rank": "".join(
        _small(variant, 16 + 68.5 * place, 70, 62) + _badge(place + 1, 22 + 68.5 * place, 72)
        for place, variant in enumerate(_RANKED)
    ),
}
