"""Gives every population the machine step it starts at, and long projections the relays they need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod

import numpy as np

from msc.compiler.contracts import NO_OPTIONS, CompileError, Exactness, Options, PassResult, Property
from msc.compiler.infeasible import infeasible_cycles
from msc.compiler.offsets import choose_offsets
from msc.compiler.timing import RELAY, is_retimed, latency, relay_name, relay_of, start_of
from msc.ir.errors import Problem, raise_all
from msc.ir.network import Array, Model, Network, Population, Projection, Sign
from msc.ir.neurons import FixedLIF, InputKind, Source
from msc.ir.ops import Shape
from msc.ir.shapes import population_shapes
from msc.ir.verify import MAX_DELAY


@dataclass(frozen=True)
class Retime:
    """S'_p[r(p) + t] = S_p[t]: machine time, in which every synapse takes one step.

    Population p starts at machine step r(p), its logical step t is machine step r(p) + t. A projection of
    logical delay w takes 1 + d steps, d = w + r(target) - r(source) - 1: the d steps more are relays,
    populations `p.relay1`, `p.relay2`.. that repeat p's spikes one step later each and that all projections
    out of p share; it keeps its name and weights and starts from relay d. A projection from the source is
    delayed by r(target) + w: what sends the input does so later. Offsets: `choose_offsets`.
    Exact: cut to its logical steps (`timing.logical`), the network has every spike it had.
    """

    name: str = "retime"
    exactness: Exactness = Exactness.EXACT
    requires: frozenset[Property] = frozenset({Property.FIXED_POINT})
    promises: frozenset[Property] = frozenset({Property.RETIMED})

    def run(self, model: Model, options: Options = NO_OPTIONS) -> PassResult:
        """Retime; a network in machine time is returned as it is.

        Raises CompileError for cycles that are too fast (one of each strongly connected component), for names
        that belong to relays, for populations that start late already, for delays that grow too long.
        """
        network = model.network
        if is_retimed(network):
            return PassResult(model)
        raise_all(CompileError, _not_logical(network))
        shapes = population_shapes(network)
        offsets = choose_offsets(network, {name: prod(shape) for name, shape in shapes.items()})
        if offsets is None:
            raise CompileError(infeasible_cycles(network))
        offsets[network.source.name] = 0
        raise_all(CompileError, _too_late(network, offsets))
        relays = _relays(network, offsets)
        machine = _retimed(network, offsets, relays)
        weights = {**model.weights, **_thresholds(relays, shapes)}
        return PassResult(Model(machine, weights), tuple(_changes(machine, relays, shapes)))


def _not_logical(network: Network) -> Iterator[Problem]:
    for population in network.populations:
        if relay_of(population.name):
            yield Problem(
                f"population {population.name}",
                "has a name that is kept for relays",
                "rename it in the network",
            )
        if start_of(population):
            yield Problem(
                f"population {population.name}",
                f"starts at step {start_of(population)} in a network that is not in machine time",
                "start it at step 0",
            )


def _too_late(network: Network, offsets: Mapping[str, int]) -> Iterator[Problem]:
    for projection in network.out_of(network.source.name):
        delay = offsets[projection.target] + projection.delay
        if delay > MAX_DELAY:
            yield Problem(
                f"projection {projection.name}",
                f"arrives {delay} machine steps late, more than {MAX_DELAY}",
                "shorten the delays on the way",
            )


def _extra_steps(projection: Projection, offsets: Mapping[str, int]) -> int:
    return projection.delay + offsets[projection.target] - offsets[projection.source] - 1


def _relays(network: Network, offsets: Mapping[str, int]) -> dict[str, int]:
    """Count the relays of each population that needs any."""
    relays: dict[str, int] = {}
    for projection in network.projections:
        needed = _extra_steps(projection, offsets)
        if projection.source != network.source.name and needed > relays.get(projection.source, 0):
            relays[projection.source] = needed
    return relays


def _retimed(network: Network, offsets: Mapping[str, int], relays: Mapping[str, int]) -> Network:
    populations: list[Population] = []
    for population in network.populations:
        populations.append(_started(population, offsets[population.name]))
        for index in range(1, relays.get(population.name, 0) + 1):
            neuron = replace(RELAY, start=offsets[population.name] + index)
            populations.append(Population(relay_name(population.name, index), neuron, bias=False))
    source = network.source
    projections = [_rewired(p, source.name, offsets) for p in network.projections]
    machine = Network(tuple(populations), (*projections, *_chains(network, relays)), network.output)
    assert isinstance(source.neuron, Source)
    steps = network.timesteps
    if steps is not None and source.neuron.kind is InputKind.STATIC:
        steps += latency(machine)
    return replace(machine, timesteps=steps)


def _started(population: Population, offset: int) -> Population:
    neuron = population.neuron
    return (
        replace(population, neuron=replace(neuron, start=offset))
        if isinstance(neuron, FixedLIF)
        else population
    )


def _rewired(projection: Projection, source: str, offsets: Mapping[str, int]) -> Projection:
    """Give a projection its machine delay, and the relay it starts from."""
    if projection.source == source:
        return replace(projection, delay=projection.delay + offsets[projection.target])
    extra = _extra_steps(projection, offsets)
    sender = relay_name(projection.source, extra) if extra else projection.source
    return replace(projection, source=sender, delay=1)


def _chains(network: Network, relays: Mapping[str, int]) -> Iterator[Projection]:
    """Yield the projections from each population through its relays, under names that are free."""
    taken = {projection.name for projection in network.projections}
    for name, count in relays.items():
        chain = [name, *(relay_name(name, index) for index in range(1, count + 1))]
        for source, target in pairwise(chain):
            free = f"{source}>{target}"
            while free in taken:
                free += "#"
            yield Projection(free, source, target, sign=Sign.EXCITATORY, delay=1)


def _thresholds(relays: Mapping[str, int], shapes: Mapping[str, Shape]) -> dict[str, Array]:
    """Make the relays' thresholds: 0 per channel, so that one spike that arrives is one that leaves."""
    return {
        f"{relay_name(name, index)}/threshold": np.zeros(shapes[name][0], np.float32)
        for name, count in relays.items()
        for index in range(1, count + 1)
    }


def _changes(machine: Network, relays: Mapping[str, int], shapes: Mapping[str, Shape]) -> Iterator[str]:
    added = sum(count * prod(shapes[name]) for name, count in relays.items())
    yield f"latency: {latency(machine)} machine steps more than logical ones"
    yield f"relays: {sum(relays.values())} populations of {added} neurons in all"
    for population in machine.populations:
        if population.is_source or relay_of(population.name):
            continue
        name, count = population.name, relays.get(population.name, 0)
        behind = f", {count} relays of {prod(shapes[name])} neurons" if count else ""
        yield f"{name}: starts at machine step {start_of(population)}{behind}"


PASS = Retime()
