"""A generated module works under torch.compile, without a break in the graph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests import networks as shared
from tests.backends.pytorch.modules import arguments, imported, is_static, stepped
from tests.dyadic import sample_input, steps_of


@pytest.fixture(autouse=True)
def _compiled_from_nothing() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("name", ["feedback", "cuba", "membrane"])
def test_a_compiled_sequence_and_its_gradients_are_the_same(name: str, tmp_path: Path) -> None:
    model = shared.NETWORKS[name]
    module = imported(model, tmp_path)
    given = arguments(model.network, sample_input(model.network), steps_of(model.network))
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    found, expected = compiled(*given), module(*given)
    assert torch.equal(found, expected)
    ours = torch.autograd.grad(found.square().mean(), list(module.parameters()))
    theirs = torch.autograd.grad(expected.square().mean(), list(module.parameters()))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", ["feedback", "delays"])
def test_a_compiled_step_is_compiled_once_for_a_state_and_once_for_none(name: str, tmp_path: Path) -> None:
    model = shared.NETWORKS[name]
    module, x = imported(model, tmp_path), torch.from_numpy(sample_input(model.network))
    graphs: list[torch.fx.GraphModule] = []

    def count(graph: torch.fx.GraphModule, _inputs: list[torch.Tensor]) -> torch.fx.GraphModule:
        graphs.append(graph)
        return graph

    class Compiled:
        step = staticmethod(torch.compile(module.step, backend=count, fullgraph=True))

    with torch.no_grad():
        outputs, _ = stepped(Compiled, model.network, x, steps_of(model.network))
        expected = module(*arguments(model.network, x, steps_of(model.network)))
        assert torch.equal(outputs, expected)
        assert len(graphs) == 2
        outputs, _ = stepped(
            Compiled, model.network, x, 3, module.rest(x if is_static(model.network) else x[0])
        )
        assert torch.equal(outputs, expected[:3])
        assert len(graphs) == 2
