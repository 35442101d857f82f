"""Populations and projections of msc from the nodes and routes of a NIR graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import networkx as nx
import numpy as np

from msc.backends.nir.closing import ANCHOR, CLOSING, zero_ops
from msc.backends.nir.reading.biases import ALWAYS, Floats, carried, standing
from msc.backends.nir.reading.naming import READOUT, fresh, written_projection
from msc.backends.nir.reading.pieces import Link
from msc.backends.nir.reading.routes import Roads, Route
from msc.ir.errors import Problem
from msc.ir.network import Array, Model, Network, Population, Projection
from msc.ir.neurons import LI, Neuron
from msc.ir.ops import Shape, weight_shape

_LARGEST_ZEROS = 2**26


@dataclass(frozen=True)
class Wiring:
    """What the graph amounts to: neurons by node (the source first), names, shapes, roads between them.

    `unreached` are populations that need a shape and get nothing from the input.
    """

    source: str
    sink: str
    neurons: dict[str, Neuron]
    names: dict[str, str]
    shapes: dict[str, Shape]
    roads: Roads
    unreached: Sequence[str]
    metadata: dict[str, dict[str, object]]


@dataclass(frozen=True)
class _Synapses:
    """A projection before it has a name; `place` orders it among those of its target."""

    source: str
    target: str
    links: tuple[Link, ...]
    delay: int = 0
    written: str | None = None
    place: tuple[int, int] = (-1, 0)


@dataclass
class _Draft:
    """Populations by node or made-up name, what joins them, and the sum of each one's biases."""

    wiring: Wiring
    neurons: dict[str, Neuron]
    names: dict[str, str]
    synapses: list[_Synapses] = field(default_factory=list[_Synapses])
    biases: dict[str, Floats] = field(default_factory=dict[str, Floats])
    problems: list[Problem] = field(default_factory=list[Problem])
    notes: list[str] = field(default_factory=list[str])

    def add(self, name: str, neuron: Neuron) -> str:
        """Add a population that is no node of the file; returns its name."""
        free = fresh(name, {*self.names, *self.names.values()})
        self.neurons[free] = neuron
        self.names[free] = free
        return free


def assemble(wiring: Wiring, timesteps: int | None) -> tuple[Model | None, list[Problem], list[str]]:
    """Build the model; returns it (None: not at all), what stands against it, and notes."""
    draft = _Draft(wiring, dict(wiring.neurons), dict(wiring.names))
    output = _output(draft)
    _add_synapses(draft, output)
    _add_biases(draft, output)
    for name in wiring.unreached:
        _connect(draft, name, wiring.shapes[name])
        draft.notes.append(f"{name}: the input does not reach it; it gets an all-zero projection from there")
    if draft.problems:
        return None, draft.problems, draft.notes
    return _model(draft, output, timesteps), [], draft.notes


def _output(draft: _Draft) -> str:
    """Return the population that is the output: the one that feeds the sink, else a readout of its sum."""
    wiring = draft.wiring
    into = [r for name in wiring.neurons for r in wiring.roads.from_node(name) if r.target == wiring.sink]
    biased = any(r.target == wiring.sink for _, r in _biased(wiring.roads))
    if len(into) == 1 and not biased:
        (route,) = into
        if route.source != wiring.source and not route.delay and not route.links(wiring.roads.pieces):
            return route.source
    name = draft.add(READOUT, LI(tau=1.0, r=1.0))
    draft.notes.append(
        f"{wiring.sink}: no population alone feeds it; {name}, an LI of one step, emits the sum it gets"
    )
    return name


def _add_synapses(draft: _Draft, output: str) -> None:
    """Make a projection of every route between populations; msc's own all-zero ones are left out."""
    wiring = draft.wiring
    position = {name: i for i, name in enumerate(wiring.metadata)}
    helpers: list[_Synapses] = []
    for origin in wiring.neurons:
        for route in wiring.roads.from_node(origin):
            target = output if route.target == wiring.sink else route.target
            if route.target == wiring.sink and output in wiring.neurons:
                continue
            written = _written(wiring, route)
            last = position[route.nodes[-1]] if route.nodes else len(position)
            place = (last, route.place) if route.delay else (route.place, 0)
            links = route.links(wiring.roads.pieces)
            made = _Synapses(origin, target, links, route.delay, written, place)
            own = written is not None and written.endswith((CLOSING, ANCHOR))
            (helpers if own and _is_zero(links) else draft.synapses).append(made)
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(draft.neurons)
    graph.add_edges_from((s.source, s.target) for s in draft.synapses)
    reached = nx.descendants(graph, wiring.source)
    if any(helper.target not in reached for helper in helpers):
        draft.synapses += helpers


def _written(wiring: Wiring, route: Route) -> str | None:
    """Return the name that msc wrote beside the nodes of a route, if there is one."""
    found = {written_projection(wiring.metadata[name]) for name in route.nodes} - {None}
    return found.pop() if len(found) == 1 else None


def _biased(roads: Roads) -> Iterator[tuple[str, Route]]:
    """Yield each node with a bias and each route that the bias takes."""
    for name, piece in roads.pieces.items():
        if piece.bias is not None:
            for route in roads.from_node(name):
                yield name, route


