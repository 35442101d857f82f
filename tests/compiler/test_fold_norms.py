"""Folding norms into weights and biases."""

from __future__ import annotations

import numpy as np
import pytest

from msc.compiler.passes.fold_norms import PASS
from msc.ir.network import Model, Network, Norm, NormKind, Population, Projection, Sign
from msc.ir.neurons import LIF, InputKind, Source
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Op
from msc.ir.shapes import weight_shapes
from msc.ir.simulate import simulate
from msc.ir.verify import verify_model

CONV = Conv2d(3, (3, 3), padding=(1, 1))


def model_of(ops: tuple[Op, ...], norm: Norm, *, delay: int = 0, bias: bool = True) -> Model:
    """Input and one population, joined by an undelayed conv and by the projection under test."""
    network = Network(
        (Population("input", Source((3, 5, 5), InputKind.EVENTS)), Population("a", LIF(), bias=bias)),
        (Projection("under", "input", "a", ops, delay=delay, norm=norm),),
        "a",
    )
    rng = np.random.default_rng(0)
    weights = {n: rng.standard_normal(s).astype(np.float32) for n, s in weight_shapes(network).items()}
    for name in ("gamma", "var"):
        weights[f"under/norm/{name}"] = np.abs(weights[f"under/norm/{name}"]) + np.float32(0.5)
    return Model(network, weights)


@pytest.mark.parametrize("kind", list(NormKind))
@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize(
    "ops",
    [(CONV,), (CONV, AvgPool2d((2, 2), (2, 2))), (Flatten(), Linear(4)), (), (CONV, Flatten()), (Flatten(),)],
    ids=["conv", "conv-pool", "linear", "identity", "conv-flatten", "flatten"],
)
def test_membranes_stay_within_rounding(kind, delay, ops):
    before = model_of(ops, Norm(kind), delay=delay)
    result = PASS.run(before)
    verify_model(result.model)
    assert all(p.norm is None for p in result.model.network.projections)
    x = np.random.default_rng(1).integers(0, 2, (6, 4, 3, 5, 5)).astype(np.float32)
    a = simulate(before, x, membranes=True).membranes["a"]
    b = simulate(result.model, x, membranes=True).membranes["a"]
    assert np.allclose(a[: delay + 1], b[: delay + 1], rtol=0, atol=2e-5)  # before any spike can differ
    assert 0 <= result.errors["largest_relative_weight_error"] < 2**-23


def test_by_hand():
    """gamma 2, var 4 - eps, mean 3: g = 1, so W stays and the bias falls by 3."""
    model = model_of((Flatten(), Linear(1)), Norm(NormKind.BATCH, 0.0))
    weights = dict(model.weights)
    weights["under/norm/gamma"] = np.array([2.0], np.float32)
    weights["under/norm/var"] = np.array([4.0], np.float32)
    weights["under/norm/mean"] = np.array([3.0], np.float32)
    weights["a/bias"] = np.array([0.25], np.float32)
    folded = PASS.run(Model(model.network, weights)).model
    assert np.array_equal(folded.weights["under/1/weight"], weights["under/1/weight"])
    assert folded.weights["a/bias"] == np.float32(-2.75)


def test_a_population_without_bias_gets_one_for_a_centred_norm_only():
    for kind, expected in ((NormKind.BATCH, True), (NormKind.SCALE, False)):
        folded = PASS.run(model_of((CONV,), Norm(kind), bias=False)).model
        assert folded.network.population("a").bias is expected
        verify_model(folded)


def test_signs_survive_folding():
    model = model_of((CONV,), Norm(NormKind.SCALE))
    network = model.network.with_projections(
        tuple(
            Projection(p.name, p.source, p.target, p.ops, Sign.INHIBITORY, 0, p.norm)
            for p in model.network.projections
        )
    )
    weights = dict(model.weights)
    weights["under/0/weight"] = -np.abs(weights["under/0/weight"])
    verify_model(PASS.run(Model(network, weights)).model)
