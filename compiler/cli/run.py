"""`msc run`: shows an input to a network and writes every population's spikes."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msc.compiler.cli import output
from msc.compiler.cli.parameters import (
    EventsOption,
    FileOption,
    LavaOptionsOption,
    NeededInputOption,
    OnOption,
    StepOption,
    SubjectArgument,
    WeightsOption,
)
from msc.compiler.cli.simulators import REFERENCE, choose, options_for, require_installed

if TYPE_CHECKING:
    from msc.compiler.cli.subjects import Subject
    from msc.compiler.contracts import Options
    from msc.ir.network import Network
    from msc.ir.simulate import Trace


def run(
    subject: SubjectArgument,
    input_path: NeededInputOption,
    weights: WeightsOption = None,
    dt: StepOption = None,
    events: EventsOption = False,
    on: OnOption = REFERENCE,
    option: LavaOptionsOption = None,
    path: FileOption = None,
) -> None:
    """Run a network on an input."""
    from msc.compiler.cli.subjects import Reading, open_subject, tell_rewritten
    from msc.ir.files import write_atomic
    from msc.ir.graph import update_order

    destination = output.destination(path, f"{Path(os.path.abspath(subject)).stem}-spikes.npz")
    if on != REFERENCE:
        require_installed([on])
    opened = open_subject(subject, Reading(weights, dt, events, option))
    if opened.in_machine_time:
        trace, network = _run_bundle(opened, input_path, on)
    else:
        tell_rewritten(opened, [on])
        trace, network = _run_model(opened, input_path, on, options_for([on], option or []))
    write_atomic(destination, spikes_npz(trace, network))
    rows = [
        (name, "x".join(map(str, values.shape[2:])), round(float(values.mean()), 4))
        for name in update_order(network)
        if (values := trace.spikes.get(name)) is not None
    ]
    output.answer(output.table(rows, ("population", "shape", "mean")))
    output.answer(destination)


def spikes_npz(trace: Trace, network: Network) -> bytes:
    """Pack a trace as .npz: [T,B,*shape] per population and `output`, uint8 spikes (LI: float32).

    In the network's order: equal spikes are equal bytes, whichever simulator they come from.
    """
    import numpy as np

    from msc.ir.neurons import LI

    arrays: dict[str, Any] = {}
    for population in network.populations:
        if population.name in trace.spikes:
            kind = np.float32 if isinstance(population.neuron, LI) else np.uint8
            arrays[population.name] = trace.spikes[population.name].astype(kind)
    arrays["output"] = arrays[trace.output]
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def _run_model(subject: Subject, input_path: str, on: str, options: Options) -> tuple[Trace, Network]:
    from msc.compiler.cli.inputs import load_input, timesteps_of

    model = subject.model()
    inputs = load_input(input_path, model)
    if on == REFERENCE:
        from msc.ir.simulate import simulate

        return simulate(model, inputs, timesteps_of(model)), model.network
    from msc.backends.verification import run_on

    steps = timesteps_of(model)
    return run_on(model, inputs, steps, on, options=options, given=subject.given), model.network


def _run_bundle(subject: Subject, input_path: str, on: str) -> tuple[Trace, Network]:
    from msc.backends.lava.checking import run_bundle
    from msc.compiler.cli.artefacts import MACHINE_TARGET
    from msc.compiler.cli.inputs import load_input

    choose(MACHINE_TARGET, on)
    machine = subject.model()
    return run_bundle(machine, load_input(input_path, machine), on), machine.network
