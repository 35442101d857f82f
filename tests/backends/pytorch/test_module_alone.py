"""The artefact needs torch and safetensors, and nothing else that is installed where msc is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from msc.backends.pytorch.identifiers import identifiers
from msc.ir.simulate import simulate
from tests import networks as shared
from tests.backends.pytorch.environments import make_environment, needed_by, run_in
from tests.backends.pytorch.examples import FIXTURES, dyadic_weights
from tests.backends.pytorch.modules import is_static, written
from tests.dyadic import sample_input, steps_of

MODELS = {**shared.NETWORKS, **{name: dyadic_weights(network, 1) for name, network in FIXTURES.items()}}

RUN = """
import importlib, json, pathlib, sys
from importlib.util import module_from_spec, spec_from_file_location
import torch
from safetensors.torch import load_file

for hidden in sys.argv[1:]:
    try:
        importlib.import_module(hidden)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"{hidden} can be imported")

for path in sorted(pathlib.Path().glob("*/network.py")):
    spec = spec_from_file_location("network", path)
    code = module_from_spec(spec)
    spec.loader.exec_module(code)
    network = code.load()
    seen = {}
    for name, part in network.named_children():
        if isinstance(part, code.Neuron):
            values = seen[name] = []
            part.register_forward_hook(lambda m, i, o, values=values: values.append(o[0]))
    given = load_file(path.parent / "input.safetensors")
    x, timesteps = given["x"], given["timesteps"].tolist()
    with torch.no_grad():
        first, state = network.step(x if timesteps else x[0])
        for values in seen.values():
            values.clear()
        output = network(x, *timesteps)
    assert torch.equal(first, output[0])
    found = {name: torch.stack(values).tolist() for name, values in seen.items()}
    (path.parent / "found.json").write_text(json.dumps({**found, "output": output.tolist()}))
print("all ran")
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_environment(tmp_path_factory.mktemp("alone"), "torch", "safetensors")


def test_the_files_alone_are_the_reference_in_every_population(python: Path, tmp_path: Path) -> None:
    hidden = {"msc", "numpy", "onnx", "nir", "nirtorch", "networkx", "spikingjelly", "pytest"}
    visible = {name.replace("-", "_") for name in needed_by("torch", "safetensors")}
    assert {"msc", "numpy", "onnx"} <= hidden - visible
    for name, model in MODELS.items():
        folder = written(model, tmp_path / name.replace(" ", "_"))
        steps = [steps_of(model.network)] if is_static(model.network) else []
        x, timesteps = sample_input(model.network), np.array(steps, np.int64)
        save_file({"x": x, "timesteps": timesteps}, folder / "input.safetensors")
    (tmp_path / "run.py").write_text(RUN)
    assert run_in(python, tmp_path, "run.py", *sorted(hidden - visible)) == "all ran\n"
    for name, model in MODELS.items():
        found = json.loads((tmp_path / name.replace(" ", "_") / "found.json").read_text())
        trace = simulate(model, sample_input(model.network), steps_of(model.network))
        called = identifiers(model.network).populations
        assert set(found) == {"output", *(called[p] for p in trace.spikes)}
        np.testing.assert_array_equal(found["output"], trace.outputs, err_msg=name)
        for population, spikes in trace.spikes.items():
            np.testing.assert_array_equal(found[called[population]], spikes, err_msg=f"{name}, {population}")
        assert any(0 < spikes.mean() < 1 for spikes in trace.spikes.values()), name
