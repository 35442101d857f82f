"""Lists what the projections delivered: exact synaptic events, beside what a dense network computes."""

from __future__ import annotations

from msc.compiler.energy.report import EnergyReport, StageReport, StaticInput
from msc.compiler.energy.tallies import Joined, joined, total
from msc.search.energy.staging import by_host, long_table, staged
from msc.search.energy.units import NO_ENERGY
from msc.search.reporting.markup import facts, number, paragraph, percent, plural, section, table, text

_TITLE = "Synapses"


def synapses_section(report: EnergyReport) -> str:
    """Write the table of every stage."""
    explained = (
        "A synapse joins two neurons; borders, stride, dilation and groups are counted as they are, and",
        "weights of zero do not count in what is non-zero. An event is a spike, or a value that is not",
        "zero, arriving at a non-zero synapse: an accumulation (AC) from spikes, a multiplication and",
        "accumulation (MAC) from values. Dense is every synapse at every step. Events are means per",
        "sample.",
    )
    return section("synapses", _TITLE, paragraph(*explained), *staged(report, _stage))


def _stage(stage: StageReport) -> str:
    head = ["projection", "kind", "synapses", "non-zero", "events", "dense", "of dense", "events per synapse"]
    rows = [_cells(each) for each in joined(stage)]
    listed = table(head, [*rows, _all(stage)], numeric=range(2, len(head)), kind="synapses")
    return long_table(listed, len(rows)) + _static(stage) + _neurobench(stage)


def _cells(each: Joined) -> list[str]:
    return [
        text(each.name) + _ends(each),
        each.operation.name,
        f"{each.structural:,}",
        f"{each.nonzero:,}",
        number(each.events),
        f"{each.dense:,}",
        _share(each.events, each.dense),
        _per_synapse(each.per_synapse),
    ]


def _ends(each: Joined) -> str:
    """Say what a projection joins where its name does not, and its delay."""
    words = [] if each.name == f"{each.source}>{each.target}" else [f"{each.source} to {each.target}"]
    words += [f"delay {plural(each.delay, 'step')}"] if each.delay else []
    return f"<small>{text(', '.join(words))}</small>" if words else ""


def _all(stage: StageReport) -> list[str]:
    every = total(stage)
    events = every.acs + every.macs
    return [
        f"<strong>all</strong><small>{number(every.acs)} AC and {number(every.macs)} MAC</small>",
        "",
        f"{every.structural:,}",
        f"{every.nonzero:,}",
        number(events),
        f"{every.dense:,}",
        _share(events, every.dense),
        f"{_per_synapse(every.per_synapse)}<small>of AC</small>",
    ]


def _share(events: float, dense: int) -> str:
    return percent(events / dense) if dense else NO_ENERGY


def _per_synapse(events: float | None) -> str:
    """Write how many events a non-zero synapse has per inference."""
    return NO_ENERGY if events is None else f"{events:.3g}"


def _static(stage: StageReport) -> str:
    """Say what of a static frame is counted, and what it would be computed once."""
    every = total(stage)
    if every.macs_once is None:
        return ""
    if by_host(stage):
        return paragraph(
            "The input is one static frame, whose current a host computes once; it is counted once.",
            kind="quiet",
        )
    asked = (
        "priced at every step, as a simulator of NIR computes it"
        if stage.static_input is StaticInput.EVERY_STEP
        else "priced once, its current kept for the other steps"
    )
    return paragraph(
        f"The input is one static frame: its events are counted at every step here, and {asked}.",
        f"Computed once, all MACs of a sample are {number(every.macs_once)} instead of {number(every.macs)}.",
        kind="quiet",
    )


def _neurobench(stage: StageReport) -> str:
    """Give the totals the names that NeuroBench gives them."""
    every, structure = total(stage), stage.structure
    dormant = NO_ENERGY if every.rate is None else f"{1 - every.rate:.4f}"
    values = {
        "Footprint": f"{structure.footprint():,} bytes: parameters and one sample's state, 32 bits each",
        "ConnectionSparsity": f"{structure.connection_sparsity:.4f}",
        "ActivationSparsity": dormant,
        "Effective_ACs": number(every.acs),
        "Effective_MACs": number(every.macs),
        "Dense": number(every.dense),
        "MembraneUpdates": NO_ENERGY if every.updates is None else number(every.updates),
    }
    listed = facts((name, text(value)) for name, value in values.items())
    return paragraph("The totals by NeuroBench's names:") + f'<div class="broad">{listed}</div>'
