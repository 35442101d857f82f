"""What spikingjelly exports runs in msc with the spikes that it has in spikingjelly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msc.backends.verification import verify_on
from tests.backends.nir.foreign.exports import Export, differing, outputs_of, reimported
from tests.backends.nir.foreign.spikingjelly_exports import EXPORTS, exported
from tests.requires import require


@pytest.fixture(autouse=True)
def _installed() -> None:
    for module in ("nir", "nirtorch", "spikingjelly"):
        require(module)


def two_layers(seed: int, **parameters: Any) -> Export:
    from spikingjelly.activation_based import layer, neuron
    from torch import nn

    first, second = neuron.LIFNode(**parameters), neuron.LIFNode(**parameters)
    return exported(nn.Sequential(layer.Linear(12, 20), first, layer.Linear(20, 6), second), (12,), seed)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", EXPORTS)
def test_not_one_spike_differs_from_the_native_network(name: str, seed: int, tmp_path: Path) -> None:
    export = EXPORTS[name](seed)
    frames = export.frames(seed=seed)
    imported = export.imported(tmp_path)
    assert imported.notes == ()
    assert imported.dt == 1e-4
    assert differing(outputs_of(imported, frames), export.native(frames)) == 0


@pytest.mark.parametrize("simulator", ["spikingjelly", "nirtorch"])
@pytest.mark.parametrize("name", EXPORTS)
def test_other_imports_of_the_file_show_the_same(name: str, simulator: str, tmp_path: Path, workers) -> None:
    """Its own importer, and msc's neurons in NIRTorch."""
    export = EXPORTS[name](0)
    frames = export.frames()
    found = outputs_of(export.imported(tmp_path), frames)
    assert differing(found, reimported(export, frames, simulator, workers)) == 0


@pytest.mark.parametrize("name", EXPORTS)
def test_what_was_read_is_compiled_on(name: str, tmp_path: Path) -> None:
    """To ONNX and a stand-alone module: the spikes of the native network again."""
    for module in ("onnx", "onnxruntime"):
        require(module)
    export = EXPORTS[name](2)
    frames = export.frames()
    imported = export.imported(tmp_path)
    assert differing(outputs_of(imported, frames), export.native(frames)) == 0
    verification = verify_on(imported.model, frames, None, ("onnx", "module", "pytorch"))
    assert verification.ok, [str(result) for result in verification.results]


def test_an_output_without_neurons_is_what_the_last_matrix_delivers(tmp_path: Path) -> None:
    from spikingjelly.activation_based import layer, neuron
    from torch import nn

    net = nn.Sequential(layer.Linear(12, 20), neuron.LIFNode(v_reset=0.0), layer.Linear(20, 6))
    export = exported(net, (12,), seed=0)
    frames = export.frames()
    found, expected = outputs_of(export.imported(tmp_path), frames), export.native(frames)
    assert np.abs(expected).mean() > 0.1
    assert np.abs(found - expected).max() < 1e-5


def test_a_membrane_exactly_at_the_threshold_fires_natively_and_not_by_the_file(tmp_path: Path) -> None:
    """spikingjelly fires at V >= v_threshold, NIR above it.

    One float32 less as threshold says to both what spikingjelly does; where V is never exact, nothing
    differs anyway.
    """
    below = float(np.nextafter(np.float32(1), np.float32(0)))
    shares = {}
    for threshold in (1.0, below):
        export = two_layers(0, v_threshold=threshold, v_reset=0.0)
        for node in export.graph.nodes.values():
            if hasattr(node, "weight"):
                node.weight[...] = np.round(4 * node.weight) / 4
                node.bias[...] = np.round(4 * node.bias) / 4
        frames = np.round(export.frames())
        shares[threshold] = differing(outputs_of(export.imported(tmp_path), frames), export.native(frames))
    assert shares[below] == 0
    assert 0.01 < shares[1.0] < 0.2


@pytest.mark.parametrize("v_reset", [0.25, -0.25])
def test_a_reset_elsewhere_differs_by_where_its_membranes_start(v_reset: float, tmp_path: Path) -> None:
    """spikingjelly starts membranes at v_reset, msc (NIR does not say) at 0: the first steps differ."""
    export = two_layers(0, v_reset=v_reset)
    frames = export.frames(steps=40)
    found, expected = outputs_of(export.imported(tmp_path), frames), export.native(frames)
    assert 0 < differing(found, expected) < 0.05
    assert differing(found[20:], expected[20:]) == 0
