"""``clpips compare``: stock, the baselines and the personal metric on identical folds."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from clpips.cli.output import one_number, print_json, progress
from clpips.cli.rankings_arguments import given_rankings
from clpips.cli.usable import LeftOutImage, observe_usable
from clpips.errors import InputError, UndefinedStatistic
from clpips.evaluation.baselines import hold_out_baselines
from clpips.evaluation.held_out import check_targets, held_out_agreement
from clpips.evaluation.verdict import MIN_RANKINGS, MIN_TARGETS, PROVING_TARGETS
from clpips.metric.clpips import CLPIPS
from clpips.metric.fit import fit_weights
from clpips.metric.fittable import nothing_to_learn
from clpips.metric.observations import by_participant
from clpips.metric.pooled import PooledPrior
from clpips.progress import Watch
from clpips.stats.agreement import Agreement
from clpips.stats.agreement import over_people as mean_agreement
from clpips.stats.held_out_gain import TEST
from clpips.stats.intervals import Interval, gain_interval
from clpips.stats.permutation import Method, corrected, gain_p, least_p
from clpips.types import Ranking

METHOD: Method = "holm"
SHOWN = (
    "spearman",
    "spearman_ci",
    "kendall",
    "kendall_ci",
    "pairwise_accuracy",
    "pairwise_accuracy_ci",
    "icc",
    "icc_ci",
    "icc_f",
    "icc_df1",
    "icc_df2",
    "icc_p",
    "icc_f_ci",
    "icc_form",
    "icc_transform",
    "n_rankings",
    "n_left_out",
    "left_out",
)
"""The entries of an agreement that a row reports, without the long lists."""
OVERALL = "over people"


@dataclass(frozen=True, slots=True)
class Row:
    """One metric in one feature space: of one person, or over people.

    Args:
        name: ``stock``, a baseline, or ``personal``.
        space: the feature space.
        agreement: its held-out agreement, each target scored by weights that never saw it.
        n: targets that count; over people, the people.
        gain: mean Spearman − stock's of the same space; ``None`` for stock itself.
        gain_ci: its 95 % interval over targets, or over people.
        p: that the gain is no more than chance (:data:`clpips.stats.held_out_gain.TEST`, or sign
            flips of people).
        p_corrected: the same, corrected for all people × metrics, or for all metrics.
    """

    name: str
    space: str
    agreement: Agreement
    n: int
    gain: float | None = None
    gain_ci: Interval | None = None
    p: float | None = None
    p_corrected: float | None = None

    @property
    def too_early(self) -> bool:
        """Whether one person's rankings are too few to compare metrics by."""
        return self.agreement.n_rankings < MIN_RANKINGS or self.n < MIN_TARGETS

    def to_dict(self, counted: str) -> dict[str, Any]:
        """Plain values, ready for JSON; ``counted`` says what ``n`` counts."""
        everything = self.agreement.to_dict()
        return {
            "name": self.name,
            "space": self.space,
            "agreement": {key: everything[key] for key in SHOWN},
            counted: self.n,
            **({"too_early": self.too_early} if counted == "n_targets" else {}),
            "gain": self.gain,
            "gain_ci": self.gain_ci,
            "p": self.p,
            "p_corrected": self.p_corrected,
        }


Tables: TypeAlias = dict[str, list[Row]]


def run(options: argparse.Namespace) -> None:
    """``clpips compare``: a table for each participant, and one over people."""
    rankings = given_rankings(options)
    tables: Tables = {}
    left_out: dict[str, str] = {}
    images: list[LeftOutImage] = []
    spaces = list(dict.fromkeys(options.backbone))
    with progress() as watch:
        for number, space in enumerate(spaces):
            part = watch.part(number / len(spaces), 1 / len(spaces))
            for name, rows in _in_space(space, rankings, left_out, images, part).items():
                tables.setdefault(name, []).extend(rows)
    overall = corrected_together({OVERALL: over_people(tables)})[OVERALL]
    tables = corrected_together(tables)
    correction = {
        "method": METHOD,
        "tests": _tests(row for rows in tables.values() for row in rows),
        "tests_over_people": _tests(overall),
    }
    if options.json:
        people = {name: [one.to_dict("n_targets") for one in t] for name, t in tables.items()}
        print_json(
            {
                "participants": people,
                "overall": [one.to_dict("n_people") for one in overall],
                "left_out": left_out,
                "left_out_images": [one.to_dict() for one in dict.fromkeys(images)],
                "correction": correction,
            }
        )
        return
    for name, rows in tables.items():
        print("\n".join(_table(name, rows, "targets")), end="\n\n")
    if tables:
        print("\n".join(_table(OVERALL, overall, "people")), end="\n\n")
    for name, reason in left_out.items():
        print(f"{name}: left out; {reason}")
    for one in dict.fromkeys(images):
        print(one.sentence)
    if tables:
        print(_explained(correction))


