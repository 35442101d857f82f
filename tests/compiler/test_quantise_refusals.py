"""What quantising refuses: every offender is listed, with its channel and what to do."""

from __future__ import annotations

import re

import numpy as np
import pytest

from msc.compiler.contracts import CompileError
from msc.compiler.passes.quantise import PASS
from msc.ir.network import Model
from msc.ir.neurons import IF, LIF, CubaLIF
from msc.ir.shapes import weight_shapes
from tests.compiler.dense import dense
from tests.networks import EVENTS, conv, edge, net


def test_neurons_that_loihi_has_not_are_listed() -> None:
    network = net(
        EVENTS,
        {
            "a": LIF(v_reset=-0.25),
            "b": CubaLIF(),
            "c": LIF(r=-1.0),
            "out": IF(v_reset=0.5),
        },
        edge("input", "a", conv(2)),
        edge("a", "b", conv(2)),
        edge("b", "c", conv(2)),
        edge("c", "out", conv(2)),
    )
    weights = {name: np.ones(shape, np.float32) for name, shape in weight_shapes(network).items()}
    with pytest.raises(CompileError) as caught:
        PASS.run(Model(network, weights))
    assert str(caught.value).splitlines() == [
        "population a: resets to -0.25, Loihi to 0; train it with v_reset 0",
        "population b: has a bias in its synaptic current, Loihi has one on the membrane only; "
        "train it without a bias",
        "population c: its current moves the membrane by -0.5 times itself; "
        "give it factors above 0, and put the sign into the weights",
        "population out: resets to 0.5, Loihi to 0; train it with v_reset 0",
    ]


RETRAIN = "train it again with more weight decay, or with --finetune loihi from weights that fit"


def test_weights_too_large_beside_the_threshold_are_refused() -> None:
    model = dense(LIF(v_threshold=0.001), [[0.5, 0.1], [0.01, -0.3]], recurrent=[[0.1, 0.1], [0.2, 1.0]])
    with pytest.raises(CompileError) as caught:
        PASS.run(model)
    assert str(caught.value).splitlines() == [
        "projection input>out: its weight range cannot be held: channel 0 needs weights up to 500 beside a "
        f"threshold of 1, -256..254 are there; {RETRAIN}",
        "projection out>out: its weight range cannot be held: channel 1 needs weights up to 1000 beside a "
        f"threshold of 1, 0..255 are there; {RETRAIN}",
    ]
    with pytest.raises(CompileError) as caught:
        PASS.run(dense(LIF(), [[1.0]], bias=[9e3]))
    assert str(caught.value) == (
        "population out: its weight range cannot be held: channel 0 needs a bias of 1.8e+04 thresholds, "
        f"at most 8190 is there; {RETRAIN}"
    )
    with pytest.raises(CompileError) as caught:
        PASS.run(dense(LIF(v_threshold=0.01), np.full((1, 2000), 1.0)))
    assert str(caught.value) == (
        "population out: its weight range cannot be held: one step can deliver 2e+05 thresholds to channel "
        f"0, at most 131071 before the current wraps; {RETRAIN}"
    )


def test_a_projection_that_would_vanish_is_refused() -> None:
    weights = np.array([[0.5, -0.4], [0.3, 0.2]])
    model = dense(LIF(), weights, recurrent=1e-4 * weights)
    with pytest.raises(CompileError) as caught:
        PASS.run(model)
    assert str(caught.value) == (
        "projection out>out: its weight range cannot be held: all its weights would become 0, the largest "
        "0.025, 13.3 octaves below the largest that is held (weights of input>out set the scale of out, "
        f"channel 0), 8 bits hold 8; remove it, or {RETRAIN}"
    )
    with pytest.raises(CompileError, match="weights that fit, or use --option thresholds=channel"):
        PASS.run(model, {"thresholds": "population"})
    silent = PASS.run(dense(LIF(), weights, recurrent=0 * weights)).model
    assert not silent.weights["out>out/0/weight"].any()


def test_fan_in_alone_can_be_too_large() -> None:
    """Weights that round to at least 1 each: more of them than the current holds."""
    weights = np.full((1, 140_000), 1.0, np.float32)
    with pytest.raises(CompileError, match=re.escape("one step can deliver 1.4e+05 thresholds to channel 0")):
        PASS.run(dense(LIF(v_threshold=1.0), weights))
