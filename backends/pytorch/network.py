"""The executor: a network as a trainable torch module that computes what the reference simulator does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from msc.backends.pytorch.cycles import Cycle, Observer
from msc.backends.pytorch.emissions import Emissions
from msc.backends.pytorch.layout import channels_last
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
from msc.backends.pytorch.surrogates import Surrogate
from msc.backends.pytorch.surrogates.atan import SURROGATE as DEFAULT_SURROGATE
from msc.backends.pytorch.synapses import apply_ops
from msc.backends.pytorch.through_time import advance
from msc.backends.pytorch.weighted import WeightedModule
from msc.ir.errors import raise_all
from msc.ir.fixed import floating_point_only
from msc.ir.graph import components, cyclic_projections
from msc.ir.network import Network, NormKind, Projection
from msc.ir.neurons import InputKind, Source
from msc.ir.simulate import InputError, input_steps
from msc.ir.verify import InvalidNetworkError, verify


class SpikingNetwork(WeightedModule):
    """A network of the IR that runs and trains on any device, in float32 or float64.

    Work without state is done for all T steps at once, folded into the batch; only populations on a cycle are
    stepped, with the currents that reach the cycle from outside computed beforehand. What a static
    input feeds without delay is computed once.

    Under autocast, spikes are of its type (0 and 1 are exact there); membranes and running statistics, and
    what the output emits, stay of the module's type. Where gradients are wanted, maps lie in memory with
    their channels last.
    Norms: in evaluation the running statistics. In training the batch's own, over T x B x map, and the
    running ones move by `momentum` towards them; inside a cycle always the running ones, as constants,
    which still move.
    """

    def __init__(
        self, network: Network, surrogate: Surrogate = DEFAULT_SURROGATE, smoothed: bool = False
    ) -> None:
        """Build the network.

        `smoothed` makes every population emit g(V - v_threshold) of the surrogate instead of spikes, while
        it resets as ever: its gradients are true derivatives, for finite differences to check.
        """
        verify(network)
        raise_all(InvalidNetworkError, floating_point_only(network, "the PyTorch executor"))
        super().__init__(network)
        self.surrogate = surrogate
        self.smoothed = smoothed
        self.momentum = 0.1
        self._components = components(network)
        self._spent = spent(network, self._components)
        self._cyclic = cyclic_projections(network)

    def another(self) -> SpikingNetwork:
        """Make a network that computes as this one, with parameters of its own."""
        return SpikingNetwork(self.network, self.surrogate)

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
        steps, frames = self.frames(x, timesteps)
        yield from self.emit(Emissions(self.network.source.name, frames, steps), self.effective(), observer)

    def emit(
        self, emissions: Emissions, weights: Mapping[str, Tensor], observer: Observer | None = None
    ) -> Iterator[tuple[str, Tensor]]:
        """Run the steps of `emissions` with `effective` weights; as `stream`, whose parts this is."""
        for index, members in enumerate(self._components):
            if members != (self.network.source.name,):
                # NNPACK's Winograd convolutions round where a plain sum of dyadic numbers is exact.
                with torch.backends.nnpack.flags(enabled=False):
                    self._run(members, weights, emissions, observer)
                yield from ((name, emissions.values[name]) for name in members)
            for name in self._spent[index]:
                emissions.forget(name)

    def _run(
        self,
        members: tuple[str, ...],
        weights: Mapping[str, Tensor],
        emissions: Emissions,
        observer: Observer | None,
    ) -> None:
        """Run one component over all steps."""
        currents = {name: self._outside_currents(name, weights, emissions, observer) for name in members}
        if any(p.name in self._cyclic for p in self.network.into(members[0])):
            self._step(members, currents, weights, emissions, observer)
            return
        (name,) = members
        state = self._start(name, emissions, currents[name])
        dynamics = self._dynamics(name, emissions.steps)
        emissions.emit(name, *advance(dynamics, state, currents[name], emissions.updates(name)))

    def _dynamics(self, name: str, steps: int) -> Dynamics:
        """Say how a population runs for `steps` steps."""
        own, device = self.float_type.dtype, self.float_type.device.type
        mixed = torch.is_autocast_enabled(device) and own == torch.float32 and name != self.network.output
        emits = torch.get_autocast_dtype(device) if mixed else own
        return Dynamics(self.network.population(name).neuron, steps, self.surrogate, emits, self.smoothed)

    def _start(self, name: str, emissions: Emissions, currents: Sequence[Tensor]) -> State:
        """Choose a population's first state; how one at rest lies in memory decides how its spikes do."""
        carried = emissions.state(name)
        if carried is not None:
            return carried
        shape = (emissions.batch, *self._shapes[name])
        like = next((c[0] for c in currents if c[0].shape == shape), self.float_type.new_empty(shape))
        if self._learning and like.ndim == 4:
            like = torch.empty_like(like, memory_format=torch.channels_last)
        return rest(self.network.population(name).neuron, like, self.float_type.dtype)

    @property
    def _learning(self) -> bool:
        """Whether results may round otherwise than in evaluation, for the sake of a fast training step."""
        return self.training and torch.is_grad_enabled()

    def frames(self, x: Tensor, timesteps: int | None) -> tuple[int, Tensor]:
        """Check an input; returns T and the frames [T, B, *shape], or [1, B, *shape] where they repeat."""
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
        emissions: Emissions,
        observer: Observer | None,
    ) -> list[Tensor]:
        """List bias and currents from outside the component for all steps, [T (or 1), B (or 1), ...]."""
        population = self.network.population(name)
        bias = weights[population.bias_key] if population.bias else None
        currents: list[Tensor] = []
        for projection in self.network.into(name):
            if projection.name in self._cyclic:
                continue
            delivered = emissions.constant(projection)
            if delivered is None:
                current = apply_ops(projection, weights, emissions.carried(projection).flatten(0, 1))
                if self._learning and observer is None and projection.norm is not None:
                    current, bias = self._normalised(projection, weights, current, bias), None
                else:
                    current = self._normalised(projection, weights, current)
                if observer is not None:
                    observer(projection, current)
                delivered = current.unflatten(0, (-1, emissions.batch))
                emissions.deliver(projection, delivered)
            currents.append(delivered)
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
        emissions: Emissions,
        observer: Observer | None,
    ) -> None:
        """Step the populations of one cycle together."""
        inner = {name: [p for p in self.network.into(name) if p.name in self._cyclic] for name in members}
        cycle = Cycle(
            {name: self._dynamics(name, steps=1) for name in members},
            inner,
            weights,
            {p: self._running(p) for into in inner.values() for p in into if p.norm is not None},
            self._learning,
            observer,
            self._inner_currents,
            {name: emissions.before(name) for name in members},
            {name: emissions.updates(name) for name in members},
        )
        states = {name: self._start(name, emissions, outside[name]) for name in members}
        values, states, given = cycle.run(states, outside, emissions.steps)
        for name in members:
            emissions.emit(name, values[name], states[name])
        if self.training:
            for projection, raw in given.items():
                self._watch(projection, raw)

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
        mean = self.stored(projection.norm_key("mean")).clone() if centred else None
        return mean, self.stored(projection.norm_key("var")).clone()

    def _follow(self, projection: Projection, statistics: Statistics) -> None:
        """Move the running statistics towards those of a batch."""
        with torch.no_grad():
            for name, observed in zip(("mean", "var"), statistics, strict=True):
                if observed is not None:
                    self.stored(projection.norm_key(name)).lerp_(
                        observed.detach().to(self.float_type), self.momentum
                    )
