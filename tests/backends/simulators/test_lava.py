"""The simulator `lava`: a quantised model in, logical spikes out, and errors that say what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from msc.backends.simulators import lava
from msc.backends.simulators.contracts import CannotRunError
from msc.ir.simulate import simulate
from tests.fixed_networks import FIXED, sample
from tests.networks import NETWORKS
from tests.requires import require_lava

ANSWER = """#!{python}
import sys, time
if sys.argv[1] == "-c":
    print('msc-probe {{"lava-nc": "0.10.0"}}')
else:
    {run}
"""


@pytest.fixture
def lava_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that LAVA_PYTHON names; what it does, the test writes."""
    path = tmp_path / "python"
    path.touch(0o755)
    monkeypatch.setenv("LAVA_PYTHON", str(path))
    return path


@pytest.mark.parametrize("name", ["chain", "vectors"])
def test_it_does_what_the_reference_does(name: str) -> None:
    require_lava()
    model, inputs = FIXED[name], sample(FIXED[name].network, batch=1)
    expected = simulate(model, inputs)
    found = lava.SIMULATOR.run(model, inputs, model.network.timesteps)
    assert set(found) == set(expected.spikes)
    for population, spikes in expected.spikes.items():
        np.testing.assert_array_equal(found[population], spikes)


def test_what_is_missing_is_told_with_its_command(lava_python: Path) -> None:
    lava_python.write_text("#!/bin/sh\n")
    assert lava.SIMULATOR.requirements.missing() == (
        f"LAVA_PYTHON={lava_python} does not answer as a Python does; "
        "name a Python that has lava-nc 0.10, or unset it and run msc doctor --install lava"
    )


def test_nothing_is_missing_where_a_python_has_lava(lava_python: Path) -> None:
    lava_python.write_text(ANSWER.format(python=sys.executable, run="pass"))
    assert lava.SIMULATOR.requirements.missing() is None


def test_lava_hanging_is_told(lava_python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lava_python.write_text(ANSWER.format(python=sys.executable, run="time.sleep(600)"))
    monkeypatch.setattr(lava, "time_limit", lambda *_: 1.0)
    with pytest.raises(CannotRunError, match=r"^lava: gave no answer within 1 s and was stopped; "):
        lava.SIMULATOR.run(FIXED["vectors"], sample(FIXED["vectors"].network), None)


def test_a_network_in_floating_point_is_refused() -> None:
    model = next(iter(NETWORKS.values()))
    with pytest.raises(CannotRunError, match="is in floating point"):
        lava.SIMULATOR.run(model, np.zeros((1, 1, 4, 4)), 4)
