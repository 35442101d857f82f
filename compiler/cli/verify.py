"""`msc verify`: compares artefacts on every simulator, spike by spike, with the reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from msc.compiler.cli import output
from msc.compiler.cli.parameters import (
    EventsOption,
    InputOption,
    JsonOption,
    LavaOptionsOption,
    StepOption,
    SubjectArgument,
    WeightsOption,
)
from msc.compiler.cli.simulators import ALL, choose, options_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from msc.backends.verification import Result, Verification
    from msc.compiler.cli.subjects import Subject
    from msc.compiler.contracts import Options
    from msc.ir.network import Model

CHECK_FAILED = 1
DRAWN_SAMPLES = 4
DRAWN_STEPS = 8


def verify(
    subject: SubjectArgument,
    weights: WeightsOption = None,
    dt: StepOption = None,
    events: EventsOption = False,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            metavar="NAME",
            help="Artefacts to check: NAME or all (all; of a folder its own, unless --on is given).",
            show_default=False,
        ),
    ] = None,
    on: Annotated[str, typer.Option("--on", metavar="NAMES", help="Simulators, separated by commas.")] = ALL,
    option: LavaOptionsOption = None,
    input_path: InputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare artefacts with the reference, spike by spike."""
    from msc.compiler.cli.subjects import Reading, open_subject, tell_rewritten

    choose(target or ALL, on)  # names that do not exist are told before anything is read
    opened = open_subject(subject, Reading(weights, dt, events, option))
    if opened.in_machine_time:
        found = _verify_bundle(opened, target, on, input_path)
    else:
        names = choose(_target_of(opened, target, on), on)
        tell_rewritten(opened, names)
        found = _verify_model(opened, names, options_for(names, option or []), input_path)
    if as_json:
        output.answer_json(found.to_json())
    else:
        output.answer(_table(found))
    if not _passed(found, asked_for=on != ALL):
        raise typer.Exit(CHECK_FAILED)


def _target_of(subject: Subject, target: str | None, on: str) -> str:
    """Choose what is checked where nobody says: of a folder, what simulators make of its own files."""
    if target is not None:
        return target
    return subject.made_for if subject.made_for is not None and on == ALL else ALL


def _verify_model(
    subject: Subject, names: Sequence[str], options: Options, input_path: str | None
) -> Verification:
    from msc.backends.verification import verify_on
    from msc.compiler.cli.inputs import timesteps_of

    model = subject.model()
    inputs = _input(model, input_path, subject)
    with output.progress("verify") as progress:
        return verify_on(
            model,
            inputs,
            timesteps_of(model),
            names,
            progress=progress,
            options=options,
            given=subject.given,
        )


def _verify_bundle(subject: Subject, target: str | None, on: str, input_path: str | None) -> Verification:
    """Compare with the reference of the bundle's own network, in machine time, membranes too."""
    from msc.backends.lava.checking import verify_bundle
    from msc.compiler.cli.artefacts import MACHINE_TARGET
    from msc.compiler.cli.failures import UsageError

    if target not in (None, ALL, MACHINE_TARGET):
        what = f"{subject.path} was made for {MACHINE_TARGET}"
        raise UsageError.of(f"--target {target}", what, "leave it out")
    names = choose(MACHINE_TARGET, on)
    machine = subject.model()
    inputs = _input(machine, input_path, subject)
    with output.progress("verify") as progress:
        return verify_bundle(machine, inputs, names, progress)


def _input(model: Model, path: str | None, subject: Subject) -> NDArray[Any]:
    """Read the input, or draw it: the source and a seed decide what is shown."""
    from msc.compiler.cli.inputs import load_input
    from msc.compiler.cli.kinds import Kind
    from msc.compiler.initialise import draw_input
    from msc.ir.neurons import Source

    if path is not None:
        return load_input(path, model)
    whose = ", the genome's" if subject.kind is Kind.GENOME else ""
    output.note(f"no --input: drawing {DRAWN_SAMPLES} samples with seed {subject.seed}{whose}")
    source = model.network.source.neuron
    assert isinstance(source, Source)
    return draw_input(source, subject.seed, DRAWN_SAMPLES, model.network.timesteps or DRAWN_STEPS)


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
