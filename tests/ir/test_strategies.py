"""The strategies draw what they say: valid, live, exact networks, most of them alive."""

import numpy as np
from hypothesis import given, settings

from msc.ir.graph import cyclic_projections, live_populations
from msc.ir.network import Model, Network
from msc.ir.neurons import LI, CubaLIF
from msc.ir.verify import verify, verify_model
from tests.dyadic import MANTISSA_BITS, bits_needed, is_alive, run, sample_input
from tests.strategies import models, networks, rounding_models


@given(networks())
@settings(max_examples=50)
def test_networks_are_valid_and_live(network: Network) -> None:
    verify(network)
    assert live_populations(network) == {p.name for p in network.populations}


@given(models())
@settings(max_examples=30)
def test_models_are_exact_in_float32(model: Model) -> None:
    verify_model(model)
    assert bits_needed(model) <= MANTISSA_BITS


@given(rounding_models())
@settings(max_examples=20)
def test_rounding_models_are_valid(model: Model) -> None:
    verify_model(model)


def test_models_reach_every_part_of_the_ir_and_are_mostly_alive() -> None:
    seen: list[tuple[Model, bool]] = []

    @given(models())
    @settings(max_examples=60, database=None)
    def collect(model: Model) -> None:
        outputs = run(model, sample_input(model.network, seed=1)).outputs
        alive = bool((outputs != outputs[:, :1]).any()) if outputs.dtype != np.uint8 else is_alive(outputs)
        seen.append((model, alive))

    collect()
    assert sum(alive for _, alive in seen) >= 0.6 * len(seen)
    drawn = [model.network for model, _ in seen]
    assert {p.delay for n in drawn for p in n.projections if p.name in cyclic_projections(n)} >= {1, 2, 3}
    assert {p.delay for n in drawn for p in n.projections if p.name not in cyclic_projections(n)} >= {
        0,
        1,
        2,
        3,
    }
    assert {type(p.neuron) for n in drawn for p in n.populations} >= {CubaLIF, LI}
    assert any(not p.ops for n in drawn for p in n.projections)


@given(networks(exotic=False))
@settings(max_examples=10)
def test_plain_networks_have_neither_groups_nor_dilation(network: Network) -> None:
    text = repr(network)
    assert "groups=2" not in text
    assert "dilation=(2" not in text
