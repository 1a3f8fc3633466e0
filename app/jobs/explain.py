"""The job ``explain``: what a fitted metric weighs, which comparisons it changes, and where."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from app.charts.heat_colours import COVER, TOP
from app.files.images import add_picture
from app.jobs.comparison.inputs import sentence as sentence_of
from app.jobs.explanation.case import Case, blocks, grouped, open_case, stock_metric
from app.jobs.explanation.heatmap import paint
from app.jobs.json_values import to_json
from app.jobs.unusable import reason_of
from app.jobs.unusable import sentence as unusable_sentence
from app.store import Store
from app.study.types import Job
from clpips.errors import ImageError, StudyError
from clpips.features.lpips import Vectors
from clpips.metric.attribution import (
    BlockShare,
    Flip,
    Flips,
    flipped,
    layer_shares,
    layer_uncertainty,
    mean_vector,
)
from clpips.metric.distance_maps import distance_maps
from clpips.metric.observations import Observation
from clpips.progress import Watch
from clpips.text import without_paths

EXAMPLES = 3  # of each sort, with heat-maps
LISTED = 60  # of each sort, as lines of a table
PAINTED = f"1/{TOP}/{COVER}"  # part of the key, so that a new painting style ignores old maps

Values: TypeAlias = dict[str, Any]


def run(store: Store, job: Job, watch: Watch) -> Values:
    """Explain one fit, or with ``round_id`` one ranked board by it.

    No board is explained by weights that were fitted to it: each one is measured by weights that
    left its target out. Heat-maps painted by earlier jobs are reused.

    Returns:
        the numbers and image hashes that the Why tab shows; see :func:`summary`, :func:`board`.

    Raises:
        StudyError: no such study, fit or round, or too few rankings to explain anything.
        WeightsError: the network's weights are not available.
        Cancelled: the job was cancelled.
    """
    study, fit = store.studies.get(job.payload["study_id"]), store.fits.get(job.payload["fit_id"])
    if fit.study_id != study.id:
        raise StudyError(f"a fit must be of the same study, got number {fit.id}")
    watch.report(0.0, "Reading the rankings…")
    case = open_case(store, study, fit, watch.part(0.0, 0.5))
    following, before = watch.part(0.5, 0.5), set(case.painted)
    round_id = job.payload.get("round_id")
    found = summary(case, following) if round_id is None else board(case, round_id, following)
    painted = {key: sha for key, sha in case.painted.items() if key not in before}
    return dict(to_json({"fit_id": fit.id, **found, "painted": painted}))


def summary(case: Case, watch: Watch) -> Values:
    """Layer shares with intervals, the changed comparisons, and examples with heat-maps."""
    names, channels = blocks(case.fit.backbone)
    mean = mean_vector(case.observations)

    def shares(of: Sequence[int]) -> tuple[BlockShare, ...]:
        return layer_uncertainty(case.left_out, case.personal, case.stock, of, mean)

    groups = grouped(names)
    added = [sum(channels[group.first : group.last]) for group in groups]
    weights = np.stack([case.weights_for(one) for one in case.observations], axis=1)
    flips = flipped(case.observations, case.stock, weights)
    picked = [*_varied(case, flips.gained), *_varied(case, flips.lost)]
    examples: list[Values] = []
    unpainted: list[str] = []
    for number, flip in enumerate(picked):
        part = watch.part(number / len(picked), 1 / len(picked))
        try:
            examples.append(_example(case, flip, part))
        except ImageError as error:
            unpainted.append(
                f"{sentence_of(without_paths(error))} An example with it is not shown."
            )
    return {
        "n_rankings": len(case.observations),
        "n_targets": len(case.targets),
        "blocks": [_share(name, one) for name, one in zip(names, shares(channels), strict=True)],
        "groups": [
            {**_share(group.name, one), "what": group.what, "many": group.last > group.first + 1}
            for group, one in zip(groups, shares(added), strict=True)
        ],
        "comparisons": _counts(flips),
        "examples": examples,
        "left_out": [*map(unusable_sentence, case.unusable), *dict.fromkeys(unpainted)],
        "turned": [_line(case, flip) for flip in (*flips.gained[:LISTED], *flips.lost[:LISTED])],
    }


def board(case: Case, round_id: int, watch: Watch) -> Values:
    """Every image of one ranked board, nearest first, with its heat-maps.

    Raises:
        StudyError: no board of this fit has that number.
    """
    numbers = [n for n, ranked in enumerate(case.boards) if ranked.round.id == round_id]
    if not numbers:
        raise StudyError(f"a board must be one that the fit used, got round number {round_id}")
    observation = case.observations[numbers[0]]
    order = np.argsort(observation.ranking.ranks, kind="stable")
    return {
        "board": {
            **_where(case, numbers[0]),
            "pictures": [
                _picture(case, observation, int(place), watch.part(n / len(order), 1 / len(order)))
                for n, place in enumerate(order)
            ],
        }
    }


def _share(name: str, one: BlockShare) -> Values:
    low, high = one.interval
    return {
        "name": name,
        "stock": one.stock,
        "personal": one.personal,
        "error": one.error,
        "low": low,
        "high": high,
        "differs": one.differs,
    }


def _counts(flips: Flips) -> dict[str, int]:
    return {
        "all": flips.n_comparisons,
        "gained": len(flips.gained),
        "lost": len(flips.lost),
        "both_right": flips.both_right,
        "both_wrong": flips.both_wrong,
        "tied": flips.tied,
    }


def _varied(case: Case, flips: Sequence[Flip]) -> list[Flip]:
    """The largest changes, preferring different targets, largest first."""
    first: dict[str, Flip] = {}
    for flip in flips:
        first.setdefault(case.observations[flip.observation].ranking.target, flip)
    chosen = list(first.values())
    rest = [flip for flip in flips if flip not in chosen]
    return sorted([*chosen, *rest][:EXAMPLES], key=lambda flip: -abs(flip.change))


def _where(case: Case, number: int) -> Values:
    """The ranking that something comes from, as researchers can look it up."""
    person, trial, shown = case.boards[number]
    return {
        "round_id": shown.id,
        "participant": person.label,
        "target": trial.target.image,
        "target_name": trial.target.name,
        "round": shown.number,
    }


def _line(case: Case, flip: Flip) -> Values:
    ranks = case.observations[flip.observation].ranking.ranks
    return {
        **_where(case, flip.observation),
        "ranks": [ranks[flip.nearer], ranks[flip.farther]],
        "stock": flip.stock,
        "personal": flip.personal,
        "gained": flip.gained,
    }


def _example(case: Case, flip: Flip, watch: Watch) -> Values:
    observation = case.observations[flip.observation]
    return {
        **_line(case, flip),
        "nearer": _picture(case, observation, flip.nearer, watch.part(0.0, 0.5)),
        "farther": _picture(case, observation, flip.farther, watch.part(0.5, 0.5)),
    }


def _picture(case: Case, observation: Observation, place: int, watch: Watch) -> Values:
    """One image: its rank, and by each metric its distance, block shares and heat-map."""
    mean, vector = mean_vector(case.observations), observation.vectors[place]
    target, image = observation.ranking.target, observation.ranking.images[place]
    weights = {"stock": case.stock, "personal": case.weights_for(observation)}
    units = {name: float(mean @ own) or 1.0 for name, own in weights.items()}
    watch.report(0.0, "Painting the heat-maps…")
    try:
        maps = _maps(case, (target, image), weights, units)
    except ImageError as error:
        raise _named_by_target(case, observation, place, error) from error
    _, channels = blocks(case.fit.backbone)
    found: Values = {"image": image, "rank": observation.ranking.ranks[place]}
    for name, own in weights.items():
        distance = float(vector @ own)
        found[name] = {
            "distance": distance / units[name],
            "shares": layer_shares(vector, own, channels).tolist() if distance > 0 else None,
            "map": maps[name],
        }
    return found


def _named_by_target(
    case: Case, observation: Observation, place: int, error: ImageError
) -> ImageError:
    """The same error, with the target's name in place of a path of the server."""
    pair = observation.ranking.target, observation.ranking.images[place]
    reason = reason_of(error, [case.store.images.path(sha) for sha in pair])
    number = next(n for n, each in enumerate(case.observations) if each is observation)
    name = case.boards[number].trial.target.name
    return ImageError(f"target “{name}”: an image cannot be used ({reason})")


def _maps(
    case: Case, pair: tuple[str, str], weights: Mapping[str, Vectors], units: Mapping[str, float]
) -> dict[str, str]:
    """The heat-maps of a pair by each metric, as hashes of stored images."""
    keys = {name: _key(case.fit.backbone, pair, own / units[name]) for name, own in weights.items()}
    if not all(case.store.images.exists(case.painted.get(key, "")) for key in keys.values()):
        target, image = (case.store.images.path(sha) for sha in pair)
        metric = stock_metric(case.fit.backbone)
        found = distance_maps(metric, target, image, personal=weights["personal"])
        for name, values in (("stock", found.stock), ("personal", found.personal)):
            painted = paint(image, values / units[name])
            case.painted[keys[name]] = add_picture(case.store, painted)
    return {name: case.painted[key] for name, key in keys.items()}


def _key(backbone: str, pair: tuple[str, str], weights: Vectors) -> str:
    """The key of a heat-map: a digest of everything it is made from."""
    digest = hashlib.sha256("/".join((PAINTED, backbone, *pair)).encode())
    digest.update(np.ascontiguousarray(weights).tobytes())
    return digest.hexdigest()
