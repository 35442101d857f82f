"""Streaming: the values of `record`, population by population, with what projections deliver."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch

from msc.backends.pytorch import SpikingNetwork
from msc.ir.graph import update_order
from tests import networks as shared
from tests.dyadic import sample_input, steps_of


def prepared(name: str) -> tuple[SpikingNetwork, torch.Tensor, int | None]:
    model = shared.NETWORKS[name]
    module = SpikingNetwork(model.network).eval()
    module.load_weights(model.weights)
    static = model.network.source.neuron.kind.value == "static"
    inputs = torch.from_numpy(sample_input(model.network, 0))
    return module, inputs, steps_of(model.network) if static else None


@pytest.mark.parametrize("name", shared.NETWORKS)
def test_streams_what_is_recorded_in_causal_order(name: str) -> None:
    module, inputs, steps = prepared(name)
    with torch.no_grad():
        streamed = list(module.stream(inputs, steps))
        recorded = module.record(inputs, steps)
    order = [n for n in update_order(module.network) if n != module.network.source.name]
    assert sorted(n for n, _ in streamed) == sorted(order)
    assert all(torch.equal(values, recorded[n]) for n, values in streamed)


@pytest.mark.parametrize("name", shared.NETWORKS)
def test_an_observer_sees_every_current_and_changes_nothing(name: str) -> None:
    """What is seen of the projections into a population, with its bias, is the current that drives it."""
    module, inputs, steps = prepared(name)
    seen: dict[str, list[torch.Tensor]] = {}
    with torch.no_grad():
        plain = module.record(inputs, steps)
        watched = dict(module.stream(inputs, steps, lambda p, c: seen.setdefault(p.name, []).append(c)))
    assert set(seen) == {p.name for p in module.network.projections}
    assert all(torch.equal(plain[n], watched[n]) for n in plain)
    for projection in module.network.projections:
        shape = plain[projection.target].shape[2:]
        assert all(c.shape[1:] == shape for c in seen[projection.name])


def test_forgets_what_nothing_reads_any_more() -> None:
    module, inputs, steps = prepared("chain")
    alive: list[weakref.ref[torch.Tensor]] = []
    with torch.no_grad():
        for _, values in module.stream(inputs, steps):
            alive.append(weakref.ref(values))
            del values
            gc.collect()
            held = [ref() is not None for ref in alive]
            assert sum(held) <= 2, "at most the newest population and the one it reads"
    assert not np.any([ref() is not None for ref in alive[:-1]])
