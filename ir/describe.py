"""Describes a network in words and numbers: its populations, its projections, what they hold and cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from itertools import islice
from math import prod
from typing import Any, assert_never

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from msc.ir.counts import MACS, SYNAPSES, WEIGHTS, count
from msc.ir.graph import update_order
from msc.ir.network import Model, Network, Projection, Weights
from msc.ir.neurons import Neuron, Source
from msc.ir.ops import AvgPool2d, Conv1d, Conv2d, Flatten, Linear, Op, Pair, Quantise, Scale, Shape, SumPool2d
from msc.ir.shapes import population_shapes
from msc.ir.textvalues import show

EXCITATORY, INHIBITORY, MIXED, NONE = "excitatory", "inhibitory", "mixed", "none"
MOST_CYCLES = 100

_unbound: Any = nx  # for networkx functions whose stubs are incomplete


def describe_network(model: Model) -> dict[str, Any]:
    """Describe a verified model as a JSON-ready dict; equal models are described equally.

    `input` and `output` (name and shape, the input's kind), `timesteps` (of a static input, or None),
    `populations` in the order of update (the counts are of what ends in them), `projections` (`acts`: what
    their weights do, `excitatory`, `inhibitory`, `mixed` or `none`), `totals`, `acting` (synapses by what
    they do), `cycles` (`MOST_CYCLES` at most; `all_cycles` says whether that is all), and `meaning`: how the
    counts are made.
    """
    network = model.network
    shapes = population_shapes(network)
    projections: list[dict[str, Any]] = [
        {**describe_projection(p, shapes[p.source]), "acts": acts(p, model.weights)}
        for p in network.projections
    ]
    populations = list(_populations(network, shapes, projections))
    found, complete = cycles(network)
    source = network.source
    assert isinstance(source.neuron, Source)
    acting = Counter[str]()
    for projection in projections:
        acting[projection["acts"]] += projection["synapses"]
    return {
        "input": {
            "name": source.name,
            "kind": source.neuron.kind.value,
            "shape": list(source.neuron.shape),
        },
        "output": {"name": network.output, "shape": list(shapes[network.output])},
        "timesteps": network.timesteps,
        "populations": populations,
        "projections": projections,
        "totals": totals(network, populations, projections),
        "acting": {kind: acting[kind] for kind in (EXCITATORY, INHIBITORY, MIXED, NONE)},
        "cycles": found,
        "all_cycles": complete,
        "meaning": {"weights": WEIGHTS, "macs": MACS, "synapses": SYNAPSES},
    }


def describe_projection(projection: Projection, source: Shape) -> dict[str, Any]:
    """Describe a projection out of a population of shape `source`; `sign` is what its weights are held to."""
    counts = count(projection, source)
    return {
        "name": projection.name,
        "source": projection.source,
        "target": projection.target,
        "op": ops_text(projection.ops),
        "sign": projection.sign.value,
        "delay": projection.delay,
        "norm": projection.norm.kind.value if projection.norm else None,
        "weights": counts.weights,
        "macs": counts.macs,
        "synapses": counts.synapses,
    }


def _populations(
    network: Network, shapes: Mapping[str, Shape], projections: Iterable[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Describe the populations; the input has no neurons."""
    ending: dict[str, list[Mapping[str, Any]]] = {name: [] for name in shapes}
    for projection in projections:
        ending[projection["target"]].append(projection)
    by_name = {population.name: population for population in network.populations}
    for name in update_order(network):
        population = by_name[name]
        yield {
            "name": name,
            "neuron": _parameters(population.neuron),
            "bias": population.bias and not population.is_source,
            "shape": list(shapes[name]),
            "neurons": 0 if population.is_source else prod(shapes[name]),
            "projections": len(ending[name]),
            **{key: sum(p[key] for p in ending[name]) for key in ("synapses", "weights", "macs")},
        }


def _parameters(neuron: Neuron) -> dict[str, Any]:
    """List a neuron's kind and its parameters by name; the source's shape is told with the shapes."""
    if isinstance(neuron, Source):
        return {"kind": "Source", "emits": neuron.kind.value}
    return {
        "kind": type(neuron).__name__,
        **{item.name: getattr(neuron, item.name) for item in fields(neuron)},
    }


def neuron_text(described: Mapping[str, Any]) -> str:
    """Write a described neuron short: `LIF tau=2.0 r=2.0 v_threshold=0.5 v_reset=0.0 v_leak=0.0`."""
    shown = (
        f"{key}={value!r}" if key.startswith("tau") else f"{key}={show(value)}"  # as in the text form
        for key, value in described.items()
        if key != "kind"
    )
    return " ".join((described["kind"], *shown))


def totals(
    network: Network | None,
    populations: Iterable[Mapping[str, Any]],
    projections: Iterable[Mapping[str, Any]],
) -> dict[str, int]:
    """Add up what described populations and projections of a network hold and cost (None: nothing)."""
    populations, projections = list(populations), list(projections)
    biased = {p.name for p in network.populations if p.bias and not p.is_source} if network else set[str]()
    source = network.source.name if network else None
    return {
        "populations": sum(p["name"] != source for p in populations),
        "projections": len(projections),
        "neurons": sum(p["neurons"] for p in populations),
        "synapses": sum(p["synapses"] for p in projections),
        "weights": sum(p["weights"] for p in projections),
        "biases": sum(p["shape"][0] for p in populations if p["name"] in biased),
        "macs_per_step": sum(p["macs"] for p in projections),
    }


def cycles(network: Network, most: int | None = MOST_CYCLES) -> tuple[list[list[str]], bool]:
    """List feedback cycles, shortest first, each from its first population in the network.

    There can be more cycles than anyone could count: the search ends after `most` (None: never). True beside
    them where that is all there are.
    """
    rank = {population.name: i for i, population in enumerate(network.populations)}
    graph: nx.DiGraph[int] = nx.DiGraph()  # of numbers: which cycles are found first depends on no hash
    graph.add_nodes_from(rank.values())
    graph.add_edges_from(sorted((rank[p.source], rank[p.target]) for p in network.projections))
    search: Iterator[list[int]] = iter(_unbound.simple_cycles(graph))
    found: list[list[int]] = []
    for cycle in islice(search, most):
        first = cycle.index(min(cycle))
        found.append([*cycle[first:], *cycle[:first]])
    complete = next(search, None) is None
    ordered = sorted(found, key=lambda cycle: (len(cycle), cycle))
    return [[network.populations[i].name for i in cycle] for cycle in ordered], complete


def acts(projection: Projection, weights: Weights) -> str:
    """Say what a projection's weights do to its target: excite, inhibit, both, or nothing (all are 0).

    A map without weights excites; the sign of a chain is the product of its parts'.
    """
    ranges = [(float(part.min()), float(part.max())) for part in _signed_parts(projection, weights)]
    if any(lowest == highest == 0 for lowest, highest in ranges):
        return NONE
    if any(lowest < 0 < highest for lowest, highest in ranges):
        return MIXED
    return INHIBITORY if sum(lowest < 0 for lowest, _ in ranges) % 2 else EXCITATORY


def _signed_parts(projection: Projection, weights: Weights) -> Iterator[NDArray[Any]]:
    for index, op in enumerate(projection.ops):
        if isinstance(op, Scale):
            yield np.array([op.factor])
        elif projection.weight_key(index) in weights:
            yield weights[projection.weight_key(index)]
    if projection.norm is not None:
        yield weights[projection.norm_key("gamma")]


def ops_text(ops: Iterable[Op]) -> str:
    """Write a chain of ops short: `3x3`, `5x5/2` (stride 2), `3x3 avg 2x2/2`, `sum 8x8 dense`, `identity`.

    Flattening and scaling are left out: they hold nothing and cost nothing.
    """
    return " ".join(text for op in ops if (text := _op_text(op))) or "identity"


def shape_text(shape: Iterable[int]) -> str:
    """Write a shape as `48x32x32`."""
    return "x".join(map(str, shape))


def _op_text(op: Op) -> str:
    match op:
        case Conv2d():
            return _window_text(op.kernel, op.stride)
        case Conv1d():
            return str(op.kernel) + (f"/{op.stride}" if op.stride != 1 else "")
        case AvgPool2d():
            return "avg " + _window_text(op.kernel, op.stride)
        case SumPool2d():
            return "sum " + shape_text(op.kernel)
        case Linear():
            return "dense"
        case Flatten() | Scale() | Quantise():
            return ""
        case _:
            assert_never(op)


def _window_text(kernel: Pair, stride: Pair) -> str:
    by = str(stride[0]) if stride[0] == stride[1] else shape_text(stride)
    return shape_text(kernel) + (f"/{by}" if stride != (1, 1) else "")


def short_number(number: int) -> str:
    """Shorten a count to three digits and a letter, from ten thousand on: 9,999, 12.3k, 1.23M, 456G."""
    if number < 10_000:
        return f"{number:,}"
    for factor, letter in ((10**3, "k"), (10**6, "M"), (10**9, "G"), (10**12, "T")):
        if number < 999.5 * factor or letter == "T":
            digits = (f"{number / factor:.{decimals}f}" for decimals in (2, 1, 0))
            return next(text for text in digits if len(text) <= 4 or "." not in text) + letter
    raise AssertionError("the last letter takes every number")
