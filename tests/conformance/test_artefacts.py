"""ONNX files in both modes and stand-alone modules of 200 random genomes, spike by spike."""

from __future__ import annotations

import numpy as np
import pytest

from msc.ir.simulate import simulate
from msc.search.skeleton import Dale, Recurrence
from tests.conformance.checking import FORMS, assert_same, files_of, require_simulator, run_form
from tests.conformance.genomes import SPACES, living, network_of, recurrence_of
from tests.dyadic import is_alive
from tests.requires import require

SEEDS = range(100)


def dale_of(seed: int) -> Dale:
    return tuple(Dale)[seed // 4 % 4]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("space", SPACES)
def test_artefacts_show_every_spike_of_the_reference(space: str, seed: int) -> None:
    """Zero tolerance in every population, and an output that is alive; ONNX files pass the full check."""
    for simulator in ("onnx", "module"):
        require_simulator(simulator)
    onnx = require("onnx")
    model, inputs, steps = living(space, seed, dale_of(seed))
    expected = simulate(model, inputs, steps)
    assert is_alive(expected.outputs)
    for form in FORMS:
        files = files_of(model, form)
        if "network.onnx" in files:
            onnx.checker.check_model(onnx.load_from_string(files["network.onnx"]), full_check=True)
        assert_same(run_form(form, files, model, inputs, steps), expected.spikes, form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", [0, 1, 6, 7])
@pytest.mark.parametrize("space", SPACES)
def test_one_file_serves_any_batch_size_and_any_number_of_steps(space: str, seed: int, form: str) -> None:
    """Static and events, both recurrences: 1 and 5 samples, 3 and 6 steps, of one file each."""
    require_simulator(FORMS[form][0])
    drawn = (living(space, s) for s in range(seed, 400, 4))  # T = 6 is exact for fewer steps, too
    model, inputs, steps = next(case for case in drawn if case[0].network.timesteps == 6)
    static, files = steps is not None, files_of(model, form)
    more = np.concatenate([inputs, inputs[..., ::-1]], axis=0 if static else 1)  # 8 samples
    for batch in (1, 5):
        for timesteps in (3, 6):
            given = more[:batch].copy() if static else more[:timesteps, :batch].copy()
            shown = timesteps if static else None
            expected = simulate(model, given, shown)
            assert expected.outputs.shape[:2] == (timesteps, batch)
            assert_same(
                run_form(form, files, model, given, shown), expected.spikes, f"{form} {batch} {timesteps}"
            )


def test_the_sample_holds_every_input_recurrence_and_sign_rule() -> None:
    """Of space mse-nas in all combinations; and delayed projections in both."""
    combinations = {(seed % 2, recurrence_of(seed), dale_of(seed)) for seed in SEEDS}
    assert combinations == {(i, r, d) for i in (0, 1) for r in Recurrence for d in Dale}
    for space in SPACES:
        networks = [network_of(space, seed, dale_of(seed)) for seed in SEEDS]
        assert sum(any(p.delay for p in network.projections) for network in networks) >= 20
        assert {network.timesteps for network in networks} == {4, 5, 6}
