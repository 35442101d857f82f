"""The target writes readable source of one class, the same for the same model."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from msc.backends.pytorch.identifiers import MODULE_NAMES, Identifiers
from msc.backends.pytorch.source import generate
from msc.backends.pytorch.target import TARGET
from msc.compiler.contracts import CompileError
from msc.ir.network import Model, Network, Norm, Population
from msc.ir.neurons import IF, LIF, CubaLIF, InputKind, Source
from msc.ir.ops import Flatten, Linear, Quantise, Scale
from msc.ir.simulate import simulate
from tests import fixed_networks
from tests import networks as shared
from tests.backends.pytorch.examples import FIXTURES, chain, conv, draw, dyadic_weights, project
from tests.backends.pytorch.modules import imported
from tests.networks import edge, net

NETWORKS = {**shared.STRUCTURES, **FIXTURES}


def test_same_model_same_bytes() -> None:
    model = dyadic_weights(chain(), 0)
    again = dyadic_weights(chain(), 0)
    assert TARGET.emit(model, {}).files == TARGET.emit(again, {}).files
    assert set(TARGET.emit(model, {}).files) == set(TARGET.files)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_source_is_python_of_110_columns_without_msc(name: str) -> None:
    source = generate(NETWORKS[name])
    assert max(map(len, source.splitlines())) <= 110
    compile(source, "network.py", "exec")
    assert "import msc" not in source
    assert "from msc" not in source


UPDATE = '''\
    def step(self, x: Tensor, state: dict[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Run one step on x [B, 2, 6, 6], from rest without a state; returns output and state."""
        state = self.rest(x) if state is None else state
        x = x.clamp(0, 1).round()
        new: dict[str, Tensor] = {}
        synapses = self.input_to_a(x) + self.b_to_a(state["b@2"])
        a, new["a"] = self.a(synapses, state["a"])
        b, new["b"] = self.b(self.a_to_b(a), state["b"])
        synapses = self.b_to_out(b) + self.out_to_out(state["out@3"])
        out, new["out"] = self.out(synapses, state["out"])
        new["b@1"] = b
        new["b@2"] = state["b@1"]
        new["out@1"] = out
        new["out@2"] = state["out@1"]
        new["out@3"] = state["out@2"]
        return out, new
'''


def test_a_step_reads_as_the_network() -> None:
    assert UPDATE in generate(shared.STRUCTURES["delays"])


def test_a_static_frame_is_convolved_outside_the_loop() -> None:
    source = generate(shared.STRUCTURES["skip"])
    assert 'return {"input_to_a": self.input_to_a(x), "input_to_out": self.input_to_out(x)}' in source
    assert source.count("self.input_to_a(") == 1


def test_long_delays_are_written_as_a_loop() -> None:
    network = net(
        Source((3,), InputKind.EVENTS),
        {"a": LIF(), "out": LIF()},
        edge("input", "a", Linear(3)),
        edge("a", "out", Linear(2), delay=1000),
    )
    source = generate(network)
    assert 'new |= {f"a@{n}": state[f"a@{n - 1}"] for n in range(2, 1001)}' in source
    assert '**{f"a@{n}": (3,) for n in range(1, 1001)},' in source
    assert len(source.splitlines()) < 150


def test_only_the_parts_a_network_uses_are_written() -> None:
    source = generate(FIXTURES["feedback"])
    assert "class LI(" in source
    assert "class CubaLIF" not in source
    assert "class Scale" not in source


AWKWARD = """
input class train x _hidden.A hidden_A hidden.A state LIF None _1 step rest feed update fed new timesteps
frame output_ outputs synapses shapes name len range dict super self torch a a.current
"""


def test_awkward_names_become_identifiers(tmp_path: Path) -> None:
    """Names that are Python's, torch's, the generated code's own, or equal once the dots are gone."""
    words = AWKWARD.split()
    neurons = [IF(), LIF(), CubaLIF()]
    populations = [Population("input", Source((2,)))]
    populations += [Population(name, neurons[i % 3]) for i, name in enumerate(words[1:])]
    projections = [project(a, b, Linear(2), delay=i % 3) for i, (a, b) in enumerate(pairwise(words))]
    model = dyadic_weights(Network(tuple(populations), tuple(projections), words[-1], 4), 4)
    inputs = draw(model.network, 4)
    with torch.no_grad():
        found = imported(model, tmp_path)(torch.from_numpy(inputs), 40).numpy()
    np.testing.assert_array_equal(found, simulate(model, inputs, 40).outputs)


def test_long_names_break_lines_and_nothing_else(tmp_path: Path) -> None:
    first, second = "layer_" * 8 + "A", "layer_" * 8 + "B"
    network = net(
        Source((2, 4, 4), InputKind.EVENTS),
        {first: CubaLIF(), second: CubaLIF(), "out": LIF()},
        edge("input", first, conv(2)),
        edge(first, second, conv(2)),
        edge("input", second, conv(2), delay=1),
        edge(second, "out", Flatten(), Linear(2)),
    )
    model = dyadic_weights(network, 1)
    inputs = draw(network, 1)
    found = imported(model, tmp_path)(torch.from_numpy(inputs)).detach().numpy()
    np.testing.assert_array_equal(found, simulate(model, inputs).outputs)


def test_reserved_names_are_those_of_this_torch() -> None:
    assert {name for name in dir(nn.Module) if not name.startswith("_")} - {"training"} <= MODULE_NAMES
    assert Identifiers(MODULE_NAMES).claim("train") == "train_2"


def test_what_a_module_cannot_say_is_refused_by_name() -> None:
    fixed = next(iter(fixed_networks.FIXED.values()))
    with pytest.raises(CompileError, match="network: is in fixed point, PyTorch is not"):
        TARGET.emit(fixed, {})
    ops = (Quantise(4.0, 127), Linear(3), Scale(0.25))
    norm = edge("out", "out", Linear(3), delay=1, norm=Norm())
    network = net(Source((3,), InputKind.ANALOG), {"out": LIF()}, edge("input", "out", *ops), norm)
    with pytest.raises(CompileError) as caught:
        TARGET.emit(Model(network, {}), {})
    assert str(caught.value).splitlines() == [
        "projection input>out: quantises its input; compile the network it was made from",
        "projection out>out: has a norm; fold it into the weights",
    ]
