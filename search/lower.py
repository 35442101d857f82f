"""Lowering: a genome becomes the live network it describes (design, section 4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from msc.ir.errors import MscError, Problem
from msc.ir.graph import cyclic_projections, digraph, downstream, live_populations
from msc.ir.network import Network, Norm, NormKind, Population, Projection, Sign
from msc.ir.neurons import Source
from msc.ir.ops import Conv2d, Linear
from msc.ir.shapes import neuron_count, population_shapes, weight_shapes
from msc.search.genome import Genome, GenomeError
from msc.search.skeleton import Dale, Recurrence
from msc.search.spaces import Blueprint, PlannedProjection, find_space

_MOST_WEIGHTS = 2**31
_MOST_NEURONS = 2**28


class DisconnectedError(MscError):
    """A genome in which no path leads from the input to the head."""


@dataclass(frozen=True)
class Dropped:
    """A part that lowering left out, by its name in the blueprint, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Lowered:
    """A genome laid out: all it asks for, and the live network (None where input and head are cut apart).

    `names` maps the blueprint's live populations to their names in the network, where layers are numbered
    over those that live.
    """

    genome: Genome
    blueprint: Blueprint
    network: Network | None
    names: dict[str, str]
    dropped: tuple[Dropped, ...]


def lower(genome: Genome) -> Lowered:
    """Lower a genome to its live network, listing what is dropped; genomes that are equal lower equally.

    Twin populations are brought into one order first (also in the blueprint), so that names do not depend on
    what does not matter. Raises GenomeError where the network would be too large to handle.
    """
    space = find_space(genome.space)
    arranged = space.arranged(genome, dead_genes(genome))
    blueprint = space.blueprint(arranged)
    live = _live(blueprint, arranged)
    dropped = tuple(_dropped(blueprint, arranged))
    if not live:
        return Lowered(genome, blueprint, None, {}, dropped)
    names = _names(blueprint, live)
    network = _network(blueprint, arranged, names)
    _check_size(network)
    return Lowered(genome, blueprint, network, names, dropped)


def dead_genes(genome: Genome) -> frozenset[str]:
    """Name the genes all of whose projections are dropped, by path (of a disconnected genome: all)."""
    asked = find_space(genome.space).blueprint(genome)
    live = _live(asked, genome)
    alive = {p.gene for p in asked.projections if {p.source, p.target} <= live}
    return frozenset(p.gene for p in asked.projections if p.gene and p.gene not in alive)


def require_connected(genome: Genome) -> Lowered:
    """Lower a genome that must describe a network; raises DisconnectedError naming the cut."""
    lowered = lower(genome)
    if lowered.network is None:
        raise DisconnectedError(cut(lowered))
    return lowered


def cut(lowered: Lowered) -> Problem:
    """Say between what the input and the head of a disconnected genome are cut apart.

    That is: after which population excitation ends, and the next one that would have to pass it on.
    """
    excited = digraph(_graph(lowered.blueprint, lowered.genome), lambda p: p.sign is not Sign.INHIBITORY)
    reached = downstream(excited, "input")
    group = {"input": "input"} | {p.name: p.group for p in lowered.blueprint.populations}
    passing = {p.source for p in lowered.blueprint.projections if group[p.source] != group[p.target]}
    order = list(group)
    last = max(order.index(name) for name in reached)
    waiting = next(name for name in order[last + 1 :] if name in passing or name == "head")
    return Problem(
        "genome",
        f"is disconnected: excitation from the input ends at {order[last]}, nothing excites {waiting}",
        "join them by a gene other than 0, or draw another genome with msc new",
    )


def _live(blueprint: Blueprint, genome: Genome) -> frozenset[str]:
    return live_populations(_graph(blueprint, genome))


def _graph(blueprint: Blueprint, genome: Genome) -> Network:
    """Make the whole blueprint a network, for questions about its graph only."""
    identity = {name: name for name in ("input", *(p.name for p in blueprint.populations))}
    return _assemble(blueprint, genome, identity)


