"""A generated module trains: gradients through time are the executor's, and a loss falls."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from msc.backends.pytorch import SpikingNetwork
from msc.backends.pytorch.parameters import registered
from msc.backends.pytorch.stored import stored_weights
from msc.ir.network import Sign
from tests import networks as shared
from tests.backends.pytorch.modules import arguments, imported, stepped
from tests.dyadic import sample_input, steps_of

CYCLES = ["feedback", "loop", "delays", "parallel_feedback", "cuba"]


def loss_of(outputs: Tensor) -> Tensor:
    """Some function that weighs every output differently."""
    weights = torch.linspace(-1, 1, outputs.numel()).reshape(outputs.shape)
    return (outputs * weights).sum()


@pytest.mark.parametrize("name", [*CYCLES, "skip", "inhibition", "if", "tau", "membrane", "average_pool"])
def test_gradients_are_those_of_the_executor(name: str, tmp_path: Path) -> None:
    model = shared.NETWORKS[name]
    steps, x = steps_of(model.network), sample_input(model.network)
    module, executor = imported(model, tmp_path).train(), SpikingNetwork(model.network)
    executor.load_weights(model.weights)
    given = arguments(model.network, x, steps)
    ours, theirs = module(*given), executor(*given)
    assert torch.equal(ours, theirs)
    loss_of(ours).backward()
    loss_of(theirs).backward()
    found, expected = dict(module.named_parameters()), dict(executor.named_parameters())
    signs = {p.weight_key(i): p.sign for p in model.network.projections for i in range(len(p.ops))}
    for key, entry in stored_weights(model.network).items():
        by_module, by_executor = found[entry.name].grad, expected[registered(key)].grad
        assert by_module is not None
        assert by_executor is not None
        # The executor keeps a signed w as |w|, which has no slope at 0.
        smooth = torch.from_numpy((model.weights[key] != 0) | (signs.get(key, Sign.FREE) is Sign.FREE))
        difference = torch.where(smooth, by_module.reshape(smooth.shape) - by_executor, 0)
        largest = float(by_executor.abs().max())
        assert largest > 0.1, key
        assert float(difference.abs().max()) <= 1e-5 * max(1.0, largest), key


def test_gradients_flow_through_steps_as_through_the_sequence(tmp_path: Path) -> None:
    model = shared.NETWORKS["delays"]
    module, x = imported(model, tmp_path), torch.from_numpy(sample_input(model.network))
    loss_of(module(x)).backward()
    whole = {name: parameter.grad for name, parameter in module.named_parameters()}
    module.zero_grad()
    loss_of(stepped(module, model.network, x, len(x))[0]).backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, whole[name])


@pytest.mark.parametrize("name", ["feedback", "cuba"])
def test_a_loss_falls(name: str, tmp_path: Path) -> None:
    """Three samples, each to be told by an output neuron of its own that fires more than the others."""
    model = shared.NETWORKS[name]
    module, x = imported(model, tmp_path).train(), sample_input(model.network)
    given = arguments(model.network, x, steps_of(model.network))
    optimiser = torch.optim.Adam(module.parameters(), 0.02)
    losses: list[float] = []
    for _ in range(40):
        rates = module(*given).mean(0).flatten(1)
        loss = torch.nn.functional.cross_entropy(4 * rates, torch.arange(3))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
