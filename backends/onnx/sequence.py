"""The sequence model: maps on all time steps at once, neurons through time by Scans."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import onnx

from msc.backends.onnx.graphs import Graph, floats, integers
from msc.backends.onnx.naming import INPUT, TIMESTEPS
from msc.backends.onnx.scanning import Current, add_apart, add_together
from msc.backends.onnx.stepping import Step
from msc.backends.onnx.synapses import Synapses
from msc.backends.onnx.timeline import Timeline
from msc.ir.graph import components
from msc.ir.network import Population, Projection

LARGE = 2048  # neurons: from here on what a Scan per sample costs is less than what the cache saves


def sequence_graph(
    graph: Graph, synapses: Synapses, shown: dict[str, str], apart: bool = True
) -> onnx.GraphProto:
    """Make the graph of mode `sequence`; `shown` names the outputs of populations, the network's first.

    Inputs: `input`, [T, B, *shape], or [B, *shape] and the scalar `timesteps` for a static source. `apart`
    steps large populations one sample after another.
    """
    network = synapses.model.network
    source = network.source
    timeline = Timeline(graph, synapses)
    sequence = _Sequence(timeline, shown, apart)
    for names in components(network):
        members = tuple(network.population(name) for name in names)
        if members != (source,):
            sequence.add(members)
    for name, output in shown.items():
        timeline.show(name, output)
    shape = synapses.shapes[source.name]
    inputs = [floats(INPUT, ("B", *shape) if timeline.is_static else ("T", "B", *shape))]
    if timeline.is_static:
        inputs.append(integers(TIMESTEPS, ()))
    outputs = [floats(value, ("T", "B", *synapses.shapes[name])) for name, value in shown.items()]
    return graph.finished("sequence", inputs, outputs)


@dataclass(frozen=True)
class _Sequence:
    """Adds populations to a timeline, component by component in causal order."""

    timeline: Timeline
    shown: dict[str, str]
    apart: bool

    def add(self, members: tuple[Population, ...]) -> None:
        """Add the populations of one strongly connected component, in update order."""
        timeline, names = self.timeline, {p.name for p in members}
        inside: list[Projection] = []
        currents: dict[str, Current] = {}
        for population in members:
            into = timeline.synapses.model.network.into(population.name)
            inside += [p for p in into if p.source in names]
            arriving = [p for p in into if p.source not in names]
            if arriving:
                currents[population.name] = self._current(population, arriving)
        body = timeline.graph.inside()
        step = Step.of(body, timeline.synapses, members, inside)
        emitted = {p.name: self._claim(p.name) for p in members}
        (first, *_), shapes = members, timeline.synapses.shapes
        if self.apart and not inside and prod(shapes[first.name]) >= LARGE:
            add_apart(timeline, step, body, currents[first.name], emitted[first.name])
        else:
            add_together(timeline, step, body, currents, emitted)
        for name, value in emitted.items():
            timeline.emitted[name] = value
            timeline.graph.declare(value, ("B", "T", *shapes[name]))

    def _claim(self, name: str) -> str:
        """Name a population's values; an output that shows them has the population's own name."""
        taken = name in self.shown and self.shown[name] == name
        return self.timeline.graph.claim(f"{name}.by_sample" if taken else name)

    def _current(self, population: Population, arriving: list[Projection]) -> Current:
        """Sum what arrives from other components, the bias included.

        Delayed projections of a static frame start late: their current, computed once, is masked in time.
        """
        timeline, synapses, graph = self.timeline, self.timeline.synapses, self.timeline.graph
        name, shape, source = population.name, synapses.shapes[population.name], synapses.model.network.source
        constant = [p for p in arriving if timeline.is_static and p.source == source.name]
        steady = [(p, timeline.emitted[p.source]) for p in constant if not p.delay]
        moving = [(p, timeline.folded(p.source, p.delay)) for p in arriving if p not in constant]
        parts: list[str] = []
        if moving:
            total = synapses.total(graph, population, moving)
            parts.append(timeline.unfolded(total, shape, f"{name}.current"))
        for projection in constant:
            if projection.delay:
                current = synapses.deliver(graph, projection, timeline.emitted[projection.source])
                factors = [timeline.at_every_step(current), timeline.started(projection.delay, len(shape))]
                parts.append(graph.node("Mul", factors, f"{name}.late"))
        if steady:
            total = synapses.total(graph, population, steady, with_bias=not moving)
            if not parts:
                # ONNX Runtime up to 1.22 aborts where only the inside of a Scan reads a convolution's output.
                sizes = graph.sizes((-1, *shape))
                return Current(graph.node("Reshape", [total, sizes], f"{name}.current"), shape, steady=True)
            parts.append(timeline.at_every_step(total))
        total = parts[0]
        for part in parts[1:]:
            total = graph.node("Add", [total, part], f"{name}.sum")
        if population.bias and not moving and not steady:
            total = synapses.biased(graph, population, total)
        return Current(total, shape, steady=False)
