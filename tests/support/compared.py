"""A comparison as the worker writes it, made up around a fit's own report."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from app.store import Store
from app.study.records import Fit
from app.study.types import Study
from clpips.evaluation.decision import METHOD
from clpips.stats.permutation import corrected

CURVE = [(0, 0.21), (4, 0.27), (8, 0.36), (12, 0.43)]


def agreement(like: dict[str, Any], add: float) -> dict[str, Any]:
    """The same agreement with every mean moved, so that no two rows show one number."""
    made = copy.deepcopy(like)
    for key in ("spearman", "kendall", "pairwise_accuracy", "icc"):
        made[key] = made[key] + add
        ends = made.get(f"{key}_ci")
        made[f"{key}_ci"] = None if ends is None else [each + add for each in ends]
    return made


def table(fit: Fit) -> list[dict[str, Any]]:
    """Stock, pooled, personal and the baselines on the fit's features, then the wide ones."""
    held_out = fit.report["held_out"]
    own = held_out["personal"]
    rows = [
        ("stock", fit.backbone, held_out["stock"]),
        ("pooled", fit.backbone, agreement(own, -0.011)),
    ]
    rows += [("personal", fit.backbone, own)]
    for place, name in enumerate(("unregularised", "layer", "tilt"), 2):
        rows.append((name, fit.backbone, agreement(own, -0.013 * place)))
    for place, name in enumerate(("stock", "pooled", "personal"), 1):
        rows.append((name, "wide", agreement(own, 0.017 * place)))
    found = []
    for place, (name, space, its) in enumerate(rows):
        is_stock = name == "stock"
        is_own = (name, space) == ("personal", fit.backbone)
        found.append(
            {
                "name": name,
                "space": space,
                "agreement": its,
                "gain": None if is_stock else 0.1 + 0.01 * place,
                "gain_ci": None if is_stock else [-0.051, 0.251 + 0.01 * place],
                "p": None if is_stock else held_out["p"] if is_own else 0.0211 + 0.001 * place,
                "n_targets": held_out["n_targets"],
            }
        )
    return found


def of_fit(fit: Fit, label: str) -> dict[str, Any]:
    """One fit's part."""
    estimate = {"value": 0.413, "ci": [0.301, 0.502], "n_boards": 3}
    return {
        "table": table(fit),
        "curve": {
            "points": [
                {
                    "n_rankings": n,
                    "n_targets": max(n // 2, 1),
                    "spearman": value,
                    "gain": value - CURVE[0][1],
                    "gain_error": 0.05,
                }
                for n, value in CURVE
            ],
            "n_rankings": 12,
            "n_targets": 6,
            "repeats": 3,
            "seed": 0,
            "sentence": "Held-out agreement goes from 0.21 with stock LPIPS to 0.43.",
        },
        "forecast": {
            "n_rankings": 24,
            "now_rankings": 12,
            "now": 0.43,
            "spearman": 0.471,
            "interval": [0.281, 0.632],
            "level": 0.95,
            "sentence": "",
        },
        "needed": {
            "more": 37,
            "n_rankings": 12,
            "wanted": 0.1,
            "now": 0.187,
            "then": 0.0998,
            "level": 0.95,
            "sentence": "",
        },
        "repeatability": {
            "spearman": 0.601,
            "ci": [0.402, 0.803],
            "noiseless_ceiling": 0.754,
            "n_pairs": 2,
            "n_boards": 2,
            "n_people": 1,
            "people": {label: {"value": 0.601, "ci": [0.402, 0.803], "n_boards": 2}},
            "left_out": {},
        },
        "ceiling": {
            "lower": estimate,
            "upper": None,
            "people": {
                label: {
                    "lower": {**estimate, "value": 0.444},
                    "upper": {**estimate, "value": 0.555},
                }
            },
            "n_people": 2,
            "n_boards": 3,
            "left_out": {},
        },
        "share": [
            {
                "value": 0.832,
                "agreement": 0.5,
                "ceiling": 0.601,
                "of": "repeatability",
                "sentence": "",
            }
        ],
        "left_out": {},
    }


def of_study(fits: Sequence[Fit]) -> dict[str, Any]:
    """The study's part."""
    rows, ids = table(fits[0]), sorted(fit.id for fit in fits)
    return {
        "people": {
            "table": [
                {key: row[key] for key in ("name", "space", "agreement")} | {"n_people": len(fits)}
                for row in rows
            ]
        },
        "calibration": {
            "kendalls_w": 0.617,
            "w_chi2": 20.1,
            "w_df": 9,
            "w_p": 0.0172,
            "alpha_ordinal": 0.522,
            "alpha_interval": 0.533,
            "icc_a1": 0.544,
            "icc_c1": 0.566,
            "icc_ak": 0.877,
            "n_people": 6,
            "n_boards": 3,
            "boards": [],
            "left_out": {"ranked by one person only": 42},
        },
        "position": {
            "positions": [
                {"position": place, "mean_rank": 2.4 + place / 30, "ci": [2.1, 2.9]}
                for place in (1, 2, 3, 4)
            ],
            "friedman_chi2": 1.1,
            "friedman_df": 3,
            "friedman_p": 0.777,
            "n_same_board": 60,
            "spearman": -0.02,
            "spearman_p": 0.81,
            "n_rankings": 60,
            "left_out": {},
            "sentence": "No sign that position on the board sways the ranks (trend -0.02).",
        },
        "left_out": {},
        "fits": ids,
    }


def result(fits: Sequence[Fit], labels: Sequence[str]) -> dict[str, Any]:
    """What a comparison says of these fits and of the study; the labels are their participants'."""
    each = {str(fit.id): of_fit(fit, label) for fit, label in zip(fits, labels, strict=True)}
    return {"fits": each, "study": of_study(fits)}


def p_corrected(fits: Sequence[Fit]) -> list[float | None]:
    """Corrected p of all rows but stock's: the fits' own metrics apart from the further ones."""
    rows = [row for fit in fits for row in table(fit) if row["name"] != "stock"]
    is_own = [(row["name"], row["space"]) == ("personal", fits[0].backbone) for row in rows]
    pairs = list(zip(rows, is_own, strict=True))
    own = iter(corrected([row["p"] for row, its in pairs if its], METHOD))
    further = iter(corrected([row["p"] for row, its in pairs if not its], METHOD))
    return [next(own if each else further) for each in is_own]


def asked(store: Store, study: Study, fits: Sequence[Fit]) -> int:
    """A comparison that waits for the worker."""
    payload = {"study_id": study.id, "fit_ids": [fit.id for fit in fits]}
    return store.jobs.enqueue("compare", payload, study_id=study.id).id


def compared(store: Store, study: Study, found: dict[str, Any], fits: Sequence[Fit] = ()) -> None:
    """Keep a comparison as the worker does when it has finished."""
    asked(store, study, fits)
    running = store.jobs.claim("test", ["compare"])
    assert running is not None
    for fit_id, part in found["fits"].items():
        store.comparisons.add(int(fit_id), part)
    if "study" in found:
        store.comparisons.add_of_study(study.id, found["study"])
    store.jobs.finish(running.id, "test", {"fits": sorted(map(int, found["fits"]))})
