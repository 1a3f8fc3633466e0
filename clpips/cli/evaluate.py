"""``clpips evaluate``: agreement of a metric with rankings, stock beside it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from clpips.cli.metric_option import chosen_metrics
from clpips.cli.output import one_number, print_json, progress
from clpips.cli.rankings_arguments import given_rankings
from clpips.evaluation.held_out import Evaluation, evaluate
from clpips.features.cache import default_cache
from clpips.metric.clpips import CLPIPS
from clpips.metric.fingerprints import MOST
from clpips.metric.observations import by_participant
from clpips.stats.agreement import Agreement, icc_note
from clpips.text import counted
from clpips.types import Ranking

Learnt: TypeAlias = Mapping[str, int | None]
"""For each participant, how many of the rankings that are scored their metric was learnt from;
``None`` where its file does not say."""


def run(options: argparse.Namespace) -> None:
    """``clpips evaluate``: agreement of the chosen metric, and of stock on the same rankings."""
    rankings = given_rankings(options)
    chosen = chosen_metrics(options, rankings)
    any_metric = chosen if isinstance(chosen, CLPIPS) else next(iter(chosen.values()))
    with progress() as watch:
        observations = any_metric.observe(rankings, cache=default_cache(), watch=watch)
    result = evaluate(chosen, observations)
    stock = evaluate(CLPIPS(any_metric.backbone), observations)
    groups = {
        name: [one.ranking for one in own] for name, own in by_participant(observations).items()
    }
    metrics = dict.fromkeys(groups, chosen) if isinstance(chosen, CLPIPS) else chosen
    learnt = {name: _learnt_from(metrics[name], own) for name, own in groups.items()}
    if options.json:
        document = {
            **_short(result, learnt),
            "stock": _short(stock, dict.fromkeys(learnt, 0)),
            "backbone": any_metric.backbone,
        }
        print_json(document)
        return
    print(f"{'participant':<16} {'spearman':>8} {'95 % interval':>16} {'icc':>6} {'stock':>6}    n")
    for name, agreement in result.participants.items():
        print(_row(name, agreement, stock.participants[name]))
    print(_row("overall", result.overall, stock.overall))
    for reason, count in result.overall.left_out.items():
        print(f"left out: {counted(count, 'ranking')}, {reason}")
    shown = [*result.participants.values(), result.overall]
    note = icc_note(one.icc for one in shown)
    if note:
        print(note)
    capped = any(one.is_fitted and len(one.card_.learnt_from) >= MOST for one in metrics.values())
    for line in _seen_rankings_notes(learnt, len(rankings), at_least=capped):
        print(line)


def _learnt_from(metric: CLPIPS, rankings: Sequence[Ranking]) -> int | None:
    return metric.card_.count_learnt_from(rankings) if metric.is_fitted else 0


def _seen_rankings_notes(learnt: Learnt, n_rankings: int, *, at_least: bool) -> list[str]:
    """Notes on the rankings that the metric was fitted on."""
    total = sum(count or 0 for count in learnt.values())
    lines = []
    if total:
        lines.append(
            f"{'At least ' if at_least else ''}{total} of the {counted(n_rankings, 'ranking')} "
            f"{'was' if total == 1 else 'were'} fitted on: this is no agreement on unseen "
            "rankings, which clpips fit prints as held-out."
        )
    if None in learnt.values():
        lines.append(
            "Which rankings were fitted on is not known: a metric's file is older than its record."
        )
    return lines


def _short(evaluation: Evaluation, learnt: Learnt) -> dict[str, Any]:
    """The documented JSON, without the long lists."""
    keys = (
        *("spearman", "kendall", "pairwise_accuracy", "icc", "n_rankings", "spearman_ci"),
        *("icc_f", "icc_df1", "icc_df2", "icc_p", "icc_f_ci"),
    )

    def values(agreement: Agreement, n_fitted_on: int | None) -> dict[str, Any]:
        everything = agreement.to_dict()
        extra = {"pooled": everything["pooled"]} if everything["pooled"] else {}
        kept: dict[str, Any] = {key: everything[key] for key in keys}
        omitted = {key: everything[key] for key in ("n_left_out", "left_out")}
        return kept | extra | omitted | {"n_fitted_on": n_fitted_on}

    people = {name: values(one, learnt[name]) for name, one in evaluation.participants.items()}
    counts = [count for count in learnt.values() if count is not None]
    total = sum(counts) if len(counts) == len(learnt) else None
    return {"participants": people, "overall": values(evaluation.overall, total)}


def _row(name: str, agreement: Agreement, stock: Agreement) -> str:
    interval = agreement.spearman_ci
    words = f"{interval[0]:.3f} … {interval[1]:.3f}" if interval else "–"
    own, its_icc = one_number(agreement.spearman), one_number(agreement.icc)
    return (
        f"{name:<16} {own:>8} {words:>16} {its_icc:>6} "
        f"{one_number(stock.spearman):>6} {agreement.n_rankings:>4}"
    )
