"""The recorder by hand, and against synaptic events counted one by one, however a run is cut into spans."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from msc.ir.activity import Activity, Quantity, Readout
from msc.ir.network import Model
from msc.ir.neurons import LI, LIF, FixedLIF, InputKind, Source
from msc.ir.ops import Linear, Quantise, Scale
from msc.ir.recorder import Recorder, readouts_of
from msc.ir.synapses import Wiring, wire
from tests.counted_networks import Run, counted_run
from tests.ir.brute_force import Pairs, events
from tests.networks import edge, net

EVENTS, SPIKES, UPDATES = Quantity.EVENTS, Quantity.SPIKES, Quantity.UPDATES
TWO = Source((2,), InputKind.EVENTS)


def record(
    wiring: Wiring,
    emitted: dict[str, NDArray[Any]],
    extra: tuple[Readout, ...] = (),
    changed: dict[str, NDArray[np.int64]] | None = None,
) -> Activity:
    """Record whole runs [T, B, *shape] in one batch."""
    steps, samples = next(iter(emitted.values())).shape[:2]
    recorder = Recorder(wiring, steps, extra, changed is not None)
    recorder.begin(samples)
    for name, values in emitted.items():
        recorder.take(name, 0, values, None if changed is None else changed.get(name))
    recorder.end()
    return recorder.activity()


def in_pieces(run: Run, wiring: Wiring, seed: int) -> Activity:
    """Record a run in random batches and spans, populations in random order and number types."""
    rng = np.random.default_rng(seed)
    recorder = Recorder(wiring, run.steps)
    samples = next(iter(run.emitted.values())).shape[1]
    batches = np.split(np.arange(samples), np.flatnonzero(rng.random(samples - 1) < 0.5) + 1)
    for batch in batches:
        recorder.begin(len(batch))
        for name in rng.permutation(list(run.emitted)):
            neuron = run.model.network.population(str(name)).neuron
            kinds: list[Any] = [np.float32, np.float64, np.uint8, np.bool_, np.int64]
            kept = isinstance(neuron, Source | LI)
            values = run.emitted[name][:, batch]
            values = values if kept else values.astype(kinds[int(rng.integers(len(kinds)))])
            if isinstance(neuron, Source) and neuron.kind is InputKind.STATIC:
                recorder.take(str(name), 0, values[:1].astype(np.float32), repeats=run.steps)
                continue
            ends = np.flatnonzero(rng.random(run.steps - 1) < 0.5) + 1
            for first, span in zip([0, *ends.tolist()], np.split(values, ends), strict=True):
                recorder.take(str(name), first, span)
        recorder.end()
    return recorder.activity()


class TestByHand:
    def test_events_and_spikes(self) -> None:
        """Neuron 0 has 2 synapses, neuron 1 has 1. Sample 0: both fire, then 1: 3 + 1; sample 1: 0: 2."""
        network = net(TWO, {"out": LIF()}, edge("input", "out", Linear(2)))
        wiring = wire(Model(network, {"input>out/0/weight": np.array([[1, 0], [2, 3]], np.float32)}))
        shown = np.array([[[1, 1], [0, 0]], [[0, 1], [1, 0]]], np.float32)
        fired = np.array([[[0, 1], [0, 0]], [[1, 1], [0, 0]]], np.float32)
        activity = record(wiring, {"input": shown, "out": fired})
        assert activity.columns == ((EVENTS, "input>out"), (SPIKES, "input"), (SPIKES, "out"))
        assert activity.table.tolist() == [[4, 3, 3], [2, 1, 0]]
        assert activity.table.dtype == np.int64
        assert activity.per_neuron["out"].tolist() == [1, 2]
        assert activity.per_neuron["input"].tolist() == [2, 2]
        assert activity.outputs.tolist() == [[1, 2], [0, 0]]
        assert activity.raster["out"].tolist() == [[False, True], [True, True]]
        assert (activity.steps, activity.samples, activity.saw_membranes) == (2, 2, False)

    def test_what_is_still_under_way_at_the_end_is_no_event(self) -> None:
        """Three steps, one spike in each: a delay of 1 delivers two, of 2 one, of 3 and 4 none."""
        network = net(
            TWO, {"out": LIF()}, *(edge("input", "out", delay=delay, number=delay + 1) for delay in range(5))
        )
        shown = np.ones((3, 1, 2), np.float32)
        activity = record(wire(Model(network)), {"input": shown, "out": 0 * shown})
        assert activity.table.tolist() == [[6, 4, 2, 0, 0, 6, 0]]

    def test_values_count_once_each(self) -> None:
        """Analog values and membranes that are not 0 cost one event per synapse, whatever they are."""
        network = net(
            Source((2,), InputKind.ANALOG), {"a": LI(), "out": LI()}, edge("input", "a"), edge("a", "out")
        )
        values = np.array([[[-3.5, 0.0]], [[0.25, 7.0]]])
        activity = record(wire(Model(network)), {"input": values, "a": -values, "out": 2 * values})
        assert activity.table.tolist() == [[3, 3, 3, 3, 3]]
        assert activity.outputs.tolist() == [[-6.5, 14.0]]
        assert activity.per_neuron["a"].tolist() == [2, 1]

    def test_a_static_frame_is_shown_at_every_step(self) -> None:
        network = net(
            Source((2,)), {"out": LIF()}, edge("input", "out"), edge("input", "out", delay=1, number=2)
        )
        recorder = Recorder(wire(Model(network)), 5)
        recorder.begin(1)
        recorder.take("input", 0, np.array([[[0.5, 0.0]]], np.float32), repeats=3)
        recorder.take("input", 3, np.array([[[0.5, 0.0]]], np.float32), repeats=2)
        recorder.take("out", 0, np.zeros((5, 1, 2), np.float32))
        recorder.end()
        activity = recorder.activity()
        assert activity.table.tolist() == [[5, 4, 5, 0]]
        assert activity.raster["input"].tolist() == [[True, False]] * 5

    def test_what_a_host_quantises_counts_after_rounding(self) -> None:
        """0.2 x 2 rounds to 0, 0.3 x 2 to 1. The host computes a static frame's current once."""
        ops = (Quantise(2.0, 7), Linear(3))
        network = net(Source((2,)), {"out": FixedLIF()}, edge("input", "out", *ops), timesteps=4)
        shown = np.array([[0.2, 0.3]], np.float32)

        def counted(wiring: Wiring) -> list[list[int]]:
            recorder = Recorder(wiring, 4)
            recorder.begin(1)
            recorder.take("input", 0, shown[None], repeats=4)
            recorder.take("out", 0, np.zeros((4, 1, 3), np.uint8))
            recorder.end()
            return recorder.activity().table.tolist()

        assert counted(wire(Model(network))) == [[3 * 4, 2 * 4, 0]]
        hosted = net(Source((2,)), {"out": FixedLIF()}, edge("input", "out", *ops, Scale(1.0)), timesteps=4)
        assert counted(wire(Model(hosted))) == [[3, 2 * 4, 0]]
        assert [readout.once for readout in readouts_of(wire(Model(hosted)))] == [True]

    def test_membranes_and_extra_columns(self) -> None:
        network = net(TWO, {"out": LIF()}, edge("input", "out"))
        shown = np.array([[[1, 1]], [[0, 1]]], np.float32)
        messages = Readout((Quantity.MESSAGES, "out"), "out", np.array([10, 1]))
        activity = record(
            wire(Model(network)), {"input": shown, "out": shown}, (messages,), {"out": np.array([3])}
        )
        assert activity.columns[2:] == ((SPIKES, "out"), (UPDATES, "out"), (Quantity.MESSAGES, "out"))
        assert activity.table.tolist() == [[3, 3, 3, 3, 12]]
        assert activity.saw_membranes

    def test_the_raster_is_of_a_few_neurons_and_steps_of_the_first_sample(self) -> None:
        network = net(Source((1000,), InputKind.EVENTS), {"out": LIF()}, edge("input", "out"))
        shown = np.zeros((300, 2, 1000), np.uint8)
        shown[150:, 0, 0] = 1
        shown[:, 0, 999] = 1
        shown[:, 1] = 1
        raster = record(wire(Model(network)), {"input": shown, "out": 0 * shown}).raster["input"]
        assert raster.shape == (200, 64)
        assert raster[:, 0].sum() == 50
        assert raster[:, 63].all()
        assert not raster[:, 1:63].any()

    def test_long_spans_of_bytes_do_not_overflow(self) -> None:
        network = net(TWO, {"out": LIF()}, edge("input", "out"))
        shown = np.ones((70_000, 1, 2), np.uint8)
        assert record(wire(Model(network)), {"input": shown, "out": shown}).table.tolist() == [[140_000] * 3]

    def test_counts_beyond_what_float32_holds_are_exact(self) -> None:
        """Odd numbers of synapses above 2^24 in all, on more neurons than are counted together."""
        network = net(Source((140_001,), InputKind.EVENTS), {"out": LIF()}, edge("input", "out"))
        many = np.arange(140_001) % 7 + 1_000_001
        shown = np.ones((2, 2, 140_001), np.bool_)
        shown[1, 1, :5] = False
        readout = Readout((Quantity.EAST_WEST, "input"), "input", many)
        activity = record(wire(Model(network)), {"input": shown, "out": shown}, (readout,))
        assert activity.total(Quantity.EAST_WEST) == 4 * int(many.sum()) - int(many[:5].sum())
        assert activity.per_neuron["input"][[4, 5, 140_000]].tolist() == [3, 4, 4]
        assert activity.total(EVENTS, "input>out") == 4 * 140_001 - 5

    def test_no_samples(self) -> None:
        network = net(TWO, {"out": LIF()}, edge("input", "out"))
        activity = Recorder(wire(Model(network)), 3).activity()
        assert (activity.samples, activity.table.shape, activity.outputs.shape) == (0, (0, 3), (0, 2))


