"""Describes a genome in words and numbers: the live network it makes, what that costs, what was dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import Any, assert_never

import networkx as nx

from msc.ir.graph import digraph
from msc.ir.network import Network
from msc.ir.ops import AvgPool2d, Conv1d, Conv2d, Flatten, Linear, Op, Pair, Quantise, Scale, SumPool2d
from msc.ir.shapes import population_shapes
from msc.search.canonical import genome_hash
from msc.search.counts import MACS, SYNAPSES, WEIGHTS, count
from msc.search.genome import Genome
from msc.search.lower import Lowered, cut, lower
from msc.search.skeleton import write_skeleton
from msc.search.spaces import Blueprint, find_space

EXCITATORY, INHIBITORY, INPUT = "excitatory", "inhibitory", "input"


def describe(genome: Genome) -> dict[str, Any]:
    """Describe a genome as a JSON-ready dict; equal genomes are described equally, but for what they drop.

    `space`, `hash` (of the canonical form), `connected`, `cut` (where a disconnected genome is cut, else
    None), `timesteps`, `skeleton` (as in the file), `groups` (stem, layers or cells, head in the order of
    the data flow, see `_groups`), `populations` and `projections` of the live network (none where it is
    disconnected), `totals`, `balance` of excitation and inhibition, `cycles` (each as the names that a
    spike passes, from the first in the network), `empty_layers`, `dropped` (by the genome's own layer
    numbers, twins in the order of the network), and `meaning`: how the counts are made.
    """
    lowered = lower(genome)
    space = find_space(genome.space)
    populations = list(_populations(lowered))
    projections = list(_projections(lowered))
    return {
        "space": genome.space,
        "hash": genome_hash(genome),
        "connected": lowered.network is not None,
        "cut": cut_text(lowered) if lowered.network is None else None,
        "timesteps": genome.skeleton.timesteps,
        "skeleton": write_skeleton(genome.skeleton, space),
        "groups": list(_groups(lowered, populations, projections)),
        "populations": populations,
        "projections": projections,
        "totals": _totals(lowered.network, populations, projections),
        "balance": _balance(populations, projections),
        "cycles": [] if lowered.network is None else list(_cycles(lowered.network)),
        "empty_layers": _empty_layers(genome, lowered.blueprint),
        "dropped": [{"name": d.name, "reason": d.reason} for d in lowered.dropped],
        "meaning": {"weights": WEIGHTS, "macs": MACS, "synapses": SYNAPSES},
    }


def cut_text(lowered: Lowered) -> str:
    """Say in one phrase between what a disconnected genome is cut."""
    return cut(lowered).what.removeprefix("is disconnected: ")


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


def group_names(lowered: Lowered) -> dict[str, str]:
    """Map the blueprint's groups that live to their names in the network, where layers are renumbered."""
    living = (p for p in lowered.blueprint.populations if p.name in lowered.names)
    return {p.group: lowered.names[p.name].partition(".")[0] for p in living}


def _populations(lowered: Lowered) -> Iterator[dict[str, Any]]:
    """Describe the live populations: name, group, role, shape, neurons (the input has none)."""
    if lowered.network is None:
        return
    shapes = population_shapes(lowered.network)
    roles = _roles(lowered)
    for population in lowered.network.populations:
        name, shape = population.name, shapes[population.name]
        yield {
            "name": name,
            "group": name.partition(".")[0],
            "role": roles[name],
            "shape": list(shape),
            "neurons": 0 if population.is_source else prod(shape),
        }


def _roles(lowered: Lowered) -> dict[str, str]:
    """Map the network's populations to their roles, which the motifs decide, not the signs of weights."""
    planned = (p for p in lowered.blueprint.populations if p.name in lowered.names)
    roles = {lowered.names[p.name]: INHIBITORY if p.inhibitory else EXCITATORY for p in planned}
    return {"input": INPUT} | roles


def _projections(lowered: Lowered) -> Iterator[dict[str, Any]]:
    """Describe the live projections; `role` is the source's, `sign` what its weights are held to."""
    if lowered.network is None:
        return
    shapes = population_shapes(lowered.network)
    roles = _roles(lowered)
    for projection in lowered.network.projections:
        counts = count(projection, shapes[projection.source])
        yield {
            "name": projection.name,
            "source": projection.source,
            "target": projection.target,
            "op": ops_text(projection.ops),
            "stride": _stride(projection.ops),
            "role": roles[projection.source],
            "sign": projection.sign.value,
            "delay": projection.delay,
            "norm": projection.norm.kind.value if projection.norm else None,
            "weights": counts.weights,
            "macs": counts.macs,
            "synapses": counts.synapses,
        }


