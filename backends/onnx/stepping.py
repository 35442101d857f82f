"""One time step of several populations, for a streaming model and for the inside of a Scan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from msc.backends.onnx.graphs import Graph
from msc.backends.onnx.neurons import add_neurons, state_names
from msc.backends.onnx.synapses import Synapses
from msc.ir.network import Population, Projection
from msc.ir.neurons import in_floating_point
from msc.ir.ops import Shape


@dataclass(frozen=True)
class State:
    """A value that is kept from step to step, [B, *shape]: its names before and after a step."""

    before: str
    after: str
    shape: Shape


@dataclass(frozen=True)
class Memory:
    """What a population keeps: the states of its neurons, and what it emitted in the last `steps` steps.

    The history, the latest step first, is [B, steps, *shape], or [B, *shape] where `steps` is 1.
    """

    neurons: tuple[State, ...]
    history: State | None
    steps: int

    @property
    def states(self) -> tuple[State, ...]:
        """All of it."""
        return self.neurons if self.history is None else (*self.neurons, self.history)


@dataclass(frozen=True)
class Step:
    """One step of the populations of `order`, an update order, joined by the projections `inside`.

    `memories` also has those of other populations that delayed projections read.
    """

    synapses: Synapses
    order: tuple[Population, ...]
    inside: tuple[Projection, ...]
    memories: Mapping[str, Memory]

    @classmethod
    def of(
        cls,
        graph: Graph,
        synapses: Synapses,
        populations: Iterable[Population],
        inside: Iterable[Projection],
    ) -> Step:
        """Plan a step and name its states; populations are in update order, the source may be one."""
        joined = tuple(inside)
        members = tuple(populations)
        longest: dict[str, int] = {}
        for projection in joined:
            longest[projection.source] = max(projection.delay, longest.get(projection.source, 0))
        memories = {p.name: _memory(graph, synapses, p, longest.get(p.name, 0)) for p in members}
        order = tuple(p for p in members if not p.is_source)
        return cls(synapses, order, joined, memories)

    @property
    def states(self) -> tuple[State, ...]:
        """All states, population by population."""
        return tuple(state for memory in self.memories.values() for state in memory.states)

    def add(self, graph: Graph, emitted: dict[str, str], given: Mapping[str, str]) -> None:
        """Add the step to a graph, where the states have their names from before the step.

        `emitted` has, by population, the source's value and the names that values shall have. `given` are
        currents from elsewhere, biases included.
        """
        into: dict[str, list[Projection]] = {p.name: [] for p in self.order}
        for projection in self.inside:
            into[projection.target].append(projection)
        for population in self.order:
            name, current = population.name, given.get(population.name, "")
            reads = [(p, self._past(graph, p) if p.delay else emitted[p.source]) for p in into[name]]
            if reads:
                total = self.synapses.total(graph, population, reads, with_bias=not current)
                current = graph.node("Add", [current, total], f"{name}.driven") if current else total
            neurons = self.memories[name].neurons
            before, after = ([s.before for s in neurons], [s.after for s in neurons])
            add_neurons(graph, population, current, before, emitted[name], after)
        for name, memory in self.memories.items():
            _remember(graph, memory, emitted[name])

    def _past(self, graph: Graph, projection: Projection) -> str:
        """Return the name of what the projection's source emitted `delay` steps ago."""
        memory = self.memories[projection.source]
        assert memory.history is not None
        if memory.steps == 1:
            return memory.history.before
        place = graph.integer(projection.delay - 1)
        wanted = f"{projection.source}.{projection.delay}_ago"
        return graph.node("Gather", [memory.history.before, place], wanted, axis=1)


def _memory(graph: Graph, synapses: Synapses, population: Population, steps: int) -> Memory:
    shape = synapses.shapes[population.name]

    def state(name: str, shape: Shape) -> State:
        before = graph.claim(f"{population.name}.{name}", ".next")
        return State(before, f"{before}.next", shape)

    kept = () if population.is_source else state_names(in_floating_point(population.neuron))
    neurons = tuple(state(name, shape) for name in kept)
    history = state("history", shape if steps == 1 else (steps, *shape)) if steps else None
    return Memory(neurons, history, steps)


def _remember(graph: Graph, memory: Memory, emitted: str) -> None:
    """Put what was emitted in front of the history, whose last step is forgotten."""
    if memory.history is None:
        return
    if memory.steps == 1:
        graph.named("Identity", [emitted], memory.history.after)
        return
    latest = graph.node("Unsqueeze", [emitted, graph.sizes((1,))], f"{memory.history.before}.latest")
    bounds = [graph.sizes((n,)) for n in (0, memory.steps - 1, 1)]
    kept = graph.node("Slice", [memory.history.before, *bounds], f"{memory.history.before}.kept")
    graph.named("Concat", [latest, kept], memory.history.after, axis=1)
