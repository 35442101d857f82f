"""The peers of the benchmarks: a network of the IR, built of spikingjelly's modules or of torch.nn's.

A population's bias, where it is not 0, is that of the last convolution or matrix of an undelayed projection
without a norm. Neurons other than LIF that leak and reset to 0, and delays beyond one step, are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from msc.ir.graph import update_order
from msc.ir.network import Network, NormKind, Projection
from msc.ir.neurons import LIF
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Op, Scale, Shape, SumPool2d
from msc.ir.shapes import population_shapes, projection_shapes

Weights = Mapping[str, NDArray[np.float32]]


class Times(nn.Module):
    """Multiplies by a factor, or by one per channel: the scales that neither peer has a module for."""

    def __init__(self, factor: float | Tensor) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class OwnScale(nn.Module):
    """Divides multi-step currents [T, B, C, H, W] by their root mean square per channel, without centring."""

    def __init__(self, gamma: Tensor, eps: float) -> None:
        super().__init__()
        self.gamma, self.eps = gamma, eps

    def forward(self, x: Tensor) -> Tensor:
        power = x.square().mean((0, 1, 3, 4))
        return x * (self.gamma / (power + self.eps).sqrt())[:, None, None]


def modules_of(
    network: Network, projection: Projection, source: Shape, weights: Weights, library: ModuleType
) -> list[nn.Module]:
    """Build the ops of a projection from torch.nn, or from spikingjelly's layers of the same names."""
    built: list[nn.Module] = []
    shapes = projection_shapes(projection, source)
    for index, (op, shape) in enumerate(zip(projection.ops, shapes, strict=False)):
        module = _module(op, shape, library)
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.weight.data = torch.from_numpy(np.array(weights[projection.weight_key(index)]))
        built.append(module)
    bias = weights.get(network.population(projection.target).bias_key)
    if bias is not None and bias.any() and projection.name == _bearer(network, projection.target):
        assert isinstance(built[-1], nn.Conv2d | nn.Linear)
        assert projection.norm is None
        built[-1].bias = nn.Parameter(torch.from_numpy(np.array(bias)))
    return built


def _bearer(network: Network, population: str) -> str:
    """Name the projection whose last module has the population's bias."""
    return next(p.name for p in network.into(population) if not p.delay)


def _module(op: Op, shape: Shape, library: ModuleType) -> nn.Module:
    match op:
        case Conv2d():
            rest = (op.kernel, op.stride, op.padding, op.dilation, op.groups, False)
            return library.Conv2d(shape[0], op.out_channels, *rest)
        case Linear():
            return library.Linear(shape[0], op.out_features, False)
        case AvgPool2d():
            return library.AvgPool2d(op.kernel, op.stride, op.padding)
        case SumPool2d():
            return library.AvgPool2d(op.kernel, op.stride, op.padding, divisor_override=1)
        case Flatten():
            return library.Flatten()
        case Scale():
            return Times(op.factor)
        case _:
            raise AssertionError(op)


class Spikingjelly(nn.Module):
    """The network of spikingjelly's multi-step modules, population by population.

    `training` is the mode of all of them: norms then use the statistics of the batch.
    """

    def __init__(self, network: Network, weights: Weights, training: bool = True) -> None:
        from spikingjelly.activation_based import functional, layer, neuron

        super().__init__()
        self.network, self.order, self.at_rest = network, update_order(network)[1:], functional.reset_net
        shapes = population_shapes(network)
        self.projections: dict[str, nn.Module] = {}
        for projection in network.projections:
            modules = modules_of(network, projection, shapes[projection.source], weights, layer)
            if projection.norm is not None:
                modules.append(self._norm(projection, shapes[projection.target], weights, layer))
            self.projections[projection.name] = nn.Sequential(*modules)
        self.neurons: dict[str, nn.Module] = {}
        for name in self.order:
            lif = lif_of(network, name)
            decays = lif.r != lif.tau  # r I / tau is then the input itself
            scale = [Times(lif.r)] if decays and lif.r != 1 else []
            self.neurons[name] = nn.Sequential(*scale, neuron.LIFNode(lif.tau, decays, lif.v_threshold))
        self.registered = nn.ModuleList([*self.projections.values(), *self.neurons.values()])
        functional.set_step_mode(self, "m")
        self.train(training)

    def _norm(self, projection: Projection, shape: Shape, weights: Weights, library: ModuleType) -> nn.Module:
        assert projection.norm is not None
        gamma = torch.from_numpy(np.array(weights[projection.norm_key("gamma")]))
        if projection.norm.kind is NormKind.SCALE:
            return OwnScale(gamma, projection.norm.eps)
        norm = library.BatchNorm2d(shape[0], projection.norm.eps)
        norm.weight.data = gamma
        return norm

    def forward(self, x: Tensor, keep: dict[str, Tensor] | None = None) -> Tensor:
        """Pass [B, C, H, W]; what a static frame feeds is computed once, spikes are forgotten once read."""
        self.at_rest(self)
        network, spikes = self.network, {self.network.source.name: x.unsqueeze(0)}
        unread = {name: len(network.out_of(name)) for name in (network.source.name, *self.order)}
        for name in self.order:
            currents: list[Tensor] = []
            for projection in network.into(name):
                currents.append(self.projections[projection.name](spikes[projection.source]))
                unread[projection.source] -= 1
                if not unread[projection.source]:
                    del spikes[projection.source]
            total = added(currents)
            spikes[name] = self.neurons[name](total.expand(network.timesteps or 1, *total.shape[1:]))
            if keep is not None:
                keep[name] = spikes[name]
        return spikes[network.output]


