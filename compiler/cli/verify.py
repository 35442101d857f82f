"""`msc verify`: compares artefacts on every simulator, spike by spike, with the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from msc.compiler.cli import output
from msc.compiler.cli.parameters import (
    InputOption,
    JsonOption,
    LavaOptionsOption,
    RunnableArgument,
    WeightsOption,
)
from msc.compiler.cli.simulators import ALL, choose, options_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from msc.backends.verification import Result, Verification
    from msc.ir.network import Model

CHECK_FAILED = 1
DRAWN_SAMPLES = 4
DRAWN_STEPS = 8


def verify(
    genome: RunnableArgument,
    weights: WeightsOption = None,
    target: Annotated[str, typer.Option("--target", metavar="NAME", help="Artefacts to check.")] = ALL,
    on: Annotated[str, typer.Option("--on", metavar="NAMES", help="Simulators, separated by commas.")] = ALL,
    option: LavaOptionsOption = None,
    input_path: InputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare artefacts with the reference, spike by spike."""
    from msc.compiler.cli.bundles import is_folder

    names = choose(target, on)
    if is_folder(genome):
        found = _verify_bundle(genome, target, on, input_path, {"--weights": weights, "--option": option})
    else:
        found = _verify_genome(genome, weights, names, option or [], input_path)
    if as_json:
        output.answer_json(found.to_json())
    else:
        output.answer(_table(found))
    if not _passed(found, asked_for=on != ALL):
        raise typer.Exit(CHECK_FAILED)


def _verify_genome(
    path: str, weights: str | None, names: Sequence[str], option: list[str], input_path: str | None
) -> Verification:
    from msc.backends.verification import verify_on
    from msc.compiler.cli.inputs import load, load_input, timesteps_of

    options = options_for(names, option)
    loaded = load(path, weights)
    model = loaded.model()
    if input_path is None:
        output.note(
            f"no --input: drawing {DRAWN_SAMPLES} samples with seed {loaded.genome.seed}, the genome's"
        )
        inputs = _drawn(model, loaded.genome.seed)
    else:
        inputs = load_input(input_path, model)
    with output.progress("verify") as progress:
        return verify_on(model, inputs, timesteps_of(model), names, progress=progress, options=options)


def _verify_bundle(
    path: str, target: str, on: str, input_path: str | None, unfit: Mapping[str, object]
) -> Verification:
    """Compare with the reference of the bundle's own network, in machine time, membranes too."""
    from msc.backends.lava.checking import verify_bundle
    from msc.compiler.cli.bundles import TARGET, load_bundle
    from msc.compiler.cli.failures import UsageError
    from msc.compiler.cli.inputs import load_input

    if target not in (ALL, TARGET):
        raise UsageError.of(f"--target {target}", f"{path} was made for {TARGET}", "leave it out")
    names = choose(TARGET, on)
    machine = load_bundle(path, unfit)
    if input_path is None:
        output.note(f"no --input: drawing {DRAWN_SAMPLES} samples with seed 0")
        inputs = _drawn(machine, 0)
    else:
        inputs = load_input(input_path, machine)
    with output.progress("verify") as progress:
        return verify_bundle(machine, inputs, names, progress)


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
    table = output.table(rows, ("simulator", "verdict", "populations", "why"))
    return "\n".join((table, "", about, *found.remarks))


def _explanation(result: Result) -> str:
    if result.difference is not None:
        return str(result.difference)
    return result.reason or ""


def _drawn(model: Model, seed: int) -> NDArray[Any]:
    """Draw the input that is shown where none is given: the source and a seed decide it."""
    from msc.compiler.initialise import draw_input
    from msc.ir.neurons import Source

    source = model.network.source.neuron
    assert isinstance(source, Source)
    return draw_input(source, seed, DRAWN_SAMPLES, model.network.timesteps or DRAWN_STEPS)
