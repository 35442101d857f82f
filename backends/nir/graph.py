"""A model as a NIR graph whose alphabetical order of names is its order of update."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from msc.backends.nir.closing import close
from msc.backends.nir.neurons import DT_S, current_factor, neuron_node
from msc.backends.nir.nodes import Graph, Node, end_node
from msc.backends.nir.synapses import InexpressibleError, carries_bias, synapse_nodes
from msc.compiler.contracts import NO_LABELS, Labels
from msc.ir.errors import Problem
from msc.ir.graph import update_order
from msc.ir.network import Array, Model, Network, Population, Projection, Weights
from msc.ir.neurons import Source
from msc.ir.ops import Shape
from msc.ir.shapes import population_shapes, weight_shapes


@dataclass
class _Builder:
    """The nodes and edges so far; populations are known by the name of their node."""

    nodes: dict[str, Node] = field(default_factory=dict[str, Node])
    edges: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    populations: dict[str, str] = field(default_factory=dict[str, str])
    problems: list[Problem] = field(default_factory=list[Problem])

    def add(self, node: Node, label: str) -> str:
        """Name a node by its place in the order and add it."""
        readable = label.replace(".", "_").replace(">", "_to_").replace("#", "_")
        name = f"n{len(self.nodes):06d}_{node.kind.lower()}_{readable}"
        self.nodes[name] = node
        return name


def build(model: Model, profile: str, labels: Labels = NO_LABELS) -> tuple[Graph, tuple[Problem, ...]]:
    """Lower a model without norms to a NIR graph; also returns everything that NIR cannot express.

    Order of names: per population in update order, its undelayed synapses, then itself, then the delayed
    synapses whose source and target have both been named. The graph is incomplete where there are problems.
    """
    closed = close(model.network)
    shapes = population_shapes(closed.network)
    model = Model(closed.network, {**model.weights, **_zeros(closed.network, closed.added, shapes)})
    builder = _Builder(problems=list(closed.problems))
    order = update_order(model.network)
    place = {name: i for i, name in enumerate(order)}
    for name in order:
        population = model.network.population(name)
        if isinstance(population.neuron, Source):
            builder.populations[name] = "input"
            notes = {"population": name, "kind": population.neuron.kind.value}
            builder.nodes["input"] = end_node("Input", shapes[name], notes)
        else:
            _add_population(builder, model, population, shapes, profile)
        for projection in model.network.projections:
            if projection.delay and max(place[projection.source], place[projection.target]) == place[name]:
                _add_delayed(builder, model, projection, shapes, profile)
    builder.nodes["output"] = end_node("Output", shapes[model.network.output], {})
    builder.edges.append((builder.populations[model.network.output], "output"))
    return Graph(builder.nodes, tuple(builder.edges), _metadata(model.network, profile, labels)), tuple(
        builder.problems
    )


def _metadata(network: Network, profile: str, labels: Labels) -> dict[str, Any]:
    """Say of the file what NIR has no words for, for readers who know to look here."""
    told: dict[str, Any] = {"dt": DT_S, "profile": profile}
    if network.timesteps is not None:
        told["timesteps"] = network.timesteps
    return {**told, "labels": dict(labels)} if labels else told


def _zeros(network: Network, added: frozenset[str], shapes: dict[str, Shape]) -> dict[str, Array]:
    """Make the weights of the added projections."""
    expected = weight_shapes(network, shapes)
    keys = [p.weight_key(i) for p in network.projections if p.name in added for i in range(len(p.ops))]
    return {key: np.zeros(expected[key], np.float32) for key in keys if key in expected}


def _add_population(
    builder: _Builder, model: Model, population: Population, shapes: dict[str, Shape], profile: str
) -> None:
    """Add a population after its undelayed synapses, one of which carries its bias."""
    factor = current_factor(population.neuron, profile)
    bias = _bias(model.weights, population, factor)
    chains: dict[str, tuple[Node, ...]] = {}
    raw: set[str] = set()  # where an edge without nodes comes from: a second one needs a node
    incoming = [p for p in model.network.into(population.name) if not p.delay]

    def lower(projection: Projection, bias: Array | None) -> tuple[Node, ...]:
        shape, explicit = shapes[projection.source], projection.source in raw
        return synapse_nodes(projection, shape, model.weights, factor=factor, bias=bias, explicit=explicit)

    for projection in incoming:
        try:
            chains[projection.name] = lower(projection, None)
        except InexpressibleError as error:
            builder.problems.append(error.problem)
            continue
        if not chains[projection.name]:
            raw.add(projection.source)
    carried = [p for p in incoming if p.name in chains]
    carrier = next((p for p in carried if carries_bias(chains[p.name])), carried[0] if carried else None)
    if carrier is not None and bias is not None:
        raw.discard(carrier.source)
        try:
            chains[carrier.name] = lower(carrier, bias)
        except InexpressibleError as error:
            builder.problems.append(error.problem)
    feeders = [_add_chain(builder, p, chains[p.name]) for p in carried]
    name = builder.add(neuron_node(population, shapes[population.name], profile), population.name)
    builder.populations[population.name] = name
    builder.edges += [(feeder, name) for feeder in feeders]


def _add_delayed(
    builder: _Builder, model: Model, projection: Projection, shapes: dict[str, Shape], profile: str
) -> None:
    """Add a delayed projection's nodes after both its ends, so that its target reads their last output."""
    factor = current_factor(model.network.population(projection.target).neuron, profile)
    try:
        chain = synapse_nodes(
            projection, shapes[projection.source], model.weights, factor=factor, explicit=True
        )
    except InexpressibleError as error:
        builder.problems.append(error.problem)
        return
    builder.edges.append((_add_chain(builder, projection, chain), builder.populations[projection.target]))


def _add_chain(builder: _Builder, projection: Projection, chain: tuple[Node, ...]) -> str:
    """Add the nodes of a projection, joined from its source on; returns the last one's name."""
    names = [builder.populations[projection.source], *(builder.add(node, projection.name) for node in chain)]
    builder.edges += pairwise(names)
    return names[-1]


def _bias(weights: Weights, population: Population, factor: float) -> Array | None:
    """Scale a population's bias; None where it has none or only zeros."""
    if not population.bias:
        return None
    bias = weights[population.bias_key]
    return (bias.astype(np.float64) * factor).astype(np.float32) if np.any(bias) else None
