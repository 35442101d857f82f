"""What a network is: frozen populations joined by projections, with the weights kept beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from msc.ir.neurons import Neuron, Source
from msc.ir.ops import Op

Array: TypeAlias = NDArray[np.float32]
Weights: TypeAlias = Mapping[str, Array]


class Sign(Enum):
    """The sign rule of a projection's effective weights: >= 0, <= 0 or unconstrained."""

    EXCITATORY = "excitatory"
    INHIBITORY = "inhibitory"
    FREE = "free"


class NormKind(Enum):
    """`batch` centres and scales; `scale` divides by the root mean square, without centring."""

    BATCH = "batch"
    SCALE = "scale"


@dataclass(frozen=True)
class Norm:
    """Per-channel normalisation of a projection's current, in its inference form.

    batch: y = gamma (x - mean) / sqrt(var + eps);  scale: y = gamma x / sqrt(var + eps), var = E[x^2].
    There is no beta: the target population's bias plays that part, once for all its projections.
    Weights: `gamma` and `var`, with `mean` for batch, each [channels].
    """

    kind: NormKind = NormKind.BATCH
    eps: float = 1e-5


@dataclass(frozen=True)
class Population:
    """Neurons of one kind sharing parameters; `bias` says whether it has one bias per channel."""

    name: str
    neuron: Neuron
    bias: bool = True

    @property
    def is_source(self) -> bool:
        """Whether this is the network's input."""
        return isinstance(self.neuron, Source)

    @property
    def bias_key(self) -> str:
        """The name of the bias among the weights."""
        return f"{self.name}/bias"

    @property
    def threshold_key(self) -> str:
        """The name, among the weights, of a fixed-point population's thresholds."""
        return f"{self.name}/threshold"


@dataclass(frozen=True)
class Projection:
    """Synapses from one population to another: norm(ops(S_source[t - delay])).

    `name` is unique and names the weights: `{name}/{i}/weight` for op i, `{name}/norm/gamma` and so on.
    An empty `ops` is the identity. `delay` is in time steps.
    """

    name: str
    source: str
    target: str
    ops: tuple[Op, ...] = ()
    sign: Sign = Sign.FREE
    delay: int = 0
    norm: Norm | None = None

    def weight_key(self, index: int) -> str:
        """The name, among the weights, of the weight of op `index`."""
        return f"{self.name}/{index}/weight"

    def norm_key(self, parameter: str) -> str:
        """The name, among the weights, of a norm parameter: `gamma`, `mean` or `var`."""
        return f"{self.name}/norm/{parameter}"


@dataclass(frozen=True)
class Network:
    """Populations and projections, one source, one output, and the steps a static input is shown for.

    `timesteps` is the default T for static inputs (None: the caller says). The structure is small and
    hashable; shapes are computed from it (`msc.ir.shapes`), weights are kept beside it (`Model`).
    """

    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    output: str
    timesteps: int | None = None

    def population(self, name: str) -> Population:
        """Find a population by name (KeyError where there is none)."""
        return self._by_name[name]

    @property
    def source(self) -> Population:
        """The input population."""
        return next(population for population in self.populations if population.is_source)

    def into(self, target: str) -> tuple[Projection, ...]:
        """List the projections that end in `target`, in declaration order."""
        return self._by_target.get(target, ())

    def out_of(self, source: str) -> tuple[Projection, ...]:
        """List the projections that start from `source`, in declaration order."""
        return self._by_source.get(source, ())

    @cached_property
    def _by_name(self) -> dict[str, Population]:
        """Index populations, the first of a name."""
        return {population.name: population for population in reversed(self.populations)}

    @cached_property
    def _by_target(self) -> dict[str, tuple[Projection, ...]]:
        return _grouped((p.target, p) for p in self.projections)

    @cached_property
    def _by_source(self) -> dict[str, tuple[Projection, ...]]:
        return _grouped((p.source, p) for p in self.projections)

    def with_projections(self, projections: tuple[Projection, ...]) -> Network:
        """Make the same network with other projections."""
        return replace(self, projections=projections)


def _grouped(named: Iterable[tuple[str, Projection]]) -> dict[str, tuple[Projection, ...]]:
    """Collect projections by name, in their order."""
    groups: dict[str, list[Projection]] = {}
    for name, projection in named:
        groups.setdefault(name, []).append(projection)
    return {name: tuple(group) for name, group in groups.items()}


@dataclass(frozen=True)
class Model:
    """A network together with its weights (name -> float32 array)."""

    network: Network
    weights: Weights = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", MappingProxyType(dict(self.weights)))

    __hash__ = None  # type: ignore[assignment]
