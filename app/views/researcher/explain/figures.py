"""The figures of an explanation as HTML: one changed comparison, one board, the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.charts.heat_colours import TOP, gradient
from app.views.researcher.explain.sentences import compared_with_stock, span
from app.views.researcher.formatting import NARROW, number, percent, signed
from app.views.researcher.html import Column, Html, image, join, link, muted, safe, table
from app.views.researcher.urls import study_address

METRICS = (("stock", "Stock LPIPS"), ("personal", "Personal"))
BLOCKS = (
    Column("Block", head=True),
    Column("Stock share", numeric=True),
    Column("Personal share", numeric=True),
    Column("95 % interval", numeric=True),
    Column("Compared with stock"),
)
CHANGED = (
    Column("Participant", head=True),
    Column("Target"),
    Column("Round", numeric=True),
    Column("Ranks", numeric=True),
    Column("Stock gap", numeric=True),
    Column("Personal gap", numeric=True),
)


def example(one: Mapping[str, Any], study_id: int) -> Html:
    """One changed comparison: target and both images, then each metric's maps under them."""
    pictures = (one["nearer"], one["farther"])
    cells = [
        _figure(one["target"], "Target", "Target"),
        *(_figure(each["image"], f"Ranked {each['rank']}", _ranked(each)) for each in pictures),
    ]
    for key, name in METRICS:
        cells.append(_judged(one, key, name))
        cells += [_map(each, key, name) for each in pictures]
    return join(
        Html("<article class='cl-why'><p class='cl-line'>"),
        _source(one, study_id),
        Html("</p><div class='cl-maps'>"),
        *cells,
        Html("</div></article>"),
    )


def board(one: Mapping[str, Any], study_id: int) -> Html:
    """Every image of a board, nearest first, above each metric's heat-map of it."""
    places = {
        key: _places([each[key]["distance"] for each in one["pictures"]]) for key, _ in METRICS
    }
    columns = [_figure(one["target"], "Target", "Target", kind="cl-target", tag="li")]
    for number_, each in enumerate(one["pictures"]):
        maps = [
            _figure(
                each[key]["map"],
                f"Heat-map of {name}, ranked {each['rank']}",
                f"{name} {number(each[key]['distance'])}, place {places[key][number_]}",
                tag="div",
            )
            for key, name in METRICS
        ]
        picture = _figure(each["image"], f"Ranked {each['rank']}", _ranked(each), tag="div")
        columns.append(join(Html("<li>"), picture, *maps, Html("</li>")))
    return join(
        Html("<p class='cl-line'>"),
        _source(one, study_id),
        Html("</p><ol class='cl-strip cl-board' tabindex='0'>"),
        *columns,
        Html("</ol>"),
    )


def legend() -> Html:
    """The colour scale of the heat-maps with its ends."""
    return Html(
        "<p class='cl-legend cl-quiet'><span>0</span>"
        f"<i role='img' aria-label='Colours of the heat-maps, from dark to bright' "
        f"style='background:{safe(gradient())}'></i>"
        f"<span>{TOP:g}{NARROW}× the metric’s mean distance, or more</span></p>"
    )


def blocks_table(blocks: Sequence[Mapping[str, Any]]) -> Html:
    """Each block's shares with the interval and how it compares with stock."""
    return table(
        BLOCKS,
        [
            (
                str(one["name"]).capitalize().replace(" ", NARROW),
                percent(one["stock"], 0),
                percent(one["personal"], 0),
                span(one),
                compared_with_stock(one),
            )
            for one in blocks
        ],
    )


def changed_table(lines: Sequence[Mapping[str, Any]]) -> Html:
    """Changed comparisons as table rows, each with the ranking that it comes from."""
    return table(
        CHANGED,
        [
            (
                one["participant"],
                one["target_name"],
                str(one["round"]),
                f"{one['ranks'][0]} before {one['ranks'][1]}",
                signed(one["stock"][1] - one["stock"][0]),
                signed(one["personal"][1] - one["personal"][0]),
            )
            for one in lines
        ],
    )


