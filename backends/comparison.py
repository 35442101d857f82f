"""Two runs of one network compared spike by spike, and what rounding excuses of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from msc.backends.margins import Margins
from msc.ir.neurons import LI
from msc.ir.simulate import Trace


@dataclass(frozen=True)
class Difference:
    """Where a run first left the reference, and how far.

    `population`, `step`, `sample`: the causally first difference that rounding does not excuse, or the
    first one where all are excused. `count`: all differing values, propagated ones included.
    `margin`, `bound`: the largest |V - v_threshold| among the first differing neurons, and what
    rounding may explain there. `samples`: how many samples differ; `unexcused`: how many of them
    rounding does not explain.
    """

    population: str
    step: int
    sample: int
    count: int
    samples: int
    unexcused: int
    margin: float
    bound: float

    def __str__(self) -> str:
        return (
            f"{self.count} values differ, first in {self.population} at step {self.step} "
            f"of sample {self.sample} (margin {self.margin:.3g}, rounding explains {self.bound:.3g}); "
            f"{self.unexcused} of {self.samples} samples beyond rounding"
        )


@dataclass(frozen=True)
class _First:
    """The first difference of one sample."""

    sample: int
    step: int
    population: str
    margin: float
    bound: float
    excused: bool


def compare(
    reference: Trace,
    found: Mapping[str, NDArray],  # type: ignore[type-arg]
    order: Sequence[str],
    margins: Margins | None,
    exact: bool = False,
) -> Difference | None:
    """Compare what a simulator shows with the reference; None where every value is the same.

    `order` lists the populations that matter, in update order. Where all of them are visible, a sample is
    excused if its causally first difference (step, then order) lies within the rounding bound; else if
    the reference came within the bound in some population at or before that step. A membrane (LI) differs
    only beyond the bound. Where the arithmetic is `exact` nothing is excused, nor without margins (integers
    have none). Raises ValueError where shapes differ or the output is missing.
    """
    visible = [name for name in order if name in found]
    if reference.output not in found:
        raise ValueError("it does not show the output")
    for name in visible:
        if found[name].shape != reference.spikes[name].shape:
            raise ValueError(f"{name} has shape {found[name].shape}, not {reference.spikes[name].shape}")
    masks = {name: found[name] != reference.spikes[name] for name in visible}
    count = sum(int(mask.sum()) for mask in masks.values())
    if not count:
        return None
    if margins is None:
        firsts = [_First(*place, 0.0, 0.0, excused=False) for place in _firsts(masks)]
        return _summary(firsts, count, reference.output)
    if not exact:
        masks = {name: _beyond(name, mask, reference, found, margins) for name, mask in masks.items()}
    complete = len(visible) == len(order)
    firsts = _firsts(masks)
    judged = [
        _judge_seen(place, masks, reference, found, margins)
        if complete
        else _judge_blind(place, order, margins)
        for place in firsts
    ]
    if exact:
        judged = [replace(first, bound=0.0, excused=False) for first in judged]
    return _summary(judged, count, reference.output)


def _beyond(
    name: str,
    mask: NDArray[np.bool_],
    reference: Trace,
    found: Mapping[str, NDArray],  # type: ignore[type-arg]
    margins: Margins,
) -> NDArray[np.bool_]:
    """Keep all differences of spikes, and those of membranes beyond rounding."""
    if not mask.any() or not isinstance(margins.model.network.population(name).neuron, LI):
        return mask
    return np.abs(found[name] - reference.spikes[name]) > margins.bound(name)


def _firsts(masks: Mapping[str, NDArray[np.bool_]]) -> list[tuple[int, int, str]]:
    """List (sample, step, population) of each differing sample's causally first difference."""
    names = list(masks)
    where = np.stack([mask.reshape(*mask.shape[:2], -1).any(axis=2) for mask in masks.values()], axis=1)
    steps, _, samples = where.shape
    flat = where.reshape(steps * len(names), samples)  # rows in causal order
    firsts = flat.argmax(axis=0)
    return [
        (sample, int(row) // len(names), names[int(row) % len(names)])
        for sample, row in enumerate(firsts)
        if flat[row, sample]
    ]


def _judge_seen(
    place: tuple[int, int, str],
    masks: Mapping[str, NDArray[np.bool_]],
    reference: Trace,
    found: Mapping[str, NDArray],  # type: ignore[type-arg]
    margins: Margins,
) -> _First:
    """Judge a first difference by the neurons that differ there."""
    sample, step, name = place
    here = masks[name][step, sample]
    bound = margins.bound(name)[step, sample][here]
    if isinstance(margins.model.network.population(name).neuron, LI):
        margin = np.abs(found[name][step, sample] - reference.spikes[name][step, sample])[here]
    else:
        margin = margins.margin(name)[step, sample][here]
    worst = int(np.argmax(margin - bound))
    return _First(
        sample, step, name, float(margin[worst]), float(bound[worst]), bool((margin <= bound).all())
    )


def _judge_blind(place: tuple[int, int, str], order: Sequence[str], margins: Margins) -> _First:
    """Judge a difference whose cause may lie out of sight, by the reference's closest call so far."""
    sample, step, name = place
    best = (np.inf, 0.0, False)
    for candidate in order:
        if isinstance(margins.model.network.population(candidate).neuron, LI):
            continue
        margin = margins.margin(candidate)[: step + 1, sample].ravel()
        bound = margins.bound(candidate)[: step + 1, sample].ravel()
        closest = int(np.argmin(margin - bound))
        if margin[closest] - bound[closest] < best[0] - best[1]:
            excused = bool(margin[closest] <= bound[closest])
            best = (float(margin[closest]), float(bound[closest]), excused)
    return _First(sample, step, name, *best)


def _summary(judged: list[_First], count: int, output: str) -> Difference:
    if not judged:  # only membranes differ, all within rounding
        return Difference(output, 0, 0, count, 0, 0, 0.0, 0.0)
    unexcused = [first for first in judged if not first.excused]
    shown = min(unexcused or judged, key=lambda first: (first.step, first.sample))
    return Difference(
        shown.population,
        shown.step,
        shown.sample,
        count,
        len(judged),
        len(unexcused),
        shown.margin,
        shown.bound,
    )
