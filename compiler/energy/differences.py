"""Why a later stage counts other events than the first, in parts that add up to the difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log2
from typing import TypeVar

from msc.compiler.energy.report import Change, Stage, StageReport
from msc.compiler.energy.sides import Ends, Side
from msc.ir.neurons import InputKind, Source
from msc.ir.ops import Quantise

NAMED = 5  # populations, or pairs of them, that are told one by one
_LISTED = 3  # names that one sentence lists
_Named = TypeVar("_Named", str, Ends)


@dataclass(frozen=True)
class Part:
    """A part of a difference, in integers over all samples: the sum over all parts is the whole."""

    reason: str
    events: int = 0
    updates: int = 0


def changes(
    first: StageReport, later: StageReport, quantised: StageReport | None = None
) -> tuple[Change, ...]:
    """Say why `later` counts more synaptic events and neuron updates (neurons x steps) than `first`.

    Both per sample; each reason is a sentence without its figures. All stages ran the same samples.
    `quantised`, where that stage was run, tells the two reasons apart that a placed network has: what its
    integers do, and what its pipeline does.
    """
    samples = first.activity.samples
    assert samples == later.activity.samples, "stages ran different samples"
    return tuple(
        Change(part.reason, part.events / samples, part.updates / samples)
        for part in parts(first, later, quantised)
    )


def parts(first: StageReport, later: StageReport, quantised: StageReport | None = None) -> tuple[Part, ...]:
    """Take a difference apart, as `changes` tells it.

    With P the spikes of each neuron over all samples and F its fan-out, two stages a and b differ between two
    populations by P_b (F_b - F_a), times the share of P_b F_b that was delivered: other synapses; and by the
    rest: other spikes. Relays count as the population they repeat.
    """
    if quantised is not None and first.stage is Stage.TRAINED and later.stage is Stage.PLACED:
        return (*parts(first, quantised), *parts(quantised, later))
    before, after = Side(first), Side(later)
    kept = [ends for ends in before.paths if ends in after.paths]
    found = (
        *(part for ends in kept if ends[0] == before.source for part in _input(before, after, ends)),
        *_other_spikes(before, after, [ends for ends in kept if ends[0] != before.source]),
        *_other_synapses(before, after, kept),
        _left_out(before, after),
        _added(before, after),
        _relays(after),
    )
    return tuple(part for part in found if part.events or part.updates)


def _input(before: Side, after: Side, ends: Ends) -> Iterator[Part]:
    """Tell what differs between the input's events on the same synapses: steps, and values that are 0."""
    rest = after.events(ends) - before.events(ends) - _synapse_events(before, after, ends)
    source, target = ends
    if _is_static(before):
        steps = sum((a - b) * each for a, b, each in _static_steps(before, after, ends))
        rest -= steps
        yield Part(_other_steps(before, after, ends), steps)
    rounding = next((op for p in after.paths[ends] for op in p.ops if isinstance(op, Quantise)), None)
    if rounding is None:
        yield Part(f"{source} reaches {target} in another number of steps", rest)
    else:
        bits = ceil(log2(2 * rounding.limit + 1))
        yield Part(f"{source} is rounded to {bits} bits for {target}, where its small values are 0", rest)


def _other_steps(before: Side, after: Side, ends: Ends) -> str:
    """Say why a static frame is sent at other steps."""
    source, target = ends
    if after.once(ends):
        return f"the host computes the current of {source} into {target} once, as a bias, not at every step"
    a, b = (side.steps - max(p.delay for p in side.paths[ends]) for side in (before, after))
    return f"{source} is shown to {target} for {b} steps, not {a}: as long as the pipeline runs"


def _static_steps(before: Side, after: Side, ends: Ends) -> Iterator[tuple[int, int, int]]:
    """Yield for each later projection its steps, the steps it had, and its events in one step."""
    for projection in after.paths[ends]:
        steps = after.delivered_steps(projection)
        each = after.events_of(projection) // max(steps, 1)
        assert each * steps == after.events_of(projection), f"{projection.name}: a static frame is one"
        had = 1 if before.once(ends) else before.steps_for(ends[1], after.logical_delay(projection))
        yield steps, had, each


