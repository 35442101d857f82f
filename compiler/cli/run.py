"""`msc run`: shows an input to a network and writes every population's spikes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msc.compiler.cli import output
from msc.compiler.cli.parameters import (
    FileOption,
    LavaOptionsOption,
    NeededInputOption,
    OnOption,
    RunnableArgument,
    WeightsOption,
)
from msc.compiler.cli.simulators import REFERENCE, choose, options_for, require_installed

if TYPE_CHECKING:
    from msc.compiler.contracts import Options
    from msc.ir.network import Network
    from msc.ir.simulate import Trace


def run(
    genome: RunnableArgument,
    input_path: NeededInputOption,
    weights: WeightsOption = None,
    on: OnOption = REFERENCE,
    option: LavaOptionsOption = None,
    path: FileOption = None,
) -> None:
    """Run a genome's network, or a bundle's, on an input."""
    from msc.compiler.cli.bundles import is_folder
    from msc.ir.files import write_atomic
    from msc.ir.graph import update_order

    destination = output.destination(path, f"{Path(genome).absolute().stem}-spikes.npz")
    if is_folder(genome):
        trace, network = _run_bundle(genome, input_path, on, {"--weights": weights, "--option": option})
    else:
        if on != REFERENCE:
            require_installed([on])
        options = options_for([on], option or [])
        trace, network = _run_genome(genome, weights, input_path, on, options)
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


def _run_genome(
    path: str, weights: str | None, input_path: str, on: str, options: Options
) -> tuple[Trace, Network]:
    from msc.compiler.cli.inputs import load, load_input, timesteps_of

    model = load(path, weights).model()
    inputs = load_input(input_path, model)
    if on == REFERENCE:
        from msc.ir.simulate import simulate

        return simulate(model, inputs, timesteps_of(model)), model.network
    from msc.backends.verification import run_on

    return run_on(model, inputs, timesteps_of(model), on, options=options), model.network


def _run_bundle(path: str, input_path: str, on: str, unfit: dict[str, object]) -> tuple[Trace, Network]:
    from msc.backends.lava.checking import run_bundle
    from msc.compiler.cli.bundles import TARGET, load_bundle
    from msc.compiler.cli.inputs import load_input

    choose(TARGET, on)
    machine = load_bundle(path, unfit)
    return run_bundle(machine, load_input(input_path, machine), on), machine.network
