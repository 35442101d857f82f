"""Orders, components, cycles and liveness on networks small enough to see the answer."""

import networkx as nx
from hypothesis import given, settings

from msc.ir.graph import (
    component_of,
    components,
    cyclic_projections,
    live_populations,
    undelayed_cycles,
    update_order,
)
from msc.ir.network import Network, Projection, Sign
from msc.ir.neurons import LIF, Source
from tests.networks import NETWORKS, edge, net
from tests.strategies import networks

ANY = Source((1,))


def of(names: str, *edges: tuple[str, int] | tuple[str, int, Sign]) -> Network:
    """A network of one-letter populations, `x` the source, `z` the output; an edge: ("ab", delay[, sign])."""
    projections: list[Projection] = []
    for ends, delay, *sign in edges:
        source = "input" if ends[0] == "x" else ends[0]
        projections.append(edge(source, ends[1], delay=delay, sign=Sign(sign[0]) if sign else Sign.FREE))
    return net(ANY, {name: LIF() for name in names}, *projections, output="z")


def test_update_order_follows_undelayed_projections_then_declaration() -> None:
    network = of("zbac", ("xa", 0), ("xb", 0), ("xc", 0), ("ab", 0), ("bz", 0), ("za", 1), ("cz", 2))
    assert update_order(network) == ("input", "a", "b", "z", "c")


def test_components_are_in_causal_order() -> None:
    network = of("zabc", ("xa", 0), ("ab", 0), ("ba", 1), ("bc", 0), ("cc", 1), ("cz", 3))
    assert components(network) == (("input",), ("a", "b"), ("c",), ("z",))
    assert component_of(network) == {"input": 0, "a": 1, "b": 1, "c": 2, "z": 3}
    assert cyclic_projections(network) == {"a>b", "b>a", "c>c"}


def test_a_component_waits_for_delayed_sources_too() -> None:
    network = of("zab", ("xz", 0), ("az", 1), ("xb", 0), ("ba", 1))
    order = [members[0] for members in components(network)]
    assert order.index("b") < order.index("a") < order.index("z")


def test_undelayed_cycles_name_one_cycle_per_component() -> None:
    assert undelayed_cycles(of("zab", ("xa", 0), ("ab", 0), ("ba", 0), ("bz", 0), ("zz", 0))) == (
        ("a", "b"),
        ("z",),
    )
    assert undelayed_cycles(of("zab", ("xa", 0), ("ab", 0), ("ba", 1), ("bz", 0))) == ()


class TestLive:
    def test_what_reaches_no_output_is_dead(self) -> None:
        network = of("zab", ("xa", 0), ("az", 0), ("ab", 0))
        assert live_populations(network) == {"input", "a", "z"}

    def test_what_is_only_inhibited_is_dead_and_so_is_what_it_feeds(self) -> None:
        network = of("zabc", ("xa", 0), ("ab", 0, Sign.INHIBITORY), ("bc", 0), ("cz", 0), ("az", 0))
        assert live_populations(network) == {"input", "a", "z"}

    def test_an_inhibitor_of_a_live_population_is_live(self) -> None:
        network = of("zai", ("xa", 0), ("ai", 0), ("iz", 0, Sign.INHIBITORY), ("az", 0))
        assert live_populations(network) == {"input", "a", "i", "z"}

    def test_a_cut_network_has_no_live_population(self) -> None:
        assert live_populations(of("za", ("xa", 0), ("az", 0, Sign.INHIBITORY))) == frozenset()

    def test_a_cycle_that_nothing_enters_is_dead(self) -> None:
        network = of("zab", ("xz", 0), ("ab", 0), ("ba", 1), ("bz", 0))
        assert live_populations(network) == {"input", "z"}


@given(networks())
@settings(max_examples=30)
def test_orders_are_causal(network: Network) -> None:
    order = {name: i for i, name in enumerate(update_order(network))}
    member = component_of(network)
    cyclic = cyclic_projections(network)
    assert len(order) == len(network.populations)
    for projection in network.projections:
        if projection.delay == 0:
            assert order[projection.source] < order[projection.target]
        assert member[projection.source] <= member[projection.target]
        assert (member[projection.source] == member[projection.target]) == (projection.name in cyclic)
    graph = nx.DiGraph([(p.source, p.target) for p in network.projections])
    on_cycles = {
        e for cycle in nx.simple_cycles(graph) for e in zip(cycle, (*cycle[1:], cycle[0]), strict=True)
    }
    assert {p.name for p in network.projections if (p.source, p.target) in on_cycles} == cyclic


def test_fixtures_are_live() -> None:
    for name, model in NETWORKS.items():
        assert live_populations(model.network) == {p.name for p in model.network.populations}, name
