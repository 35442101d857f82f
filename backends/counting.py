"""Counts what a network does on a simulator, in memory that grows with neither steps nor samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from numpy.typing import NDArray

from msc.backends.batches import Batch, Task, on_emulator, on_executor, on_reference, on_simulator
from msc.backends.verification import simulators
from msc.compiler.registry import choose
from msc.ir.activity import Activity, Readout
from msc.ir.fixed import is_fixed_point
from msc.ir.network import Model
from msc.ir.neurons import InputKind, Source
from msc.ir.recorder import Recorder
from msc.ir.simulate import input_frames, input_steps
from msc.ir.synapses import Wiring

EXECUTOR, EMULATOR, REFERENCE = "pytorch", "loihi", "reference"

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many samples of how many are done."""


def count(
    model: Model,
    wiring: Wiring,
    inputs: NDArray[Any],
    timesteps: int | None = None,
    on: str | None = None,
    extra: Sequence[Readout] = (),
    progress: Progress | None = None,
) -> Activity:
    """Run a model on inputs and count, sample by sample, what it does.

    `inputs` is [B, *shape] for a static source, shown for `timesteps` (default: the network's) steps, else
    [T, B, *shape]. `wiring` is the model's, `extra` are more readouts. `on` names the simulator (None: the
    executor, which computes in float32, or for a network in fixed point the emulator of Loihi); these two
    run spans of steps and show membranes, so does `reference`, all steps at once; others show spikes only.
    Raises InputError, UnknownPartError, and CannotRunError where a simulator is not installed, refuses the
    network or does not show every population.
    """
    source = model.network.source.neuron
    assert isinstance(source, Source)
    static = source.kind is InputKind.STATIC
    shown = model.network.timesteps if timesteps is None and static else timesteps
    if inputs.dtype.kind not in "fiub":
        input_frames(source, inputs, shown)  # says what is wrong
    task = Task(model, inputs, input_steps(source, inputs.shape, shown))
    name = on or (EMULATOR if is_fixed_point(model.network) else EXECUTOR)
    batches, membranes = _batches(task, name)
    recorder = Recorder(wiring, task.steps, extra, membranes)
    done = 0
    for batch in batches:
        recorder.begin(batch.samples)
        for take in batch.takes:
            recorder.take(take.population, take.first, take.emitted, take.changed, take.repeats)
        recorder.end()
        done += batch.samples
        if progress is not None:
            progress(done, task.samples)
    return recorder.activity()


def _batches(task: Task, name: str) -> tuple[Iterator[Batch], bool]:
    """Run a task on a simulator; says, too, whether it shows membranes."""
    known = simulators()
    simulator = known[choose("simulator", name, tuple(known))]
    fixed = is_fixed_point(task.network)
    if name == REFERENCE:
        return on_reference(task), True
    if name == EXECUTOR and not fixed:
        return on_executor(task), True
    if name == EMULATOR and fixed:
        return on_emulator(task), True
    return on_simulator(task, simulator), False
