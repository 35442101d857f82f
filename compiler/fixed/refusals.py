"""Weight ranges that fixed point cannot hold, told with the channel and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import log2

import numpy as np

from msc.compiler.fixed.biases import LARGEST_BIAS
from msc.compiler.fixed.demands import Demand
from msc.compiler.fixed.loads import Load
from msc.compiler.fixed.weights import Integers, Synapses
from msc.ir.errors import Problem
from msc.ir.linear import Floats
from msc.ir.step import WEIGHT_UNIT

_RETRAIN = "train it again with more weight decay, or with --finetune loihi from weights that fit"


def below_one(demand: Demand, limits: Mapping[str, Floats]) -> Iterator[Problem]:
    """Find what would take the threshold of a channel below 1, its worst channel each."""
    loads = {f"weights of {load.projection}": load for load in demand.on_chip}
    for name, values in limits.items():
        channel = int(np.argmin(values))
        if values[channel] >= 1 or name == "other channels":
            continue
        load = loads.get(name)
        where = f"projection {load.projection}" if load else f"population {demand.population.name}"
        yield Problem(where, _too_large(demand, name, load, channel, float(values[channel])), _RETRAIN)


def _too_large(demand: Demand, name: str, load: Load | None, channel: int, limit: float) -> str:
    begin = "its weight range cannot be held: "
    if load is not None:
        needed = load.largest[channel] / demand.unit_of(load, np.ones(1))[0]
        lowest, highest = load.allowed.lowest, load.allowed.highest
        return (
            f"{begin}channel {channel} needs weights up to {needed:.4g} beside a threshold of 1, "
            f"{lowest}..{highest} are there"
        )
    if name == "bias":
        most = LARGEST_BIAS // WEIGHT_UNIT
        return (
            f"{begin}channel {channel} needs a bias of {most / limit:.4g} thresholds, at most {most} is there"
        )
    most = demand.largest_sum
    return (
        f"{begin}one step can deliver {most / limit:.4g} thresholds to channel {channel}, "
        f"at most {most} before the current wraps"
    )


def lost(
    demand: Demand,
    threshold: Integers,
    rounded: Mapping[str, Synapses],
    decided: tuple[str, ...],
    shared: bool,
) -> Iterator[Problem]:
    """Find projections all of whose weights, some not 0, were rounded to 0.

    `shared`: all channels have one threshold, which an option could change.
    """
    name = demand.population.name
    for load in demand.on_chip:
        if rounded[load.projection].any() or not load.largest.any():
            continue
        sizes = load.largest / demand.unit_of(load, threshold)
        channel = int(np.argmax(sizes))
        top = max(load.allowed.highest, -load.allowed.lowest)
        octaves = log2(top / sizes[channel])
        fix = f"remove it, or {_RETRAIN}"
        yield Problem(
            f"projection {load.projection}",
            "its weight range cannot be held: all its weights would become 0, the largest "
            f"{sizes[channel]:.2g}, {octaves:.1f} octaves below the largest that is held "
            f"({decided[channel]} set the scale of {name}, channel {channel}), "
            f"8 bits hold {log2(2 * top / load.allowed.step):.0f}",
            f"{fix}, or use --option thresholds=channel" if shared else fix,
        )
