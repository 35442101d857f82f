"""The published LIF of the NIR paper: our simulator fires at the steps five platforms agree on.

Needs the paper's data folder (lif_norse.nir and the lif_*.csv traces of github.com/neuromorphs/NIR), named by
MSC_NIR_PAPER or lying at ../shared/data/nir-paper beside the checkout.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from msc.ir.network import Model
from msc.ir.neurons import LIF, InputKind, Source
from msc.ir.ops import Linear
from msc.ir.simulate import Trace, simulate
from tests.networks import edge, net
from tests.requires import require

DT = 1e-4
PUBLISHED = [460, 510, 710, 760]


@pytest.fixture(scope="module")
def folder() -> Path:
    default = Path(__file__).resolve().parents[3] / "shared" / "data" / "nir-paper"
    path = Path(os.environ.get("MSC_NIR_PAPER", default))
    if not (path / "lif_norse.nir").is_file():
        pytest.skip("the NIR paper's traces are not here; name their folder in MSC_NIR_PAPER")
    return path


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    """The file's Affine -> LIF, its time constant counted in steps of 0.1 ms."""
    nodes = require("nir").read(str(folder / "lif_norse.nir")).nodes
    (affine,) = (node for node in nodes.values() if type(node).__name__ == "Affine")
    (lif,) = (node for node in nodes.values() if type(node).__name__ == "LIF")
    neuron = LIF(
        float(lif.tau[0]) / DT, float(lif.r[0]), float(lif.v_threshold[0]), v_leak=float(lif.v_leak[0])
    )
    network = net(Source((1,), InputKind.ANALOG), {"out": neuron}, edge("input", "out", Linear(1)))
    weights = {"input>out/0/weight": affine.weight, "out/bias": affine.bias}
    return Model(network, {name: np.asarray(value, np.float32) for name, value in weights.items()})


def trace_of(model: Model, columns: np.ndarray) -> Trace:
    return simulate(model, columns[:, 0].reshape(-1, 1, 1), membranes=True)


def columns_of(folder: Path, name: str) -> np.ndarray:
    return np.loadtxt(folder / f"{name}.csv", delimiter=",")


def steps(spikes: np.ndarray) -> list[int]:
    return np.flatnonzero(spikes.ravel()).tolist()


@pytest.mark.parametrize("name", ["lif_exact", "lif_norse", "lif_snntorch"])
def test_fires_at_the_published_steps(folder: Path, model: Model, name: str) -> None:
    columns = columns_of(folder, name)
    assert steps(columns[:, 2]) == PUBLISHED
    assert steps(trace_of(model, columns).outputs) == PUBLISHED


@pytest.mark.parametrize("name", ["lif_lava_cpu_float", "lif_lava_cpu_fixed"])
def test_lava_is_one_step_late(folder: Path, model: Model, name: str) -> None:
    columns = columns_of(folder, name)
    assert steps(columns[:, 2]) == [step + 1 for step in PUBLISHED]


def test_the_membrane_is_that_of_norse(folder: Path, model: Model) -> None:
    """norse records V after the reset, computed in float32."""
    columns = columns_of(folder, "lif_norse")
    trace = trace_of(model, columns)
    after = np.where(trace.spikes["out"] > 0, 0.0, trace.membranes["out"]).ravel()
    assert np.abs(after - columns[:, 1]).max() < 5e-8
