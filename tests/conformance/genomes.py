"""Small random genomes of both spaces, with dyadic weights under which their output is alive."""

from __future__ import annotations

from typing import Any

from msc.compiler.initialise import draw_input, dyadic_model
from msc.ir.network import Model, Network
from msc.ir.neurons import InputKind, Source
from msc.ir.simulate import simulate
from msc.search.generate import new_genome
from msc.search.lower import require_connected
from msc.search.skeleton import Dale, Recurrence
from tests.dyadic import is_alive

SPACES = ("mse-nas", "snasnet")
SMALL: dict[str, Any] = {"input_shape": (2, 8, 8), "classes": 5, "votes": 4, "channels": 4, "layers": 4}
BATCH = 4


def recurrence_of(seed: int) -> Recurrence:
    return (Recurrence.SYNAPTIC, Recurrence.LOOP)[seed // 2 % 2]


def network_of(space: str, seed: int, dale: Dale | None = None) -> Network:
    """Lower a small random genome; inputs, recurrence, T (4 to 6) and usual sign rules take turns."""
    skeleton: dict[str, Any] = {
        **SMALL,
        "timesteps": 4 + seed % 3,
        "input": ("static", "events")[seed % 2],
        "recurrence": recurrence_of(seed),
    }
    if space == "mse-nas":
        skeleton |= {"dale": dale or (Dale.INHIBITORY, Dale.MOTIF, Dale.NONE)[seed % 3]}
    network = require_connected(new_genome(space, seed, **skeleton)).network
    assert network is not None
    return network


def drawn(network: Network, seed: int) -> tuple[Any, int | None]:
    """Draw an input, and the steps to show it for."""
    source = network.source.neuron
    assert isinstance(source, Source)
    steps = network.timesteps or 4
    return draw_input(source, seed, BATCH, steps), steps if source.kind is InputKind.STATIC else None


def living(space: str, seed: int, dale: Dale | None = None) -> tuple[Model, Any, int | None]:
    """Draw genomes until the output fires and tells samples apart; a comparison of silence shows nothing."""
    for candidate in range(seed, 10_000, 1000):
        model = dyadic_model(network_of(space, candidate, dale), candidate)
        inputs, steps = drawn(model.network, candidate)
        if is_alive(simulate(model, inputs, steps).outputs):
            return model, inputs, steps
    raise AssertionError("no genome drawn is alive")
