"""What snnTorch exports runs in msc with the spikes that it has in snnTorch, where its neurons are NIR's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msc.backends.nir.reading.network import NirMeaningError
from msc.backends.verification import verify_on
from tests.backends.nir.foreign.exports import Export, differing, outputs_of, reimported
from tests.backends.nir.foreign.snntorch_exports import (
    EXPORTS,
    ZERO,
    exported,
    leaky,
    recurrent,
    synaptic,
)
from tests.requires import require

CUT = "1.w_rec -> 1.lif: read one step late: the order of names cuts a cycle here"


@pytest.fixture(autouse=True)
def _installed() -> None:
    for module in ("nir", "nirtorch", "snntorch"):
        require(module)


def two_layers(kind: str, seed: int, **changed: Any) -> Export:
    from torch import nn

    make = {"leaky": leaky, "synaptic": synaptic}[kind]
    first, second = make(20, beta=0.75, **changed), make(6, beta=0.75, output=True, **changed)
    return exported(nn.Sequential(nn.Linear(12, 20), first, nn.Linear(20, 6), second), (12,), seed)


def share(export: Export, folder: Path) -> float:
    frames = export.frames()
    return differing(outputs_of(export.imported(folder), frames), export.native(frames))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", EXPORTS)
def test_not_one_spike_differs_from_the_native_network(name: str, seed: int, tmp_path: Path) -> None:
    export = EXPORTS[name](seed)
    frames = export.frames(seed=seed)
    imported = export.imported(tmp_path)
    assert imported.notes == ((CUT,) if name.startswith("recurrent") else ())
    assert differing(outputs_of(imported, frames), export.native(frames)) == 0


@pytest.mark.parametrize(
    ("name", "simulator"),
    [
        *((name, "nirtorch") for name in EXPORTS),
        *((name, "snntorch") for name in ("dense", "currents", "deep")),
    ],
)
def test_other_imports_of_the_file_show_the_same(name: str, simulator: str, tmp_path: Path, workers) -> None:
    """msc's neurons in NIRTorch, and its own importer.

    That cannot read back pools (given one number), groups and recurrent neurons of its own.
    """
    export = EXPORTS[name](0)
    frames = export.frames()
    found = outputs_of(export.imported(tmp_path), frames)
    assert differing(found, reimported(export, frames, simulator, workers)) == 0


@pytest.mark.parametrize("name", EXPORTS)
def test_what_was_read_is_compiled_on(name: str, tmp_path: Path) -> None:
    """To ONNX and a stand-alone module: the spikes of the native network again."""
    for module in ("onnx", "onnxruntime"):
        require(module)
    export = EXPORTS[name](0)
    frames = export.frames()
    imported = export.imported(tmp_path)
    assert differing(outputs_of(imported, frames), export.native(frames)) == 0
    verification = verify_on(imported.model, frames, None, ("onnx", "module", "pytorch"))
    assert verification.ok, [str(result) for result in verification.results]


def test_a_membrane_exactly_at_the_threshold_fires_in_neither(tmp_path: Path) -> None:
    """snnTorch fires above the threshold, as NIR does."""
    from torch import nn

    net = nn.Sequential(nn.Linear(12, 20), leaky(20), nn.Linear(20, 6), leaky(6, output=True))
    export = exported(net, (12,), seed=0)
    frames = np.round(export.frames())
    for parameter in net.parameters():
        parameter.data.mul_(4).round_().div_(4)
    export.graph.nodes["0"].weight[...] = net[0].weight.detach().numpy()
    imported = export.imported(tmp_path)
    assert differing(outputs_of(imported, frames), export.native(frames)) == 0


def test_a_leaky_that_resets_to_zero_a_step_late_has_the_same_spikes(tmp_path: Path) -> None:
    assert share(two_layers("leaky", 0, reset_delay=True), tmp_path) == 0


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("leaky", {"reset_mechanism": "subtract"}),
        ("leaky", {"reset_mechanism": "subtract", "reset_delay": True}),
        ("leaky", {"reset_mechanism": "none"}),
        ("synaptic", {"reset_mechanism": "subtract", "reset_delay": True}),
        ("synaptic", {"reset_delay": True}),
    ],
    ids=["leaky subtract", "leaky default", "leaky none", "synaptic default", "synaptic zero late"],
)
def test_resets_that_the_file_does_not_tell_differ(
    kind: str, changed: dict[str, Any], tmp_path: Path
) -> None:
    """Its exporter writes a reset to 0 whatever the neurons do: the file is another network.

    A Synaptic that resets a step late also loses the input of that step.
    """
    assert 0.01 < share(two_layers(kind, 0, **changed), tmp_path) < 0.3


def test_the_bias_of_recurrent_synapses_starts_a_step_later(tmp_path: Path, workers) -> None:
    """As in the importers on nirtorch, a cycle delivers nothing at t = 0; natively its bias is there."""
    require("spikingjelly")
    export = recurrent(0, bias=True)
    frames = export.frames()
    imported = export.imported(tmp_path)
    cut, late = imported.notes
    assert cut == CUT
    assert late.startswith("1.w_rec: its bias starts ")
    found = outputs_of(imported, frames)
    assert differing(found, reimported(export, frames, "spikingjelly", workers)) == 0
    assert 0 < differing(found, export.native(frames)) < 0.05


def test_a_recurrent_synaptic_is_read_as_nir_means_it(tmp_path: Path, workers) -> None:
    """RSynaptic runs with a late reset only, which NIR has not; its file runs as in spikingjelly."""
    require("spikingjelly")
    import snntorch
    from torch import nn

    rsynaptic = snntorch.RSynaptic(alpha=0.5, beta=0.5, linear_features=10, **ZERO | {"reset_delay": True})
    net = nn.Sequential(nn.Linear(6, 10), rsynaptic, nn.Linear(10, 5), leaky(5, beta=0.75, output=True))
    export = exported(net, (6,), seed=0)
    frames = export.frames()
    found = outputs_of(export.imported(tmp_path), frames)
    assert differing(found, reimported(export, frames, "spikingjelly", workers)) == 0
    assert 0.05 < differing(found, export.native(frames)) < 0.5


def test_an_addition_that_its_exporter_loses_is_refused(tmp_path: Path) -> None:
    """A second Input stands where the sum was, and nothing is guessed.

    Where the sum feeds the last neuron, its exporter leaves out that neuron, and no reader can know.
    """
    import torch
    from snntorch.export_nir import export_to_nir
    from torch import Tensor, nn

    class Skip(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.lif1 = nn.Linear(6, 4), leaky(4)
            self.fc2, self.lif2 = nn.Linear(4, 4), leaky(4)
            self.fc3, self.lif3 = nn.Linear(4, 3), leaky(3, output=True)

        def forward(self, x: Tensor) -> Tensor:
            a = self.lif1(self.fc1(x))
            return self.lif3(self.fc3(self.lif2(self.fc2(a) + a)))

    graph = export_to_nir(Skip(), torch.zeros(1, 6), ignore_dims=[0])
    with pytest.raises(NirMeaningError, match=r"graph: has 2 Input nodes \(input, input_lif2\)"):
        Export(graph, np.asarray, (6,)).imported(tmp_path)


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_time_constants_that_vary_or_are_infinite_are_refused_by_name(tmp_path: Path) -> None:
    import snntorch
    import torch
    from torch import nn

    decays = torch.tensor([0.5, 0.75, 0.5, 0.75, 1.0, 1.0])
    varying = snntorch.Leaky(decays[:4], threshold=torch.ones(4), **ZERO)
    endless = snntorch.Leaky(decays[4:], threshold=torch.ones(2), **ZERO)
    net = nn.Sequential(nn.Linear(12, 4), varying, nn.Linear(4, 2), endless)
    with pytest.raises(NirMeaningError) as refused:
        exported(net, (12,), seed=0).imported(tmp_path)
    assert "node 1: tau varies inside the population, from 0.000199999995 to " in str(refused.value)
    assert "node 3: tau holds values that are not finite" in str(refused.value)
