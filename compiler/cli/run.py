"""`msc run`: shows an input to a genome's network and writes every population's spikes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msc.compiler.cli import output
from msc.compiler.cli.parameters import FileOption, GenomeArgument, NeededInputOption, OnOption, WeightsOption
from msc.compiler.cli.simulators import REFERENCE, require_installed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from msc.ir.network import Model, Network
    from msc.ir.simulate import Trace


def run(
    genome: GenomeArgument,
    input_path: NeededInputOption,
    weights: WeightsOption = None,
    on: OnOption = REFERENCE,
    path: FileOption = None,
) -> None:
    """Run a genome's network on an input."""
    from msc.compiler.cli.inputs import load, load_input
    from msc.ir.files import write_atomic
    from msc.ir.graph import update_order

    destination = output.destination(path, f"{Path(genome).stem}-spikes.npz")
    if on != REFERENCE:
        require_installed([on])
    model = load(genome, weights).model()
    inputs = load_input(input_path, model)
    trace = _trace(model, inputs, on)
    write_atomic(destination, spikes_npz(trace, model.network))
    rows = [
        (name, "x".join(map(str, values.shape[2:])), round(float(values.mean()), 4))
        for name in update_order(model.network)
        if (values := trace.spikes.get(name)) is not None
    ]
    output.answer(output.table(rows, ("population", "shape", "mean")))
    output.answer(destination)


def spikes_npz(trace: Trace, network: Network) -> bytes:
    """Pack a trace as .npz: [T,B,*shape] per population and `output`, uint8 spikes (LI: float32)."""
    import numpy as np

    from msc.ir.neurons import LI

    arrays: dict[str, Any] = {}
    for name, values in trace.spikes.items():
        spiking = not isinstance(network.population(name).neuron, LI)
        arrays[name] = values.astype(np.uint8 if spiking else np.float32)
    arrays["output"] = arrays[trace.output]
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def _trace(model: Model, inputs: NDArray[Any], on: str) -> Trace:
    from msc.compiler.cli.inputs import timesteps_of

    if on == REFERENCE:
        from msc.ir.simulate import simulate

        return simulate(model, inputs, timesteps_of(model))
    from msc.backends.verification import run_on

    return run_on(model, inputs, timesteps_of(model), on)
