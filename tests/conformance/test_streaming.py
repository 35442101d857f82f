"""10,000 streamed steps: the spikes of the sequence model at every step, and no more memory at the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from msc.compiler.driver import compile_model, find_target
from msc.compiler.initialise import dyadic_model
from msc.ir.network import Model
from msc.ir.neurons import IF, LIF, InputKind, Source
from msc.ir.ops import Flatten, Linear
from msc.ir.shapes import population_shapes, weight_shapes
from msc.ir.simulate import simulate
from msc.search.generate import new_genome
from msc.search.lower import require_connected
from tests.conformance.streaming import Step, frames, module_stepper, onnx_stepper, resident_mb
from tests.networks import conv, edge, net
from tests.requires import require

STEPS, BATCH, SHAPE = 10_000, 2, (2, 8, 8)
WARM, GROWTH_MB = 1_000, 12.0


def counting() -> Model:
    """Make a network that float32 holds exactly for so long: IF and tau = 1, small integer weights."""
    network = net(
        Source(SHAPE, InputKind.EVENTS),
        {"a": IF(v_threshold=16.0), "b": IF(v_threshold=12.0), "out": LIF(tau=1.0, r=1.0, v_threshold=6.0)},
        edge("input", "a", conv(4)),
        edge("a", "b", conv(4)),
        edge("b", "a", conv(4, 1), delay=2),
        edge("b", "out", Flatten(), Linear(10)),
        edge("out", "out", Linear(10), delay=1),
    )
    rng = np.random.default_rng(3)
    weights = {key: rng.integers(-2, 3, shape) for key, shape in weight_shapes(network).items()}
    weights |= {"a/bias": np.full(4, 2), "b/bias": np.full(4, 1)}  # keep them from drifting down for good
    return Model(network, {key: values.astype(np.float32) for key, values in weights.items()})


def forgetting() -> Model:
    """Make a genome with a cycle, whose leaking membranes soon need more bits than float32 has."""
    skeleton = {"input_shape": SHAPE, "classes": 5, "votes": 2, "channels": 4, "layers": 1, "timesteps": 6}
    for seed in range(100):
        network = require_connected(new_genome("mse-nas", seed, input="events", **skeleton)).network
        if network is not None and any(p.delay for p in network.projections):
            return dyadic_model(network, seed)
    raise AssertionError("no genome drawn has a cycle")


MODELS = {"counting": counting, "forgetting": forgetting}


def all_frames() -> np.ndarray:
    return np.stack(list(frames(SHAPE, BATCH, STEPS)))


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> Model:
    return MODELS[request.param]()


@pytest.fixture(scope="module")
def sequence(model: Model) -> np.ndarray:
    """The outputs of the sequence model, [T, B, n], alive in every thousand steps."""
    from msc.backends.simulators.onnx import SIMULATOR

    require("onnxruntime")
    files = compile_model(lambda: model, find_target("onnx"), {}).files
    shown = SIMULATOR.run_files(files, model.network, all_frames(), None)
    outputs = shown[model.network.output]
    for part in np.split(outputs, 10):
        assert 0.02 <= part.mean() <= 0.95
        assert (part != part[:, :1]).any()
    return outputs


def stepper(model: Model, target: str) -> Step:
    if target == "pytorch":
        require("torch")
        return module_stepper(compile_model(lambda: model, find_target(target), {}).files)
    require("onnxruntime")
    return onnx_stepper(compile_model(lambda: model, find_target(target), {"mode": "step"}).files, BATCH)


@pytest.mark.parametrize("target", ["onnx", "pytorch"])
def test_streaming_shows_the_spikes_of_the_sequence_model(
    model: Model, sequence: np.ndarray, target: str
) -> None:
    """At each of 10,000 steps; memory stays flat after the first thousand."""
    step = stepper(model, target)
    wrong, warm = 0, 0.0
    for t, frame in enumerate(frames(SHAPE, BATCH, STEPS)):
        wrong += int((step(frame) != sequence[t]).sum())
        if t == WARM:
            warm = resident_mb() if Path("/proc/self/statm").exists() else 0.0
    assert wrong == 0
    if warm:
        kept = sum(int(np.prod(shape)) for shape in population_shapes(model.network).values()) * BATCH * 4
        assert kept * (STEPS - WARM) / 2**20 > 2 * GROWTH_MB, "keeping each step's state would not be noticed"
        assert resident_mb() - warm < GROWTH_MB


def test_where_float32_is_exact_10000_steps_are_the_references() -> None:
    """And its membranes do not outgrow 24 bits: they are integers of small magnitude."""
    require("onnxruntime")
    from msc.backends.simulators.onnx import SIMULATOR

    model = counting()
    inputs = all_frames()
    expected = simulate(model, inputs, record=("a", "b"), membranes=True)
    assert max(float(np.abs(values).max()) for values in expected.membranes.values()) < 2**22
    files = compile_model(lambda: model, find_target("onnx"), {}).files
    found = SIMULATOR.run_files(files, model.network, inputs, None)[model.network.output]
    assert np.array_equal(found, expected.outputs)