class TestMistakesCrash:
    WIRING = wire(Model(net(TWO, {"out": LIF()}, edge("input", "out"))))
    SHOWN = np.zeros((2, 1, 2), np.float32)

    def test_a_population_left_out(self) -> None:
        recorder = Recorder(self.WIRING, 2)
        recorder.begin(1)
        recorder.take("input", 0, self.SHOWN)
        with pytest.raises(AssertionError, match="not all steps were taken of out"):
            recorder.end()

    def test_steps_left_out(self) -> None:
        recorder = Recorder(self.WIRING, 4)
        recorder.begin(1)
        with pytest.raises(AssertionError, match="input: steps must come in order"):
            recorder.take("input", 2, self.SHOWN)

    def test_another_shape(self) -> None:
        recorder = Recorder(self.WIRING, 2)
        recorder.begin(3)
        with pytest.raises(AssertionError, match=r"input: \(2, 1, 2\)"):
            recorder.take("input", 0, self.SHOWN)

    def test_membranes_seen_now_and_then(self) -> None:
        recorder = Recorder(self.WIRING, 2, membranes=True)
        recorder.begin(1)
        with pytest.raises(AssertionError, match="out: membranes must be seen in all steps"):
            recorder.take("out", 0, self.SHOWN)

    def test_more_than_is_counted_exactly(self) -> None:
        much = Readout((Quantity.MESSAGES, "out"), "out", np.full(2, 2**51))
        Recorder(self.WIRING, 1, (much,))
        with pytest.raises(AssertionError, match=r"a sample's events reach 2\^53"):
            Recorder(self.WIRING, 2, (much,))

    def test_a_column_twice(self) -> None:
        twice = Readout((SPIKES, "out"), "out", np.ones(2, np.int64))
        with pytest.raises(AssertionError, match="a column is counted twice"):
            Recorder(self.WIRING, 2, (twice,))


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_random_networks_make_the_events_counted_one_by_one(first: int) -> None:
    for seed in range(first, first + 20):
        run = counted_run(seed)
        wiring = wire(run.model)
        activity = in_pieces(run, wiring, seed)
        for each in run.model.network.projections:
            pairs = Pairs(each, wiring.shapes[each.source], run.model.weights)
            counted = events(pairs, run.emitted[each.source], each.delay)
            assert activity.per_sample(EVENTS, each.name).tolist() == counted, (seed, each)
        for name, values in run.emitted.items():
            fired = values != 0
            each_sample = fired.sum(axis=(0, *range(2, fired.ndim)))
            assert activity.per_sample(SPIKES, name).tolist() == each_sample.tolist()
            np.testing.assert_array_equal(activity.per_neuron[name], fired.sum(axis=(0, 1)))
            assert activity.raster[name].tolist() == fired[:, 0].reshape(run.steps, -1)[:, :64].tolist() or (
                fired[0, 0].size > 64
            )
        expected = run.emitted["head"].astype(np.float64).sum(axis=0)
        np.testing.assert_allclose(activity.outputs, expected, rtol=1e-12)


