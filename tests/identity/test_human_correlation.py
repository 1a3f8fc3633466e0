"""Agreement with people's ratings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from clpips.errors import InputError
from clpips.identity.human_correlation import human_agreement, human_correlation
from clpips.identity.human_ratings import Ratings

KEYS = [
    f"{category}_{subject:02}_thing-{prompt}"
    for category in ("object", "style")
    for subject in range(8)
    for prompt in range(3)
]


def rated(seed: int) -> Ratings:
    return dict(zip(KEYS, np.random.default_rng(seed).integers(0, 5, len(KEYS)) * 1.0, strict=True))


def test_it_is_the_mean_over_groups_then_fishers_over_methods() -> None:
    people = {"a": (rated(0), rated(1)), "b": (rated(2), rated(3))}
    scores = {"a": rated(4), "b": rated(5)}
    expected = []
    for method, groups in people.items():
        own = [scores[method][key] for key in KEYS]
        rs = [stats.pearsonr(own, [g[key] for key in KEYS]).statistic for g in groups]
        expected.append(np.mean(rs))
    found = human_correlation(people, scores)
    assert found.mh == pytest.approx(np.tanh(np.mean(np.arctanh(expected))))
    assert found.mh_ci is not None
    assert found.mh_ci[0] < found.mh < found.mh_ci[1]
    only = human_correlation(people, scores, category="style", resamples=0)
    assert only.methods["a"].n_groups == (24, 24)
    assert only.mh != found.mh


def test_the_order_of_keys_is_of_no_consequence() -> None:
    people, scores = {"a": (rated(0), rated(1))}, {"a": rated(4)}
    turned = {"a": dict(reversed(scores["a"].items()))}
    assert human_correlation(people, scores) == human_correlation(people, turned)


def test_pairs_are_complete_and_the_others_counted() -> None:
    one, two, own = rated(0), rated(1), rated(2)
    del one[KEYS[0]], own[KEYS[1]]
    two[KEYS[2]] = float("nan")
    own["object_99_other-0"] = 1.0
    found = human_correlation({"a": (one, two)}, {"a": own}).methods["a"]
    assert found.n_groups == (len(KEYS) - 2, len(KEYS) - 2)
    assert found.n_unmatched == 2


def test_an_undefined_correlation_counts_as_0() -> None:
    flat = dict.fromkeys(KEYS, 2.0)
    found = human_correlation({"a": (rated(0), flat)}, {"a": rated(0)})
    assert found.n_undefined == 1
    assert found.methods["a"].r_groups == (1.0, None)
    assert found.mh == pytest.approx(0.5)


def test_groups_agree_with_each_other() -> None:
    people = {"a": (rated(0), rated(1))}
    r = stats.pearsonr(list(rated(0).values()), list(rated(1).values())).statistic
    assert human_agreement(people) == pytest.approx(r)


def test_methods_without_common_keys_are_refused() -> None:
    with pytest.raises(InputError, match="without a common one"):
        human_correlation({"a": (rated(0), rated(1))}, {"a": {"x": 1.0}})
    with pytest.raises(InputError, match="every rated method"):
        human_correlation({"a": (rated(0), rated(1))}, {"b": rated(0)})
