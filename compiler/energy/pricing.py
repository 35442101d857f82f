"""Prices what a run counts with the energies of a profile, term by term."""

from __future__ import annotations

from collections.abc import Collection

from msc.compiler.energy.chips import messages, static
from msc.compiler.energy.energies import missing
from msc.compiler.energy.memory import memory_term
from msc.compiler.energy.prices import TERMS, Term
from msc.compiler.energy.profile import EnergyProfile
from msc.compiler.energy.runs import Run, StaticInput
from msc.compiler.energy.synaptic import synaptic_operations
from msc.compiler.energy.updating import neuron_updates
from msc.ir.activity import Column
from msc.ir.synapses import Wiring


def price(
    wiring: Wiring,
    steps: int,
    profile: EnergyProfile,
    static_input: StaticInput,
    columns: Collection[Column],
) -> tuple[Term, ...]:
    """Price a run of `steps` steps whose `columns` are counted: all of `prices.TERMS`, in their order.

    Events of every projection and spikes of every population, the source too, must be among the columns.
    Without membrane updates, every neuron may be active at every step; without messages, no placement is
    known. What a profile has no energy for is missing, never 0.
    """
    if not profile.published:
        return tuple(missing(name, "nobody published the energies of this device") for name in TERMS)
    # Ordered: sums of floats, and so the bytes of a report, depend on their order.
    run = Run(wiring, steps, static_input, dict.fromkeys(columns))
    return (
        synaptic_operations(run, profile),
        neuron_updates(run, profile),
        memory_term(run, profile),
        messages(run, profile),
        static(run, profile),
    )
