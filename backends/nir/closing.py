"""All-zero projections that make delays readable: simulators delay by one step where they cut a cycle.

nirtorch's interpreter, which nirtorch, spikingjelly and snntorch share, lets a node with two or more
inputs read the previous step's output of those inputs that lie on a cycle with it and come later in the
order of names. So a delay of one step needs a cycle, and a target with another input.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import networkx as nx

from msc.backends.nir.kernels import zero_conv
from msc.ir.errors import Problem
from msc.ir.graph import cyclic_projections, digraph, undelayed, update_order
from msc.ir.network import Network, Projection
from msc.ir.ops import Conv1d, Flatten, Linear, Op, Shape
from msc.ir.shapes import population_shapes

CLOSING, ANCHOR = "#closing", "#anchor"  # what the names of the added projections end in


@dataclass(frozen=True)
class Closed:
    """The network with the added all-zero projections, their names, and what remains impossible."""

    network: Network
    added: frozenset[str]
    problems: tuple[Problem, ...]


def close(network: Network) -> Closed:
    """Add the all-zero projections that delays of one step need; list the delays that stay impossible.

    A delayed projection on no cycle gets an all-zero one (delayed too, so that no undelayed cycle can
    arise) from its target back to its source. A population with delayed inputs only gets an undelayed
    all-zero one from a population before it.
    """
    shapes = population_shapes(network)
    closing, problems = _closing(network, shapes)
    closed = network.with_projections((*network.projections, *closing))
    anchors, lacking = _anchors(closed, shapes)
    added = (*closing, *anchors)
    return Closed(
        network.with_projections((*network.projections, *added)),
        frozenset(projection.name for projection in added),
        (*problems, *lacking),
    )


def _closing(network: Network, shapes: dict[str, Shape]) -> tuple[list[Projection], list[Problem]]:
    added: list[Projection] = []
    problems: list[Problem] = []
    for projection in _in_file_order(network):
        where = f"projection {projection.name}"
        if projection.delay > 1:
            problems.append(
                Problem(
                    where,
                    f"delay {projection.delay}: no simulator reads delays from NIR, cycles give 1 step",
                    "use a delay of 1, or relay the spikes through a population for each further step",
                )
            )
        if projection.delay != 1:
            continue
        if projection.name in cyclic_projections(network.with_projections((*network.projections, *added))):
            continue
        ops = zero_ops(shapes[projection.target], shapes[projection.source])
        if network.population(projection.source).is_source:
            problems.append(
                Problem(
                    where,
                    "a delay of 1 from the input, which lies on no cycle: NIR cannot say it",
                    "drop the delay, or delay the input data by one step",
                )
            )
        elif ops is None:
            problems.append(
                Problem(
                    where,
                    f"a delay of 1 on no cycle, and none can be closed from shape "
                    f"{shapes[projection.target]} back to {shapes[projection.source]}",
                    "drop the delay",
                )
            )
        else:
            name = f"{projection.target}>{projection.source}{CLOSING}"
            added.append(Projection(name, projection.target, projection.source, ops, delay=1))
    return added, problems


def _in_file_order(network: Network) -> list[Projection]:
    """Order projections as their nodes in the file, so that what is read back is closed the same way."""
    place = {name: i for i, name in enumerate(update_order(network))}
    return sorted(network.projections, key=lambda p: max(place[p.source], place[p.target]))


def _anchors(network: Network, shapes: dict[str, Shape]) -> tuple[list[Projection], list[Problem]]:
    added: list[Projection] = []
    problems: list[Problem] = []
    waiting = [p.name for p in network.populations if not p.is_source and not _has_undelayed(network, p.name)]
    graph = digraph(network, undelayed)
    behind = {n for name in waiting for n in (name, *nx.descendants(graph, name))}
    before = [
        p.name for p in network.populations if p.name not in behind
    ]  # an edge from here closes no cycle
    for name in waiting:
        earlier = [network.source.name] if len(shapes[name]) > 1 else _vectors_first(before, shapes)
        found = next(
            ((n, ops) for n in earlier if (ops := zero_ops(shapes[n], shapes[name])) is not None), None
        )
        if found is None:
            problems.append(
                Problem(
                    f"population {name}",
                    f"all its inputs are delayed, and no all-zero input of shape {shapes[name]} can be made",
                    "give it an undelayed projection",
                )
            )
            continue
        origin, ops = found
        added.append(Projection(f"{origin}>{name}{ANCHOR}", origin, name, ops))
    return added, problems


def _has_undelayed(network: Network, name: str) -> bool:
    return any(undelayed(projection) for projection in network.into(name))


def _vectors_first(names: Iterable[str], shapes: dict[str, Shape]) -> list[str]:
    """Sort the smallest vectors to the front: a matrix of zeros from them is the cheapest."""
    return sorted(names, key=lambda name: (len(shapes[name]), shapes[name]))


def zero_ops(source: Shape, target: Shape) -> tuple[Op, ...] | None:
    """Find ops from one shape to another whose weights can be all zero; None where there are none."""
    match len(source), len(target):
        case 3, 3:
            return (zero_conv(source, target),)
        case 2, 2:
            (stride, _), (padding, _) = (conv := zero_conv((*source, 1), (*target, 1))).stride, conv.padding
            return (Conv1d(target[0], 1, stride, padding),)
        case 1, 1:
            return (Linear(target[0]),)
        case _, 1:
            return (Flatten(), Linear(target[0]))
        case _:
            return None
