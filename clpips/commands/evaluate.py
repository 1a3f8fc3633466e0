"""``clpips evaluate``: agreement of a metric with rankings, stock beside it."""

from __future__ import annotations

import argparse
from typing import Any

from clpips.agreement import Agreement
from clpips.commands.chosen import chosen_metrics
from clpips.commands.printing import one_number, print_json, progress
from clpips.evaluation import Evaluation, evaluate
from clpips.metric import CLPIPS
from clpips.rankings import read_rankings
from clpips.vector_cache import default_cache


def run(options: argparse.Namespace) -> None:
    """``clpips evaluate``: agreement of the chosen metric, and of stock on the same rankings."""
    rankings = read_rankings(options.rankings, image_dir=options.images)
    chosen = chosen_metrics(options, rankings)
    any_metric = chosen if isinstance(chosen, CLPIPS) else next(iter(chosen.values()))
    with progress() as watch:
        observations = any_metric.observe(rankings, cache=default_cache(), watch=watch)
    result = evaluate(chosen, observations)
    stock = evaluate(CLPIPS(any_metric.backbone), observations)
    if options.json:
        document = {**_short(result), "stock": _short(stock), "backbone": any_metric.backbone}
        print_json(document)
        return
    print(f"{'participant':<16} {'spearman':>8} {'95 % interval':>16} {'icc':>6} {'stock':>6}    n")
    for name, agreement in result.participants.items():
        print(_row(name, agreement, stock.participants[name]))
    print(_row("overall", result.overall, stock.overall))


def _short(evaluation: Evaluation) -> dict[str, Any]:
    """The documented JSON, without the long lists."""
    keys = ("spearman", "kendall", "pairwise_accuracy", "icc", "n_rankings", "spearman_ci")

    def values(agreement: Agreement) -> dict[str, Any]:
        everything = agreement.to_dict()
        extra = {"pooled": everything["pooled"]} if everything["pooled"] else {}
        kept: dict[str, Any] = {key: everything[key] for key in keys}
        return kept | extra | {"n_left_out": everything["n_left_out"]}

    people = {name: values(one) for name, one in evaluation.participants.items()}
    return {"participants": people, "overall": values(evaluation.overall)}


def _row(name: str, agreement: Agreement, stock: Agreement) -> str:
    interval = agreement.spearman_ci
    words = f"{interval[0]:.3f} … {interval[1]:.3f}" if interval else "–"
    own, its_icc = one_number(agreement.spearman), one_number(agreement.icc)
    return (
        f"{name:<16} {own:>8} {words:>16} {its_icc:>6} "
        f"{one_number(stock.spearman):>6} {agreement.n_rankings:>4}"
    )
