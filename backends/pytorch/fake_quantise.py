"""A network that trains as the fixed-point network that its weights are quantised to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from msc.backends.pytorch.cycles import Observer
from msc.backends.pytorch.emissions import Emissions
from msc.backends.pytorch.network import SpikingNetwork
from msc.backends.pytorch.neurons import Dynamics, FixedForm
from msc.backends.pytorch.norms import learn_normalised, normalise, per_channel
from msc.backends.pytorch.surrogates import Surrogate
from msc.backends.pytorch.surrogates.atan import SURROGATE as DEFAULT_SURROGATE
from msc.backends.pytorch.synapses import apply_ops
from msc.compiler.fixed.dynamics import dynamics
from msc.ir.network import Model, Network, Projection
from msc.ir.neurons import FixedLIF
from msc.ir.ops import Quantise
from msc.ir.shapes import population_shapes
from msc.ir.step import WEIGHT_UNIT


@dataclass(frozen=True)
class FixedParts:
    """The fixed-point network that runs in a float one's place: its synapses, and its populations by name."""

    into: Mapping[str, Sequence[Projection]]
    weights: Mapping[str, Tensor]
    forms: Mapping[str, FixedForm]

    @classmethod
    def of(
        cls, fixed: Model, units: Mapping[str, NDArray[Any]], network: Network, like: Tensor
    ) -> FixedParts:
        """Take over the integers of `fixed`, made from `network`; tensors are of `like`'s kind."""
        weights = {key: torch.tensor(array).to(like) for key, array in fixed.weights.items()}
        shapes = population_shapes(fixed.network)
        forms: dict[str, FixedForm] = {}
        for population in fixed.network.populations:
            if isinstance(population.neuron, FixedLIF):
                name, rank = population.name, len(shapes[population.name])
                threshold = weights[population.threshold_key]
                bias = weights.get(population.bias_key, torch.zeros_like(threshold))
                # A unit of current is `gain` of the float membrane and 64 of the integer one.
                gain = dynamics(network.population(name).neuron).gain
                unit = torch.tensor(units[name] * gain / WEIGHT_UNIT).to(like)
                values = (per_channel(x, rank) for x in (WEIGHT_UNIT * threshold, bias, unit))
                forms[name] = FixedForm(population.neuron, *values)
        return cls({name: fixed.network.into(name) for name in forms}, weights, forms)

    def delivered(self, name: str, spikes: Iterator[tuple[Projection, Tensor]]) -> Tensor:
        """Sum what projections deliver into a population, each given what it carries, [n, B, ...]."""
        silence = torch.zeros_like(self.forms[name].bias)[None, None]
        total: Tensor | None = None
        with torch.no_grad(), torch.autocast(silence.device.type, enabled=False):
            for projection, carried in spikes:
                flat = carried.detach().to(silence.dtype).flatten(0, 1)
                summed = self._applied(projection, flat).unflatten(0, carried.shape[:2])
                total = summed if total is None else total + summed
        return silence if total is None else total

    def _applied(self, projection: Projection, carried: Tensor) -> Tensor:
        """Compute ops(carried): exact, for sums of integers stay below 2^24."""
        if not any(isinstance(op, Quantise) for op in projection.ops):
            return apply_ops(projection, self.weights, carried)
        # What a host computes has more bits than float32.
        weights = {key: self.weights[key].double() for key in self._keys(projection)}
        return apply_ops(projection, weights, carried.double()).to(carried.dtype)

    def _keys(self, projection: Projection) -> Iterator[str]:
        keys = (projection.weight_key(index) for index in range(len(projection.ops)))
        return (key for key in keys if key in self.weights)


