"""Our counts against those of NeuroBench and of spikingjelly, where these are exact: equal, not close."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from msc.backends.counting import count
from msc.ir.activity import Activity, Quantity
from msc.ir.network import Array, Model, Network, Population, Projection
from msc.ir.neurons import LIF, InputKind, Source
from msc.ir.ops import Conv1d, Conv2d, Flatten, Linear, Op, Scale, output_shape
from msc.ir.recorder import Recorder
from msc.ir.shapes import weight_shapes
from msc.ir.simulate import simulate
from msc.ir.synapses import Operation, Wiring, operation, wire
from tests.counted_networks import Run, counted_run
from tests.networks import edge
from tests.requires import require

EXACT_PER_CALL = 2**24
"""NeuroBench 2.3 adds up in float32."""
NETWORKS = range(200)


class TestOneLayer:
    """Projections of one weighted op, on what their sources emitted in random networks."""

    def test_neurobench_counts_the_same_events(self) -> None:
        """Its `single_layer_MACs`, step by step: zero weights skipped; with `total`, all of them counted."""
        single_layer_macs = require("neurobench.metrics.utils.layers").single_layer_MACs
        compared = 0
        for run, wiring, activity, each, layer in _layers(pruned=True):
            steps = run.emitted[each.source][: max(run.steps - each.delay, 0)]
            effective, dense = 0, 0
            for values in steps:
                shown = _shown(each, values)
                found, spiking = single_layer_macs(shown, layer)
                whole, _ = single_layer_macs(shown, layer, total=True)
                assert whole < EXACT_PER_CALL
                effective, dense = effective + int(found), dense + int(whole)
                only_spikes = bool(np.isin(values, (-1, 0, 1)).all())
                assert spiking == (only_spikes or _is_ac(wiring, each))
            assert activity.total(Quantity.EVENTS, each.name) == effective, each
            samples = activity.samples
            assert wiring.synapses[each.name].structural * len(steps) * samples == dense, each
            compared += bool(effective)
        assert compared > 400

    def test_spikingjelly_counts_the_same_events_of_spikes(self) -> None:
        """Its `SynOpCounter`, on weights without zeros, which it counts."""
        counters = require("spikingjelly.activation_based.op_counter", "spikingjelly")
        compared = 0
        for run, wiring, activity, each, layer in _layers(pruned=False):
            if not _is_ac(wiring, each):
                continue
            counter = counters.SynOpCounter()
            with torch.no_grad(), counters.DispatchCounterMode([counter]):
                for values in run.emitted[each.source][: max(run.steps - each.delay, 0)]:
                    layer(_shown(each, values))
            assert activity.total(Quantity.EVENTS, each.name) == counter.get_total(), each
            compared += bool(counter.get_total())
        assert compared > 350


class TestWholeNetworks:
    """Layers of LIF neurons with reset to 0 are snnTorch's `Leaky`, here with weights that are exact."""

    @pytest.mark.parametrize("kind", [InputKind.EVENTS, InputKind.ANALOG])
    def test_neurobench_reports_the_same(self, kind: InputKind) -> None:
        for seed in range(12):
            model, inputs = _feed_forward(seed, kind)
            found = _benchmark(model, inputs)
            wiring = wire(model)
            activity = count(model, wiring, inputs, None)
            samples = activity.samples
            assert found["SynapticOperations"] == {
                "Effective_MACs": _operations(wiring, activity, Operation.MAC) / samples,
                "Effective_ACs": _operations(wiring, activity, Operation.AC) / samples,
                "Dense": wiring.structural * activity.steps,
            }
            neurons = sum(each.size for name, each in activity.per_neuron.items() if name != "input")
            slots = neurons * activity.steps * samples
            spikes = activity.total(Quantity.SPIKES) - activity.total(Quantity.SPIKES, "input")
            assert found["ActivationSparsity"] == (slots - spikes) / slots
            assert 0 < spikes < slots
            updates = activity.total(Quantity.UPDATES)
            assert found["MembraneUpdates"] == updates / samples
            assert updates == _updates(model, inputs)
            assert updates < slots
            weights = [values for key, values in model.weights.items() if key.endswith("/weight")]
            zeros = sum(int((values == 0).sum()) for values in weights)
            assert found["ConnectionSparsity"] == round(zeros / sum(w.size for w in weights), 4)


