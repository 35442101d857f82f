"""The executor: a network as a trainable torch module that computes what the reference simulator does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from msc.backends.pytorch.cycles import Cycle, Observer
from msc.backends.pytorch.layout import channels_last, delayed
from msc.backends.pytorch.lifetimes import spent
from msc.backends.pytorch.neurons import Dynamics, State, rest
from msc.backends.pytorch.norms import (
    Statistics,
    learn_normalised,
    measure,
    normalise,
    normalise_by_own,
    observe,
    per_channel,
)
from msc.backends.pytorch.parameters import is_statistic, registered, weight_signs
from msc.backends.pytorch.surrogates import Surrogate
from msc.backends.pytorch.surrogates.atan import SURROGATE as DEFAULT_SURROGATE
from msc.backends.pytorch.synapses import apply_ops, with_sign
from msc.backends.pytorch.through_time import advance
from msc.ir.errors import raise_all
from msc.ir.fixed import floating_point_only
from msc.ir.graph import components, cyclic_projections
from msc.ir.network import Model, Network, NormKind, Projection, Sign
from msc.ir.neurons import InputKind, Source
from msc.ir.shapes import population_shapes, weight_shapes
from msc.ir.simulate import InputError, input_steps
from msc.ir.verify import InvalidNetworkError, verify, verify_model


class SpikingNetwork(nn.Module):
    """A network of the IR that runs and trains on any device, in float32 or float64.

    Work without state is done for all T steps at once, folded into the batch; only populations on a cycle are
    stepped, with the currents that reach the cycle from outside computed beforehand. What a static
    input feeds without delay is computed once.

    Parameters are registered under the IR's weight names with `.` replaced by `:`. Those of signed
    projections are used as |w| or -|w| (gamma as |gamma|), so that training cannot break a sign.
    Under autocast, spikes are of its type (0 and 1 are exact there); membranes and running statistics, and
    what the output emits, stay of the module's type. Where gradients are wanted, maps lie in memory with
    their channels last.
    Norms: in evaluation the running statistics. In training the batch's own, over T x B x map, and the
    running ones move by `momentum` towards them; inside a cycle always the running ones, as constants,
    which still move. Weights are zero until `load_weights`.
    """

    float_type: Tensor

    def __init__(
        self, network: Network, surrogate: Surrogate = DEFAULT_SURROGATE, smoothed: bool = False
    ) -> None:
        """Build the network.

        `smoothed` makes every population emit g(V - v_threshold) of the surrogate instead of spikes, while
        it resets as ever: its gradients are true derivatives, for finite differences to check.
        """
        verify(network)
        raise_all(InvalidNetworkError, floating_point_only(network, "the PyTorch executor"))
        super().__init__()
        self.network = network
        self.surrogate = surrogate
        self.smoothed = smoothed
        self.momentum = 0.1
        self._shapes = population_shapes(network)
        self._components = components(network)
        self._spent = spent(network, self._components)
        self._cyclic = cyclic_projections(network)
        self._signs = weight_signs(network)
        self._expected = weight_shapes(network, self._shapes)
        self.register_buffer("float_type", torch.zeros(0), persistent=False)
        for key, shape in self._expected.items():
            if is_statistic(key):
                self.register_buffer(registered(key), torch.full(shape, float(key.endswith("var"))))
            else:
                start = torch.full(shape, float(key.endswith("gamma")))
                self.register_parameter(registered(key), nn.Parameter(start))

    def another(self) -> SpikingNetwork:
        """Make a network that computes as this one, with parameters of its own."""
        return SpikingNetwork(self.network, self.surrogate)

    def load_weights(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Take over a model's weights; raises InvalidNetworkError listing all that do not fit."""
        model = Model(self.network, dict(weights))
        verify_model(model)
        with torch.no_grad():
            for key, array in model.weights.items():
                self._stored(key).copy_(torch.from_numpy(np.array(array)))

    def export_weights(self) -> dict[str, NDArray[np.float32]]:
        """Copy out the effective weights (signs applied) as float32 under the IR's names."""
        with torch.no_grad():
            return {
                key: np.array(weight.detach().cpu().numpy(), dtype=np.float32) + np.float32(0)  # -0 becomes 0
                for key, weight in self._effective().items()
            }

    def forward(self, x: Tensor, timesteps: int | None = None) -> Tensor:
        """Run and return the output population's spikes (LI: membrane), [T, B, *shape].

        `x` is [B, *shape] for a static source, shown for `timesteps` (default: the network's) steps, else
        [T, B, *shape]; event counts are clipped to {0, 1}. Raises InputError where it does not fit.
        """
        return self.record(x, timesteps)[self.network.output]

    def record(self, x: Tensor, timesteps: int | None = None) -> dict[str, Tensor]:
        """Run as `forward` and return each population's values, [T, B, *shape] (the source left out)."""
        return dict(self.stream(x, timesteps))

    def stream(
        self, x: Tensor, timesteps: int | None = None, observer: Observer | None = None
    ) -> Iterator[tuple[str, Tensor]]:
        """Run as `forward` and yield each population's values, [T, B, *shape], in causal order.

        What nothing reads any more is forgotten, so that memory holds the populations in use only.
        `observer` is shown what each projection delivers, normalised: [n, *shape of the target] with n steps
        and samples in one axis (once for all steps where it is the same in each).
        """
        steps, frames = self._frames(x, timesteps)
        weights = self._effective()
        emitted = {self.network.source.name: frames}
        for index, members in enumerate(self._components):
            if members != (self.network.source.name,):
                # NNPACK's Winograd convolutions round where a plain sum of dyadic numbers is exact.
                with torch.backends.nnpack.flags(enabled=False):
                    emitted.update(self._run(members, weights, emitted, steps, observer))
                yield from ((name, emitted[name]) for name in members)
            for name in self._spent[index]:
                del emitted[name]

    def _run(
        self,
        members: tuple[str, ...],
        weights: Mapping[str, Tensor],
        emitted: Mapping[str, Tensor],
        steps: int,
        observer: Observer | None,
    ) -> dict[str, Tensor]:
        """Run one component over all steps; returns its populations' values."""
        currents = {name: self._outside_currents(name, weights, emitted, steps, observer) for name in members}
        batch = emitted[self.network.source.name].shape[1]
        if any(p.name in self._cyclic for p in self.network.into(members[0])):
            return self._step(members, currents, weights, batch, steps, observer)
        (name,) = members
        state = self._rest(name, batch, currents[name])
        values, _ = advance(self._dynamics(name, steps), state, currents[name])
        return {name: values}

    def _dynamics(self, name: str, steps: int) -> Dynamics:
        """Say how a population runs for `steps` steps."""
        own, device = self.float_type.dtype, self.float_type.device.type
        mixed = torch.is_autocast_enabled(device) and own == torch.float32 and name != self.network.output
        emits = torch.get_autocast_dtype(device) if mixed else own
        return Dynamics(self.network.population(name).neuron, steps, self.surrogate, emits, self.smoothed)

    def _rest(self, name: str, batch: int, currents: Sequence[Tensor]) -> State:
        """Make a population's first state; how it lies in memory decides how its spikes do."""
        shape = (batch, *self._shapes[name])
        like = next((c[0] for c in currents if c[0].shape == shape), self.float_type.new_empty(shape))
        if self._learning and like.ndim == 4:
            like = torch.empty_like(like, memory_format=torch.channels_last)
        return rest(self.network.population(name).neuron, like, self.float_type.dtype)

    @property
    def _learning(self) -> bool:
        """Whether results may round otherwise than in evaluation, for the sake of a fast training step."""
        return self.training and torch.is_grad_enabled()

    def _frames(self, x: Tensor, timesteps: int | None) -> tuple[int, Tensor]:
        """Check the input; returns T and the frames [T, B, *shape], or [1, B, *shape] where they repeat."""
        source = self.network.source.neuron
        assert isinstance(source, Source)
        static = source.kind is InputKind.STATIC
        shown = self.network.timesteps if static and timesteps is None else timesteps
        steps = input_steps(source, tuple(x.shape), shown)
        x = x.to(self.float_type)
        if self._learning and len(source.shape) == 3:
            x = channels_last(x)
        if source.kind is not InputKind.EVENTS:
            return steps, x.unsqueeze(0) if static else x
        if bool(((x < 0) | (x != x.round())).any()):
            raise InputError.of("input", "holds values that are no event counts", "give integers >= 0")
        return steps, x.clamp(max=1)

    def _outside_currents(
        self,
        name: str,
        weights: Mapping[str, Tensor],
        emitted: Mapping[str, Tensor],
        steps: int,
        observer: Observer | None,
    ) -> list[Tensor]:
        """List bias and currents from outside the component for all steps, [T (or 1), B (or 1), ...]."""
        batch, population = emitted[self.network.source.name].shape[1], self.network.population(name)
        bias = weights[population.bias_key] if population.bias else None
        currents: list[Tensor] = []
        for projection in self.network.into(name):
            if projection.name not in self._cyclic:
                spikes = delayed(emitted[projection.source], projection.delay, steps)
                current = apply_ops(projection, weights, spikes.flatten(0, 1))
                if self._learning and observer is None and projection.norm is not None:
                    current, bias = self._normalised(projection, weights, current, bias), None
                else:
                    current = self._normalised(projection, weights, current)
                if observer is not None:
                    observer(projection, current)
                currents.append(current.unflatten(0, (-1, batch)))
        if bias is None:
            return currents
        return [per_channel(bias, len(self._shapes[name]))[None, None], *currents]

    def _normalised(
        self,
        projection: Projection,
        weights: Mapping[str, Tensor],
        current: Tensor,
        bias: Tensor | None = None,
    ) -> Tensor:
        """Apply the norm of a projection outside cycles to `current` [N, C, ...] (learning: plus a bias)."""
        norm = projection.norm
        if norm is None:
            return current
        gamma = weights[projection.norm_key("gamma")]
        if not self.training:
            return normalise(norm, gamma, self._running(projection), current)
        if self._learning:
            normalised, statistics = learn_normalised(norm, gamma, bias, current)
        else:
            normalised, statistics = normalise_by_own(norm, gamma, current)
        self._follow(projection, statistics)
        return normalised

    def _step(
        self,
        members: tuple[str, ...],
        outside: Mapping[str, Sequence[Tensor]],
        weights: Mapping[str, Tensor],
        batch: int,
        steps: int,
        observer: Observer | None,
    ) -> dict[str, Tensor]:
        """Step the populations of one cycle together; returns their values, [T, B, *shape] each."""
        inner = {name: [p for p in self.network.into(name) if p.name in self._cyclic] for name in members}
        running = {p: self._running(p) for into in inner.values() for p in into if p.norm is not None}
        dynamics = {name: self._dynamics(name, steps=1) for name in members}
        cycle = Cycle(dynamics, inner, weights, running, self._learning, observer, self._inner_currents)
        states = {name: self._rest(name, batch, outside[name]) for name in members}
        values, given = cycle.run(states, outside, steps)
        if self.training:
            for projection, raw in given.items():
                self._watch(projection, raw)
        return values

    def _watch(self, projection: Projection, raw: Tensor) -> None:
        """Follow what the norm of a projection inside a cycle was given."""
        assert projection.norm is not None
        self._follow(projection, (measure if self._learning else observe)(projection.norm, raw))

    def _inner_currents(
        self, name: str, currents: list[Tensor], values: Mapping[str, Sequence[Tensor]], t: int
    ) -> list[Tensor]:
        """Choose what a population integrates of the currents from within its cycle: all of it."""
        return currents

    def _running(self, projection: Projection) -> Statistics:
        """Return a copy of the running statistics of a projection's norm (training moves the originals)."""
        assert projection.norm is not None
        centred = projection.norm.kind is NormKind.BATCH
        mean = self._stored(projection.norm_key("mean")).clone() if centred else None
        return mean, self._stored(projection.norm_key("var")).clone()

    def _follow(self, projection: Projection, statistics: Statistics) -> None:
        """Move the running statistics towards those of a batch."""
        with torch.no_grad():
            for name, observed in zip(("mean", "var"), statistics, strict=True):
                if observed is not None:
                    self._stored(projection.norm_key(name)).lerp_(
                        observed.detach().to(self.float_type), self.momentum
                    )

    def _effective(self) -> dict[str, Tensor]:
        return {key: with_sign(self._signs.get(key, Sign.FREE), self._stored(key)) for key in self._expected}

    def _stored(self, key: str) -> Tensor:
        tensor = getattr(self, registered(key))
        assert isinstance(tensor, Tensor)
        return tensor
