"""Shapes, computed from the source along the projections, never stored."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from math import prod

from msc.ir.errors import MscError, Problem
from msc.ir.network import Network, NormKind, Projection
from msc.ir.neurons import FixedLIF, Source
from msc.ir.ops import Shape, output_shape, weight_shape


class ShapeError(MscError):
    """The shapes of a network do not fit together."""


def projection_shapes(projection: Projection, source: Shape) -> tuple[Shape, ...]:
    """List the shapes before, between and after a projection's ops, for a population of `source` shape."""
    shapes = [source]
    for op in projection.ops:
        shapes.append(output_shape(op, shapes[-1]))
    return tuple(shapes)


def infer_shapes(network: Network) -> tuple[dict[str, Shape], tuple[Problem, ...]]:
    """Compute the shape of every population that the source reaches, with every misfit found.

    Undelayed projections decide first; a population fed only by delayed ones takes its shape from those.
    """
    shapes = {p.name: p.neuron.shape for p in network.populations if isinstance(p.neuron, Source)}
    problems: list[Problem] = []
    pending = sorted(network.projections, key=lambda p: p.delay > 0)
    leaving: dict[str, list[int]] = {}
    for place, projection in enumerate(pending):
        leaving.setdefault(projection.source, []).append(place)
    ready = [place for name in shapes for place in leaving.pop(name, ())]
    heapify(ready)
    while ready:
        projection = pending[heappop(ready)]
        try:
            shape = projection_shapes(projection, shapes[projection.source])[-1]
        except ValueError as error:
            problems.append(
                Problem(f"projection {projection.name}", str(error), "change its ops or the source shape")
            )
            continue
        known = shapes.setdefault(projection.target, shape)
        for place in leaving.pop(projection.target, ()):
            heappush(ready, place)
        if known != shape:
            problems.append(
                Problem(
                    f"projection {projection.name}",
                    f"delivers shape {shape} to {projection.target}, which has shape {known}",
                    "make all projections into one population agree",
                )
            )
    return shapes, tuple(problems)


def population_shapes(network: Network) -> dict[str, Shape]:
    """Compute the shape of every population; raises ShapeError listing all misfits."""
    shapes, problems = infer_shapes(network)
    missing = [
        Problem(f"population {p.name}", "no projection from the source reaches it", "connect or remove it")
        for p in network.populations
        if p.name not in shapes
    ]
    if problems or missing:
        raise ShapeError((*problems, *missing))
    return shapes


def weight_shapes(network: Network, shapes: dict[str, Shape] | None = None) -> dict[str, Shape]:
    """Compute the name and shape of every weight array of the network, in a fixed order."""
    shapes = population_shapes(network) if shapes is None else shapes
    expected: dict[str, Shape] = {}
    for population in network.populations:
        if population.bias and not population.is_source:
            expected[population.bias_key] = (shapes[population.name][0],)
        if isinstance(population.neuron, FixedLIF):
            expected[population.threshold_key] = (shapes[population.name][0],)
    for projection in network.projections:
        chain = projection_shapes(projection, shapes[projection.source])
        for index, op in enumerate(projection.ops):
            shape = weight_shape(op, chain[index])
            if shape is not None:
                expected[projection.weight_key(index)] = shape
        if projection.norm is not None:
            for parameter in norm_parameters(projection.norm.kind):
                expected[projection.norm_key(parameter)] = (chain[-1][0],)
    return expected


def norm_parameters(kind: NormKind) -> tuple[str, ...]:
    """Name the parameter arrays of a norm."""
    return ("gamma", "mean", "var") if kind is NormKind.BATCH else ("gamma", "var")


def neuron_count(network: Network) -> int:
    """Count the neurons of the network (the source has none)."""
    shapes = population_shapes(network)
    return sum(prod(shapes[p.name]) for p in network.populations if not p.is_source)
