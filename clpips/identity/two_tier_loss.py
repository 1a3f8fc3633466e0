"""NearID's two-tier training objective: same identity > near-identity distractor > random.

A batch has B identities: an anchor a_b, up to P further views of the same object (positives
p_bp) and up to K distractors h_bk on the same backgrounds. M is every positive of the batch, N_b
is M without b's own, T the temperature; e() are unit vectors.

    L1_p = mean over b of −log( exp(a_b·p_bp/T) / (Σ_{q∈M} exp(a_b·q/T) + Σ_k exp(a_b·h_bk/T)) )
    L1   = mean over p of L1_p
    L2   = mean over b, k of −s_bk + log( exp(s_bk) + Σ_{q∈N_b} exp(a_b·q/T) ),  s_bk = a_b·h_bk/T
    L    = L1 + α·L2

An anchor's other positives are in its own denominator; other identities contribute their positives
alone, neither anchors nor distractors (Cvejic et al., "NearID", arXiv 2604.01973; read in its
released code, class ``ExtendedInfoNCELoss``).

The release does not mask padded positives and distractors out of Tier 1's denominators, and Tier
2's pool holds padded positives of other identities. Here both are masked; ``compat=True`` computes
what the release computes. Padding slots there are zero vectors run through the network.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clpips.errors import InputError

TEMPERATURE, ALPHA = 0.07, 0.5
"""The paper's."""


@dataclass(frozen=True, slots=True)
class TwoTierTerms:
    """Scalars with gradients: ``total`` = ``tier1`` + α · ``tier2``."""

    total: Tensor
    tier1: Tensor
    tier2: Tensor


def two_tier_loss(
    anchors: Tensor,
    positives: Tensor,
    distractors: Tensor,
    positive_mask: Tensor,
    distractor_mask: Tensor,
    *,
    temperature: float = TEMPERATURE,
    alpha: float = ALPHA,
    compat: bool = False,
) -> TwoTierTerms:
    """The objective of one batch; half precision is computed in float32.

    Args:
        anchors: (B, d) unit vectors.
        positives: (B, P, d); what padding slots hold matters only with ``compat``.
        distractors: (B, K, d); K may be 0.
        positive_mask: (B, P) bool, true where there is a view.
        distractor_mask: (B, K) bool.
        temperature: T, above 0.
        alpha: weight of Tier 2, at least 0.
        compat: as the release computes it: padding stays in the denominators, and what is masked
            takes the dtype's minimum instead of −∞.

    Returns:
        Tier 1 is 0 without any valid positive, Tier 2 without any valid distractor. An identity
        without a valid positive still counts in Tier 2, as in the release.

    Raises:
        InputError: shapes that do not agree, or a temperature or alpha outside its range.
    """
    _check(anchors, positives, distractors, positive_mask, distractor_mask, temperature, alpha)
    a, p, h = (_full(each) for each in (anchors, positives, distractors))
    b, slots = positive_mask.shape
    nothing = torch.finfo(a.dtype).min if compat else -torch.inf
    to_pool = a @ p.reshape(b * slots, -1).T / temperature  # (B, B·P)
    to_own = torch.einsum("bd,bkd->bk", a, h) / temperature  # (B, K)
    pool, own = to_pool, to_own
    if not compat:
        pool = pool.masked_fill(~positive_mask.reshape(1, -1), nothing)
        own = own.masked_fill(~distractor_mask, nothing)
    mine = torch.eye(b, dtype=torch.bool, device=a.device).repeat_interleave(slots, dim=1)
    tier1 = _tier1(to_pool[mine].reshape(b, slots), torch.cat([pool, own], dim=1), positive_mask)
    tier2 = _tier2(to_own, pool.masked_fill(mine, nothing), distractor_mask)
    return TwoTierTerms(tier1 + alpha * tier2, tier1, tier2)


def _tier1(own: Tensor, denominator: Tensor, valid: Tensor) -> Tensor:
    """(B, P) logits of own positives, (B, …) of the denominators → the mean over slots of the
    means over the identities that have the slot.
    """
    rows = valid.any(dim=1)
    if not rows.any():
        return own.sum() * 0.0
    own, valid = own[rows], valid[rows]
    losses = (denominator[rows].logsumexp(dim=1, keepdim=True) - own).masked_fill(~valid, 0.0)
    counts = valid.sum(dim=0)
    held = counts > 0
    means: Tensor = losses.sum(dim=0)[held] / counts[held]
    return means.mean()


def _tier2(own: Tensor, pool: Tensor, valid: Tensor) -> Tensor:
    """(B, K) logits of own distractors, (B, B·P) of the others' positives → mean over valid."""
    if not valid.any():
        return own.sum() * 0.0
    rows, _ = valid.nonzero(as_tuple=True)
    logits = own[valid]
    losses: Tensor = torch.cat([logits[:, None], pool[rows]], dim=1).logsumexp(dim=1) - logits
    return losses.mean()


def _full(values: Tensor) -> Tensor:
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def _check(
    anchors: Tensor,
    positives: Tensor,
    distractors: Tensor,
    positive_mask: Tensor,
    distractor_mask: Tensor,
    temperature: float,
    alpha: float,
) -> None:
    if not temperature > 0:
        raise InputError(f"the temperature must be above 0, got {temperature:g}")
    if not alpha >= 0:
        raise InputError(f"alpha must be at least 0, got {alpha:g}")
    fits = anchors.ndim == 2 and positives.ndim == distractors.ndim == 3 and len(anchors) > 0
    for slots, mask in ((positives, positive_mask), (distractors, distractor_mask)):
        fits = fits and slots.shape == (len(anchors), *mask.shape[1:], anchors.shape[1])
        fits = fits and mask.dtype == torch.bool and mask.shape == slots.shape[:2]
    if not fits:
        shapes = [tuple(each.shape) for each in (anchors, positives, distractors)]
        masks = [tuple(each.shape) for each in (positive_mask, distractor_mask)]
        raise InputError(
            f"a batch must be (B, d), (B, P, d), (B, K, d) with bool masks (B, P) and (B, K), "
            f"got {shapes} with masks {masks}"
        )
