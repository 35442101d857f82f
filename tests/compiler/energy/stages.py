"""Runs a network stage by stage on the reference simulator, as `msc energy` reports it."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from msc.backends.stages import stage
from msc.compiler.contracts import NO_OPTIONS, Options
from msc.compiler.energy.assembling import report_stage
from msc.compiler.energy.differences import Part
from msc.compiler.energy.report import Stage, StageReport, StaticInput
from msc.compiler.passes.retime import PASS as RETIME
from msc.compiler.timing import machine_input
from msc.ir.activity import Quantity
from msc.ir.network import Model
from msc.ir.neurons import InputKind, Source
from msc.ir.recorder import Recorder
from msc.ir.simulate import simulate
from msc.ir.synapses import wire

Input = NDArray[np.float32]


def reported(model: Model, which: Stage, x: Input, steps: int | None = None) -> StageReport:
    """Run a model, count what it does, and put it into the report of a stage without profiles."""
    source = model.network.source
    assert isinstance(source.neuron, Source)
    static = source.neuron.kind is InputKind.STATIC
    spikes = simulate(model, x, steps if static else None).spikes
    taken, samples = next(iter(spikes.values())).shape[:2]
    wiring = wire(model)
    recorder = Recorder(wiring, taken)
    recorder.begin(samples)
    recorder.take(source.name, 0, x[None] if static else x, repeats=taken if static else 1)
    for name, values in spikes.items():
        recorder.take(name, 0, values)
    recorder.end()
    activity = recorder.activity()
    return report_stage(which, "reference", model, wiring, activity, StaticInput.EVERY_STEP, ())


def placed(fixed: Model, x: Input, steps: int | None = None) -> StageReport:
    """Run a network in fixed point in machine time."""
    machine = RETIME.run(fixed).model
    shown, taken = machine_input(machine.network, x, steps)
    return reported(machine, Stage.PLACED, shown, taken)


def all_stages(model: Model, x: Input, options: Options = NO_OPTIONS) -> tuple[StageReport, ...]:
    """Run a network as it was trained, as it is quantised, and in machine time."""
    steps = model.network.timesteps
    fixed = stage(model, Stage.QUANTISED, options).model
    return (
        reported(model, Stage.TRAINED, x, steps),
        reported(fixed, Stage.QUANTISED, x, steps),
        placed(fixed, x, steps),
    )


def events(report: StageReport) -> int:
    """All synaptic events of a run."""
    return report.activity.total(Quantity.EVENTS)


def updates(report: StageReport) -> int:
    """All updates of neurons: one in each step and sample."""
    wiring = report.wiring
    neurons = sum(prod(wiring.shapes[p.name]) for p in wiring.network.populations if not p.is_source)
    return neurons * report.activity.steps * report.activity.samples


def assert_whole(found: Sequence[Part], first: StageReport, later: StageReport) -> None:
    """The parts add up to the difference, to the last event and update; none of them is empty."""
    assert sum(part.events for part in found) == events(later) - events(first)
    assert sum(part.updates for part in found) == updates(later) - updates(first)
    assert all(part.events or part.updates for part in found)
