"""Reduces a model to the populations that can influence its output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from msc.compiler.contracts import NO_OPTIONS, CompileError, Exactness, Options, PassResult, Property
from msc.ir.graph import digraph, downstream, live_populations, upstream
from msc.ir.network import Model, Network, Population, Sign
from msc.ir.neurons import IF, LIF, CubaLIF


@dataclass(frozen=True)
class LiveNetwork:
    """Drops populations that cannot reach the output, and populations that are provably silent.

    Silent: never excited (only inhibitory projections, or projections from silent populations, reach it)
    and with a bias that cannot drive the membrane to the threshold. Exact: what is dropped delivers nothing.
    """

    name: str = "live_network"
    exactness: Exactness = Exactness.EXACT
    requires: frozenset[Property] = frozenset({Property.NORMS_FOLDED})
    promises: frozenset[Property] = frozenset({Property.LIVE})

    def run(self, model: Model, options: Options = NO_OPTIONS) -> PassResult:
        """Drop what is dead; raises CompileError where the output itself is dead."""
        network = model.network
        kept = _influential(model)
        if network.output not in kept:
            raise CompileError.of(
                f"population {network.output}",
                "the output cannot be excited by the source",
                "connect it through projections that are not inhibitory",
            )
        dropped = [p.name for p in network.populations if p.name not in kept]
        if not dropped:
            return PassResult(model)
        reduced = Network(
            tuple(p for p in network.populations if p.name in kept),
            tuple(p for p in network.projections if p.source in kept and p.target in kept),
            network.output,
            network.timesteps,
        )
        owners = {p.name for p in (*reduced.populations, *reduced.projections)}
        weights = {name: array for name, array in model.weights.items() if name.split("/")[0] in owners}
        return PassResult(Model(reduced, weights), tuple(f"{name}: dropped, it is dead" for name in dropped))


def _influential(model: Model) -> frozenset[str]:
    """Name the populations that can be excited (or are driven by their bias) and reach the output."""
    network = model.network
    excited = digraph(network, lambda p: p.sign is not Sign.INHIBITORY)
    active = downstream(excited, network.source.name)
    while True:
        driven = [p for p in network.populations if p.name not in active and not _silent(p, model)]
        if not driven:
            break
        for population in driven:
            active |= downstream(excited, population.name)
    if active == downstream(excited, network.source.name):
        return live_populations(network)
    if network.output not in active:
        return frozenset()
    reaching = upstream(digraph(network).subgraph(active), network.output)
    return frozenset(reaching | {network.source.name})


def _silent(population: Population, model: Model) -> bool:
    """Whether a population without excitation provably never fires: its membrane's upper bound stays low."""
    bias = model.weights.get(population.bias_key) if population.bias else None
    drive = float(np.max(bias)) if bias is not None else 0.0
    neuron = population.neuron
    match neuron:
        case LIF():
            bound = max(0.0, neuron.v_leak + neuron.r * drive)
            return neuron.r >= 0 and bound < neuron.v_threshold
        case IF():
            return neuron.r >= 0 and drive <= 0 < neuron.v_threshold
        case CubaLIF():
            bound = max(0.0, neuron.v_leak + neuron.r * max(0.0, neuron.w_in * drive))
            return neuron.r >= 0 and neuron.w_in >= 0 and bound < neuron.v_threshold
        case _:
            return False


PASS = LiveNetwork()