class Exchange(torch.autograd.Function):
    """Straight-through (Bengio et al. 2013): y = fixed, and the gradient by each of `free` is that by y.

    `free` are currents, `fixed` is the integer that stands for their sum: what is passed back is the gradient
    by the current, in its own unit, as `Run` of a population with a fixed form gives it.
    """

    @staticmethod
    def forward(ctx: Any, fixed: tuple[Tensor], *free: Tensor) -> Tensor:
        """Pass on `fixed`, in a tuple so that torch takes it for no input, as large as `free` makes it."""
        ctx.free = [(tensor.shape, tensor.dtype) for tensor in free]
        shape = torch.broadcast_shapes(fixed[0].shape, *(tensor.shape for tensor in free))
        return fixed[0] if shape == fixed[0].shape else fixed[0].expand(shape).clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Pass the gradient on."""
        return None, *(gradient.sum_to_size(shape).to(kind) for shape, kind in ctx.free)


def _exchanged(fixed: Tensor, free: Sequence[Tensor]) -> list[Tensor]:
    exchanged = Exchange.apply((fixed,), *free)
    assert isinstance(exchanged, Tensor)
    return [exchanged]


class FakeQuantisedNetwork(SpikingNetwork):
    """A network that spikes, in training, as the fixed-point network made from its weights, to the last bit.

    What a population integrates is computed twice: by the float weights, for the gradient, and by the
    integers of `follow`'s network, for the value (`Exchange`); that drives the integer membrane, and the
    surrogate is taken at the float membrane that stands for it (`FixedForm`). So whatever a compiler did to
    the weights, folded, merged or summed them, the values are its integers', and the gradient by a weight is
    that of the float network at these spikes: the identity through all rounding, inside of a weight's range
    and outside. Norms are in their inference form, running statistics stay.
    Integers are multiplied in the module's float type under autocast too: bfloat16 would round their sums.
    In evaluation this is the float network. Replicas that `another` makes share the integers.
    """

    def __init__(self, network: Network, surrogate: Surrogate = DEFAULT_SURROGATE) -> None:
        super().__init__(network, surrogate)
        self._fixed: list[FixedParts] = []
        self._inner = {(p.source, p.target) for p in network.projections if p.name in self._cyclic}

    def follow(self, fixed: Model, units: Mapping[str, NDArray[Any]]) -> None:
        """Take over the integers of a fixed-point model in logical time, made from this network's weights.

        `units[population]`, [C], is the current that a synapse of integer weight 1 delivers.
        """
        self._fixed[:] = [FixedParts.of(fixed, units, self.network, self.float_type)]

    def another(self) -> FakeQuantisedNetwork:
        """Make a network with parameters of its own, and the same integers."""
        other = FakeQuantisedNetwork(self.network, self.surrogate)
        other._fixed = self._fixed
        return other

    def _outside_currents(
        self,
        name: str,
        weights: Mapping[str, Tensor],
        emissions: Emissions,
        observer: Observer | None,
    ) -> list[Tensor]:
        free = super()._outside_currents(name, weights, emissions, observer)
        fixed = self._substitute(name)
        if fixed is None:
            return free
        carried = (
            (p, emissions.carried(p)) for p in fixed.into[name] if (p.source, p.target) not in self._inner
        )
        return _exchanged(fixed.delivered(name, carried), free)

    def _inner_currents(
        self, name: str, currents: list[Tensor], values: Mapping[str, Sequence[Tensor]], t: int
    ) -> list[Tensor]:
        fixed = self._substitute(name)
        if fixed is None or not currents:
            return currents
        carried = (
            (p, values[p.source][t - p.delay].unsqueeze(0))
            for p in fixed.into[name]
            if (p.source, p.target) in self._inner and t >= p.delay
        )
        return _exchanged(fixed.delivered(name, carried), currents)

    def _dynamics(self, name: str, steps: int) -> Dynamics:
        fixed = self._substitute(name)
        return replace(super()._dynamics(name, steps), fixed=None if fixed is None else fixed.forms[name])

    def _substitute(self, name: str) -> FixedParts | None:
        """Find the integers a population is given; None in evaluation, and for what no compiler keeps."""
        if not self.training:
            return None
        assert self._fixed, "follow() comes first"
        return self._fixed[0] if name in self._fixed[0].into else None

    def _normalised(
        self,
        projection: Projection,
        weights: Mapping[str, Tensor],
        current: Tensor,
        bias: Tensor | None = None,
    ) -> Tensor:
        norm = projection.norm
        if norm is None:
            return current
        gamma, running = weights[projection.norm_key("gamma")], self._running(projection)
        if self._learning:
            return learn_normalised(norm, gamma, bias, current, running)[0]
        return normalise(norm, gamma, running, current)

    def _watch(self, projection: Projection, raw: Tensor) -> None:
        """Leave the running statistics as they are."""
