"""Opens an energy report: what ran, what a sample costs, who needs less, and what to doubt."""

from __future__ import annotations

from collections.abc import Iterator

from msc.compiler.energy.comparing import comparisons, flips, verdict
from msc.compiler.energy.report import EnergyReport, Priced, StageReport, Twin
from msc.compiler.energy.tallies import Total, total
from msc.search.energy.staging import by_host, stage_words
from msc.search.energy.units import NO_ENERGY, bounds, energy, energy_or_none, who_needs_less
from msc.search.reporting.markup import (
    accurate,
    brief,
    bullets,
    code,
    facts,
    listed,
    note,
    paragraph,
    percent,
    plural,
    text,
    tiles,
)
from msc.search.training.report.wilson import wilson

_NAMED = 3  # energies in the first sentence
_SECTIONS = (
    ("terms", "Energy by term"),
    ("parts", "Where it goes"),
    ("twins", "Dense twin"),
    ("activity", "Activity"),
    ("synapses", "Synapses"),
    ("stages", "Stages"),
    ("constants", "Constants"),
    ("method", "Method"),
)


def opening(report: EnergyReport) -> str:
    """Write the header of the page; its figures are those of the first stage."""
    first = report.stages[0]
    return "\n".join(
        (
            "<header>",
            '<p class="kicker">msc energy</p>',
            f"<h1>{text(report.title)}</h1>",
            paragraph(_lead(report), kind="lead"),
            _contents(report),
            facts(_facts(report)),
            tiles(_energies(first), kind="tiles wide"),
            tiles(_counts(first)),
            *_verdicts(report),
            *_warnings(report),
            "</header>",
        )
    )


def _lead(report: EnergyReport) -> str:
    """Say in one sentence what a sample costs."""
    first = report.stages[0]
    costs = [
        f"<strong>{energy(priced.total)}</strong> on {text(priced.profile.name)}"
        for priced in first.profiles
        if priced.total is not None
    ]
    over = f"over {plural(first.activity.samples, 'sample')} of {plural(first.activity.steps, 'time step')}"
    if not costs:
        return f"No profile here has a published energy: only operations were counted, {over}."
    stage = f", {text(stage_words(first))}," if len(report.stages) > 1 else ""
    mean = "" if first.activity.samples == 1 else " in the mean"
    left = len(costs) - _NAMED
    more = f"{plural(left, 'more profile')} {'follows' if left == 1 else 'follow'} below." if left > 0 else ""
    return f"The network{stage} needs {listed(costs[:_NAMED])} per sample{mean} {over}. {more}".rstrip()


def _facts(report: EnergyReport) -> Iterator[tuple[str, str]]:
    """Tell what was measured, from the outside in."""
    yield from ((name, text(value)) for name, value in report.facts.items())
    for stage in report.stages:
        if len(report.stages) == 1:
            yield "run", f"{stage_words(stage)}, {_run(stage)}"
        else:
            yield stage_words(stage), _run(stage)


def _run(stage: StageReport) -> str:
    activity = stage.activity
    parts = [
        f"on {code(stage.simulator)}",
        f"{plural(activity.samples, 'sample')} of {plural(activity.steps, 'time step')}",
    ]
    if total(stage).macs_once is not None:
        when = "once, by a host" if by_host(stage) else stage.static_input.value.replace("-", " ")
        parts.append(f"static input computed {when}")
    if stage.accuracy is not None:
        parts.append(_accuracy(stage.accuracy, activity.samples))
    return "; ".join(parts)


def _accuracy(share: float, samples: int) -> str:
    low, high = wilson(round(share * samples), samples)
    return (
        f"accuracy {accurate(share)} (95 % interval {100 * low:.1f} to {100 * high:.1f}\N{NO-BREAK SPACE}%)"
    )


def _energies(stage: StageReport) -> Iterator[tuple[str, str, str]]:
    """Set the energy on every profile large."""
    for priced in stage.profiles:
        yield f"energy on {priced.profile.name}", energy_or_none(priced.total), _under(priced)


def _counts(stage: StageReport) -> Iterator[tuple[str, str, str]]:
    """Set large what the energy is spent on."""
    every: Total = total(stage)
    yield "spikes", brief(every.spikes), "per sample"
    yield "ACs", brief(every.acs), "effective, per sample"
    macs = "effective, per sample"
    yield "MACs", brief(every.macs), macs
    yield "firing rate", NO_ENERGY if every.rate is None else percent(every.rate), "per neuron and step"
    silent = every.silent_share
    of = f"of {brief(every.spiking)} neurons, in all samples"
    yield "silent", NO_ENERGY if silent is None else percent(silent), of


def _under(priced: Priced) -> str:
    """Say how sure an energy is, or why there is none."""
    if priced.total is None:
        return "nothing published" if not priced.profile.published else "no term is known"
    interval = bounds(priced.low, priced.high)
    return "per sample; one sample has no interval" if interval is None else f"95 % {energy(interval)}"


def _verdicts(report: EnergyReport) -> Iterator[str]:
    """Say which network needs less: of the first stage in full, of later ones in short."""
    for place, stage in enumerate(report.stages):
        if stage.twins:
            of = f", {stage_words(stage)}" if len(report.stages) > 1 else ""
            depends = any(map(flips, stage.twins))
            answer = "it depends on the memory model" if depends else "the same by every model"
            say = _in_short if place else _in_full
            sentences = [f"<strong>{text(twin.name)}:</strong> {text(say(twin))}" for twin in stage.twins]
            yield note(f"Spiking or dense{of}: {answer}.", bullets(sentences))


def _in_full(twin: Twin) -> str:
    return verdict(twin).replace(" uJ", " µJ")


def _in_short(twin: Twin) -> str:
    return "; ".join(f"{each.model}: {who_needs_less(each)}" for each in comparisons(twin)) + "."


def _warnings(report: EnergyReport) -> Iterator[str]:
    """List what to doubt, each once; those of some stages alone name them."""
    found: dict[str, list[str]] = {}
    for stage in report.stages:
        for words in stage.warnings:
            found.setdefault(words, []).append(stage_words(stage))
    every = len(report.stages)
    lines = [
        text(words) if len(stages) == every else f"{text(words)} <em>({text(listed(stages))})</em>"
        for words, stages in found.items()
    ]
    if lines:
        title = "Before you use these numbers"
        yield f'<aside class="warning"><strong>{title}</strong> {bullets(lines)}</aside>'


def _contents(report: EnergyReport) -> str:
    shown = [pair for pair in _SECTIONS if pair[0] != "stages" or len(report.stages) > 1]
    return "<nav>" + " ".join(f'<a href="#{name}">{text(title)}</a>' for name, title in shown) + "</nav>"
