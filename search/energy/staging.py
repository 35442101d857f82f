"""Repeats what a section says of one stage for every stage of a report, under its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msc.compiler.energy.report import EnergyReport, Stage, StageReport
from msc.ir.fixed import on_host

_MANY = 30  # rows
_WORDS = {
    Stage.TRAINED: "as trained",
    Stage.QUANTISED: "quantised",
    Stage.PLACED: "placed on cores",
}


def stage_words(stage: StageReport) -> str:
    """Say what of the network ran."""
    return _WORDS[stage.stage]


def staged(report: EnergyReport, write: Callable[[StageReport], str]) -> Iterator[str]:
    """Write markup for every stage; headings tell them apart where there are several."""
    for stage in report.stages:
        heading = f"<h3>{stage_words(stage).capitalize()}</h3>\n" if len(report.stages) > 1 else ""
        yield heading + write(stage)


def by_host(stage: StageReport) -> bool:
    """Whether a host computes the current of the input, once, and gives it to biases."""
    return any(map(on_host, stage.wiring.network.projections))


def long_table(table: str, count: int) -> str:
    """Let a table of many rows scroll in a box of its own; printed, it is whole."""
    return f'<div class="tall">{table}</div>' if count > _MANY else table
