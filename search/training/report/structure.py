"""Shows the network that was trained: its drawing, and what it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msc.ir.describe import EXCITATORY, INHIBITORY, short_number
from msc.search.reporting.drawing import network_figure
from msc.search.reporting.markup import code, facts, listed, number, plural, section, short_hash, text
from msc.search.training.report.run import Run

_SHOWN = 6


def network_section(run: Run) -> str:
    """Draw the network above its counts."""
    caption = (
        f"Network {short_hash(run.metrics.genome)}; its genome is {code('genome.json')} beside this report."
    )
    return section("network", "The network", network_figure(run.genome, caption), facts(_counts(run)))


def _counts(run: Run) -> Iterator[tuple[str, str]]:
    description = run.description
    totals, balance = description["totals"], description["balance"]
    yield "layers", text(_layers(description["groups"]))
    yield "populations", _parted(totals["populations"], balance["populations"])
    yield "neurons", _parted(totals["neurons"], balance["neurons"])
    yield "projections", f"{totals['projections']:,}"
    yield "synapses", _parted(totals["synapses"], balance["synapses"])
    yield "weights", f"{totals['weights']:,}, and {totals['biases']:,} biases"
    yield "MACs", f"{short_number(totals['macs_per_step'])} per time step, every neuron taken to fire"
    yield "cycles", text(_cycles(description["cycles"]))
    yield "neuron", text(_neuron(description["skeleton"]["neuron"]))
    yield "signs", f"rule {code(description['skeleton']['dale'])}"
    if description["dropped"]:
        names = [one["name"] for one in description["dropped"]]
        yield "dropped", f"{plural(len(names), 'part')} of the genome: {text(_some(names))}"


def _layers(groups: list[Mapping[str, Any]]) -> str:
    return ", ".join(group["code"] for group in groups if group["name"] not in (None, "input"))


def _parted(total: int, by_role: Mapping[str, int]) -> str:
    """Write a count with what of it excites and inhibits; the input belongs to neither."""
    return f"{total:,}: {by_role[EXCITATORY]:,} excitatory, {by_role[INHIBITORY]:,} inhibitory"


def _cycles(cycles: list[list[str]]) -> str:
    if not cycles:
        return "none: activity passes once"
    return f"{len(cycles):,} of feedback: {_some([' → '.join([*cycle, cycle[0]]) for cycle in cycles])}"


def _neuron(neuron: Mapping[str, float]) -> str:
    parts = [f"tau {number(neuron['tau'])} steps", f"r {number(neuron['r'])}"]
    return f"LIF, {listed([*parts, 'threshold ' + number(neuron['v_threshold'])])}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
