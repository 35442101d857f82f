"""Networks that are one chain of layers as the bytes of a .net file, which lava-dl's netx reads.

Two things are not in the file but arguments of `netx.hdf5.Network` (`netx_settings`): 8 bits of message where
the input is graded, and a reset of every layer when its first input arrives: no bias acts before.
Layout: lava-dl 0.6.0, lava/lib/dl/netx/hdf5.py.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.backends.lava.limits import LARGEST_BYTE
from msc.compiler.fixed.biases import LARGEST_MANTISSA
from msc.compiler.timing import relay_of, start_of
from msc.ir.fixed import on_host
from msc.ir.network import Model, Network, Population, Projection
from msc.ir.neurons import FixedLIF, Source
from msc.ir.ops import Conv2d, Flatten, Linear, Quantise
from msc.ir.shapes import population_shapes
from msc.ir.step import WEIGHT_UNIT

FILE_NAME = "network.net"
MESSAGE_BITS = 8
RESET_OFFSET = 1


def netx_obstacles(machine: Model) -> tuple[str, ...]:
    """Say, in a sentence each, what of a network in machine time no .net file holds (empty: nothing)."""
    network = machine.network
    chain = _chain(network)
    if chain is None:
        return ("netx reads chains of layers, and this network branches, joins or recurs.",)
    return tuple(_chain_obstacles(machine, chain))


def netx_settings(machine: Model) -> Mapping[str, int]:
    """Name the arguments with which `netx.hdf5.Network` must read the file, beside its name.

    `reset_interval` is one more than any run may be long.
    """
    graded = any(isinstance(op, Quantise) for p in machine.network.projections for op in p.ops)
    settings = {"reset_interval": 2**30, "reset_offset": RESET_OFFSET}
    return {"input_message_bits": MESSAGE_BITS, **settings} if graded else settings


def netx_file(machine: Model) -> bytes:
    """Write a network that nothing in `netx_obstacles` is said about; the same model gives the same bytes."""
    import h5py

    chain = _chain(machine.network)
    assert chain is not None
    shapes = population_shapes(machine.network)
    layers: list[dict[str, Any]] = [_input_layer(machine, chain[0])]
    for projection in chain:
        layers += _layers(machine, projection, shapes)
    stream = io.BytesIO()
    with h5py.File(stream, "w", libver=("earliest", "v108"), track_order=False) as file:
        for name, value in netx_settings(machine).items():
            file.attrs[name] = value
        for index, layer in enumerate(layers):
            _write(file.create_group(f"layer/{index}"), layer)
    return stream.getvalue()


def _chain(network: Network) -> tuple[Projection, ...] | None:
    """List the projections from the source to the output, in order; None where they are no chain."""
    chain: list[Projection] = []
    at = network.source.name
    while len(chain) < len(network.projections):
        onwards = network.out_of(at)
        if len(onwards) != 1 or len(network.into(onwards[0].target)) != 1:
            return None
        chain.append(onwards[0])
        at = onwards[0].target
    return tuple(chain) if at == network.output and len(chain) + 1 == len(network.populations) else None


def _chain_obstacles(machine: Model, chain: tuple[Projection, ...]) -> Iterator[str]:
    for projection in chain:
        target = machine.network.population(projection.target)
        if relay_of(target.name):
            continue  # the projection that it delays is told
        if _is_delayed(projection, target):
            yield f"Projection {projection.name} has a delay, and netx has none for convolutions."
        if on_host(projection):
            yield "The input is a bias of its own for each sample, and a .net file is the same for all."
            continue
        weight = machine.weights[projection.weight_key(len(projection.ops) - 1)]
        kernel = projection.ops[-1]
        if isinstance(kernel, Conv2d) and kernel.groups > LARGEST_BYTE:
            yield f"Projection {projection.name} has {kernel.groups} groups, a Conv of Lava's {LARGEST_BYTE}."
        if isinstance(kernel, Linear) and weight.max() <= 0:
            # It shifts weights into the upper bits, and takes these for weights of mixed signs or clips them.
            yield f"Matrix {projection.name} has no weight above 0, and netx changes such matrices."
        yield from _bias_obstacles(machine, target)


def _is_delayed(projection: Projection, target: Population) -> bool:
    """Whether a projection takes more than its one step, which one from the input takes in netx, too."""
    if relay_of(projection.source):
        return True
    return projection.delay != 1 or start_of(target) == 0


def _bias_obstacles(machine: Model, population: Population) -> Iterator[str]:
    if not population.bias:
        return
    bias = machine.weights[population.bias_key]
    if (bias % WEIGHT_UNIT != 0).any():
        yield f"Population {population.name} has biases that are no multiples of {WEIGHT_UNIT}, netx's unit."
    elif np.abs(bias).max() > LARGEST_MANTISSA * WEIGHT_UNIT:
        yield f"Population {population.name} has a bias above {LARGEST_MANTISSA} times {WEIGHT_UNIT}."


def _input_layer(machine: Model, first: Projection) -> dict[str, Any]:
    """Describe the input's shape; netx wants a vector in front of a matrix."""
    source = machine.network.source.neuron
    assert isinstance(source, Source)
    shape = source.shape if isinstance(first.ops[-1], Conv2d) else (int(np.prod(source.shape)),)
    return {"type": "input", "shape": shape}


def _layers(
    machine: Model, projection: Projection, shapes: Mapping[str, tuple[int, ...]]
) -> Iterator[dict[str, Any]]:
    """Describe a projection and its target; netx flattens maps between layers, not in front of the first."""
    *before, kernel = projection.ops
    target = machine.network.population(projection.target)
    maps = len(shapes[projection.source]) > 1 and projection.source != machine.network.source.name
    if maps and any(isinstance(op, Flatten) for op in before):
        yield {"type": "flatten"}
    weight = machine.weights[projection.weight_key(len(before))].astype(np.int16)
    layer: dict[str, Any] = {"shape": shapes[target.name], "weight": weight}
    if target.bias:
        layer["bias"] = (machine.weights[target.bias_key] / WEIGHT_UNIT).astype(np.int16)
    layer["neuron"] = _neuron(machine, target)
    if isinstance(kernel, Conv2d):
        numbers = {name: getattr(kernel, name) for name in ("stride", "padding", "dilation", "groups")}
        channels = {"inChannels": shapes[projection.source][0], "outChannels": kernel.out_channels}
        yield {"type": "conv", **layer, **numbers, **channels, "kernelSize": kernel.kernel}
    else:
        yield {"type": "dense", **layer}


def _neuron(machine: Model, population: Population) -> dict[str, Any]:
    neuron = population.neuron
    assert isinstance(neuron, FixedLIF)
    thresholds: NDArray[np.int32] = machine.weights[population.threshold_key].astype(np.int32)
    same = bool((thresholds == thresholds[0]).all())
    return {
        "type": "LOIHI",
        "iDecay": neuron.decay_u + 1,  # netx takes 1 from it
        "vDecay": neuron.decay_v,
        "vThMant": int(thresholds[0]) if same else thresholds,
        "refDelay": 1,
    }


def _write(group: Any, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            _write(group.create_group(name), value)
        elif isinstance(value, str):
            group.create_dataset(name, data=np.array([value.encode()], "S10"), track_times=False)
        else:
            group.create_dataset(name, data=np.asarray(value), track_times=False)