class Loop(nn.Module):
    """The network of torch.nn modules, all populations advanced step after step in a Python loop."""

    def __init__(self, network: Network, weights: Weights) -> None:
        super().__init__()
        self.network, self.order = network, update_order(network)[1:]
        self.shapes = population_shapes(network)
        self.projections: dict[str, nn.Module] = {}
        for projection in network.projections:
            modules = modules_of(network, projection, self.shapes[projection.source], weights, nn)
            if projection.norm is not None:
                modules.append(self._norm(projection, self.shapes[projection.target], weights))
            self.projections[projection.name] = nn.Sequential(*modules)
        self.registered = nn.ModuleList(self.projections.values())
        self.eval()

    def _norm(self, projection: Projection, shape: Shape, weights: Weights) -> nn.Module:
        assert projection.norm is not None
        kind, eps = projection.norm.kind, projection.norm.eps
        names = ("gamma", "var") if kind is NormKind.SCALE else ("gamma", "var", "mean")
        gamma, var, *mean = (torch.from_numpy(np.array(weights[projection.norm_key(n)])) for n in names)
        if kind is NormKind.SCALE:
            return Times((gamma / (var + eps).sqrt())[:, None, None])
        norm = nn.BatchNorm2d(shape[0], eps)
        norm.weight.data, norm.running_var, norm.running_mean = gamma, var, mean[0]
        return norm

    def forward(self, x: Tensor, keep: dict[str, Tensor] | None = None) -> Tensor:
        """Pass [B, C, H, W]; what a static frame feeds is computed once."""
        network, source = self.network, self.network.source.name
        constant = {p.name: self.projections[p.name](x) for p in network.out_of(source)}
        membranes: dict[str, Tensor | float] = dict.fromkeys(self.order, 0.0)
        delayed = {p.source for p in network.projections if p.delay}
        before = {name: torch.zeros(len(x), *self.shapes[name]) for name in delayed}
        history: dict[str, list[Tensor]] = {name: [] for name in self.order}
        for _ in range(network.timesteps or 1):
            now: dict[str, Tensor] = {}
            for name in self.order:
                currents = [
                    self.projections[p.name]((before if p.delay else now)[p.source])
                    if p.name not in constant
                    else constant[p.name]
                    for p in network.into(name)
                ]
                now[name], membranes[name] = fired(lif_of(network, name), membranes[name], added(currents))
                if keep is not None or name == network.output:
                    history[name].append(now[name])
            before = now
        if keep is not None:
            keep |= {name: torch.stack(steps) for name, steps in history.items()}
        return torch.stack(history[network.output])


def lif_of(network: Network, name: str) -> LIF:
    neuron = network.population(name).neuron
    assert isinstance(neuron, LIF)
    assert neuron.v_leak == neuron.v_reset == 0
    return neuron


def added(currents: list[Tensor]) -> Tensor:
    total = currents[0]
    for current in currents[1:]:
        total = total + current
    return total


def fired(lif: LIF, membrane: Tensor | float, current: Tensor) -> tuple[Tensor, Tensor]:
    """Advance neurons by a step; returns spikes and the membranes that are kept."""
    charged = membrane + (lif.r * current - membrane) / lif.tau
    spikes = (charged >= lif.v_threshold).float()
    return spikes, charged * (1 - spikes)