def shares_table(one: Mapping[str, Any], names: Sequence[str]) -> Html:
    """What each block adds to the two distances of an example, by either metric."""
    columns = [Column("Block", head=True)]
    values: list[Sequence[float] | None] = []
    for place in ("nearer", "farther"):
        for key, name in METRICS:
            columns.append(Column(f"Ranked {one[place]['rank']}, {name.lower()}", numeric=True))
            values.append(one[place][key]["shares"])
    rows = [
        (
            name.capitalize().replace(" ", NARROW),
            *(percent(None if shares is None else shares[row], 0) for shares in values),
        )
        for row, name in enumerate(names)
    ]
    return table(columns, rows)


def source(one: Mapping[str, Any]) -> str:
    """Which ranking something comes from, as one line."""
    return f"{one['participant']} · {one['target_name']}, round {one['round']}"


def _source(one: Mapping[str, Any], study_id: int) -> Html:
    where = f"{one['target_name']}, round {one['round']}"
    return join(
        Html("<strong>"),
        str(one["participant"]),
        Html("</strong><span>"),
        link(where, f"{study_address(study_id)}&tab=Rankings"),
        Html("</span>"),
    )


def _judged(one: Mapping[str, Any], key: str, name: str) -> Html:
    """What one metric says of a comparison, in words."""
    near, far = (one[place][key]["distance"] for place in ("nearer", "farther"))
    agrees = near < far
    mark = "✓" if agrees else "✗"
    verb = "agrees" if agrees else "disagrees"
    return join(
        Html(f"<div class='cl-judged'><strong>{safe(name)}</strong><span>"),
        f"{mark} {verb} with the participant",
        Html("</span>"),
        muted(f"gap {signed(far - near)}"),
        Html("</div>"),
    )


def _map(picture: Mapping[str, Any], key: str, name: str) -> Html:
    words = f"distance {number(picture[key]['distance'])}"
    return _figure(picture[key]["map"], f"Heat-map of {name}, ranked {picture['rank']}", words)


def _ranked(picture: Mapping[str, Any]) -> str:
    return f"Ranked {picture['rank']}"


def _places(distances: Sequence[float]) -> list[int]:
    """Each distance's place, 1 for the nearest; equal ones share it."""
    return [1 + sum(other < each for other in distances) for each in distances]


def _figure(sha: str, alt: str, words: str, *, kind: str = "", tag: str = "div") -> Html:
    return Html(f"<{tag} class='cl-cell {kind}'>{image(sha, alt, side=160)}{safe(words)}</{tag}>")


STYLES = """
.cl-why-list { display: grid; gap: 1.75rem 2rem; margin-top: .4rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 27rem), 1fr)); }
.cl-why p { margin: 0 0 .5rem; overflow-wrap: anywhere; }
.cl-maps { display: grid; gap: .5rem; grid-template-columns: repeat(3, minmax(0, 1fr)); }
.cl-cell, .cl-judged { font-size: .82rem; line-height: 1.35; min-width: 0; }
.cl-cell img { display: block; width: 100%; height: auto; aspect-ratio: 1; object-fit: cover;
  border-radius: 6px; margin-bottom: .2rem; }
.cl-judged { display: flex; flex-direction: column; gap: .15rem; padding-top: .3rem; }
.cl-legend { display: flex; flex-wrap: wrap; align-items: center; gap: .3rem .6rem;
  margin: .2rem 0 0 !important; }
.cl-legend i { width: 9rem; height: .7rem; border-radius: 99px;
  border: 1px solid color-mix(in srgb, currentColor 30%, transparent); }
ol.cl-board li { display: flex; flex-direction: column; gap: .5rem; }
ol.cl-board li.cl-target { gap: .2rem; }
"""
