"""The energy of synaptic events: accumulations after spikes, multiplications after values."""

from __future__ import annotations

from msc.compiler.energy.energies import (
    ACCUMULATE,
    CONVOLUTION,
    MULTIPLY_ACCUMULATE,
    SYNAPSE,
    energy,
    figures,
    included,
    told,
)
from msc.compiler.energy.prices import SYNAPTIC, Charge, Price, Standing, Term
from msc.compiler.energy.profile import EnergyProfile
from msc.compiler.energy.runs import Run
from msc.ir.activity import Column, Quantity
from msc.ir.network import Projection
from msc.ir.ops import Conv1d, Conv2d
from msc.ir.synapses import Operation, operation

_LACKING = {
    Operation.AC: "AC events, the profile has no synaptic operation and no accumulate",
    Operation.MAC: "MAC events, the profile has no multiply accumulate: a host computes them",
}


def synaptic_operations(run: Run, profile: EnergyProfile) -> Term:
    """Price each AC event as the chip's synaptic operation or as an accumulate, each MAC event as a MAC.

    Events that the profile has no energy for stay `unpriced`.
    """
    held = included(SYNAPTIC, profile)
    if held is not None:
        return held
    charges: list[Charge] = []
    used: dict[str, None] = {}
    unpriced: list[Column] = []
    lacking: dict[Operation, None] = {}
    for projection in run.network.projections:
        column, kind = (Quantity.EVENTS, projection.name), operation(run.network, projection)
        name = _energy_of(projection, kind, profile)
        found = energy(profile, name)
        if found is None:
            unpriced.append(column)
            lacking[kind] = None
            continue
        used[name] = None
        each = found.times(run.computed(projection))
        charges.append(Charge(run.part(projection), column, each.low, each.high))
    frame = _static(run) if MULTIPLY_ACCUMULATE in used else []
    note = "; ".join([*(told(profile, name) for name in used), *frame])
    return Term(
        SYNAPTIC,
        Standing.KNOWN if charges else Standing.MISSING,
        note if charges else "no event of this network has a price",
        Price(tuple(charges)) if charges else None,
        figures(profile, *used),
        tuple(unpriced),
        "; ".join(_LACKING[kind] for kind in lacking),
    )


def _energy_of(projection: Projection, kind: Operation, profile: EnergyProfile) -> str:
    """Name the energy of an event on a projection."""
    if kind is Operation.MAC:
        return MULTIPLY_ACCUMULATE
    convolves = any(isinstance(op, Conv2d | Conv1d) for op in projection.ops)
    if convolves and CONVOLUTION in profile.energies:
        return CONVOLUTION
    return SYNAPSE if SYNAPSE in profile.energies else ACCUMULATE


def _static(run: Run) -> list[str]:
    """Say how often the current of a static frame is computed."""
    if not run.is_static:
        return []
    once = any(run.holds_current(population.name) for population in run.network.populations)
    return [f"the current of the static frame is computed {'once' if once else 'at every step'}"]
