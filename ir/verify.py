"""Verification of networks and their weights, listing all offenders at once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from math import isfinite

import numpy as np

from msc.ir.errors import MscError, Problem, raise_all
from msc.ir.fixed import fixed_point_problems, fixed_point_structure
from msc.ir.graph import undelayed_cycles
from msc.ir.network import Model, Network, Population, Projection, Sign
from msc.ir.neurons import IF, LI, LIF, CubaLIF, FixedLIF, Source
from msc.ir.ops import AvgPool2d, Conv1d, Conv2d, Flatten, Linear, Op, Quantise, Scale, SumPool2d
from msc.ir.shapes import infer_shapes, weight_shapes

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_PROJECTION_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.>#]*")
RESERVED = frozenset({"output"})
MAX_DELAY = 1000
LARGEST_DECAY = 4095


class InvalidNetworkError(MscError):
    """A network, or the weights beside it, break the rules of the IR."""


def verify(network: Network) -> None:
    """Check names, ends, parameters, shapes and cycles; raises InvalidNetworkError with all offenders."""
    problems = [*_name_problems(network), *_end_problems(network), *_parameter_problems(network)]
    problems += fixed_point_structure(network)
    raise_all(InvalidNetworkError, problems)  # shapes and cycles mean nothing while these stand
    shapes, misfits = infer_shapes(network)
    problems = list(misfits)
    problems += [
        Problem(f"population {p.name}", "no projection from the source reaches it", "connect it or remove it")
        for p in network.populations
        if p.name not in shapes and not misfits
    ]
    problems += [
        Problem(
            f"cycle {' -> '.join((*cycle, cycle[0]))}",
            "no projection on it has a delay",
            "give at least one projection of the cycle a delay >= 1",
        )
        for cycle in undelayed_cycles(network)
    ]
    raise_all(InvalidNetworkError, problems)


def verify_model(model: Model) -> None:
    """Check the structure, then weights: names, shapes, values, signs; raises with all offenders."""
    verify(model.network)
    raise_all(
        InvalidNetworkError, [*_weight_problems(model), *_sign_problems(model), *fixed_point_problems(model)]
    )


def _name_problems(network: Network) -> Iterator[Problem]:
    for kind, names, pattern in (
        ("population", [p.name for p in network.populations], _NAME),
        ("projection", [p.name for p in network.projections], _PROJECTION_NAME),
    ):
        for name, count in Counter(names).items():
            if count > 1:
                yield Problem(f"{kind} {name}", f"the name is used {count} times", "give each its own name")
            if not pattern.fullmatch(name):
                yield Problem(
                    f"{kind} {name!r}",
                    "the name has characters outside letters, digits, _ and .",
                    "rename it",
                )
            if kind == "population" and name in RESERVED:
                yield Problem(f"{kind} {name}", "the name is reserved", "rename it")


def _end_problems(network: Network) -> Iterator[Problem]:
    populations = {p.name: p for p in network.populations}
    sources = [p.name for p in network.populations if p.is_source]
    if len(sources) != 1:
        yield Problem(
            "network", f"has {len(sources)} sources ({', '.join(sources) or 'none'})", "give it exactly one"
        )
    if network.output not in populations:
        yield Problem("network", f"the output {network.output} is no population", "name an existing one")
    elif populations[network.output].is_source:
        yield Problem("network", f"the output {network.output} is the source", "name a population of neurons")
    if network.timesteps is not None and network.timesteps < 1:
        yield Problem("network", f"timesteps is {network.timesteps}", "give at least 1")
    for projection in network.projections:
        for end, name in (("source", projection.source), ("target", projection.target)):
            if name not in populations:
                yield Problem(
                    f"projection {projection.name}",
                    f"its {end} {name} is no population",
                    "name an existing one",
                )
        if projection.target in populations and populations[projection.target].is_source:
            yield Problem(
                f"projection {projection.name}", f"ends in the source {projection.target}", "remove it"
            )
        if not 0 <= projection.delay <= MAX_DELAY:
            fix = f"give a delay of 0 to {MAX_DELAY} steps"
            yield Problem(f"projection {projection.name}", f"delay is {projection.delay}", fix)


def _parameter_problems(network: Network) -> Iterator[Problem]:
    for population in network.populations:
        for name, wrong in _neuron_problems(population):
            yield Problem(f"population {population.name}", f"{name} {wrong}", "change it")
    for projection in network.projections:
        for index, op in enumerate(projection.ops):
            for wrong in _op_problems(op):
                yield Problem(f"projection {projection.name}, op {index}", wrong, "change it")
        if projection.norm is not None and not (isfinite(projection.norm.eps) and projection.norm.eps >= 0):
            yield Problem(
                f"projection {projection.name}",
                f"norm eps is {projection.norm.eps}",
                "give a finite eps >= 0",
            )


def _neuron_problems(population: Population) -> Iterator[tuple[str, str]]:
    neuron = population.neuron
    if isinstance(neuron, Source):
        if not neuron.shape or min(neuron.shape) < 1:
            yield "shape", f"is {neuron.shape}, every axis must be at least 1"
        return
    if isinstance(neuron, FixedLIF):
        for name in ("decay_u", "decay_v"):
            if not 0 <= getattr(neuron, name) <= LARGEST_DECAY:
                yield name, f"is {getattr(neuron, name)}, a 12-bit decay is 0 to {LARGEST_DECAY}"
        if neuron.start < 0:
            yield "start", f"is {neuron.start}, a step is at least 0"
        return
    for parameter in fields(neuron):
        value = getattr(neuron, parameter.name)
        if not isfinite(value):
            yield parameter.name, f"is {value}, not a finite float32"
    match neuron:
        case LIF() | LI():
            times = ("tau",)
        case CubaLIF():
            times = ("tau_syn", "tau_mem")
        case IF():
            times = ()
    for name in times:
        if getattr(neuron, name) < 1:
            yield name, f"is {getattr(neuron, name)}, a time constant is at least 1 step"
    if not isinstance(neuron, LI) and neuron.v_reset >= neuron.v_threshold:
        yield "v_reset", f"is {neuron.v_reset}, not below v_threshold {neuron.v_threshold}"


def _op_problems(op: Op) -> Iterator[str]:
    match op:
        case Conv2d() | Conv1d():
            lowest = {"kernel": 1, "stride": 1, "padding": 0, "dilation": 1}
            if op.out_channels < 1:
                yield f"out_channels is {op.out_channels}"
        case AvgPool2d() | SumPool2d():
            lowest = {"kernel": 1, "stride": 1, "padding": 0}
            if any(2 * p > k for p, k in zip(op.padding, op.kernel, strict=True)):
                yield f"padding {op.padding} is more than half the kernel {op.kernel}"
        case Linear():
            lowest = {}
            if op.out_features < 1:
                yield f"out_features is {op.out_features}"
        case Scale():
            lowest = {}
            if not isfinite(op.factor):
                yield f"factor is {op.factor}"
        case Quantise():
            lowest = {"limit": 1}
            if not (isfinite(op.scale) and op.scale > 0):
                yield f"scale is {op.scale}, a finite number above 0 is needed"
        case Flatten():
            lowest = {}
    for name, bound in lowest.items():
        if np.min(getattr(op, name)) < bound:
            yield f"{name} is {getattr(op, name)}, at least {bound} is needed"


def _weight_problems(model: Model) -> Iterator[Problem]:
    expected = weight_shapes(model.network)
    divided = {p.norm_key("var") for p in model.network.projections if p.norm and p.norm.eps == 0}
    for name in sorted(set(expected) - set(model.weights)):
        yield Problem(f"weights {name}", "missing", f"add an array of shape {list(expected[name])}")
    for name in sorted(set(model.weights) - set(expected)):
        yield Problem(f"weights {name}", "belongs to no part of the network", "remove it")
    for name in sorted(set(model.weights) & set(expected)):
        array = model.weights[name]
        if array.dtype != np.float32:
            yield Problem(f"weights {name}", f"has dtype {array.dtype}", "store it as float32")
        if array.shape != expected[name]:
            yield Problem(
                f"weights {name}", f"has shape {list(array.shape)}", f"give it shape {list(expected[name])}"
            )
        if not np.isfinite(array).all():
            yield Problem(
                f"weights {name}", "holds values that are not finite", "train again or repair the file"
            )
        elif name.endswith("/norm/var") and array.size and float(array.min()) < 0:
            yield Problem(f"weights {name}", "holds a negative variance", "repair the file")
        elif name in divided and array.size and float(array.min()) == 0:
            yield Problem(
                f"weights {name}", "holds a variance of 0 beside an eps of 0", "give the norm an eps > 0"
            )


def _sign_problems(model: Model) -> Iterator[Problem]:
    for projection in model.network.projections:
        if projection.sign is Sign.FREE:
            continue
        for name, lowest, highest in _extremes(projection, model):
            wrong = highest > 0 if projection.sign is Sign.INHIBITORY and "/norm/" not in name else lowest < 0
            if wrong:
                yield Problem(
                    f"weights {name}",
                    f"breaks the {projection.sign.value} sign of projection {projection.name}",
                    "train with the sign rule or clip it",
                )


def _extremes(projection: Projection, model: Model) -> Iterator[tuple[str, float, float]]:
    keys = [projection.weight_key(i) for i in range(len(projection.ops))]
    if projection.norm is not None:
        keys.append(projection.norm_key("gamma"))
    for key in keys:
        array = model.weights.get(key)
        if array is not None and array.size:
            yield key, float(array.min()), float(array.max())
