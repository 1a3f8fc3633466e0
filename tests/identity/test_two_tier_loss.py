"""The two-tier objective against a second implementation, term by term."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from clpips.errors import InputError
from clpips.identity.two_tier_loss import two_tier_loss

T = 0.07


def batch(
    seed: int, b: int = 5, slots: int = 2, distractors: int = 3, keep: float = 0.6
) -> dict[str, Any]:
    draw = torch.Generator().manual_seed(seed)

    def rows(*shape: int) -> Tensor:
        found = torch.randn(*shape, 8, generator=draw, dtype=torch.float64)
        return normalize(found, dim=-1).requires_grad_()

    return {
        "anchors": rows(b),
        "positives": rows(b, slots),
        "distractors": rows(b, distractors),
        "positive_mask": torch.rand(b, slots, generator=draw) < keep,
        "distractor_mask": torch.rand(b, distractors, generator=draw) < keep,
    }


def naive(
    anchors: Tensor,
    positives: Tensor,
    distractors: Tensor,
    positive_mask: Tensor,
    distractor_mask: Tensor,
    compat: bool,
) -> tuple[Tensor, Tensor]:
    """The formulas of the module's head, one number at a time."""
    b, slots, k = *positive_mask.shape, distractor_mask.shape[1]
    zero = torch.zeros((), dtype=torch.float64)

    def e(x: Tensor, y: Tensor) -> Tensor:
        return torch.exp(sum((x[i] * y[i] for i in range(len(x))), zero) / T)

    by_slot = []
    for p in range(slots):
        terms = []
        for row in range(b):
            if not positive_mask[row, p]:
                continue
            below = zero
            for other in range(b):
                for q in range(slots):
                    if compat or positive_mask[other, q]:
                        below = below + e(anchors[row], positives[other, q])
            for j in range(k):
                if compat or distractor_mask[row, j]:
                    below = below + e(anchors[row], distractors[row, j])
            terms.append(-torch.log(e(anchors[row], positives[row, p]) / below))
        if terms:
            by_slot.append(sum(terms, zero) / len(terms))
    second = []
    for row in range(b):
        for j in range(k):
            if not distractor_mask[row, j]:
                continue
            own = e(anchors[row], distractors[row, j])
            below = own
            for other in range(b):
                for q in range(slots):
                    if other != row and (compat or positive_mask[other, q]):
                        below = below + e(anchors[row], positives[other, q])
            second.append(-torch.log(own) + torch.log(below))
    return (
        sum(by_slot, zero) / max(len(by_slot), 1),
        sum(second, zero) / max(len(second), 1),
    )


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_equals_a_naive_implementation_with_gradients_on_masked_batches(
    seed: int, compat: bool
) -> None:
    made = batch(seed)
    assert not made["positive_mask"].all() and not made["distractor_mask"].all()
    found = two_tier_loss(**made, alpha=0.5, compat=compat)
    tier1, tier2 = naive(**made, compat=compat)
    assert found.tier1.item() == pytest.approx(tier1.item(), abs=1e-9)
    assert found.tier2.item() == pytest.approx(tier2.item(), abs=1e-9)
    assert found.total.item() == pytest.approx((tier1 + 0.5 * tier2).item(), abs=1e-9)
    inputs = [made["anchors"], made["positives"], made["distractors"]]
    ours = torch.autograd.grad(found.total, inputs)
    theirs = torch.autograd.grad(tier1 + 0.5 * tier2, inputs)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-9)


def test_compat_differs_where_slots_are_padded_and_only_there() -> None:
    padded, whole = batch(0), batch(0, keep=1.1)
    assert two_tier_loss(**padded).total != two_tier_loss(**padded, compat=True).total
    assert two_tier_loss(**whole).total == two_tier_loss(**whole, compat=True).total


def test_what_stands_in_padding_slots_is_of_no_consequence() -> None:
    made = batch(1)
    before = two_tier_loss(**made)
    moved = torch.where(made["positive_mask"][..., None], made["positives"], 7.0)
    after = two_tier_loss(**{**made, "positives": moved})
    assert after.total.item() == pytest.approx(before.total.item(), abs=1e-12)


def test_swapping_a_positive_with_a_distractor_raises_tier_1() -> None:
    anchors = normalize(torch.eye(3, 6, dtype=torch.float64))
    positives = normalize(anchors[:, None] + 0.1 * torch.ones(3, 1, 6), dim=-1)
    distractors = normalize(anchors[:, None] + 1.5 * torch.ones(3, 1, 6), dim=-1)
    masks = {"positive_mask": torch.ones(3, 1) > 0, "distractor_mask": torch.ones(3, 1) > 0}
    right = two_tier_loss(anchors, positives, distractors, **masks)
    wrong = two_tier_loss(anchors, distractors, positives, **masks)
    assert wrong.tier1 > right.tier1


@pytest.mark.parametrize("compat", [False, True])
def test_without_distractors_tier_2_is_zero(compat: bool) -> None:
    made = batch(2, distractors=0, keep=1.1)
    assert two_tier_loss(**made, compat=compat).tier2 == 0
    masked = batch(2)
    masked["distractor_mask"] = torch.zeros_like(masked["distractor_mask"])
    found = two_tier_loss(**masked, compat=compat)
    assert found.tier2 == 0
    found.total.backward()


@pytest.mark.parametrize("compat", [False, True])
def test_a_batch_of_one_has_no_tier_2_and_finite_gradients(compat: bool) -> None:
    made = batch(3, b=1, keep=1.1)
    found = two_tier_loss(**made, compat=compat)
    assert found.tier2.item() == pytest.approx(0.0, abs=1e-12)
    found.total.backward()
    assert all(torch.isfinite(made[key].grad).all() for key in ("anchors", "distractors"))


def test_alpha_zero_leaves_tier_1_and_an_identity_without_positive_counts_in_tier_2() -> None:
    made = batch(4, keep=1.1)
    made["positive_mask"][0] = False
    found = two_tier_loss(**made, alpha=0.0)
    assert found.total == found.tier1
    fewer = dict(made, distractor_mask=made["distractor_mask"].clone())
    fewer["distractor_mask"][0] = False
    assert two_tier_loss(**fewer).tier2 != found.tier2


def test_half_precision_is_computed_in_float32() -> None:
    made = batch(5)
    half = {k: v if v.dtype == torch.bool else v.detach().half() for k, v in made.items()}
    found = two_tier_loss(**half)
    assert found.total.dtype == torch.float32
    assert math.isclose(found.total.item(), two_tier_loss(**made).total.item(), rel_tol=1e-2)


def test_impossible_batches_are_refused() -> None:
    made = batch(6)
    with pytest.raises(InputError, match="temperature must be above 0, got 0"):
        two_tier_loss(**made, temperature=0.0)
    with pytest.raises(InputError, match="alpha must be at least 0"):
        two_tier_loss(**made, alpha=-1.0)
    with pytest.raises(InputError, match="a batch must be"):
        two_tier_loss(**{**made, "positives": made["positives"][:, :1]})