def test_random_networks_are_worth_counting() -> None:
    """Most projections carry events, few populations fire always, and all costs and delays occur."""
    runs = [counted_run(seed) for seed in range(200)]
    rates = [float((values != 0).mean()) for run in runs for values in run.emitted.values()]
    assert sum(0 < rate < 1 for rate in rates) > 0.6 * len(rates)
    delays = {each.delay for run in runs for each in run.model.network.projections}
    assert delays == {0, 1, 2, 3}


def test_memory_depends_on_neither_steps_nor_samples() -> None:
    """Ten times the steps and samples take no more memory, but for rows of the table and of the outputs."""
    network = net(
        Source((500,), InputKind.EVENTS),
        {"a": LIF(), "out": LIF()},
        edge("input", "a"),
        edge("a", "out", Linear(2)),
    )
    wiring = wire(Model(network))
    span = (np.random.default_rng(0).random((10, 20, 500)) < 0.2).astype(np.float32)

    def peak(steps: int, batches: int) -> int:
        tracemalloc.start()
        recorder = Recorder(wiring, steps)
        for _ in range(batches):
            recorder.begin(20)
            for first in range(0, steps, 10):
                recorder.take("input", first, span)
                recorder.take("a", first, span)
                recorder.take("out", first, span[:, :, :2])
            recorder.end()
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    rows = (5 + 2) * 8 * 20
    assert peak(4000, 10) < peak(400, 1) + 9 * rows + 20_000