def _stride(ops: tuple[Op, ...]) -> list[int]:
    """By how much the map shrinks on each axis: the product of the strides of the chain's windows."""
    windowed = [op.stride for op in ops if isinstance(op, Conv2d | AvgPool2d | SumPool2d)]
    return [prod(stride[axis] for stride in windowed) for axis in (0, 1)]


def _groups(
    lowered: Lowered, populations: list[dict[str, Any]], projections: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Describe the groups: `name` in the network (None where all of it is dropped) and in the genome.

    `code` and `title` are the motif's (`FbI`, `feedback inhibition`); `ops` says in short what ends in it,
    `A>I 3x3 @1`: from A to I, one time step later; `-|` in place of `>` where an inhibitory population acts.
    """
    names = group_names(lowered)
    for planned, title in {"input": "input", **lowered.blueprint.groups}.items():
        name = "input" if planned == "input" and lowered.network else names.get(planned)
        members = [p for p in populations if p["group"] == name]
        ending = [p for p in projections if p["target"].partition(".")[0] == name]
        code, _, words = title.partition(", ")
        yield {
            "name": name,
            "in_genome": planned,
            "code": code,
            "title": words or code,
            "populations": [p["name"] for p in members],
            "neurons": sum(p["neurons"] for p in members),
            "synapses": sum(p["synapses"] for p in ending),
            "weights": sum(p["weights"] for p in ending),
            "macs": sum(p["macs"] for p in ending),
            "ops": [projection_text(p) for p in ending],
        }


def projection_text(projection: Mapping[str, Any]) -> str:
    """Write a described projection short; a source in the target's own group goes without the group."""
    group, _, target = projection["target"].rpartition(".")
    source = projection["source"].removeprefix(f"{group}.") if group else projection["source"]
    arrow = "-|" if projection["role"] == INHIBITORY else ">"
    delay = f" @{projection['delay']}" if projection["delay"] else ""
    return f"{source}{arrow}{target} {projection['op']}{delay}"


def _totals(
    network: Network | None, populations: list[dict[str, Any]], projections: list[dict[str, Any]]
) -> dict[str, int]:
    biased = {p.name for p in network.populations if p.bias} if network else set[str]()
    return {
        "populations": sum(p["role"] != INPUT for p in populations),
        "projections": len(projections),
        "neurons": sum(p["neurons"] for p in populations),
        "synapses": sum(p["synapses"] for p in projections),
        "weights": sum(p["weights"] for p in projections),
        "biases": sum(p["shape"][0] for p in populations if p["name"] in biased and p["role"] != INPUT),
        "macs_per_step": sum(p["macs"] for p in projections),
    }


def _balance(populations: list[dict[str, Any]], projections: list[dict[str, Any]]) -> dict[str, Any]:
    """Weigh excitation against inhibition: by role of the source, weights by the sign they are held to."""
    roles = (EXCITATORY, INHIBITORY)
    signs = Counter[str]()
    for projection in projections:
        signs[projection["sign"]] += projection["weights"]
    return {
        "populations": {role: sum(p["role"] == role for p in populations) for role in roles},
        "neurons": {role: sum(p["neurons"] for p in populations if p["role"] == role) for role in roles},
        "synapses": {role: sum(p["synapses"] for p in projections if p["role"] == role) for role in roles},
        "weights": {sign: signs[sign] for sign in (EXCITATORY, INHIBITORY, "free")},
    }


def _cycles(network: Network) -> Iterator[list[str]]:
    """List the feedback cycles, shortest first, each from its first population in the network."""
    rank = {population.name: i for i, population in enumerate(network.populations)}
    cycles: list[list[str]] = []
    for cycle in nx.simple_cycles(digraph(network)):
        first = cycle.index(min(cycle, key=rank.__getitem__))
        cycles.append([*cycle[first:], *cycle[:first]])
    yield from sorted(cycles, key=lambda cycle: (len(cycle), [rank[name] for name in cycle]))


def _empty_layers(genome: Genome, blueprint: Blueprint) -> list[str]:
    """Name the layers, by the genome's numbers, that have no motif."""
    layers = find_space(genome.space).layer_count(genome.genes) or 0
    names = (f"layer{number}" for number in range(1, layers + 1))
    return [name for name in names if name not in blueprint.groups]
