"""The generated module stands alone, computes what the reference does, and trains."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn

from msc.backends.pytorch.artefact import open_artefact
from msc.backends.pytorch.identifiers import MODULE_NAMES, Identifiers
from msc.backends.pytorch.source import generate, identifiers
from msc.backends.pytorch.target import TARGET
from msc.ir.network import Model, Network, Population
from msc.ir.neurons import IF, LIF, InputKind, Source
from msc.ir.ops import Flatten, Linear
from msc.ir.simulate import simulate
from tests import networks as shared
from tests.backends.pytorch.examples import FIXTURES, chain, conv, draw, dyadic_weights, networks, project
from tests.dyadic import sample_input, steps_of

RUN = """
import json, sys
import numpy as np, torch
from network import load
assert not any(name == "msc" or name.startswith("msc.") for name in sys.modules)
network = load()
names = json.loads(sys.argv[1])
seen = {name: [] for name in names}
for name in names:
    getattr(network, name).register_forward_hook(lambda m, i, o, name=name: seen[name].append(o[0].numpy()))
with torch.no_grad():
    output = network(torch.from_numpy(np.load("x.npy")), *json.loads(sys.argv[2]))
np.savez("spikes.npz", output=output.numpy(), **{f"of_{n}": np.stack(values) for n, values in seen.items()})
"""


def in_a_process(
    folder: Path, files: Mapping[str, bytes], inputs: NDArray[np.float32], names: list[str], steps: list[int]
) -> dict[str, NDArray[np.float32]]:
    """Run the artefact in a process that starts in its folder and sees nothing of the project."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "run.py").write_text(RUN)
    np.save(folder / "x.npy", inputs)
    command = [sys.executable, "run.py", json.dumps(names), json.dumps(steps)]
    finished = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return dict(np.load(folder / "spikes.npz"))


@pytest.mark.parametrize("name", FIXTURES)
def test_the_files_alone_compute_what_the_reference_does(tmp_path: Path, name: str) -> None:
    model = dyadic_weights(FIXTURES[name], 1)
    inputs = draw(model.network, 1)
    called = identifiers(model.network).populations
    neurons = [p.name for p in model.network.populations if not p.is_source]
    found = in_a_process(tmp_path, TARGET.emit(model, {}).files, inputs, [called[n] for n in neurons], [])
    trace = simulate(model, inputs, model.network.timesteps)
    np.testing.assert_array_equal(found["output"], trace.outputs)
    for neuron in neurons:
        np.testing.assert_array_equal(found[f"of_{called[neuron]}"], trace.spikes[neuron], err_msg=neuron)
    assert any(0 < spikes.mean() < 1 for spikes in trace.spikes.values())


@pytest.mark.parametrize("name", shared.NETWORKS)
def test_every_shared_fixture_becomes_a_module(name: str) -> None:
    model = shared.NETWORKS[name]
    inputs, steps = sample_input(model.network), steps_of(model.network)
    static = model.network.source.neuron.kind is InputKind.STATIC  # type: ignore[union-attr]
    module = open_artefact(TARGET.emit(model, {}).files)
    with torch.no_grad():
        found = module(torch.from_numpy(inputs), *([steps] if static else [])).numpy()
    expected = simulate(model, inputs, steps if static else None).outputs
    np.testing.assert_array_equal(found, expected)


def imported(model: Model, folder: Path) -> nn.Module:
    namespace: dict[str, object] = {"__file__": str(folder / "network.py"), "__name__": "network"}
    files = TARGET.emit(model, {}).files
    (folder / "weights.safetensors").write_bytes(files["weights.safetensors"])
    exec(compile(files["network.py"], "network.py", "exec"), namespace)
    return namespace["load"]()  # type: ignore[operator]


@settings(max_examples=40, deadline=None)
@given(networks(), st.integers(0, 2**31))
def test_any_network_becomes_a_module(
    tmp_path_factory: pytest.TempPathFactory, network: Network, seed: int
) -> None:
    model = dyadic_weights(network, seed)
    inputs = draw(network, seed, batch=2)
    module = imported(model, tmp_path_factory.mktemp("artefact"))
    with torch.no_grad():
        found = module(torch.from_numpy(inputs)).numpy()
    np.testing.assert_array_equal(found, simulate(model, inputs, network.timesteps).outputs)


def test_the_module_trains_through_its_cycle(tmp_path: Path) -> None:
    model = dyadic_weights(FIXTURES["feedback"], 2)
    module = imported(model, tmp_path)
    module(torch.from_numpy(draw(model.network, 2))).square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in module.named_parameters()}
    assert all(gradient is not None for gradient in gradients.values())
    for name in ("i_to_a.weight", "a_to_i.weight", "input_to_a.weight", "a.bias"):
        assert gradients[name].abs().max() > 0, name  # type: ignore[union-attr]


def test_same_model_same_bytes_and_no_line_too_long() -> None:
    model = dyadic_weights(chain(), 0)
    assert TARGET.emit(model, {}).files == TARGET.emit(dyadic_weights(chain(), 0), {}).files
    for network in FIXTURES.values():
        assert max(map(len, generate(network).splitlines())) <= 110


def test_only_the_parts_a_network_uses_are_written() -> None:
    source = generate(FIXTURES["feedback"])
    assert "class LI(" in source
    assert "class CubaLIF" not in source
    assert "class Scale" not in source
    assert "import msc" not in source


def test_awkward_names_become_identifiers(tmp_path: Path) -> None:
    """Names that are Python's, torch's, the generated code's own, or equal once the dots are gone."""
    names = [
        "input",
        "class",
        "train",
        "x",
        "_hidden.A",
        "hidden_A",
        "hidden.A",
        "state",
        "LIF",
        "None",
        "_1",
    ]
    populations = [Population("input", Source((2,)))] + [
        Population(name, IF() if i % 2 else LIF()) for i, name in enumerate(names[1:])
    ]
    projections = [project(a, b, Linear(2)) for a, b in pairwise(names)]
    model = dyadic_weights(Network(tuple(populations), tuple(projections), "_1", 4), 4)
    inputs = draw(model.network, 4)
    with torch.no_grad():
        found = imported(model, tmp_path)(torch.from_numpy(inputs)).numpy()
    np.testing.assert_array_equal(found, simulate(model, inputs, 4).outputs)


def test_reserved_names_are_those_of_this_torch() -> None:
    assert {name for name in dir(nn.Module) if not name.startswith("_")} - {"training"} <= MODULE_NAMES
    assert Identifiers(MODULE_NAMES).claim("train") == "train_2"


def test_a_static_network_without_timesteps_asks_for_them(tmp_path: Path) -> None:
    network = Network(
        (Population("input", Source((1, 3, 3))), Population("head", LIF())),
        (project("input", "head", conv(2), Flatten(), Linear(2)),),
        "head",
    )
    model = dyadic_weights(network, 0)
    inputs = draw(network, 0)
    module = imported(model, tmp_path)
    with torch.no_grad():
        found = module(torch.from_numpy(inputs), 3).numpy()
    np.testing.assert_array_equal(found, simulate(model, inputs, 3).outputs)
