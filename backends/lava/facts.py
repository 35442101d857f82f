"""What the report of a Lava bundle says beside sizes: time, input, warm-up, placement, netx."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from msc.backends.lava.netx import FILE_NAME, netx_obstacles, netx_settings
from msc.backends.lava.warm_up import warm_up
from msc.compiler.placement.model import Placement
from msc.compiler.placement.telling import summary
from msc.compiler.timing import latency, relay_of, start_of
from msc.ir.fixed import on_host
from msc.ir.network import Model, Projection
from msc.ir.neurons import Source
from msc.ir.ops import Quantise, Scale
from msc.ir.shapes import population_shapes
from msc.ir.step import WEIGHT_UNIT


def facts(machine: Model, placement: Placement) -> Mapping[str, Any]:
    """Gather the facts about a network in machine time, as plain data."""
    return {
        "timing": _timing(machine),
        "input": _input(machine),
        "warm_up": {
            name: {"initial_voltage": warm.initial_voltage, "hold": warm.hold}
            for name, warm in warm_up(machine).items()
            if warm.initial_voltage or warm.hold
        },
        "placement": summary(placement),
        "netx": _netx(machine),
    }


def _timing(machine: Model) -> Mapping[str, Any]:
    """Tell each population's start, and the relays that repeat its spikes later."""
    network = machine.network
    shapes = population_shapes(network)
    relays = [relay_of(p.name) for p in network.populations]
    return {
        "latency": latency(network),
        "machine_steps": network.timesteps,
        "populations": {
            p.name: {
                "start": start_of(p),
                "relays": relays.count(p.name),
                "relay_neurons": relays.count(p.name) * prod(shapes[p.name]),
            }
            for p in network.populations
            if not p.is_source and relay_of(p.name) is None
        },
    }


def _input(machine: Model) -> Mapping[str, Any]:
    """Tell the kind of the input, and per projection from it what is sent."""
    source = machine.network.source
    assert isinstance(source.neuron, Source)
    sent = {p.name: _encoding(p) for p in machine.network.out_of(source.name)}
    return {"kind": source.neuron.kind.value, "shape": list(source.neuron.shape), "projections": sent}


def _encoding(projection: Projection) -> Mapping[str, Any]:
    if on_host(projection):
        match projection.ops:
            case (Quantise(scale=scale, limit=limit), *_, Quantise(limit=most), Scale(factor=factor)):
                largest = most * int(WEIGHT_UNIT * factor)
                return {"sent_as": "bias", "scale": scale, "limit": limit, "largest_current": largest}
            case _:
                raise AssertionError(f"{projection.name} is no current that the host computes")
    if projection.ops and isinstance(projection.ops[0], Quantise):
        first = projection.ops[0]
        return {"sent_as": "graded spikes", "scale": first.scale, "limit": first.limit}
    return {"sent_as": "spikes"}


def _netx(machine: Model) -> Mapping[str, Any]:
    """Name the .net file with what its reader must be told, or say why there is none."""
    obstacles = netx_obstacles(machine)
    return (
        {"file": None, "why": list(obstacles)} if obstacles else {"file": FILE_NAME, **netx_settings(machine)}
    )
