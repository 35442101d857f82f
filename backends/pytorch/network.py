"""The executor: a network as a trainable torch module that computes what the reference simulator does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from msc.backends.pytorch.neurons import State, advance, advance_all, rest
from msc.backends.pytorch.surrogates import Surrogate
from msc.backends.pytorch.surrogates.atan import SURROGATE as DEFAULT_SURROGATE
from msc.backends.pytorch.synapses import (
    Statistics,
    apply_ops,
    normalise,
    normalise_by_own,
    observe,
    per_channel,
    with_sign,
)
from msc.ir.graph import components, cyclic_projections
from msc.ir.network import Model, Network, NormKind, Projection, Sign
from msc.ir.neurons import InputKind, Source
from msc.ir.shapes import population_shapes, weight_shapes
from msc.ir.simulate import InputError, input_steps
from msc.ir.verify import verify, verify_model

Observer: TypeAlias = Callable[[Projection, Tensor], None]


class SpikingNetwork(nn.Module):
    """A network of the IR that runs and trains on any device, in float32 or float64.

    Work without state is done for all T steps at once, folded into the batch; only populations on a cycle are
    stepped, with the currents that reach the cycle from outside computed beforehand. What a static
    input feeds without delay is computed once.

    Parameters are registered under the IR's weight names with `.` replaced by `:`. Those of signed
    projections are used as |w| or -|w| (gamma as |gamma|), so that training cannot break a sign.
    Norms: in evaluation the running statistics. In training the batch's own, over T x B x map, and the
    running ones move by `momentum` towards them; inside a cycle always the running ones, as constants,
    which still move. Weights are zero until `load_weights`.
    """

    float_type: Tensor

    def __init__(self, network: Network, surrogate: Surrogate = DEFAULT_SURROGATE) -> None:
        verify(network)
        super().__init__()
        self.network = network
        self.surrogate = surrogate
        self.momentum = 0.1
        self._shapes = population_shapes(network)
        self._components = components(network)
        self._spent = _spent(network, self._components)
        self._cyclic = cyclic_projections(network)
        self._signs = _weight_signs(network)
        self._expected = weight_shapes(network, self._shapes)
        self.register_buffer("float_type", torch.zeros(0), persistent=False)
        for key, shape in self._expected.items():
            if _is_statistic(key):
                self.register_buffer(_registered(key), torch.full(shape, float(key.endswith("var"))))
            else:
                start = torch.full(shape, float(key.endswith("gamma")))
                self.register_parameter(_registered(key), nn.Parameter(start))

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
        currents = {name: self._outside_current(name, weights, emitted, steps, observer) for name in members}
        if any(p.name in self._cyclic for p in self.network.into(members[0])):
            return self._step(members, currents, weights, steps, observer)
        neuron = self.network.population(members[0]).neuron
        return {members[0]: advance_all(neuron, currents[members[0]], steps, self.surrogate)}

    def _frames(self, x: Tensor, timesteps: int | None) -> tuple[int, Tensor]:
        """Check the input; returns T and the frames [T, B, *shape], or [1, B, *shape] where they repeat."""
        source = self.network.source.neuron
        assert isinstance(source, Source)
        static = source.kind is InputKind.STATIC
        shown = self.network.timesteps if static and timesteps is None else timesteps
        steps = input_steps(source, tuple(x.shape), shown)
        x = x.to(self.float_type)
        if source.kind is not InputKind.EVENTS:
            return steps, x.unsqueeze(0) if static else x
        if bool(((x < 0) | (x != x.round())).any()):
            raise InputError.of("input", "holds values that are no event counts", "give integers >= 0")
        return steps, x.clamp(max=1)

    def _outside_current(
        self,
        name: str,
        weights: Mapping[str, Tensor],
        emitted: Mapping[str, Tensor],
        steps: int,
        observer: Observer | None,
    ) -> Tensor:
        """Add up bias and currents from outside the component for all steps, [T (or 1), B, *shape]."""
        shape, batch = self._shapes[name], emitted[self.network.source.name].shape[1]
        total = self.float_type.new_zeros(1, batch, *shape)
        population = self.network.population(name)
        if population.bias:
            total = total + per_channel(weights[population.bias_key], len(shape))
        for projection in self.network.into(name):
            if projection.name not in self._cyclic:
                spikes = _delayed(emitted[projection.source], projection.delay, steps)
                current = apply_ops(projection, weights, spikes.flatten(0, 1))
                current = self._normalised(projection, weights, current)
                if observer is not None:
                    observer(projection, current)
                total = total + current.unflatten(0, (-1, batch))
        return total

    def _normalised(self, projection: Projection, weights: Mapping[str, Tensor], current: Tensor) -> Tensor:
        """Apply the norm of a projection outside of cycles to `current` [N, C, ...]."""
        norm = projection.norm
        if norm is None:
            return current
        gamma = weights[projection.norm_key("gamma")]
        if not self.training:
            return normalise(norm, gamma, self._running(projection), current)
        normalised, statistics = normalise_by_own(norm, gamma, current)
        self._follow(projection, statistics)
        return normalised

    def _step(
        self,
        members: tuple[str, ...],
        outside: Mapping[str, Tensor],
        weights: Mapping[str, Tensor],
        steps: int,
        observer: Observer | None,
    ) -> dict[str, Tensor]:
        """Step the populations of one cycle together; returns their values, [T, B, *shape] each."""
        populations = [self.network.population(name) for name in members]
        inner = {name: [p for p in self.network.into(name) if p.name in self._cyclic] for name in members}
        silence = {name: torch.zeros_like(outside[name][0]) for name in members}
        states: dict[str, State] = {p.name: rest(p.neuron, silence[p.name]) for p in populations}
        values: dict[str, list[Tensor]] = {name: [] for name in members}
        running = {p: self._running(p) for into in inner.values() for p in into if p.norm is not None}
        seen: dict[Projection, list[Tensor]] = {projection: [] for projection in running}
        for t in range(steps):
            for population in populations:
                name = population.name
                current = outside[name][t if len(outside[name]) > 1 else 0]
                for projection in inner[name]:
                    source, past = projection.source, t - projection.delay
                    delivered = apply_ops(
                        projection, weights, values[source][past] if past >= 0 else silence[source]
                    )
                    if projection.norm is not None:
                        seen[projection].append(delivered.detach())
                        gamma = weights[projection.norm_key("gamma")]
                        delivered = normalise(projection.norm, gamma, running[projection], delivered)
                    if observer is not None:
                        observer(projection, delivered)
                    current = current + delivered
                emitted, states[name] = advance(population.neuron, states[name], current, self.surrogate)
                values[name].append(emitted)
        if self.training:
            for projection, currents in seen.items():
                assert projection.norm is not None
                self._follow(projection, observe(projection.norm, torch.cat(currents)))
        return {name: torch.stack(emitted) for name, emitted in values.items()}

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
                    self._stored(projection.norm_key(name)).lerp_(observed.detach(), self.momentum)

    def _effective(self) -> dict[str, Tensor]:
        return {key: with_sign(self._signs.get(key, Sign.FREE), self._stored(key)) for key in self._expected}

    def _stored(self, key: str) -> Tensor:
        tensor = getattr(self, _registered(key))
        assert isinstance(tensor, Tensor)
        return tensor


def _spent(network: Network, order: tuple[tuple[str, ...], ...]) -> list[list[str]]:
    """List, for each component, the populations that nothing after it reads (never the source)."""
    place = {name: index for index, members in enumerate(order) for name in members}
    spent: list[list[str]] = [[] for _ in order]
    for name, own in place.items():
        if name != network.source.name:
            spent[max([own, *(place[p.target] for p in network.out_of(name))])].append(name)
    return spent


def _registered(key: str) -> str:
    """Make an IR weight name a name torch accepts; `:` occurs in no IR name, so this can be undone."""
    return key.replace(".", ":")


def _is_statistic(key: str) -> bool:
    return key.endswith(("/norm/mean", "/norm/var"))


def _weight_signs(network: Network) -> dict[str, Sign]:
    """Say which sign rule each weight of a signed projection follows (its gamma is never negative)."""
    signs: dict[str, Sign] = {}
    for projection in network.projections:
        if projection.sign is not Sign.FREE:
            signs.update({projection.weight_key(i): projection.sign for i in range(len(projection.ops))})
            signs[projection.norm_key("gamma")] = Sign.EXCITATORY
    return signs


def _delayed(spikes: Tensor, delay: int, steps: int) -> Tensor:
    """Shift [T, B, *shape] (or a repeating [1, B, *shape]) by `delay` steps, silence coming in."""
    if not delay:
        return spikes
    spikes = spikes.expand(steps, *spikes.shape[1:])
    silence = torch.zeros_like(spikes[:delay])
    return torch.cat([silence, spikes[: max(steps - delay, 0)]])
