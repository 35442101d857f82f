"""A second, slow simulator in plain Python loops over single neurons, written from the design's equations."""

from __future__ import annotations

from itertools import product
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.ir.network import Model, NormKind, Projection
from msc.ir.neurons import IF, LI, LIF, CubaLIF, InputKind, Source
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Op, Scale, SumPool2d

Map = dict[tuple[int, ...], float]  # index -> value; what is absent is zero padding


def run_slowly(
    model: Model, inputs: NDArray[Any], steps: int
) -> tuple[dict[str, list[list[Map]]], dict[str, list[list[Map]]]]:
    """Emitted values and membranes before the reset, as name -> [t][sample] -> index -> value."""
    static = model.network.source.neuron.kind is InputKind.STATIC  # type: ignore[union-attr]
    batch = inputs.shape[0 if static else 1]
    emitted = {p.name: [[{} for _ in range(batch)] for _ in range(steps)] for p in model.network.populations}
    membranes = {name: [[{} for _ in range(batch)] for _ in range(steps)] for name in emitted}
    for sample in range(batch):
        frames = [inputs[sample] if static else inputs[t, sample] for t in range(steps)]
        _run_sample(model, frames, sample, emitted, membranes)
    return emitted, membranes


def _run_sample(
    model: Model,
    frames: list[NDArray[Any]],
    sample: int,
    emitted: dict[str, list[list[Map]]],
    membranes: dict[str, list[list[Map]]],
) -> None:
    v: dict[str, Map] = {p.name: {} for p in model.network.populations}
    j: dict[str, Map] = {p.name: {} for p in model.network.populations}
    for t, frame in enumerate(frames):
        done: set[str] = set()
        while len(done) < len(v):
            for population in model.network.populations:
                name, incoming = population.name, model.network.into(population.name)
                if name in done or any(p.delay == 0 and p.source not in done for p in incoming):
                    continue
                done.add(name)
                if isinstance(population.neuron, Source):
                    most = 1.0 if population.neuron.kind is InputKind.EVENTS else float("inf")
                    emitted[name][t][sample] = {i: min(most, float(x)) for i, x in np.ndenumerate(frame)}
                    continue
                current: Map = {}
                for projection in incoming:
                    if t >= projection.delay:
                        x = emitted[projection.source][t - projection.delay][sample]
                    else:
                        x = dict.fromkeys(
                            emitted[projection.source][0][sample] or _zero(model, projection.source), 0.0
                        )
                    for i, value in _deliver(projection, model, x).items():
                        current[i] = current.get(i, 0.0) + value
                if population.bias:
                    bias = model.weights[f"{name}/bias"]
                    current = {i: value + float(bias[i[0]]) for i, value in current.items()}
                for i, value in current.items():
                    spike, before, after, synaptic = _neuron(
                        population.neuron, v[name].get(i, 0.0), j[name].get(i, 0.0), value
                    )
                    emitted[name][t][sample][i], membranes[name][t][sample][i] = spike, before
                    v[name][i], j[name][i] = after, synaptic


def _zero(model: Model, name: str) -> Map:
    """A silent map of a population that has not emitted yet; its size comes from any way that reaches it."""
    from msc.ir.shapes import population_shapes

    return dict.fromkeys(product(*map(range, population_shapes(model.network)[name])), 0.0)


def _neuron(neuron: Any, v: float, j: float, current: float) -> tuple[float, float, float, float]:
    """One neuron, one step: what it emits, V before and after the reset, and J."""
    if isinstance(neuron, LIF | LI):
        v = v + (neuron.v_leak - v + neuron.r * current) / neuron.tau
    elif isinstance(neuron, IF):
        v = v + neuron.r * current
    else:
        assert isinstance(neuron, CubaLIF)
        j = j + (neuron.w_in * current - j) / neuron.tau_syn
        v = v + (neuron.v_leak - v + neuron.r * j) / neuron.tau_mem
    if isinstance(neuron, LI):
        return v, v, v, j
    fires = v >= neuron.v_threshold
    return float(fires), v, (neuron.v_reset if fires else v), j


def _deliver(projection: Projection, model: Model, x: Map) -> Map:
    for index, op in enumerate(projection.ops):
        x = _op(op, model.weights.get(f"{projection.name}/{index}/weight"), x)
    if projection.norm is None:
        return x
    parameters = {k: model.weights.get(f"{projection.name}/norm/{k}") for k in ("gamma", "mean", "var")}
    result: Map = {}
    for i, value in x.items():
        gamma, var = float(parameters["gamma"][i[0]]), float(parameters["var"][i[0]])  # type: ignore[index]
        mean = float(parameters["mean"][i[0]]) if projection.norm.kind is NormKind.BATCH else 0.0  # type: ignore[index]
        result[i] = gamma * (value - mean) / sqrt(var + projection.norm.eps)
    return result


def _op(op: Op, weight: NDArray[Any] | None, x: Map) -> Map:
    size = tuple(max(i[axis] for i in x) + 1 for axis in range(len(next(iter(x)))))
    if isinstance(op, Flatten):
        return {(n,): x[i] for n, i in enumerate(product(*map(range, size)))}
    if isinstance(op, Scale):
        return {i: op.factor * value for i, value in x.items()}
    if isinstance(op, Linear):
        assert weight is not None
        return {
            (o,): sum(float(weight[o, n]) * x[(n,)] for n in range(size[0])) for o in range(op.out_features)
        }
    result: Map = {}
    dilation = op.dilation if isinstance(op, Conv2d) else (1, 1)
    channels = op.out_channels if isinstance(op, Conv2d) else size[0]
    rows, columns = (
        (size[a + 1] + 2 * op.padding[a] - dilation[a] * (op.kernel[a] - 1) - 1) // op.stride[a] + 1
        for a in (0, 1)
    )
    for c, row, column in product(range(channels), range(rows), range(columns)):
        total = 0.0
        for dy, dx in product(range(op.kernel[0]), range(op.kernel[1])):
            y = row * op.stride[0] - op.padding[0] + dy * dilation[0]
            z = column * op.stride[1] - op.padding[1] + dx * dilation[1]
            if isinstance(op, AvgPool2d | SumPool2d):
                total += x.get((c, y, z), 0.0)
                continue
            assert weight is not None
            inner = size[0] // op.groups
            first = (c // (op.out_channels // op.groups)) * inner
            for k in range(inner):
                total += float(weight[c, k, dy, dx]) * x.get((first + k, y, z), 0.0)
        result[(c, row, column)] = total / prod(op.kernel) if isinstance(op, AvgPool2d) else total
    return result
