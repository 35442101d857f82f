"""Describes a genome in words and numbers: the live network it makes, what that costs, what was dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

from msc.ir.counts import MACS, SYNAPSES, WEIGHTS
from msc.ir.describe import EXCITATORY, INHIBITORY, cycles, describe_projection, totals
from msc.ir.ops import AvgPool2d, Conv2d, Op, SumPool2d
from msc.ir.shapes import population_shapes
from msc.search.canonical import genome_hash
from msc.search.genome import Genome
from msc.search.lower import Lowered, cut, lower
from msc.search.skeleton import write_skeleton
from msc.search.spaces import Blueprint, find_space

INPUT = "input"


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
        "totals": totals(lowered.network, populations, projections),
        "balance": _balance(populations, projections),
        "cycles": [] if lowered.network is None else cycles(lowered.network, None)[0],
        "empty_layers": _empty_layers(genome, lowered.blueprint),
        "dropped": [{"name": d.name, "reason": d.reason} for d in lowered.dropped],
        "meaning": {"weights": WEIGHTS, "macs": MACS, "synapses": SYNAPSES},
    }


def cut_text(lowered: Lowered) -> str:
    """Say in one phrase between what a disconnected genome is cut."""
    return cut(lowered).what.removeprefix("is disconnected: ")


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
        yield {
            **describe_projection(projection, shapes[projection.source]),
            "stride": _stride(projection.ops),
            "role": roles[projection.source],
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


def _empty_layers(genome: Genome, blueprint: Blueprint) -> list[str]:
    """Name the layers, by the genome's numbers, that have no motif."""
    layers = find_space(genome.space).layer_count(genome.genes) or 0
    names = (f"layer{number}" for number in range(1, layers + 1))
    return [name for name in names if name not in blueprint.groups]
