"""`msc verify`: compares a genome's artefacts on every simulator, spike by spike, with the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from msc.compiler.cli import output
from msc.compiler.cli.parameters import GenomeArgument, InputOption, JsonOption, WeightsOption
from msc.compiler.cli.simulators import ALL, choose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from msc.backends.verification import Result, Verification
    from msc.ir.network import Model

CHECK_FAILED = 1
DRAWN_SAMPLES = 4
DRAWN_STEPS = 8


def verify(
    genome: GenomeArgument,
    weights: WeightsOption = None,
    target: Annotated[str, typer.Option("--target", metavar="NAME", help="Artefacts to check.")] = ALL,
    on: Annotated[str, typer.Option("--on", metavar="NAMES", help="Simulators, separated by commas.")] = ALL,
    input_path: InputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare artefacts with the reference, spike by spike."""
    from msc.backends.verification import verify_on
    from msc.compiler.cli.inputs import load, load_input, timesteps_of

    names = choose(target, on)
    loaded = load(genome, weights)
    model = loaded.model()
    inputs = _drawn(model, loaded.genome.seed) if input_path is None else load_input(input_path, model)
    with output.progress("verify") as progress:
        found = verify_on(model, inputs, timesteps_of(model), names, progress=progress)
    if as_json:
        output.answer_json(found.to_json())
    else:
        output.answer(_table(found))
    if not _passed(found, asked_for=on != ALL):
        raise typer.Exit(CHECK_FAILED)


def _passed(found: Verification, asked_for: bool) -> bool:
    """Whether nothing differs, something was compared, and no simulator asked for by name was unable."""
    unable = [result.simulator for result in found.results if result.verdict.value == "cannot"]
    if len(unable) == len(found.results):
        output.note("nothing was verified: no simulator could run the network; see msc doctor")
        return False
    if unable and asked_for:
        output.note(f"not verified on: {', '.join(unable)}")
        return False
    if not found.alive:
        output.note("the output never fires, always fires, or is the same for every sample: weak evidence")
    return found.ok


def _table(found: Verification) -> str:
    rows = [
        (result.simulator, result.verdict.value, result.populations or "", _explanation(result))
        for result in found.results
    ]
    about = f"{found.samples} samples, {found.timesteps} time steps, output rate {found.rate:.3f}"
    if found.exact:
        about += "\nfloat32 rounds nowhere here: no difference would be excused"
    return output.table(rows, ("simulator", "verdict", "populations", "why")) + "\n\n" + about


def _explanation(result: Result) -> str:
    if result.difference is not None:
        return str(result.difference)
    return result.reason or ""


def _drawn(model: Model, seed: int) -> NDArray[Any]:
    """Draw the input that is shown where none is given: it depends on the genome alone."""
    from msc.compiler.initialise import draw_input
    from msc.ir.neurons import Source

    source = model.network.source.neuron
    assert isinstance(source, Source)
    output.note(f"no --input: drawing {DRAWN_SAMPLES} samples with seed {seed}, the genome's")
    return draw_input(source, seed, DRAWN_SAMPLES, model.network.timesteps or DRAWN_STEPS)
