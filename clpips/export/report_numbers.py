"""The report of ``clpips fit`` → the numbers that a paper needs.

Read with tolerance: an entry that is not there, or not a finite number, is not known and is left
out. Over several participants a metric's value is the mean of theirs, as everywhere in this
project, and its interval is bootstrapped over the rankings of each.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clpips.errors import InputError
from clpips.evaluation.decision import METHOD, METHOD_NAME
from clpips.evaluation.metric_names import metric_name
from clpips.export.methods_text import (
    Interval,
    MetricRow,
    PersonRow,
    StudyNumbers,
)
from clpips.features.architecture import spec_of
from clpips.features.names import BACKBONES
from clpips.stats.agreement import ICC_FORM, bootstrap_interval
from clpips.stats.held_out_gain import TEST
from clpips.stats.permutation import corrected

METRICS = ("stock", "pooled", "personal")


def read_report(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The ``report.json`` that ``clpips fit`` has written.

    Raises:
        InputError: no such file, not JSON, no participants in it, or of a baseline.
    """
    try:
        report = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise InputError(f"{path}: the report cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: a report must be JSON ({error})") from error
    people = report.get("participants") if isinstance(report, dict) else None
    if not isinstance(people, dict) or not all(isinstance(one, dict) for one in people.values()):
        raise InputError(f"{path}: a report must be one that clpips fit wrote, got another file")
    if report.get("baseline") is not None:
        raise InputError(
            f"{path}: a report must be of personal metrics, got the baseline {report['baseline']!r}"
        )
    return dict(report)


def numbers_of_report(report: Mapping[str, Any]) -> StudyNumbers:
    """The numbers of a report: ``backbone`` and, by name, ``participants`` with ``held_out``.

    Raises:
        InputError: no participant has held-out agreement that it is not too early for, or the
            report is of the pooled fit.
    """
    entries: Mapping[str, Mapping[str, Any]] = report["participants"]
    if list(entries) == ["pooled"]:
        raise InputError("a methods text needs each participant's fit, got the pooled one alone")
    held_out = {
        name: entry["held_out"]
        for name, entry in entries.items()
        if isinstance(entry.get("held_out"), Mapping)
        and entry["held_out"].get("verdict") != "too early"
    }
    if not held_out:
        raise InputError(
            "a methods text needs held-out agreement of at least one participant, "
            "which five rankings of three targets give: it is too early"
        )
    found = list(held_out.values())
    gains = [_number(one.get("gain")) for one in found]
    alone = found[0] if len(found) == 1 else None
    people, correction = _people(entries, held_out)
    backbone = report.get("backbone")
    ceilings = [_ceiling(one, report) for one in found]
    return StudyNumbers(
        rows=_rows(found, backbone if isinstance(backbone, str) else None),
        people=people,
        participants=len(entries),
        targets=_targets(found) if len(found) == len(entries) else None,
        rankings=_total(entries, "n_rankings"),
        comparisons=_total(entries, "n_comparisons"),
        backbone=backbone if isinstance(backbone, str) else None,
        n_weights=sum(spec_of(backbone).channels) if backbone in BACKBONES else None,
        interval_of="targets",
        icc_form=_icc_form(found),
        gain=_mean(gains),
        gain_ci=None if alone is None else _interval(alone.get("gain_ci")),
        p=None if alone is None else people[0].p,
        p_test=TEST if any(one.p is not None for one in people) else None,
        p_correction=correction,
        noise_ceiling=_mean(ceilings),
    )


def _rows(found: Sequence[Mapping[str, Any]], backbone: str | None) -> tuple[MetricRow, ...]:
    """The metrics that every participant with held-out agreement has."""
    rows = []
    for key in METRICS:
        own = [one.get(key) for one in found]
        if not all(isinstance(one, Mapping) for one in own):
            continue
        values = [one for one in own if isinstance(one, Mapping)]
        rows.append(
            MetricRow(
                metric_name(key, backbone),
                _mean([_number(one.get("spearman")) for one in values]),
                _spearman_ci(values),
                _mean([_number(one.get("icc")) for one in values]),
                _mean([_number(one.get("pairwise_accuracy")) for one in values]),
            )
        )
    return tuple(rows)


def _spearman_ci(values: Sequence[Mapping[str, Any]]) -> Interval | None:
    if len(values) == 1:
        return _interval(values[0].get("spearman_ci"))
    groups, clusters = [], []
    for one in values:
        known = [_number(value) for value in one.get("per_ranking") or ()]
        targets = one.get("targets") or ()
        if len(targets) != len(known):  # a report of an earlier version: every ranking by itself
            targets = range(len(known))
        both = [pair for pair in zip(known, targets, strict=True) if pair[0] is not None]
        groups.append(np.array([value for value, _ in both]))
        clusters.append([its for _, its in both])
    return bootstrap_interval(groups, clusters=clusters)


def _people(
    entries: Mapping[str, Mapping[str, Any]], held_out: Mapping[str, Mapping[str, Any]]
) -> tuple[tuple[PersonRow, ...], str | None]:
    """Each participant's row, and how their p-values were corrected for being several."""
    p_corrected = [_number(one.get("p_corrected")) for one in held_out.values()]
    raw = [_p(one.get("p")) for one in held_out.values()]
    several = sum(value is not None for value in raw) > 1
    given = any(value is not None for value in p_corrected) and several
    if not given and several:
        p_corrected, given = list(corrected(raw, METHOD)), True
    p_values = dict(zip(held_out, p_corrected if given else raw, strict=True))
    rows = []
    for name, entry in entries.items():
        own = held_out.get(name, {})
        values = {key: _number((own.get(key) or {}).get("spearman")) for key in METRICS}
        rows.append(
            PersonRow(
                name,
                _count(entry.get("n_rankings")),
                values["stock"],
                values["pooled"],
                values["personal"],
                _number(own.get("gain")),
                _interval(own.get("gain_ci")),
                p_values.get(name),
            )
        )
    return tuple(rows), METHOD_NAME if given else None


def _targets(found: Sequence[Mapping[str, Any]]) -> int | None:
    names = {
        target.get("target")
        for one in found
        for target in one.get("targets") or ()
        if isinstance(target, Mapping)
    }
    return len(names) or None


def _total(entries: Mapping[str, Mapping[str, Any]], key: str) -> int | None:
    counts = [_count(entry.get(key)) for entry in entries.values()]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _icc_form(found: Sequence[Mapping[str, Any]]) -> str:
    """The form that the reports name; those that name none are of this version."""
    named = {str((one.get("personal") or {}).get("icc_form", ICC_FORM)) for one in found}
    return named.pop() if len(named) == 1 else ICC_FORM


def _ceiling(held_out: Mapping[str, Any], report: Mapping[str, Any]) -> float | None:
    ceiling = held_out.get("noise_ceiling", report.get("noise_ceiling"))
    if isinstance(ceiling, Mapping):
        ceiling = ceiling.get("value", ceiling.get("spearman"))
    return _number(ceiling)


def _p(entry: Any) -> float | None:
    value = _number(entry.get("p") if isinstance(entry, Mapping) else entry)
    return value if value is not None and 0 <= value <= 1 else None


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean over participants; not known as soon as one of them is not."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _interval(value: Any) -> Interval | None:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    low, high = map(_number, value)
    return None if low is None or high is None else (low, high)