def _network(blueprint: Blueprint, genome: Genome, names: dict[str, str]) -> Network:
    """Make the live network, with the delays that its own cycles call for."""
    undelayed = _assemble(blueprint, genome, names)
    cyclic = cyclic_projections(undelayed)
    planned = _kept(blueprint, names)
    delayed = tuple(
        Projection(p.name, p.source, p.target, p.ops, p.sign, _delay(plan, p.name in cyclic, genome), p.norm)
        for p, plan in zip(undelayed.projections, planned, strict=True)
    )
    return undelayed.with_projections(delayed)


def _assemble(blueprint: Blueprint, genome: Genome, names: dict[str, str]) -> Network:
    skeleton = genome.skeleton
    inhibitory = {p.name for p in blueprint.populations if p.inhibitory}
    populations = (
        Population("input", Source(skeleton.input_shape, skeleton.input)),
        *(Population(names[p.name], skeleton.neuron) for p in blueprint.populations if p.name in names),
    )
    projections: list[Projection] = []
    for plan in _kept(blueprint, names):
        sign = _sign(plan, plan.source in inhibitory, skeleton.dale)
        kind = NormKind.SCALE if sign is Sign.INHIBITORY else NormKind.BATCH
        source, target = names[plan.source], names[plan.target]
        norm = Norm(kind) if plan.normed else None
        projections.append(Projection(f"{source}>{target}", source, target, plan.ops, sign, 0, norm))
    return Network(populations, tuple(projections), "head", skeleton.timesteps)


def _kept(blueprint: Blueprint, names: dict[str, str]) -> list[PlannedProjection]:
    return [p for p in blueprint.projections if p.source in names and p.target in names]


def _sign(plan: PlannedProjection, inhibitory: bool, dale: Dale) -> Sign:
    """Apply the sign rule; stem and head are free under every rule, as are ops without weights."""
    weighted = any(isinstance(op, Conv2d | Linear) for op in plan.ops)
    if dale is Dale.NONE or plan.source == "input" or plan.target == "head" or not weighted:
        return Sign.FREE
    if inhibitory:
        return Sign.INHIBITORY
    held = dale is Dale.STRICT or (dale is Dale.MOTIF and plan.inside)
    return Sign.EXCITATORY if held else Sign.FREE


def _delay(plan: PlannedProjection, cyclic: bool, genome: Genome) -> int:
    if genome.skeleton.recurrence is Recurrence.SYNAPTIC:
        return int(cyclic)
    return int(plan.always_delayed or (cyclic and plan.backward))


def _names(blueprint: Blueprint, live: Iterable[str]) -> dict[str, str]:
    """Number the layers over those with a live population; other groups keep their names."""
    living = set(live)
    names = {"input": "input"}
    layers: dict[str, int] = {}
    for population in blueprint.populations:
        if population.name not in living:
            continue
        if population.group.startswith("layer"):
            number = layers.setdefault(population.group, len(layers) + 1)
            names[population.name] = f"layer{number}.{population.name.split('.')[1]}"
        else:
            names[population.name] = population.name
    return names


def _dropped(blueprint: Blueprint, genome: Genome) -> Iterable[Dropped]:
    """List dead populations with the reason; their projections go with them."""
    graph = _graph(blueprint, genome)
    live = live_populations(graph)
    reached = downstream(digraph(graph, lambda p: p.sign is not Sign.INHIBITORY), "input")
    for population in blueprint.populations:
        if population.name not in live:
            unexcited = population.name not in reached
            yield Dropped(
                population.name, "nothing excites it" if unexcited else "it does not reach the head"
            )


def _check_size(network: Network) -> None:
    weights = sum(prod(shape) for shape in weight_shapes(network).values())
    shapes = population_shapes(network)
    for what, count, most in (
        ("input values", prod(shapes[network.source.name]), _MOST_NEURONS),
        ("weights", weights, _MOST_WEIGHTS),
        ("neurons", neuron_count(network), _MOST_NEURONS),
    ):
        if count > most:
            raise GenomeError.of(
                "skeleton",
                f"makes a network of {count:,} {what}, more than {most:,}",
                "use fewer channels or a smaller input",
            )