@cache
def _recorded(seed: int, pruned: bool) -> tuple[Run, Wiring, Activity]:
    run = counted_run(seed, pruned)
    wiring = wire(run.model)
    recorder = Recorder(wiring, run.steps)
    recorder.begin(run.emitted["input"].shape[1])
    for name, values in run.emitted.items():
        recorder.take(name, 0, values)
    recorder.end()
    return run, wiring, recorder.activity()


def _layers(pruned: bool) -> Iterator[tuple[Run, Wiring, Activity, Projection, torch.nn.Module]]:
    """List the projections of all networks that are one layer of torch, with the very weights."""
    for seed in NETWORKS:
        run, wiring, activity = _recorded(seed, pruned)
        for each in run.model.network.projections:
            gamma = run.model.weights.get(each.norm_key("gamma"))
            weighted = [op for op in each.ops if isinstance(op, Conv2d | Conv1d | Linear)]
            others = [op for op in each.ops if op not in weighted]
            plain = all(isinstance(op, Flatten) or (isinstance(op, Scale) and op.factor) for op in others)
            if len(weighted) == 1 and plain and (gamma is None or gamma.all()):
                weight = run.model.weights[each.weight_key(each.ops.index(weighted[0]))]
                yield run, wiring, activity, each, _layer(weighted[0], weight)


def _layer(op: Op, weight: Array, bias: Array | None = None) -> torch.nn.Module:
    rest: dict[str, Any] = {"bias": bias is not None}
    layer: torch.nn.Module
    match op:
        case Conv2d():
            windows = (op.kernel, op.stride, op.padding, op.dilation, op.groups)
            layer = torch.nn.Conv2d(weight.shape[1] * op.groups, op.out_channels, *windows, **rest)
        case Conv1d():
            line = (op.kernel, op.stride, op.padding, op.dilation, op.groups)
            layer = torch.nn.Conv1d(weight.shape[1] * op.groups, op.out_channels, *line, **rest)
        case Linear():
            layer = torch.nn.Linear(weight.shape[1], op.out_features, **rest)
        case _:
            raise AssertionError(op)
    values = {"weight": torch.from_numpy(weight)} | ({} if bias is None else {"bias": torch.from_numpy(bias)})
    layer.load_state_dict(values)
    return layer.requires_grad_(False)


def _shown(each: Projection, values: NDArray[Any]) -> torch.Tensor:
    """What one step shows to a layer."""
    shown = torch.from_numpy(values.astype(np.float32))
    first = next(op for op in each.ops if not isinstance(op, Scale))
    return shown.flatten(1) if isinstance(first, Flatten) else shown


def _is_ac(wiring: Wiring, each: Projection) -> bool:
    return operation(wiring.network, each) is Operation.AC


def _operations(wiring: Wiring, activity: Activity, cost: Operation) -> int:
    named = [each for each in wiring.network.projections if operation(wiring.network, each) is cost]
    return sum(activity.total(Quantity.EVENTS, each.name) for each in named)


