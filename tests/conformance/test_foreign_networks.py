"""Networks as NIR files of others describe them: the same values everywhere, or a refusal that says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from msc.backends.verification import Verdict
from msc.compiler.driver import compile_model, find_target, lower
from msc.ir.graph import live_populations
from msc.ir.neurons import IF, LI, LIF, CubaLIF
from msc.ir.ops import Conv1d, Conv2d, Linear
from msc.ir.simulate import simulate
from tests.conformance.checking import (
    FORMS,
    assert_same,
    files_of,
    require_peers,
    require_simulator,
    run_form,
    unequal,
    verify,
)
from tests.conformance.foreign_networks import emits_membrane, foreign_model
from tests.requires import require

SEEDS = range(48)
REFUSALS = (
    "no simulator reads delays from NIR",
    "a delay of 1 on no cycle, and none can be closed",
    "a delay of 1 from the input, which lies on no cycle",
    "is not square, and no zero padding makes it square",
    "v_reset is not 0",
    "v_leak is not 0",
    "Unknown node type <class 'nir.ir.neuron.LI'>",
    "snnTorch makes a leaky neuron of an IF",
    "nir.LIF.tau / dt must be finite and greater than 1",
    "snnTorch rewrites such a pair into another network",
)


@pytest.mark.parametrize("seed", SEEDS)
def test_artefacts_show_every_value_of_the_reference(seed: int) -> None:
    """ONNX in both modes and the module; membranes, too: float32 holds all of them exactly."""
    for simulator in ("onnx", "module"):
        require_simulator(simulator)
    model, inputs = foreign_model(seed)
    live = live_populations(model.network)  # the others are left out of artefacts
    expected = {name: values for name, values in simulate(model, inputs).spikes.items() if name in live}
    for form in FORMS:
        assert_same(run_form(form, files_of(model, form), model, inputs, None), expected, form)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_others_are_equal_or_say_why_not(seed: int, workers) -> None:
    """Our executor is equal. Loihi has limits of many kinds, which other tests name."""
    require_peers()
    model, inputs = foreign_model(seed)
    verification = verify(model, inputs, None, workers)
    verdicts = {result.simulator: result.verdict for result in verification.results}
    assert verdicts["pytorch"] is Verdict.EQUAL
    assert verdicts["loihi"] is not Verdict.DIFFERING
    others = [result for result in unequal(verification, *REFUSALS) if result.simulator != "loihi"]
    assert not others, [str(result) for result in others]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_nir_file_of_the_network_is_read_as_the_network(seed: int, tmp_path: Path) -> None:
    """Where NIR expresses it: the outputs of what was written and read are those of what was compiled."""
    for module in ("nir", "h5py"):
        require(module)
    model, inputs = foreign_model(seed)
    target = find_target("nir")
    refused = target.refusals(lower(model, target, {}), {})
    if refused:
        assert all(any(text in problem.what for text in REFUSALS) for problem in refused)
        return
    for name, content in compile_model(lambda: model, target, {}).files.items():
        (tmp_path / name).write_bytes(content)
    found, expected = simulate(target.read(str(tmp_path)), inputs).outputs, simulate(model, inputs).outputs
    assert found.shape == expected.shape
    assert np.array_equal(found, expected)


def test_the_sample_holds_what_third_parties_write() -> None:
    """Every shape, kind of neuron and op, outputs that are membranes, late delays, groups, dilation."""
    networks = [foreign_model(seed)[0] for seed in SEEDS]
    neurons = {type(p.neuron) for model in networks for p in model.network.populations}
    assert neurons >= {IF, LI, LIF, CubaLIF}
    assert sum(emits_membrane(model) for model in networks) >= 5
    projections = [p for model in networks for p in model.network.projections]
    assert sum(p.delay > 1 for p in projections) >= 10
    ops = [op for p in projections for op in p.ops]
    convolutions = [op for op in ops if isinstance(op, Conv1d | Conv2d)]
    assert {type(op) for op in ops} >= {Conv1d, Conv2d, Linear}
    for kind in (Conv1d, Conv2d):
        assert any(op.groups > 1 for op in convolutions if isinstance(op, kind))
        assert any(op.dilation not in (1, (1, 1)) for op in convolutions if isinstance(op, kind))
