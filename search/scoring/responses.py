"""Digests of spikes: how one population responded to one batch, in exact integers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from msc.search.scoring.emissions import Emissions

_CPU_BLOCK = 2**22  # values: a block of codes stays in the last cache
_OTHER_BLOCK = 2**20  # neurons: every sum in float32 stays far below 2^24
_LEAST_BLOCK = 2**10  # neurons


@dataclass(frozen=True, kw_only=True)
class Response(Emissions):
    """How one population of N neurons responded to a batch of B samples over T steps.

    All integers, exact. With s[t, b, n] in {0, 1} the spikes and c[b, n] = sum over t of s the counts:
    `overlaps` [T, B, B] neurons that fire in both samples at step t; `distances` [B, B] the Manhattan
    distance sum over n of |c[i, n] - c[j, n]|; `levels` [T, B] neurons whose count is at least k = 1..T;
    `channels` [B, C] spikes of each channel over steps and map; `totals` and `late` as `Emissions` says.
    `shape` is the population's, N its product.
    """

    shape: tuple[int, ...]
    overlaps: NDArray[np.int64]
    distances: NDArray[np.int64]
    levels: NDArray[np.int64]
    channels: NDArray[np.int64]

    @property
    def neurons(self) -> int:
        """N."""
        return prod(self.shape)

    @property
    def steps(self) -> int:
        """T."""
        return len(self.levels)

    @property
    def samples(self) -> int:
        """B."""
        return len(self.distances)

    @property
    def fired(self) -> NDArray[np.int64]:
        """Spikes [T, B] of each sample at each step: the diagonals of `overlaps`."""
        return self.overlaps.diagonal(axis1=1, axis2=2)

    @property
    def hamming(self) -> NDArray[np.int64]:
        """Hamming distances [T, B, B] between samples at each step: neurons that fire in one of both."""
        return self.fired[:, :, None] + self.fired[:, None, :] - 2 * self.overlaps

    @property
    def rate(self) -> float:
        """Spikes per neuron, step and sample (0 over no steps)."""
        return float(self.totals.sum()) / max(1, self.neurons * self.steps * self.samples)


def respond(population: str, spikes: Tensor, delays: Sequence[int] = ()) -> Response:
    """Digest spikes [T, B, *shape] of 0 and 1 (float32, any device), those of the last `delays` steps apart.

    Distances come from the counts' thermometer code, |a - b| = sum over k of [a >= k] xor [b >= k]: each
    level k that is reached costs one Gram matrix, as each step does, added up over blocks of neurons.
    """
    steps, samples, *shape = spikes.shape
    flat = spikes.flatten(2)
    counts = torch.empty(flat.shape[1:], dtype=_count_type(flat), device=flat.device)
    overlaps = torch.zeros(steps, samples, samples, dtype=torch.int64, device=flat.device)
    distances, levels = overlaps.new_zeros(samples, samples), overlaps.new_zeros(steps, samples)
    for block in _blocks(flat):
        codes = flat[:, :, block].to(_code_type(flat))
        overlaps += _gram(codes)
        counts[:, block] = counted = codes.sum(0, dtype=counts.dtype)
        for level in range(int(counted.max())):
            reached = torch.ge(counted, level + 1, out=torch.empty_like(counted, dtype=codes.dtype))
            both = _gram(reached.unsqueeze(0))[0]
            each = both.diagonal()
            levels[level] += each
            distances += each[:, None] + each - 2 * both
    found = Response(
        population=population,
        totals=_summed(counts, 0).reshape(shape),
        late={delay: _late(flat, delay).reshape(shape) for delay in delays},
        shape=tuple(shape),
        overlaps=overlaps.cpu().numpy(),
        distances=distances.cpu().numpy(),
        levels=levels.cpu().numpy(),
        channels=_summed(counts.unflatten(1, (shape[0], -1)), 2),
    )
    spent = found.totals.sum()
    assert spent == found.levels.sum() == found.fired.sum(), f"{population}: spikes are 0 or 1"
    return found


def _late(flat: Tensor, delay: int) -> NDArray[np.int64]:
    """Count the spikes of each neuron in the last `delay` steps of [T, B, N]."""
    return _summed(flat[max(len(flat) - delay, 0) :].sum(0), 0)  # up to T in float32: exact


def _code_type(flat: Tensor) -> torch.dtype:
    """Choose the numbers that Gram matrices are made of: exact in both, int8 much faster where a CPU has it.

    `torch._int_mm` reads strides that mean nothing where an axis has length 1 (pytorch issue 195066).
    """
    fast = flat.is_cpu and torch.backends.cpu.get_cpu_capability() == "AVX512"
    return torch.int8 if fast and min(flat.shape[1:]) > 1 else torch.float32


def _count_type(flat: Tensor) -> torch.dtype:
    """Choose the smallest type that holds counts up to T: sums over steps are bound by memory."""
    return next(t for t in (torch.int8, torch.int16, torch.int32) if len(flat) <= torch.iinfo(t).max)


def _blocks(flat: Tensor) -> Iterator[slice]:
    """Cut the neurons into blocks of two or more (one only where there is no other)."""
    steps, samples, neurons = flat.shape
    size = max(_LEAST_BLOCK, _CPU_BLOCK // max(1, steps * samples)) if flat.is_cpu else _OTHER_BLOCK
    count = max(1, neurons // size)
    cuts = [neurons * i // count for i in range(count + 1)]
    yield from (slice(start, stop) for start, stop in pairwise(cuts))


def _gram(codes: Tensor) -> Tensor:
    """Multiply [K, B, n] codes of 0 and 1 with themselves: [K, B, B] int64, exact for n < 2^24."""
    if codes.dtype is not torch.int8:
        return torch.bmm(codes, codes.mT).long()
    products = codes.new_empty((*codes.shape[:2], codes.shape[1]), dtype=torch.int32)
    for product, code in zip(products, codes, strict=True):
        torch.ops.aten._int_mm.out(code, code.T, out=product)
    return products.long()


def _summed(counts: Tensor, axis: int) -> NDArray[np.int64]:
    """Sum counts over an axis; numpy widens in blocks, torch on a CPU one by one (a tenth of the speed)."""
    if counts.is_cpu:
        return counts.numpy().sum(axis, dtype=np.int64)
    return counts.sum(axis, dtype=torch.int64).cpu().numpy()
