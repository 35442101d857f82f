"""Sums of currents, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor


def totals(currents: Sequence[Tensor], steps: int, out: Tensor) -> Iterator[Tensor]:
    """Add up the currents of each step, in their order; what is yielded lasts until the next."""
    fixed = next((i for i, current in enumerate(currents) if len(current) > 1), len(currents))
    leading = [current[0] for current in currents[:fixed]]
    if leading:
        leading = [_added_up(leading, torch.empty_like(out) if fixed < len(currents) else out)]
    columns = [
        current.unbind(0) if len(current) > 1 else [current[0]] * steps for current in currents[fixed:]
    ]
    for t in range(steps):
        yield _added_up([*leading, *(column[t] for column in columns)], out)


def _added_up(terms: Sequence[Tensor], out: Tensor) -> Tensor:
    """Add up in the type of `out`; returns a single term itself where it is as `out`, else `out`."""
    first, *others = terms
    if not others and first.dtype == out.dtype and first.shape == out.shape:
        return first
    if others and first.dtype == out.dtype:
        torch.add(first, others.pop(0), out=out)
    else:
        out.copy_(first)
    for other in others:
        out.add_(other)
    return out
