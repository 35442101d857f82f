"""The NIR paper's public networks, read from their files, on simulators that load the same files.

Needs the paper's data folder, named by MSC_NIR_PAPER or lying at ../shared/data/nir-paper beside the
checkout.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from msc.backends.nir import FILE_NAME
from msc.backends.nir.reading.network import Imported, NirMeaningError, read_network
from msc.backends.running import Given
from msc.backends.simulators.workers import Workers
from msc.backends.verdicts import Verdict
from msc.backends.verification import verify_on
from msc.compiler.contracts import CompileError
from msc.compiler.driver import compile_model, find_target
from msc.ir.neurons import InputKind
from msc.ir.simulate import simulate
from tests.requires import require

PUBLISHED = [460, 510, 710, 760]
STEPS = {"lif_norse": 1000, "two_lif_neurons": 1000, "cnn_sinabs": 20}
DT = {"cnn_sinabs": 1.0}
NETWORKS = (
    "lif_norse",
    "two_lif_neurons",
    "cnn_sinabs",
    "braille_noDelay_bias_zero",
    "braille_noDelay_noBias_subtract",
)
PEERS = {
    "lif_norse": ("nirtorch", "norse", "snntorch", "spikingjelly"),
    "two_lif_neurons": ("nirtorch",),
    "cnn_sinabs": ("nirtorch", "norse", "spikingjelly"),
    "braille_noDelay_bias_zero": ("nirtorch", "norse", "spikingjelly"),
    "braille_noDelay_noBias_subtract": ("nirtorch", "norse", "spikingjelly"),
}


@pytest.fixture(scope="module")
def folder() -> Path:
    default = Path(__file__).resolve().parents[5] / "shared" / "data" / "nir-paper"
    path = Path(os.environ.get("MSC_NIR_PAPER", default))
    if not (path / "cnn_sinabs.nir").is_file():
        pytest.skip("the NIR paper's networks are not here; name their folder in MSC_NIR_PAPER")
    return path


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(seconds=120) as pool:
        yield pool


def opened(folder: Path, name: str) -> Imported:
    return read_network(folder / f"{name}.nir", DT.get(name))


def events(imported: Imported, name: str) -> np.ndarray:
    """Spikes at a rate of 30 %, or for the published LIF the published input."""
    shape = imported.model.network.source.neuron.shape
    rng = np.random.default_rng(0)
    return (rng.random((STEPS.get(name, 256), 2, *shape)) < 0.3).astype(np.float32)


@pytest.mark.parametrize("trace", ["lif_norse", "lif_snntorch", "lif_exact"])
def test_the_published_lif_fires_at_the_published_steps(folder: Path, trace: str) -> None:
    imported = opened(folder, "lif_norse")
    columns = np.loadtxt(folder / f"{trace}.csv", delimiter=",")
    outputs = simulate(imported.model, columns[:, 0].reshape(-1, 1, 1)).outputs
    assert np.flatnonzero(outputs).tolist() == PUBLISHED
    assert np.flatnonzero(columns[:, 2]).tolist() == PUBLISHED
    assert imported.model.network.population("_1").neuron.tau == 25.0
    assert (imported.dt, imported.notes) == (1e-4, ())


@pytest.mark.parametrize("name", NETWORKS)
def test_other_simulators_of_the_file_give_the_same_spikes(folder: Path, workers: Workers, name: str) -> None:
    """Those that facts/nir.md names; the steps of 1 of cnn_sinabs only reach them as msc writes it again."""
    for module in ("nirtorch", "norse", "snntorch", "spikingjelly"):
        require(module)
    imported = opened(folder, name)
    file = {FILE_NAME: (folder / f"{name}.nir").read_bytes()}
    given = None if name in DT else Given("nir", file)
    found = verify_on(imported.model, events(imported, name), None, PEERS[name], workers=workers, given=given)
    assert {r.simulator: r.verdict for r in found.results} == dict.fromkeys(PEERS[name], Verdict.EQUAL)
    assert all(result.populations >= 1 for result in found.results)
    assert found.rate > 0 or name == "two_lif_neurons"


def test_the_small_lifs_leak_makes_it_fire_by_itself(folder: Path) -> None:
    imported = opened(folder, "two_lif_neurons")
    silence = np.zeros((1000, 1, 1), np.float32)
    trace = simulate(imported.model, silence, membranes=True)
    assert np.flatnonzero(trace.spikes["lif1"])[:2].tolist() == [178, 357]
    assert trace.membranes["lif2"].max() > 0


def test_cycles_and_late_biases_are_told(folder: Path) -> None:
    cut = "lif1.w_rec -> lif1.lif: read one step late: the order of names cuts a cycle here"
    sent = (
        "lif1.w_rec: its bias starts late, by 1, in lif1.lif; constant, which fires in every step, sends it"
    )
    assert opened(folder, "braille_noDelay_bias_zero").notes == (cut, sent)
    assert opened(folder, "braille_noDelay_noBias_subtract").notes == (cut,)


def test_a_network_written_with_a_step_of_1_is_dead_without_it_and_says_so(folder: Path) -> None:
    imported = read_network(folder / "cnn_sinabs.nir")
    assert imported.notes == (
        "1, 10, 12, 3, 6: perhaps written with a time step of 1, not 0.0001 s: then give --dt 1",
    )
    assert not simulate(imported.model, events(imported, "cnn_sinabs")).spikes["_1"].any()


def test_a_shape_that_does_not_fit_is_refused_in_words(folder: Path) -> None:
    path = folder / "lif_rockpool.nir"
    with pytest.raises(NirMeaningError) as caught:
        read_network(path)
    assert [str(problem) for problem in caught.value.problems] == [
        f"{path}, node output: it declares shape [1, 1, 1], and [1] arrives; make the shapes agree"
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_each_is_written_for_other_targets(folder: Path, name: str) -> None:
    require("onnx")
    model = opened(folder, name).model
    for target in ("nir", "onnx", "pytorch"):
        assert compile_model(lambda: model, find_target(target), {}).files


@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "braille_noDelay_bias_zero"])
@pytest.mark.parametrize("kind", [InputKind.ANALOG, InputKind.EVENTS])
def test_lava_takes_those_that_loihi_can_express(folder: Path, name: str, kind: InputKind) -> None:
    model = read_network(folder / f"{name}.nir", DT.get(name), kind).model
    assert compile_model(lambda: model, find_target("lava"), {}).files


def test_lava_refuses_biases_of_synaptic_currents(folder: Path) -> None:
    model = opened(folder, "braille_noDelay_bias_zero").model
    with pytest.raises(CompileError, match=r"population lif1\.lif: has a bias in its synaptic current"):
        compile_model(lambda: model, find_target("lava"), {})