def _add_biases(draft: _Draft, output: str) -> None:
    """Add each bias to its populations, or let a population that always fires send it."""
    roads = draft.wiring.roads
    always: dict[Shape, str] = {}
    for name, route in _biased(roads):
        piece, links = roads.pieces[name], route.links(roads.pieces)
        assert piece.bias is not None
        target = output if route.target == draft.wiring.sink else route.target
        values = carried(piece.bias, piece.shape, links)
        if values is not None and not route.delay:
            draft.biases[target] = draft.biases.get(target, 0) + values
            continue
        if values is not None:  # it only starts late
            made = standing(values.astype(np.float32), draft.wiring.shapes[route.target], ())
        else:
            made = standing(piece.bias, piece.shape, links)
        if made.shape not in always:
            always[made.shape] = draft.add("constant", ALWAYS)
            draft.biases[always[made.shape]] = np.ones(1)
            _connect(draft, always[made.shape], made.shape)
        constant = always[made.shape]
        why = f"starts late, by {route.delay}," if route.delay else "is not one for a whole channel"
        draft.notes.append(
            f"{name}: its bias {why} in {draft.names[target]}; {draft.names[constant]}, which fires in "
            "every step, sends it"
        )
        place = (len(draft.wiring.metadata), route.place) if route.delay else (route.place, 1)
        draft.synapses.append(_Synapses(constant, target, made.links, route.delay, None, place))


def _connect(draft: _Draft, name: str, shape: Shape) -> None:
    """Give a population an all-zero projection from the source, which says its shape."""
    source = draft.wiring.source
    arriving = draft.wiring.shapes[source]
    ops = zero_ops(arriving, shape)
    links: list[Link] = []
    for op in ops or ():
        wanted = weight_shape(op, arriving if not links else (int(np.prod(arriving)),))
        if wanted is not None and np.prod([float(n) for n in wanted]) > _LARGEST_ZEROS:
            ops = None
            break
        links.append((op, None if wanted is None else np.zeros(wanted, np.float32)))
    if ops is None:
        draft.problems.append(
            Problem(
                f"node {name}",
                f"nothing leads to it from the input, and no all-zero projection from shape {list(arriving)} "
                f"to {list(shape)} can be made",
                "connect the input to it",
            )
        )
        return
    draft.synapses.append(_Synapses(source, name, tuple(links)))


def _is_zero(links: Sequence[Link]) -> bool:
    return any(weight is not None and not weight.any() for _, weight in links)


def _model(draft: _Draft, output: str, timesteps: int | None) -> Model:
    """Name and order everything: populations as they are computed, undelayed projections before delayed."""
    order = _order(draft)
    rank = {name: i for i, name in enumerate(order)}
    undelayed = sorted((s for s in draft.synapses if not s.delay), key=lambda s: (rank[s.target], s.place))
    delayed = sorted((s for s in draft.synapses if s.delay), key=lambda s: s.place)
    synapses = [*undelayed, *delayed]
    weights: dict[str, Array] = {}
    projections: list[Projection] = []
    for made, name in zip(synapses, _projection_names(synapses, draft.names), strict=True):
        ends = draft.names[made.source], draft.names[made.target]
        projection = Projection(name, *ends, tuple(op for op, _ in made.links), delay=made.delay)
        projections.append(projection)
        for index, (_, weight) in enumerate(made.links):
            if weight is not None:
                weights[projection.weight_key(index)] = weight
    populations: list[Population] = []
    for name in order:
        bias = draft.biases.get(name)
        biased = bias is not None and bool(np.any(bias))
        population = Population(draft.names[name], draft.neurons[name], biased)
        populations.append(population)
        if bias is not None and biased:
            with np.errstate(over="ignore"):
                weights[population.bias_key] = bias.astype(np.float32)
    network = Network(tuple(populations), tuple(projections), draft.names[output], timesteps)
    return Model(network, weights)


def _order(draft: _Draft) -> list[str]:
    """Order populations so that undelayed projections point forward, else as in the file."""
    made = [name for name in draft.neurons if name not in draft.wiring.neurons]
    listed = [draft.wiring.source, *made, *draft.wiring.neurons]
    rank = {name: i for i, name in reversed(list(enumerate(listed)))}
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(draft.neurons)
    graph.add_edges_from((s.source, s.target) for s in draft.synapses if not s.delay)
    return list(nx.lexicographical_topological_sort(graph, key=rank.__getitem__))


def _projection_names(synapses: Sequence[_Synapses], names: dict[str, str]) -> list[str]:
    """Take names that msc wrote where each is unique, and make the others of the ends."""
    counts = Counter(s.written for s in synapses)
    taken = {s.written for s in synapses if s.written is not None}
    numbers: Counter[str] = Counter()
    found: list[str] = []
    for made in synapses:
        if made.written is not None and counts[made.written] == 1:
            found.append(made.written)
            continue
        base = f"{names[made.source]}>{names[made.target]}"
        while True:
            numbers[base] += 1
            name = base if numbers[base] == 1 else f"{base}#{numbers[base]}"
            if name not in taken:
                break
        found.append(name)
    return found
