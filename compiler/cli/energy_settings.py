"""From the options of `msc energy` to what is run and priced, each offender told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING

from msc.compiler.cli import output
from msc.compiler.cli.attempts import Attempts
from msc.compiler.cli.energy_data import Shown, read_split, samples_in, samples_of, source_of
from msc.compiler.cli.energy_limit import Limit, parse_limit
from msc.compiler.cli.energy_options import PROFILES, UNUSED, Options, malformed
from msc.compiler.cli.energy_placing import Placing, choose_chip
from msc.compiler.cli.failures import UsageError
from msc.compiler.cli.simulators import OPTIONS_OF, REFERENCE, require_installed
from msc.compiler.cli.subjects import Reading, Subject, open_subject
from msc.compiler.cli.targets import target_with_options
from msc.compiler.contracts import NO_OPTIONS
from msc.compiler.contracts import Options as TargetOptions
from msc.compiler.energy.profile import EnergyProfile, load_energy_profile
from msc.compiler.energy.report import Stage, StaticInput
from msc.ir.errors import Problem, raise_all
from msc.ir.neurons import InputKind

if TYPE_CHECKING:
    from msc.search.data import Split

_COMPUTES_ONCE = ("pytorch", "onnx")  # targets whose artefacts compute the current of a static frame once


@dataclass(frozen=True)
class Prepared:
    """What is run, on which samples, and how it is priced.

    `chip` is the one to place on, None for that of `options`. `options` are those of target
    lava, `asked` those of them that were given, as texts. `file` is where a page or another form of the
    answer goes, None where there is none.
    """

    subject: Subject
    shown: Shown
    stages: tuple[Stage, ...]
    on: str | None
    profiles: tuple[EnergyProfile, ...]
    chip: str | None
    options: TargetOptions
    asked: tuple[str, ...]
    static_input: StaticInput
    limit: Limit | None
    file: str | None


def prepare(options: Options) -> Prepared:
    """Look up all that the options name.

    Raises UsageError listing every option that is missing, unknown, out of range or does not go with
    another or with what is run, and what is wrong with the files they name.
    """
    attempt = Attempts(malformed(options))
    limit = None if options.fail_above is None else attempt(partial(parse_limit, options.fail_above))
    if options.on is not None:
        attempt(partial(require_installed, [options.on]))
    profiles = _profiles(options, attempt)
    target = _target_options(options, attempt)
    file = attempt(lambda: _file(options))
    subject = attempt(lambda: open_subject(options.subject, _reading(options)))
    if subject is not None:
        attempt.problems += _unfit(options, subject)
    placing = _try_placing(options, subject, profiles, attempt)
    shown = _try_samples(options, subject, attempt)
    raise_all(UsageError, attempt.problems)
    assert subject is not None
    assert shown is not None
    assert target is not None
    assert placing is not None
    _tell(shown.note, placing.note)
    return Prepared(
        subject,
        shown,
        _stages(options, subject),
        options.on,
        profiles,
        placing.chip,
        target,
        options.target,
        _static_input(options, subject),
        limit,
        file,
    )


def _reading(options: Options) -> Reading:
    return Reading(options.weights, options.dt, options.events, options.target)


def _profiles(options: Options, attempt: Attempts) -> tuple[EnergyProfile, ...]:
    """Read the profiles, those of them that can be."""
    names = options.profiles or PROFILES
    found = [attempt(partial(load_energy_profile, name)) for name in dict.fromkeys(names)]
    profiles = tuple(profile for profile in found if profile is not None)
    called = [profile.name for profile in profiles]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            attempt.problems.append(Problem(f"--profile {name}", "is given twice", "give it once"))
    for name in dict.fromkeys(called):
        if called.count(name) > 1:
            what = "is the name of several profiles"
            attempt.problems.append(Problem(f"--profile {name}", what, "rename the file of one"))
    return profiles


def _target_options(options: Options, attempt: Attempts) -> TargetOptions | None:
    used = [text for text in options.target if text.partition("=")[0] != UNUSED]
    if not used:
        return NO_OPTIONS
    found = attempt(lambda: target_with_options(OPTIONS_OF, used))
    return None if found is None else found[1]


def _file(options: Options) -> str | None:
    """Choose the file to write, None where the answer only goes to stdout."""
    if options.out is None and not options.is_page:
        return None
    return output.destination(options.out, f"{options.stem}-energy.html")


def _stages(options: Options, subject: Subject | None) -> tuple[Stage, ...]:
    """The stages to run; where none is named the placed one of a network in machine time, else the first."""
    if options.stages:
        return options.known_stages
    return (Stage.PLACED,) if subject is not None and subject.in_machine_time else (Stage.TRAINED,)


def _static_input(options: Options, subject: Subject) -> StaticInput:
    """When the current of a static frame is computed: as the option says, else as the subject does it."""
    if options.static_input is not None:
        return StaticInput(options.static_input)
    return StaticInput.ONCE if subject.made_for in _COMPUTES_ONCE else StaticInput.EVERY_STEP


def _unfit(options: Options, subject: Subject) -> Iterator[Problem]:
    """List the options that do not go with what is run, or with the stages of it."""
    stages = _stages(options, subject)
    for stage in stages:
        if subject.in_machine_time and stage is not Stage.PLACED:
            what = f"{subject.path} is rounded and placed already"
            yield Problem(f"--stage {stage.value}", what, "leave it out, or give what it was compiled from")
    if options.target and not subject.in_machine_time and stages == (Stage.TRAINED,):
        what = f"is of target {OPTIONS_OF}, the trained network is not rounded"
        yield Problem("--option", what, "leave it out, or add --stage quantised or --stage placed")
    source = source_of(subject)
    if options.static_input is not None and source.kind is not InputKind.STATIC:
        what = f"the input of {subject.path} is of kind {source.kind.value}"
        yield Problem(f"--static-input {options.static_input}", what, "leave it out")
    if options.on is not None:
        yield from _unable(options.on, stages)


def _unable(on: str, stages: Sequence[Stage]) -> Iterator[Problem]:
    """Refuse a simulator of floats for integers, and one of integers for floats."""
    from msc.backends.verification import simulators

    known = simulators()
    if on not in known or on == REFERENCE:
        return
    integers = known[on].target == OPTIONS_OF
    for stage in stages:
        if integers is (stage is Stage.TRAINED):
            fitting = [
                name
                for name, simulator in known.items()
                if name == REFERENCE or (simulator.target == OPTIONS_OF) is not integers
            ]
            what = f"does not run the {stage.value} network"
            yield Problem(f"--on {on}", what, f"choose from: {', '.join(fitting)}; or leave it out")


def _try_placing(
    options: Options, subject: Subject | None, profiles: Sequence[EnergyProfile], attempt: Attempts
) -> Placing | None:
    if subject is None or Stage.PLACED not in _stages(options, subject):
        return Placing()
    return attempt(lambda: choose_chip(options, subject, profiles))


def _tell(*notes: str | None) -> None:
    for note in notes:
        if note is not None:
            output.note("\n".join(wrap(note, output.WIDTH, subsequent_indent="  ")))


def _try_samples(options: Options, subject: Subject | None, attempt: Attempts) -> Shown | None:
    """Load the samples; where the call is wrong already, nothing is downloaded for it."""
    path = options.input
    if path is not None and options.data is None and subject is not None:
        return attempt(lambda: samples_in(path, options, subject))
    if options.data is None or (options.download and attempt.problems):
        return None
    split: Split | None = attempt(lambda: read_split(options, subject))
    if split is None or subject is None:
        return None
    return attempt(lambda: samples_of(split, options, subject))
