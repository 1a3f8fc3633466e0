"""Checks of an imported study: timestamps, names and reports must be readable.

A value that no page can read would break every page that shows it, first the list of studies.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from app.store.comparison_checks import check_comparisons
from app.store.database import first, rows, timestamp
from app.study.recruitment import IDENTITIES, PARAMETERS, check_value
from app.study.settings import StudySettings
from clpips.errors import StudyError

# The columns that are shown as names, by table.
NAMES = {"study": "title", "target": "name", "participant": "label"}
DEFAULTS = StudySettings()
VERDICTS = ("better", "not better yet", "worse", "reversed", "too early")
WHOLE = ("n_rankings", "n_comparisons", "n_targets")
STATISTICS = ("spearman", "kendall", "pairwise_accuracy", "icc")


def check_readable(bundle: Database) -> None:
    """Check every timestamp, name, fit's report and comparison of a bundle.

    Raises:
        StudyError: the first one that a page could not show.
    """
    _check_moments(bundle)
    for table, column in NAMES.items():
        if first(bundle, f"SELECT 1 FROM {table} WHERE trim({column}, ' \t\r\n') = ''"):
            raise StudyError(f"a bundle's {table} must have a {column}, got an empty one")
    fits = """SELECT fit.id, backbone, report, study.settings ->> '$.backbone' AS space
              FROM fit JOIN study ON study.id = study_id"""
    for row in rows(bundle, fits):
        report = json.loads(row["report"])
        if not is_report(report):
            raise StudyError(f"a bundle's fits must have whole reports, number {row['id']} has not")
        # Another space might be a folder of this machine, which nobody was asked about.
        if {row["backbone"], report["backbone"]} != {row["space"] or DEFAULTS.backbone}:
            raise StudyError(
                f"a bundle's fits must be of the study's feature space, number {row['id']} is not"
            )
    check_comparisons(bundle)
    for row in rows(bundle, "SELECT recruitment, recruited_as FROM participant"):
        _check_recruitment(json.loads(row["recruitment"]), row["recruited_as"])


def _check_recruitment(kept: object, who: str | None) -> None:
    """Values must be such as a join link can bring, and name whom the row says."""
    if not isinstance(kept, dict) or not all(isinstance(each, str) for each in kept.values()):
        raise StudyError("a bundle's recruiter's parameters must be names with texts")
    known = {name: kept[name] for name in PARAMETERS if name in kept}
    if list(known) != list(kept):
        raise StudyError("a bundle's recruiter's parameters must be known ones, in their order")
    for name, value in known.items():
        check_value(name, value)
    if who is not None and who not in {f"{name}={known.get(name)}" for name in IDENTITIES}:
        raise StudyError("a bundle's recruiter's ids must be those of their parameters")


def _check_moments(bundle: Database) -> None:
    """A moment must be written as the store does it: such texts also sort by time."""
    for table in bundle.table_names():
        if table.startswith(("_", "sqlite_")):
            continue
        for column in bundle[table].columns_dict:
            if column != "at" and not column.endswith("_at"):
                continue
            sql = f"SELECT DISTINCT {column} AS text FROM {table} WHERE {column} IS NOT NULL"
            for row in bundle.query(sql):
                if not is_moment(row["text"]):
                    raise StudyError(
                        f"a bundle's {table}.{column} must be a moment, got {row['text'][:40]!r}"
                    )


def is_moment(text: str) -> bool:
    """Whether a text is a moment as the store writes it, for example 2026-11-21T09:35:00.000Z."""
    try:
        return timestamp(datetime.fromisoformat(text)) == text
    except (ValueError, OverflowError):
        return False


def is_report(report: object) -> bool:
    """Whether a fit's report has everything that the pages read, each of its kind."""
    if not isinstance(report, Mapping):
        return False
    held_out, true = report.get("held_out"), report.get("true_layers")
    layers = report.get("layers")
    return (
        _are_counts(report, WHOLE)
        and _is_number(report.get("seconds"))
        and isinstance(report.get("backbone"), str)
        and isinstance(layers, Mapping)
        and _is_layers(layers, true)
        and (held_out is None or (isinstance(held_out, Mapping) and _is_held_out(held_out)))
        and _are_notes(report.get("left_out", []))
    )


def _are_notes(notes: object) -> bool:
    """Whether each says of which target how many rankings were left out, and why."""
    return isinstance(notes, list) and all(
        isinstance(note, Mapping)
        and isinstance(note.get("target"), str)
        and isinstance(note.get("reason"), str)
        and _are_counts(note, ("n_rankings",))
        for note in notes
    )


def _is_layers(layers: Mapping[str, Any], true: object) -> bool:
    names, sums = layers.get("names"), [layers.get("stock"), layers.get("personal")]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return False
    columns = sums if true is None else [*sums, true]
    return all(
        isinstance(column, list) and len(column) == len(names) and all(map(_is_number, column))
        for column in columns
    )


def _is_held_out(held_out: Mapping[str, Any]) -> bool:
    targets = held_out.get("targets")
    return (
        all(_is_agreement(held_out.get(side)) for side in ("stock", "personal"))
        and _are_numbers_or_none(held_out, ("gain",))
        and _is_interval(held_out.get("gain_ci"))
        and held_out.get("verdict") in VERDICTS
        and isinstance(held_out.get("sentence"), str)
        and isinstance(targets, list)
        and all(_is_target(one) for one in targets)
    )


def _is_agreement(found: object) -> bool:
    if not isinstance(found, Mapping):
        return False
    left_out = found.get("left_out")
    return (
        _are_numbers_or_none(found, STATISTICS)
        and _is_interval(found.get("spearman_ci"))
        and _are_counts(found, ("n_rankings", "n_left_out"))
        and isinstance(left_out, Mapping)
        and _are_counts(left_out, left_out)
    )


def _is_target(one: object) -> bool:
    return (
        isinstance(one, Mapping)
        and isinstance(one.get("target"), str)
        and _are_counts(one, ("n_rankings",))
        and _are_numbers_or_none(one, ("stock", "personal"))
    )


def _is_interval(ends: object) -> bool:
    return ends is None or (
        isinstance(ends, list) and len(ends) == 2 and all(map(_is_number, ends))
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_numbers_or_none(found: Mapping[str, Any], names: Iterable[str]) -> bool:
    return all(name in found and (found[name] is None or _is_number(found[name])) for name in names)


def _are_counts(found: Mapping[str, Any], names: Iterable[str]) -> bool:
    values = [found.get(name) for name in names]
    return all(isinstance(each, int) and not isinstance(each, bool) for each in values)
