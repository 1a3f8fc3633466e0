"""The optimizers: AdamW, or Muon for the matrices with AdamW for the rest."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

ENDS = ("conv_in.", "conv_out.", "time_embedding.")
"""First and last layers, which Muon's author leaves to AdamW."""
MUON_RATE_RATIO = 2.0
"""Muon's learning rate over AdamW's."""
MUON_DECAY = 0.01


class Optimizers:
    """One or two of torch's optimizers that together update every weight of a network.

    Muon (Jordan et al. 2024) makes steps of equal size in all directions of a matrix. Torch's
    accepts matrices only, so kernels are passed as matrices with a row for each output channel,
    which share the kernels' memory. AdamW updates biases, norms and the ends of the network.

    Args:
        model: what is trained; its weights must not be moved to other memory afterwards.
        rate: AdamW's learning rate; Muon's is twice that, with steps that are scaled for each
            matrix to the size of AdamW's (Liu et al. 2025).
        muon: whether to use Muon.

    Raises:
        ValueError: a kernel cannot be viewed as a matrix in its own memory.
    """

    def __init__(self, model: nn.Module, rate: float, *, muon: bool) -> None:
        self._kernels, rest = list[nn.Parameter](), list[nn.Parameter]()
        for name, each in model.named_parameters():
            inner = muon and each.ndim > 1 and not any(end in name for end in ENDS)
            (self._kernels if inner else rest).append(each)
        self._matrices = [nn.Parameter(_in_rows(each.detach(), each)) for each in self._kernels]
        shared = zip(self._matrices, self._kernels, strict=True)
        if not all(matrix.data_ptr() == kernel.data_ptr() for matrix, kernel in shared):
            raise ValueError("kernels must be contiguous or channels_last, got another layout")
        self._parts: dict[str, tuple[torch.optim.Optimizer, float]] = {
            "adamw": (torch.optim.AdamW(rest, rate, betas=(0.9, 0.99)), 1.0)
        }
        if muon:
            matched = torch.optim.Muon(
                self._matrices, rate, weight_decay=MUON_DECAY, adjust_lr_fn="match_rms_adamw"
            )
            self._parts["muon"] = (matched, MUON_RATE_RATIO)

    def set_rate(self, rate: float) -> None:
        """Set AdamW's learning rate, and Muon's in proportion, from the next step on."""
        for optimizer, ratio in self._parts.values():
            for group in optimizer.param_groups:
                group["lr"] = ratio * rate

    def step(self) -> None:
        """Update the weights by their gradients."""
        for matrix, kernel in zip(self._matrices, self._kernels, strict=True):
            matrix.grad = None if kernel.grad is None else _in_rows(kernel.grad, kernel)
        for optimizer, _ in self._parts.values():
            optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """The state of every optimizer."""
        return {name: optimizer.state_dict() for name, (optimizer, _) in self._parts.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        for name, (optimizer, _) in self._parts.items():
            optimizer.load_state_dict(state[name])


def _in_rows(values: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """(out, …) as (out, rest), in the kernel's order in memory, so that nothing is copied."""
    ordered = values if kernel.is_contiguous() else values.movedim(1, -1)
    return ordered.flatten(1)
