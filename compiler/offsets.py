"""Chooses the machine step at which each population starts, by difference constraints and a network flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import networkx as nx

from msc.ir.network import Network

Variable: TypeAlias = tuple[str, str]  # ("start", population), ("last", population) or the origin
Bounds: TypeAlias = dict[tuple[Variable, Variable], int]  # (earlier, later): later - earlier at least this

_ORIGIN: Variable = ("origin", "")
_untyped: Any = nx  # for the functions whose stubs are incomplete


def choose_offsets(network: Network, neurons: Mapping[str, int]) -> dict[str, int] | None:
    """Choose the start r of every population but the source, whose r is 0; None where no choice is feasible.

    A projection of logical delay w between neurons takes 1 + d steps, d = w + r(target) - r(source) - 1
    >= 0; one from the source takes r(target) + w >= 1. Population p needs max d over its projections relays,
    each of `neurons[p]` neurons. In this order: the least latency (the last start, relays included), the
    fewest neurons in relays, the earliest start of every single population that these allow.

    All three are exact. With last(p) the start of p's last relay, everything is a bound on a difference of
    two variables, and the cost, sum of neurons(p) (last(p) - r(p)), is linear in them: the dual of a
    minimum-cost flow. The bounds that carry an optimal flow are tight in every optimal choice, and in no
    other; the longest paths from the origin that keep them so are the earliest optimal choice.
    Source: Leiserson and Saxe, Retiming Synchronous Circuitry, Algorithmica 6 (1991), 5-35 (registers
    shared by fan-out).
    """
    bounds = _bounds(network)
    steps = _earliest(bounds)
    if steps is None:
        return None
    owners = [name for kind, name in steps if kind == "last"]
    if any(steps["last", name] > steps["start", name] for name in owners):
        end = max(steps.values())
        for variable in steps:
            _require(bounds, variable, _ORIGIN, -end)
        steps = _earliest(_with_fewest_relays(bounds, {name: neurons[name] for name in owners}))
        assert steps is not None, "an optimal flow has feasible potentials"
    return {name: step for (kind, name), step in steps.items() if kind == "start"}


def _bounds(network: Network) -> Bounds:
    """Collect the bounds: every start after the origin, every projection no faster than its synapses."""
    bounds: Bounds = {}
    for population in network.populations:
        if not population.is_source:
            _require(bounds, _ORIGIN, ("start", population.name), 0)
    for projection in network.projections:
        start = ("start", projection.target)
        if network.population(projection.source).is_source:
            _require(bounds, _ORIGIN, start, 1 - projection.delay)
            continue
        sent, last = ("start", projection.source), ("last", projection.source)
        _require(bounds, sent, last, 0)
        _require(bounds, sent, start, 1 - projection.delay)
        _require(bounds, start, last, projection.delay - 1)
    return bounds


def _require(bounds: Bounds, earlier: Variable, later: Variable, steps: int) -> None:
    """Bound `later - earlier` from below, beside what bounds it already; a variable never binds itself."""
    if earlier != later:
        bounds[earlier, later] = max(steps, bounds.get((earlier, later), steps))


def _earliest(bounds: Bounds) -> dict[Variable, int] | None:
    """Find the least value of every variable, the origin at 0; None where bounds contradict each other."""
    steps = dict.fromkeys((variable for pair in bounds for variable in pair), 0)
    for _ in range(len(steps) + 1):
        changed = False
        for (earlier, later), least in bounds.items():
            if steps[earlier] + least > steps[later]:
                steps[later] = steps[earlier] + least
                changed = True
        if not changed:
            return steps
    return None


def _with_fewest_relays(bounds: Bounds, neurons: Mapping[str, int]) -> Bounds:
    """Add to the bounds what any choice with the fewest neurons in relays keeps (complementary slackness)."""
    graph: nx.DiGraph[Variable] = nx.DiGraph()
    for name, count in neurons.items():
        graph.add_node(("last", name), demand=count)
        graph.add_node(("start", name), demand=-count)
    for (earlier, later), steps in bounds.items():
        graph.add_edge(earlier, later, weight=-steps)
    _, flows = _untyped.network_simplex(graph)
    tight = dict(bounds)
    for (earlier, later), steps in bounds.items():
        if flows[earlier][later] > 0:
            _require(tight, later, earlier, -steps)
    return tight
