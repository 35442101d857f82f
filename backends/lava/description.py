"""The readable half of a Lava bundle: network.json, a mirror of a network in machine time."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from msc.backends.lava.limits import bias_exponent
from msc.backends.lava.warm_up import WarmUp, warm_up
from msc.compiler.timing import latency, relay_of
from msc.ir.network import Model, Network, Population, Projection, Sign
from msc.ir.neurons import FixedLIF, InputKind, Source
from msc.ir.ops import Conv2d, Flatten, Linear, Op, Quantise, Scale, Shape
from msc.ir.shapes import population_shapes

FORMAT, VERSION = "msc.lava", 1

_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
_Voltage: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**23), le=2**23)]
_Pair: TypeAlias = tuple[_Count, _Count]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A JSON object whose fields are all known."""


class _Op(_Part, frozen=True, tag_field="op"):
    """One op of a projection; its weight is `{projection}/{place}/weight` of weights.npz."""


class Conv2dEntry(_Op, frozen=True, tag="Conv2d"):
    """A convolution (`msc.ir.ops.Conv2d`)."""

    out_channels: _Count
    kernel: _Pair
    stride: _Pair
    padding: _Pair
    dilation: _Pair
    groups: _Count


class LinearEntry(_Op, frozen=True, tag="Linear"):
    """A matrix (`msc.ir.ops.Linear`)."""

    out_features: _Count


class FlattenEntry(_Op, frozen=True, tag="Flatten"):
    """A map as a vector (`msc.ir.ops.Flatten`)."""


class QuantiseEntry(_Op, frozen=True, tag="Quantise"):
    """Values of the input as integers (`msc.ir.ops.Quantise`)."""

    scale: float
    limit: _Count


class ScaleEntry(_Op, frozen=True, tag="Scale"):
    """A factor (`msc.ir.ops.Scale`)."""

    factor: float


_ENTRIES: dict[type[Op], type[_Op]] = {
    Conv2d: Conv2dEntry,
    Linear: LinearEntry,
    Flatten: FlattenEntry,
    Quantise: QuantiseEntry,
    Scale: ScaleEntry,
}
_OPS = {entry: op for op, entry in _ENTRIES.items()}
OpEntry: TypeAlias = Conv2dEntry | LinearEntry | FlattenEntry | QuantiseEntry | ScaleEntry


class InputEntry(_Part, frozen=True):
    """The source."""

    name: str
    kind: Literal["static", "analog", "events"]
    shape: tuple[_Count, ...]


class PopulationEntry(_Part, frozen=True):
    """A population; `bias_exponent` and what follows it are what Lava needs beside the IR's own fields."""

    name: str
    shape: tuple[_Count, ...]
    decay_u: _Count
    decay_v: _Count
    start: _Count
    bias: bool
    bias_exponent: _Count
    initial_voltage: _Voltage
    hold: _Count
    relay_of: str | None


class ProjectionEntry(_Part, frozen=True):
    """A projection; `delay` in machine steps."""

    name: str
    source: str
    target: str
    sign: Literal["excitatory", "inhibitory", "free"]
    delay: _Count
    ops: tuple[OpEntry, ...]


class Description(_Part, frozen=True):
    """The whole of network.json; `timesteps` are logical, the machine runs `latency` more."""

    format: str
    version: int
    input: InputEntry
    output: str
    timesteps: _Count | None
    latency: _Count
    populations: tuple[PopulationEntry, ...]
    projections: tuple[ProjectionEntry, ...]


def describe(machine: Model) -> Description:
    """Describe a network in machine time; one that `limits.lava_problems` has nothing against."""
    network = machine.network
    shapes = population_shapes(network)
    source = network.source.neuron
    assert isinstance(source, Source)
    warm = warm_up(machine)
    steps = None if network.timesteps is None else network.timesteps - latency(network)
    return Description(
        format=FORMAT,
        version=VERSION,
        input=InputEntry(network.source.name, source.kind.value, source.shape),
        output=network.output,
        timesteps=steps,
        latency=latency(network),
        populations=tuple(
            _population_entry(machine, p, shapes[p.name], warm[p.name])
            for p in network.populations
            if not p.is_source
        ),
        projections=tuple(
            ProjectionEntry(p.name, p.source, p.target, p.sign.value, p.delay, tuple(map(_op_entry, p.ops)))
            for p in network.projections
        ),
    )


def network_of(description: Description) -> Network:
    """Build the network in machine time that a description is of; it is not verified."""
    source = Source(description.input.shape, InputKind(description.input.kind))
    populations = (
        Population(p.name, FixedLIF(p.decay_u, p.decay_v, p.start), p.bias) for p in description.populations
    )
    projections = (
        Projection(p.name, p.source, p.target, tuple(map(_op, p.ops)), Sign(p.sign), p.delay)
        for p in description.projections
    )
    steps = None if description.timesteps is None else description.timesteps + description.latency
    return Network(
        (Population(description.input.name, source), *populations),
        tuple(projections),
        description.output,
        steps,
    )


def encode(description: Description) -> bytes:
    """Write the JSON, one line per population and projection; the same description gives the same bytes."""
    top: dict[str, Any] = msgspec.to_builtins(description)
    lists = {name: top.pop(name) for name in ("populations", "projections")}
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in top.items()]
    lines += [f"  {json.dumps(name)}: [\n{_rows(entries)}\n  ]" for name, entries in lists.items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _rows(entries: Iterable[Any]) -> str:
    return ",\n".join(f"    {json.dumps(entry)}" for entry in entries)


def _population_entry(machine: Model, population: Population, shape: Shape, warm: WarmUp) -> PopulationEntry:
    neuron = population.neuron
    assert isinstance(neuron, FixedLIF)
    exponent = bias_exponent(machine, population)
    assert exponent is not None, f"{population.name}: the registers hold no such bias"
    return PopulationEntry(
        name=population.name,
        shape=shape,
        decay_u=neuron.decay_u,
        decay_v=neuron.decay_v,
        start=neuron.start,
        bias=population.bias,
        bias_exponent=exponent,
        initial_voltage=warm.initial_voltage,
        hold=warm.hold,
        relay_of=relay_of(population.name),
    )


def _op_entry(op: Op) -> Any:
    return _ENTRIES[type(op)](**{field.name: getattr(op, field.name) for field in fields(op)})


def _op(entry: OpEntry) -> Op:
    return _OPS[type(entry)](**{name: getattr(entry, name) for name in entry.__struct_fields__})
