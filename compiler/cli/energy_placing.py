"""Which chip `msc energy` places a network on: that of the profiles, where it can take the input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from msc.compiler.cli.energy_data import source_of
from msc.compiler.cli.energy_options import Options
from msc.compiler.cli.failures import UsageError
from msc.compiler.cli.subjects import Subject
from msc.compiler.energy.profile import EnergyProfile
from msc.compiler.placement.profile import load_profile
from msc.ir.errors import Problem, raise_all
from msc.ir.fixed import on_host
from msc.ir.neurons import InputKind

_CHIP = "profile"  # the option of target lava that names the chip
_GRADED = "graded_spikes"
_AS_BIAS = ("input", "bias")  # the option that does without


@dataclass(frozen=True)
class Placing:
    """The chip to place a network on, None for that of target lava's options; `note` says why not another."""

    chip: str | None = None
    note: str | None = None


def choose_chip(options: Options, subject: Subject, profiles: Sequence[EnergyProfile]) -> Placing:
    """Choose the chip that the profiles named are of.

    Where none was named, and the chip of the usual one does not have the graded spikes that the input goes
    as, that of target lava's options. Raises UsageError where profiles, options and what is run name several
    chips, ProfileError where a profile names one that is not known.
    """
    chips = {profile.chip: profile.name for profile in reversed(profiles) if profile.chip is not None}
    given = dict(_pairs(options))
    if not chips or (_CHIP in given and not options.profiles):
        return Placing()
    chip = next(reversed(chips))
    graded = _sends_graded(given, subject) and not load_profile(chip).has(_GRADED)
    if options.profiles:
        raise_all(UsageError, _contradictions(given, chips))
        raise_all(UsageError, _unable(subject, chip) if graded else ())
        return Placing(chip)
    if not graded:
        return Placing(chip)
    return Placing(note=_elsewhere(chip, subject))


def _elsewhere(chip: str, subject: Subject) -> str:
    """Say why a network is not placed on the chip of the usual profile."""
    how = "compiled with" if subject.in_machine_time else "with"
    why = f"which does not have the graded spikes that the input goes as: messages have no price on {chip}"
    return f"not placed on {chip}, {why} ({how} --option {'='.join(_AS_BIAS)} it is placed there)"


def _pairs(options: Options) -> Iterator[tuple[str, str]]:
    for text in options.target:
        key, _, value = text.partition("=")
        yield key, value


def _sends_graded(given: Mapping[str, str], subject: Subject) -> bool:
    """Whether a network gets, or got, its input as graded spikes."""
    network = subject.network
    if source_of(subject).kind is InputKind.EVENTS:
        return False
    if subject.in_machine_time:
        return not all(on_host(projection) for projection in network.out_of(network.source.name))
    return _AS_BIAS not in given.items()


def _contradictions(given: Mapping[str, str], chips: Mapping[str, str]) -> Iterator[Problem]:
    """Refuse profiles of several chips, and an option that names another."""
    if len(chips) > 1:
        told = ", ".join(f"{name} is of {chip}" for chip, name in sorted(chips.items()))
        what = f"a network is placed on one chip, but {told}"
        yield Problem("--stage placed", what, "choose profiles of one chip")
    named = given.get(_CHIP)
    if named is not None and named not in chips:
        chip, name = next(iter(chips.items()))
        yield Problem(f"option {_CHIP}={named}", f"--profile {name} is of {chip}", "leave one of the two out")


def _unable(subject: Subject, chip: str) -> Iterator[Problem]:
    """Refuse what was compiled for input that a chip does not take; others are refused in compiling."""
    if subject.in_machine_time:
        what = f"its input goes as graded spikes, which {chip} does not have"
        yield Problem(
            subject.path, what, "compile it again with --option input=bias, or choose other profiles"
        )
