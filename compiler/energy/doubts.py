"""What to doubt about an energy report: warnings, in whole sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msc.compiler.energy.confidence import FEWEST, half_width, interval
from msc.compiler.energy.memory import STATE_BITS, WEIGHT_BITS
from msc.compiler.energy.prices import MESSAGES
from msc.compiler.energy.report import Priced, StageReport
from msc.compiler.energy.tallies import joined, members, total
from msc.compiler.energy.words import digits, percent, size
from msc.compiler.figures import Figure, Status
from msc.ir.activity import Quantity
from msc.ir.synapses import Operation

WIDEST = 0.05  # half an interval's width, as a share of the mean
_LISTED = 5  # names that one sentence lists
_MESH = ("cores_per_tile", "tiles_across", "tiles_down")
_STATUSES = {Status.CONFLICTING: "sources differ on", Status.UNVERIFIED: "not read in the source again:"}

BREAK_EVEN_EVENTS = (0.15, 1.38)
"""Spikes per synapse and inference below which a spiking network competes, depending on the dense one.

Dampfhoffer et al., Are SNNs really more energy-efficient than ANNs?, IEEE TETCI 7(3), 731-741, 2023.
"""
BREAK_EVEN_RATES = (0.057, 0.064)
"""Spike rates below which a spiking network competes: at T = 5 (version 4), T = 5 to 10 (versions 2 and 3).

Yan et al., Reconsidering the energy efficiency of spiking neural networks, arXiv 2409.08290, 2024.
"""


def warnings(stage: StageReport) -> tuple[str, ...]:
    """List what to doubt about the counts and energies of a stage; empty where there is nothing."""
    return (
        *_samples(stage),
        *_break_even_events(stage),
        *_break_even_rate(stage),
        *_values(stage),
        *_silent(stage),
        *(line for priced in stage.profiles for line in _of_profile(priced)),
    )


def _samples(stage: StageReport) -> Iterator[str]:
    activity = stage.activity
    if activity.samples < FEWEST:
        held = "one sample has no interval" if activity.samples == 1 else "intervals are bootstrapped"
        yield f"few samples: {activity.samples}, fewer than {FEWEST}; {held}"
    known = [(each.profile.name, each.high) for each in stage.profiles if each.high is not None]
    known = known or [("synaptic events", interval(activity.per_sample(Quantity.EVENTS)))]
    width, name = max((half_width(found) or 0.0, name) for name, found in known)
    if width > WIDEST:
        yield f"few samples: the 95 % interval of {name} is +-{percent(width)} of the mean, show more"


def _break_even_events(stage: StageReport) -> Iterator[str]:
    found, (low, high) = total(stage).per_synapse, BREAK_EVEN_EVENTS
    if found is not None and found > low:
        held = "among" if found <= high else "above"
        yield (
            f"{digits(found)} synaptic events per synapse and inference: {held} the published break-evens,"
            f" {low} to {high} depending on the dense network (Dampfhoffer et al. 2023)"
        )


def _break_even_rate(stage: StageReport) -> Iterator[str]:
    found, (low, high) = total(stage).rate, BREAK_EVEN_RATES
    if found is not None and found > low:
        held = f"{percent(low)} at T = 5" if found <= high else f"{percent(high)} at T = 5 to 10"
        yield (
            f"spike rate {percent(found)} (T = {stage.activity.steps}): above the published break-even with a"
            f" quantised dense network, {held} (Yan et al. 2024)"
        )


def _values(stage: StageReport) -> Iterator[str]:
    """Warn of projections that carry values: every one of their events is a multiplication."""
    names = [each.name for each in joined(stage) if each.operation is Operation.MAC]
    if names:
        off = [each.profile.name for each in stage.profiles if _leaves_out(each, names)]
        chips = f"; without a price on {_listed(off)}, where a host computes them" if off else ""
        yield f"values, not spikes, on {_listed(names)}: each event is a MAC{chips}"


def _leaves_out(priced: Priced, projections: Sequence[str]) -> bool:
    """Whether a profile has no price for events of projections."""
    unpriced = {column for each in priced.terms for column in each.term.unpriced}
    return any((Quantity.EVENTS, name) in unpriced for name in projections)


def _silent(stage: StageReport) -> Iterator[str]:
    silent = [each.name for each in members(stage) if each.spiking and each.silent == each.neurons]
    if silent:
        yield f"silent: {_listed(silent)} never spiked, what they feed costs nothing here"


def _of_profile(priced: Priced) -> Iterator[str]:
    """Warn of what a profile does not know, or is not sure of."""
    profile = priced.profile
    if not profile.published:
        yield f"{profile.name}: unpublished: {profile.note}"
        return
    if profile.factor is not None:
        yield f"{profile.name}: {profile.note}"
    if priced.missing:
        words = ", ".join(name.replace("_", " ") for name in priced.missing)
        yield f"{profile.name}: the total lacks {words} (n/a, not 0)"
    used = used_figures(priced)
    for status, words in _STATUSES.items():
        names = [name.replace("_", " ") for name, figure in used.items() if figure.status is status]
        if names:
            yield f"{profile.name}: {words} {_listed(names)}"


def used_figures(priced: Priced) -> dict[str, Figure]:
    """List the figures that a total is made of, by name ("memory of 8 KiB" for a memory's)."""
    profile = priced.profile
    memories = {each.memory for each in priced.buffers}
    bits = (WEIGHT_BITS, STATE_BITS) if memories else ()
    is_placed = any(each.term.name == MESSAGES and each.range is not None for each in priced.terms)
    numbers = [name for name in profile.numbers if name in bits or (is_placed and name in _MESH)]
    return (
        {name: profile.energies[name] for each in priced.terms for name in each.term.figures}
        | {f"memory of {size(m.size)}": m.energy for m in profile.memories if m in memories}
        | {name: profile.numbers[name] for name in numbers}
    )


def _listed(names: Iterable[str]) -> str:
    """List names, a few of them."""
    found = list(dict.fromkeys(names))
    rest = len(found) - _LISTED
    return ", ".join(found[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")