def _in_space(
    space: str,
    rankings: Sequence[Ranking],
    left_out: dict[str, str],
    images: list[LeftOutImage],
    watch: Watch,
) -> Tables:
    """Each person's rows in one space; its difference vectors are computed once for all."""
    metric = CLPIPS(space)
    tables: Tables = {}
    observations, unusable = observe_usable(metric, rankings, watch.part(0.0, 0.5))
    images += unusable
    groups = by_participant(observations)
    prior = None
    if len(groups) > 1 and nothing_to_learn(observations) is None:
        prior = PooledPrior(observations, metric.space)
    for number, (name, group) in enumerate(groups.items()):
        own = watch.part(0.5 + 0.5 * number / len(groups), 0.5 / len(groups))
        try:
            fitted = fit_weights(group, metric.space, metric.settings, prior=prior, watch=own)
            check_targets(fitted.problem)
        except (InputError, UndefinedStatistic) as error:
            left_out[name] = str(error)
            continue
        weights = fitted.without_each_target(own)
        personal = held_out_agreement(fitted.problem, weights, seed=metric.settings.seed)
        found = {**hold_out_baselines(fitted, watch=own), "personal": personal}
        tables[name] = [Row("stock", space, personal.stock, personal.n_targets)]
        tables[name] += [
            Row(key, space, one.personal, one.n_targets, one.gain, one.gain_ci, one.p)
            for key, one in found.items()
        ]
    return tables


def over_people(tables: Mapping[str, Sequence[Row]]) -> list[Row]:
    """The same rows over people, with equal weights.

    The interval of an agreement speaks of these people (their targets are redrawn), the interval
    and p-value of a gain of people like them (people are redrawn, and flipped).
    """
    people: dict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
    for name, rows in tables.items():
        for row in rows:
            people[row.space, row.name][name] = row
    found = []
    for (space, metric), own in people.items():
        agreement = mean_agreement({name: row.agreement for name, row in own.items()})
        gains = [np.array([row.gain]) for row in own.values() if row.gain is not None]
        gain, interval = gain_interval(gains)
        p = gain_p(gains, seed=0).p if gains else None
        count = sum(row.agreement.spearman is not None for row in own.values())
        found.append(Row(metric, space, agreement, count, gain, interval, p))
    return found


def corrected_together(tables: Mapping[str, Sequence[Row]]) -> Tables:
    """The same tables, p-values corrected for how many there are in all of them."""
    adjusted = iter(corrected([row.p for rows in tables.values() for row in rows], METHOD))
    return {
        name: [replace(row, p_corrected=next(adjusted)) for row in rows]
        for name, rows in tables.items()
    }


def _tests(rows: Iterable[Row]) -> int:
    return sum(row.p is not None for row in rows)


def _table(name: str, rows: Sequence[Row], counted: str) -> list[str]:
    """One person's table as lines."""
    lines = [
        name,
        f"  {'space':<10} {'metric':<14} {'spearman':>8} {'95 % interval':>17} "
        f"{'gain':>7} {'95 % interval':>17} {'p':>7} {'p corr.':>7} {'n':>4} {counted:>7}",
    ]
    for row in rows:
        own = row.agreement
        gain = "–" if row.gain is None else f"{row.gain:+.3f}"
        lines.append(
            f"  {row.space:<10} {row.name:<14} {one_number(own.spearman):>8} "
            f"{_interval(own.spearman_ci):>17} {gain:>7} {_interval(row.gain_ci):>17} "
            f"{_p(row.p):>7} {_p(row.p_corrected):>7} {own.n_rankings:>4} {row.n:>7}"
        )
    few = min(row.n for row in rows)
    if counted == "targets" and any(row.too_early for row in rows):
        lines.append(
            f"  Too early to tell: a first answer needs {MIN_RANKINGS} rankings of "
            f"{MIN_TARGETS} targets that count."
        )
    elif counted == "targets" and few < PROVING_TARGETS:
        lines.append(
            f"  {few} targets are too few to prove a gain, which needs {PROVING_TARGETS} or more: "
            f"p cannot be below {least_p(few):g}."
        )
    return lines


def _interval(ends: Interval | None) -> str:
    return "–" if ends is None else f"{ends[0]:.3f} … {ends[1]:.3f}"


def _p(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _explained(correction: Mapping[str, Any]) -> str:
    return (
        "Held-out Spearman: every target is scored by weights that never saw it. n: rankings. "
        f"Gain: over stock in the same space; p: {TEST} (over people: one-sided sign flips of "
        f"people). p corr.: Holm's correction for {correction['tests']} tests (over people: "
        f"{correction['tests_over_people']})."
    )
