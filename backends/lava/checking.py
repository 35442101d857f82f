"""Runs a bundle, and compares the emulator and real Lava with the reference of its network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.backends.comparison import Difference
from msc.backends.lava.bundle import bundle_files
from msc.backends.lava.emulator import emulate
from msc.backends.lava.runner import VOLTAGE, run_on_lava, time_limit
from msc.backends.simulators.contracts import CannotRunError
from msc.backends.verdicts import Result, Standard, Verdict, Verification
from msc.compiler.registry import choose
from msc.compiler.timing import latency, logical, machine_input
from msc.ir.errors import Problem
from msc.ir.graph import update_order
from msc.ir.network import Model
from msc.ir.neurons import InputKind, Source
from msc.ir.simulate import Trace, simulate

REFERENCE = "reference"
SIMULATORS = (REFERENCE, "loihi", "lava")
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class _Shown:
    """An input shown to a network in machine time: as it was given, and as the machine gets it."""

    machine: Model
    inputs: NDArray[Any]
    timesteps: int
    streamed: NDArray[Any]
    steps: int

    @property
    def samples(self) -> int:
        return self.inputs.shape[0 if _is_static(self.machine) else 1]


def run_bundle(machine: Model, inputs: NDArray[Any], on: str) -> Trace:
    """Run a bundle's network on `reference`, `loihi` (the emulator) or `lava`; returns its logical spikes.

    `inputs` is what it was compiled for: [B, *shape] for a static source, else [T, B, *shape]. Raises
    InputError, CannotRunError, UnknownPartError.
    """
    choose("simulator", on, SIMULATORS)
    shown = _show(machine, inputs)
    spikes = {name: array for name, array in _run(shown, on).items() if not name.endswith(VOLTAGE)}
    return Trace(machine.network.output, logical(machine.network, spikes, shown.timesteps))


def verify_bundle(
    machine: Model,
    inputs: NDArray[Any],
    on: Sequence[str] = SIMULATORS[1:],
    progress: Callable[[str], None] | None = None,
) -> Verification:
    """Compare simulators with `msc.ir.simulate` on a bundle's network: nothing may differ.

    In machine steps: the spikes of every population, relays too, and every membrane after the last step.
    """
    shown = _show(machine, inputs)
    reference = _run(shown, REFERENCE)
    results: list[Result] = []
    for name in on:
        choose("simulator", name, SIMULATORS)
        if progress is not None:
            progress(name)
        results.append(_result(name, shown, reference))
    outputs = logical(
        machine.network, {machine.network.output: reference[machine.network.output]}, shown.timesteps
    )
    output = outputs[machine.network.output]
    varies = bool((output != output[:, :1]).any())
    return Verification(
        tuple(results), shown.samples, shown.timesteps, float(output.mean()), varies, exact=True
    )


def _show(machine: Model, inputs: NDArray[Any]) -> _Shown:
    streamed, steps = machine_input(machine.network, inputs)
    return _Shown(machine, inputs, steps - latency(machine.network), streamed, steps)


def _run(shown: _Shown, on: str) -> dict[str, NDArray[Any]]:
    """Run machine steps: spikes [M, B, *shape] of every population, and NAME/voltage [B, *shape]."""
    machine = shown.machine
    if on == REFERENCE:
        return _reference(shown)
    if on == "loihi":
        found = emulate(machine, shown.streamed, shown.steps, voltages=True)
        return {**found.spikes, **{f"{name}{VOLTAGE}": v for name, v in found.voltages.items()}}
    timesteps = shown.timesteps if _is_static(machine) else None
    seconds = time_limit(machine.network, shown.steps, shown.samples)
    return run_on_lava(bundle_files(machine), shown.inputs, timesteps, machine=True, seconds=seconds)


def _reference(shown: _Shown) -> dict[str, NDArray[Any]]:
    """Run the definition; a membrane after the last step is 0 where it fired."""
    trace = simulate(shown.machine, shown.streamed, shown.steps, membranes=True)
    final = {
        f"{name}{VOLTAGE}": np.where(trace.spikes[name][-1] != 0, 0, membrane[-1]).astype(np.int32)
        for name, membrane in trace.membranes.items()
    }
    return {**trace.spikes, **final}


def _result(name: str, shown: _Shown, reference: Arrays) -> Result:
    order = [p for p in update_order(shown.machine.network) if p in reference]
    try:
        found = _run(shown, name)
        _check_shapes(name, found, reference)
    except CannotRunError as error:
        return _judged(name, Verdict.CANNOT, reason="; ".join(map(partial(_words, name), error.problems)))
    difference = _difference(order, reference, found)
    verdict = Verdict.EQUAL if difference is None else Verdict.DIFFERING
    return _judged(name, verdict, len(order), difference=difference)


_judged = partial(Result, reference=Standard.QUANTISED)


def _words(name: str, problem: Problem) -> str:
    return problem.what if problem.where == name else f"{problem.where}: {problem.what}"


def _check_shapes(name: str, found: Arrays, reference: Arrays) -> None:
    unlike = [key for key, array in reference.items() if key not in found or found[key].shape != array.shape]
    if unlike:
        what = f"does not show {', '.join(unlike)} as the reference does"
        raise CannotRunError.of(name, what, "compile the network again")


def _difference(order: Sequence[str], reference: Arrays, found: Arrays) -> Difference | None:
    """Find the first difference, by step and then by update order; voltages count as the last step's."""
    last = len(reference[order[0]]) - 1
    firsts: list[tuple[int, int, str, int]] = []
    samples: set[int] = set()
    count = 0
    for rank, key in enumerate((*order, *(f"{name}{VOLTAGE}" for name in order))):
        unequal, step = found[key] != reference[key], 0
        if key.endswith(VOLTAGE):
            unequal, step = unequal[None], last
        steps, batch, *_ = np.nonzero(unequal)
        count += len(steps)
        samples |= set(batch.tolist())
        if len(steps):
            firsts.append((step + int(steps[0]), rank, key, int(batch[0])))
    if not firsts:
        return None
    step, _, population, sample = min(firsts)
    return Difference(population, step, sample, count, len(samples), len(samples), 0.0, 0.0)


def _is_static(machine: Model) -> bool:
    source = machine.network.source.neuron
    return isinstance(source, Source) and source.kind is InputKind.STATIC