def _synapse_events(before: Side, after: Side, ends: Ends) -> int:
    """Count the events of what a source emits later on synapses that it did not have, less those it lost.

    Spikes that a delay carries past the end reach none: which they are is not counted neuron by neuron, so
    that they are taken to have lost as many synapses as the others.
    """
    if not (_is_static(before) and ends[0] == before.source):
        reached = after.reached(ends)
        lost = int((after.emitted(ends[0]) * before.fan_out(ends)).sum()) - reached
        return -(lost * after.events(ends) // reached) if reached else -lost
    had = [had for _, had, _ in _static_steps(before, after, ends)]
    after_frame = [after.reached_in_a_step(p) for p in after.paths[ends]]
    before_frame = [before.reached_in_a_step(p) * before.delivered_steps(p) for p in before.paths[ends]]
    return sum(h * each for h, each in zip(had, after_frame, strict=True)) - sum(before_frame)


def _is_static(side: Side) -> bool:
    neuron = side.network.population(side.source).neuron
    return isinstance(neuron, Source) and neuron.kind is InputKind.STATIC


def _other_spikes(before: Side, after: Side, kept: Sequence[Ends]) -> Iterator[Part]:
    """Tell what populations that both stages have fire more, and what a longer run updates."""
    same = [p.name for p in before.network.populations if p.name in after.names and p.name != before.source]
    found = {name: _of_spikes(before, after, [ends for ends in kept if ends[0] == name]) for name in same}
    updates = sum(after.updates(name) - before.updates(name) for name in same)
    longer = f"the pipeline runs {after.steps} steps, not {before.steps}"
    if before.stage is Stage.QUANTISED and after.stage is Stage.PLACED:
        # Retiming keeps every spike of the logical steps: what is left are spikes of the steps after them.
        goes_on = f"{longer}: what comes first goes on while the last ends"
        yield Part(f"{goes_on}{_most(same, found)}", sum(found.values()), updates)
        return
    told = [Part(_rates(before, after, name), events) for name, events in found.items()]
    yield from _first_ones(told, "spikes of {} changed, too", "other population")
    yield Part(longer, 0, updates)


def _of_spikes(before: Side, after: Side, leaving: Sequence[Ends]) -> int:
    """Count the events of a population's other spikes on the synapses that it had."""
    return sum(
        after.events(ends) - before.events(ends) - _synapse_events(before, after, ends) for ends in leaving
    )


def _rates(before: Side, after: Side, name: str) -> str:
    """Say how a population's rate changed, in its own steps."""
    (a, a_steps), (b, b_steps) = ((side.rate(name), side.own_steps(name)) for side in (before, after))
    if a_steps != b_steps:
        more = f"{_percent(b, 1)} in {b_steps} with 8-bit weights in a pipeline"
        return f"{name} fired at {_percent(a, 1)} in {a_steps} steps, and at {more}"
    digits = next((d for d in (1, 2, 3) if _percent(a, d) != _percent(b, d)), None)
    if digits is None:
        return f"8-bit weights moved spikes of {name} between neurons, at a rate of {_percent(a, 1)}"
    return f"8-bit weights changed the rate of {name} from {_percent(a, digits)} to {_percent(b, digits)}"


def _percent(share: float, digits: int) -> str:
    return f"{100 * share:.{digits}f} %"


def _other_synapses(before: Side, after: Side, kept: Sequence[Ends]) -> Iterator[Part]:
    """Tell which synapses pairs of populations do not have any more, or have in another form."""
    found = {ends: _synapse_events(before, after, ends) for ends in kept}
    same = [e for e in kept if before.structural(e) == after.structural(e)]
    had, left = (sum(side.nonzero(ends) for ends in same) for side in (before, after))
    lost = f"8 bits round the weights of {had - left:,} of {had:,} synapses to 0"
    yield Part(f"{lost}{_most(same, found)}", sum(found[ends] for ends in same))
    others = [Part(_joined(before, after, ends), found[ends]) for ends in kept if ends not in same]
    yield from _first_ones(others, "joined projections of {} have other synapses", "pair of populations")


def _joined(before: Side, after: Side, ends: Ends) -> str:
    """Say how many synapses a pair of populations has whose projections were joined into other kernels."""
    a, b = (f"{side.nonzero(ends):,} synapses" for side in (before, after))
    told = f"{_counted(len(before.paths[ends]), 'projection')} from {ends[0]} to {ends[1]} with {a}"
    return f"{told} became {len(after.paths[ends])} with {b}"


def _left_out(before: Side, after: Side) -> Part:
    """Tell what of the first stage the later one does not have."""
    names = [name for name in before.names if name not in after.names]
    events = -sum(before.events(ends) for ends in before.paths if ends not in after.paths)
    updates = -sum(before.updates(name) for name in names)
    return Part(f"left out of what is compiled: {_listed(names) or 'projections'}", events, updates)


def _added(before: Side, after: Side) -> Part:
    """Tell what the later stage has that is no relay and that the first does not have."""
    names = [name for name in after.names if name not in before.names]
    events = sum(after.events(ends) for ends in after.paths if ends not in before.paths)
    updates = sum(after.updates(name) for name in names)
    return Part(f"added: {_listed(names) or 'projections'}", events, updates)


def _relays(after: Side) -> Part:
    """Tell what relays cost by themselves."""
    neurons = sum(after.neurons(name) for name in after.relays)
    which = f"relays ({_counted(len(after.relays), 'population')}, {neurons:,} neurons)"
    reason = f"{which} hold spikes back for projections that skip populations"
    events = sum(after.events_of(p) for p in after.into_relays)
    return Part(reason, events, sum(after.updates(name) for name in after.relays))


def _first_ones(found: Sequence[Part], rest: str, one: str) -> Iterator[Part]:
    """Keep the parts that are largest, in their order, and add up the others."""
    told = sorted(range(len(found)), key=lambda i: -abs(found[i].events))[:NAMED]
    others = [part for i, part in enumerate(found) if i not in told and part.events]
    yield from (found[i] for i in sorted(told))
    yield Part(rest.format(_counted(len(others), one)), sum(part.events for part in others))


def _most(among: Sequence[_Named], events: Mapping[_Named, int]) -> str:
    """Name the population or pair with the most of the events, where there are several."""
    if sum(events[name] != 0 for name in among) < 2:
        return ""
    most = max(among, key=lambda name: abs(events[name]))
    return f", most of these events from {most if isinstance(most, str) else ' to '.join(most)}"


def _counted(number: int, one: str) -> str:
    """Write "1 relay", "2 relays"; pairs of things are pairs."""
    first, *others = one.split(" ")
    plural = " ".join([f"{first}s", *others]) if others[:1] == ["of"] else f"{one}s"
    return f"{number} {one if number == 1 else plural}"


def _listed(names: Iterable[str]) -> str:
    given = list(names)
    more = f" and {len(given) - _LISTED} more" if len(given) > _LISTED else ""
    return ", ".join(given[:_LISTED]) + more
