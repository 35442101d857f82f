"""Reduction to the live network: only what provably delivers nothing is dropped."""

from __future__ import annotations

import numpy as np
import pytest

from msc.compiler.contracts import CompileError
from msc.compiler.passes.live_network import PASS
from msc.ir.network import Model, Network, Population, Projection, Sign
from msc.ir.neurons import IF, LIF, CubaLIF, InputKind, Source, SpikingNeuron
from msc.ir.ops import Linear
from msc.ir.shapes import weight_shapes
from msc.ir.simulate import simulate


def link(source: str, target: str, sign: Sign = Sign.FREE) -> Projection:
    return Projection(f"{source}>{target}", source, target, (Linear(3),), sign)


def model_of(
    *links: Projection, bias: dict[str, float] | None = None, neuron: SpikingNeuron | None = None
) -> Model:
    names = dict.fromkeys(end for p in links for end in (p.source, p.target))
    neurons = {name: neuron or LIF() for name in names}
    populations = tuple(
        Population(name, Source((3,), InputKind.EVENTS) if name == "input" else neurons[name])
        for name in names
    )
    network = Network(populations, links, "out")
    rng = np.random.default_rng(0)
    signs = {p.name: -1.0 if p.sign is Sign.INHIBITORY else 1.0 for p in links}
    weights = {
        name: (np.abs(rng.standard_normal(shape)) * signs.get(name.split("/")[0], 1.0)).astype(np.float32)
        for name, shape in weight_shapes(network).items()
    }
    for name in names:
        if name != "input":
            weights[f"{name}/bias"] = np.full(3, (bias or {}).get(name, 0.0), np.float32)
    return Model(network, weights)


def kept(model: Model) -> set[str]:
    return {p.name for p in PASS.run(model).model.network.populations}


def assert_same_output(model: Model) -> None:
    x = np.random.default_rng(1).integers(0, 2, (8, 4, 3)).astype(np.float32)
    assert np.array_equal(simulate(model, x).outputs, simulate(PASS.run(model).model, x).outputs)


def test_what_cannot_reach_the_output_is_dropped():
    model = model_of(link("input", "a"), link("a", "out"), link("a", "leaf"))
    assert kept(model) == {"input", "a", "out"}
    assert PASS.run(model).changes == ("leaf: dropped, it is dead",)
    assert_same_output(model)


def test_what_only_inhibition_reaches_is_dropped_with_what_hangs_on_it():
    model = model_of(
        link("input", "a"),
        link("a", "quiet", Sign.INHIBITORY),
        link("quiet", "after"),
        link("after", "out"),
        link("a", "out"),
    )
    assert kept(model) == {"input", "a", "out"}
    assert_same_output(model)


@pytest.mark.parametrize("neuron", [LIF(), IF(v_threshold=0.5), CubaLIF(v_threshold=0.5)])
def test_a_population_that_its_bias_drives_is_kept(neuron):
    links = (link("input", "a"), link("a", "tonic", Sign.INHIBITORY), link("tonic", "out"), link("a", "out"))
    model = model_of(*links, bias={"tonic": 2.0}, neuron=neuron)
    assert kept(model) == {"input", "a", "tonic", "out"}
    assert_same_output(model)
    assert "tonic" not in kept(model_of(*links, bias={"tonic": -2.0}, neuron=neuron))


def test_a_dead_output_is_refused():
    model = model_of(link("input", "a"), link("a", "out", Sign.INHIBITORY))
    with pytest.raises(CompileError) as error:
        PASS.run(model)
    assert str(error.value) == (
        "population out: the output cannot be excited by the source; "
        "connect it through projections that are not inhibitory"
    )


def test_a_live_model_comes_back_as_it_is():
    model = model_of(link("input", "a"), link("a", "out"))
    assert PASS.run(model).model is model
