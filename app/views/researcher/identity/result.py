"""What a ranking showed: figures by method, a chart, the worst queries, and the files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from app.charts.retrieval import MethodRow, mean_precision
from app.study.identity_run import PICTURES, RESULTS, IdentityRun
from app.study.types import Job
from app.views.researcher.formatting import (
    interval,
    number,
    p_value,
    plural,
    signed,
    signed_interval,
)
from app.views.researcher.html import Column, Html, heading, join, link, muted, show, stacked, table
from app.views.researcher.urls import identity_download
from clpips.text import without_paths

COLUMNS = (
    Column("Method", head=True),
    Column("mAP", numeric=True),
    Column("Chance", numeric=True),
    Column("Ceiling", numeric=True),
    Column("Drift", numeric=True),
    Column("Rank 1", numeric=True),
    Column("Rank 5", numeric=True),
    Column("MRR", numeric=True),
    Column("Reference similarity", numeric=True),
    Column("Queries", numeric=True),
)
DIFFERENCES = (
    Column("Methods", head=True),
    Column("Difference in mAP", numeric=True),
    Column("p (Holm)", numeric=True),
    Column("Identities", numeric=True),
)
READING = (
    "mAP is 1 where every image finds all images of its own subject first; under it, the 95 % "
    "interval, identities redrawn. Chance is the expected mAP of a random order, the ceiling that "
    "of the real references, drift their distance from mAP. Rank 1 and 5 are the shares of images "
    "with a hit among so many. Reference similarity is what is usually reported: compare its range "
    "with that of mAP."
)
FILES = {
    "report.html": "Page with all pictures",
    "results.csv": "Table (.csv)",
    "queries.csv": "Every query (.csv)",
    "report.json": "Report (.json)",
}
MOST_NOTES = 8


def draw(job: Job, run: IdentityRun, folder: Path) -> None:
    """The result of a ranking that has ended well."""
    try:
        report = json.loads((folder / "report.json").read_bytes())
        pictures = json.loads((folder / PICTURES).read_bytes())
    except (OSError, ValueError):
        st.error("The files of this ranking are missing. Delete it and rank once more.")
        return
    methods: Mapping[str, Any] = report["methods"]
    show(muted(_summary(methods, report)))
    show(table(COLUMNS, [row for name, one in methods.items() for row in _rows(name, one)]))
    show(muted(READING))
    chart = mean_precision([_chart_row(name, one["macro"]) for name, one in methods.items()])
    st.altair_chart(chart, width="stretch", key=f"identity-chart-{job.id}")
    if report["comparisons"]:
        show(heading("Differences between methods"))
        show(table(DIFFERENCES, [_difference(each) for each in report["comparisons"]]))
    show(heading("Worst queries"))
    show(muted("The images with the lowest average precision, each with what it found first."))
    for name, queries in pictures.items():
        show(*_queries(name, queries))
    _notes(report["notes"])
    links = (
        link(FILES[name], identity_download(job.id, name), button=True, download=name)
        for name in RESULTS
    )
    show(heading("Download"), Html("<p class='cl-line'>"), *links, Html("</p>"))


def _summary(methods: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    macros = [one["macro"] for one in methods.values()]
    queries = sum(one["n_queries"] for one in macros)
    gallery = max(one["n_gallery"] for one in macros)
    return (
        f"{plural(queries, 'query', 'queries')} in a gallery of {plural(gallery, 'image')}, "
        f"compared by {report['compared_by']['name']}."
    )


def _rows(name: str, method: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """A method's classes, then their mean where there are several."""
    classes = dict(method["classes"])
    if len(classes) > 1:
        classes["all classes"] = method["macro"]
    for species, one in classes.items():
        ends = interval(one["map_ci"]) if one["map_ci"] else ""
        shares = (one["rank1"], one["rank5"], one["mrr"], one["reference_similarity"])
        yield (
            stacked(name, species),
            stacked(number(one["map"]), ends),
            number(one["chance_map"]),
            number(one["ceiling_map"]),
            number(one["drift"]),
            *map(number, shares),
            f"{one['n_queries']:,}",
        )


def _chart_row(name: str, one: Mapping[str, Any]) -> MethodRow:
    low, high = one["map_ci"] or (None, None)
    return MethodRow(name, one["map"], low, high, one["chance_map"], one["ceiling_map"])


def _difference(pair: Mapping[str, Any]) -> tuple[str, ...]:
    ends = signed_interval(pair["ci"]) if pair["ci"] else ""
    return (
        f"{pair['first']} − {pair['second']}",
        stacked(signed(pair["difference"]), ends),
        p_value(pair["p_corrected"]),
        f"{pair['n_identities']:,}",
    )


def _queries(name: str, queries: Sequence[Mapping[str, Any]]) -> Iterator[Html]:
    """A method's queries, each a strip: the image, then its neighbours, hits framed."""
    yield Html(join(Html("<h3 class='cl-name' style='margin:.8rem 0 0'>"), name, Html("</h3>")))
    for query in queries:
        yield Html("<ol class='cl-strip cl-retrieval' tabindex='0'>")
        yield _picture(query, f"AP {number(query['ap'])}", "cl-target")
        for place, near in enumerate(query["near"], start=1):
            words = f"{place}. {near['name']}"
            yield _picture(near, words, "cl-hit" if near["is_hit"] else "")
        yield Html("</ol>")


def _picture(one: Mapping[str, Any], words: str, kind: str) -> Html:
    mark = "✓ " if kind == "cl-hit" else ""
    source = f"data:image/jpeg;base64,{one['picture']}" if one["picture"] else ""
    shown = Html(f"<img src='{source}' alt=''>") if source else Html("<span>no picture</span>")
    name = f"{one['name']}: {words}" if kind == "cl-target" else words
    return Html(join(Html(f"<li class='{kind}'>"), shown, mark, name, Html("</li>")))


def _notes(notes: Sequence[str]) -> None:
    if not notes:
        return
    rest = len(notes) - MOST_NOTES
    show(heading("Notes"), *(muted(without_paths(note)) for note in notes[:MOST_NOTES]))
    if rest > 0:
        show(muted(f"{plural(rest, 'more note')} in the report."))
