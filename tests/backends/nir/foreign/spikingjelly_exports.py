"""Networks built of spikingjelly's layers and exported by its own `nir_exchange`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.backends.nir.foreign.exports import Export, Values, fill


def exported(net: Any, shape: tuple[int, ...], seed: int) -> Export:
    """Export a network in multi-step mode; it starts from rest in every native run."""
    import torch
    from spikingjelly.activation_based import functional
    from spikingjelly.activation_based.nir_exchange import export_to_nir

    functional.set_step_mode(net, "m")
    fill(net, seed)
    graph = export_to_nir(net, torch.zeros(2, 1, *shape))

    def native(frames: np.ndarray) -> Values:
        functional.reset_net(net)
        with torch.no_grad(), torch.backends.nnpack.flags(enabled=False):
            return net(torch.from_numpy(frames)).numpy()

    return Export(graph, native, shape)


def dense(seed: int) -> Export:
    from spikingjelly.activation_based import layer, neuron
    from torch import nn

    net = nn.Sequential(
        layer.Linear(12, 20),
        neuron.LIFNode(tau=2.0, v_reset=0.0),
        layer.Linear(20, 6, bias=False),
        neuron.IFNode(v_reset=0.0),
    )
    return exported(net, (12,), seed)


def convolutions(seed: int) -> Export:
    """Both meanings of the input's decay, a pool, a stride, tau 3, a threshold that rounds in float32."""
    from spikingjelly.activation_based import layer, neuron
    from torch import nn

    net = nn.Sequential(
        layer.Conv2d(2, 4, 3, padding=1, bias=False),
        neuron.LIFNode(tau=2.0, decay_input=False, v_threshold=0.7, v_reset=0.0),
        layer.AvgPool2d(2),
        layer.Conv2d(4, 6, 3, padding=1, stride=2),
        neuron.IFNode(v_reset=0.0),
        layer.Flatten(),
        layer.Linear(24, 5),
        neuron.LIFNode(tau=3.0, v_reset=0.0),
    )
    return exported(net, (2, 8, 8), seed)


def windows(seed: int) -> Export:
    """Padding `same`, dilation, a pool of overlapping padded windows, the parametric neuron."""
    from spikingjelly.activation_based import layer, neuron
    from torch import nn

    net = nn.Sequential(
        layer.Conv2d(2, 4, 3, padding="same", dilation=2),
        neuron.ParametricLIFNode(init_tau=2.5, v_reset=0.0),
        layer.AvgPool2d(3, 2, 1),
        layer.Conv2d(4, 4, (1, 1), bias=False),
        layer.Flatten(),
        layer.Linear(64, 5),
        neuron.LIFNode(tau=1.5, v_reset=0.0),
    )
    return exported(net, (2, 8, 8), seed)


def sequences(seed: int) -> Export:
    """One-dimensional convolutions and a neuron with a synaptic current."""
    from spikingjelly.activation_based import layer, neuron
    from torch import nn

    net = nn.Sequential(
        layer.Conv1d(2, 4, 3, padding=1),
        neuron.LIFNode(tau=2.0, v_reset=0.0),
        layer.Conv1d(4, 4, 3, stride=2, dilation=2),
        neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75, v_threshold=1.0, v_reset=0.0),
        layer.Flatten(),
        layer.Linear(16, 5),
        neuron.LIFNode(v_reset=0.0),
    )
    return exported(net, (2, 11), seed)


def residual(seed: int, after_the_neuron: bool) -> Export:
    """Two paths that meet: as currents of a neuron, or as spikes in front of Flatten and one matrix."""
    from spikingjelly.activation_based import layer, neuron
    from torch import Tensor, nn

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.sn1 = layer.Conv2d(2, 4, 3, padding=1), neuron.IFNode(v_reset=0.0)
            self.conv2, self.sn2 = layer.Conv2d(4, 4, 3, padding=1, bias=False), neuron.LIFNode(v_reset=0.0)
            self.head, self.sn3 = (
                nn.Sequential(layer.Flatten(), layer.Linear(144, 5)),
                neuron.LIFNode(v_reset=0.0),
            )

        def forward(self, x: Tensor) -> Tensor:
            a = self.sn1(self.conv1(x))
            b = self.sn2(self.conv2(a)) + a if after_the_neuron else self.sn2(self.conv2(a) + a)
            return self.sn3(self.head(b))

    return exported(Residual(), (2, 6, 6), seed)


EXPORTS: dict[str, Callable[[int], Export]] = {
    "dense": dense,
    "convolutions": convolutions,
    "windows": windows,
    "sequences": sequences,
    "residual": lambda seed: residual(seed, after_the_neuron=False),
    "residual_after": lambda seed: residual(seed, after_the_neuron=True),
}
