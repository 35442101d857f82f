"""Writes what is known of a genome as lines of at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msc.compiler.cli import output
from msc.compiler.cli.describing import indented

HEADERS = ("layer", "motif", "neurons", "synapses", "weights", "MACs/step", "populations")


def genome_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Write a described genome (`msc.search.describe.describe`)."""
    skeleton, totals = found["skeleton"], found["totals"]
    shape = "x".join(map(str, skeleton["input_shape"]))
    yield f"{found['space']} {found['hash'][:12]}"
    yield f"{skeleton['input']} input {shape}, {found['timesteps']} steps, {skeleton['classes']} classes"
    if not found["connected"]:
        yield from indented(f"disconnected: {found['cut']}")
    yield ""
    yield output.table([_row(group) for group in found["groups"]], HEADERS)
    yield ""
    yield from indented(
        f"in all {totals['neurons']} neurons, {totals['synapses']} synapses, {totals['weights']} weights, "
        f"{totals['biases']} biases, {totals['macs_per_step']} MACs per step"
    )
    for what in ("neurons", "synapses"):
        mix = found["balance"][what]
        yield f"{what}: {mix['excitatory']} excitatory, {mix['inhibitory']} inhibitory"
    yield from _connections(found)


def _row(group: Mapping[str, Any]) -> tuple[object, ...]:
    members = [name.rpartition(".")[2] for name in group["populations"]]
    counts = (group["neurons"], group["synapses"], group["weights"], group["macs"])
    name = group["name"] or f"({group['in_genome']})"
    return (name, group["code"], *counts, " ".join(members) if members else "dropped")


def _connections(found: Mapping[str, Any]) -> Iterator[str]:
    for group in found["groups"]:
        if group["ops"]:
            yield from ("", f"into {group['name']}:")
            yield from indented(", ".join(group["ops"]), 2)
    for cycle in found["cycles"]:
        yield ""
        yield from indented("feedback: " + " -> ".join((*cycle, cycle[0])))
    if found["dropped"]:
        yield from ("", "dropped (numbered as in the file):")
        for part in found["dropped"]:
            yield from indented(f"{part['name']}: {part['reason']}", 2)