def _feed_forward(seed: int, kind: InputKind) -> tuple[Model, NDArray[np.float32]]:
    """Draw a chain of convolutions and a matrix, 40 % of the weights 0, and an input [T, B, *shape]."""
    rng = np.random.default_rng(seed)
    shape = (2, 7, 6)
    convolutions = (
        Conv2d(4, (3, 3), (1, 1), (1, 1)),
        Conv2d(6, (3, 3), (2, 2), (1, 1), (1, 1), 2),
        Conv2d(4, (2, 3), (1, 1), (2, 2), (2, 1)),
        Conv2d(4, (1, 1), (2, 1)),
    )
    drawn = rng.permutation(len(convolutions))[: rng.integers(1, 4)]
    layers: list[tuple[Op, ...]] = [*((convolutions[i],) for i in drawn), (Flatten(), Linear(5))]
    made = shape
    kept: list[tuple[Op, ...]] = []
    for ops in layers:
        if isinstance(ops[0], Conv2d) and made[0] % ops[0].groups:
            continue
        for op in ops:
            made = output_shape(op, made)
        kept.append(ops)
    names = ["input", *(f"layer{i}" for i in range(len(kept)))]
    populations = [Population("input", Source(shape, kind)), *(Population(name, LIF()) for name in names[1:])]
    edges = [edge(a, b, *ops) for a, b, ops in zip(names, names[1:], kept, strict=False)]
    network = Network(tuple(populations), tuple(edges), names[-1])
    weights: dict[str, Array] = {}
    for key, size in weight_shapes(network).items():
        zeros = rng.random(size) < (0.4 if key.endswith("weight") else 0.5)
        weights[key] = (np.where(zeros, 0, rng.integers(-6, 8, size)) / 16).astype(np.float32)
    frames = (
        rng.integers(0, 2, (5, 4, *shape))
        if kind is InputKind.EVENTS
        else rng.integers(-3, 4, (5, 4, *shape))
    )
    return Model(network, weights), (frames / (1 if kind is InputKind.EVENTS else 4)).astype(np.float32)


def _benchmark(model: Model, inputs: NDArray[np.float32]) -> dict[str, Any]:
    """Run NeuroBench on the same network in snnTorch."""
    require("neurobench")
    from neurobench.benchmarks import Benchmark
    from neurobench.metrics.static import ConnectionSparsity
    from neurobench.metrics.workload import ActivationSparsity, MembraneUpdates, SynapticOperations
    from neurobench.models import SNNTorchModel
    from snntorch import Leaky
    from torch.utils.data import DataLoader, TensorDataset

    modules: list[torch.nn.Module] = []
    # Ours fires at the threshold, snnTorch above it.
    below = float(np.nextafter(np.float32(LIF().v_threshold), np.float32(0)))
    for each in model.network.projections:
        place = len(each.ops) - 1
        modules += [torch.nn.Flatten()] * (len(each.ops) - 1)
        weight, bias = model.weights[each.weight_key(place)], model.weights[f"{each.target}/bias"]
        modules.append(_layer(each.ops[place], weight, bias))
        last = each is model.network.projections[-1]
        neuron = {"reset_mechanism": "zero", "reset_delay": False, "init_hidden": True, "output": last}
        modules.append(Leaky(0.5, below, **neuron))
    data = TensorDataset(torch.from_numpy(inputs.swapaxes(0, 1).copy()), torch.zeros(inputs.shape[1]))
    metrics = [[ConnectionSparsity], [ActivationSparsity, MembraneUpdates, SynapticOperations]]
    whole = DataLoader(data, batch_size=inputs.shape[1])
    with torch.no_grad():
        results = Benchmark(SNNTorchModel(torch.nn.Sequential(*modules)), whole, [], [], metrics).run(
            quiet=True
        )
    operations = {name: float(value) for name, value in results["SynapticOperations"].items()}
    assert sum(operations.values()) * inputs.shape[1] < EXACT_PER_CALL
    return {**results, "SynapticOperations": operations}


def _updates(model: Model, inputs: NDArray[np.float32]) -> int:
    """Count membranes after a step (and its reset) that are not what they were before it; all at first."""
    trace = simulate(model, inputs, membranes=True)
    total = 0
    for name, before_reset in trace.membranes.items():
        after = np.where(trace.spikes[name], 0, before_reset)
        total += after[0].size + int((after[1:] != after[:-1]).sum())
    return total
