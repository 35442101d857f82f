"""Writes what is known of a network, whatever it was read from, as lines of at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any, cast

from msc.compiler.cli import output
from msc.ir.describe import INHIBITORY, NONE, neuron_text, shape_text, short_number

HEADERS = ("population", "neuron", "shape", "neurons", "in", "synapses", "weights", "MACs")
_NAME, _SHAPE = 16, 11  # characters of a column; longer ones are cut at the front
_CYCLES_TOLD = 10


class _Short(int):
    """A count, written short."""

    def __str__(self) -> str:
        return short_number(int(self))


def describe_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Write a described network (`msc.ir.describe.describe_network`)."""
    source, out, totals = found["input"], found["output"], found["totals"]
    steps = f", {found['timesteps']} steps" if found["timesteps"] is not None else ""
    yield from indented(
        f"{source['kind']} input {shape_text(source['shape'])}{steps}, output {out['name']} of "
        f"{shape_text(out['shape'])}"
    )
    yield ""
    yield output.table([_row(population) for population in found["populations"]], HEADERS)
    yield ""
    yield from indented(
        f"in all {totals['neurons']} neurons, {totals['synapses']} synapses, {totals['weights']} weights, "
        f"{totals['biases']} biases, {totals['macs_per_step']} MACs per step"
    )
    acting = ", ".join(f"{number} {kind}" for kind, number in found["acting"].items() if number)
    yield from indented(f"synapses, by the signs of their weights: {acting or 'none'}")
    yield from _neurons(found["populations"])
    yield from _projections(found)
    yield from _feedback(found)


def report_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Write what an artefact's report says of where it comes from; what is not as expected is left out."""
    options = _texts(report.get("options"))
    chosen = f" with {' '.join(f'{k}={v}' for k, v in options.items())}" if options else ""
    yield from indented(f"report: compiled for {report.get('target', 'no target')}{chosen}")
    source = _texts(report.get("source"))
    if "genome_hash" in report:
        weights = f", weights {report['weights']}" if "weights" in report else ""
        yield from indented(f"from genome {str(report['genome_hash'])[:12]}{weights}", 2)
    elif "file" in source:
        yield from indented(f"from {source['file']} (sha256 {source.get('sha256', '?')[:12]})", 2)
    elif "folder" in source:
        yield from indented(f"from an artefact of target {source['folder']}", 2)
    hashes = [f"{key.removesuffix('_hash')} {str(report[key])[:12]}" for key in _HASHES if key in report]
    if hashes:
        yield from indented(f"hashes of what was compiled: {', '.join(hashes)}", 2)
    versions = _texts(report.get("versions"))
    if versions:
        yield from indented(f"by {', '.join(f'{name} {number}' for name, number in versions.items())}", 2)


_HASHES = ("network_hash", "weights_hash")


def indented(text: str, by: int = 0) -> list[str]:
    """Wrap a text to the width of an answer."""
    return wrap(text, output.WIDTH, initial_indent=" " * by, subsequent_indent=" " * (by + 2))


def _row(population: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        _cut(population["name"], _NAME),
        population["neuron"].get("emits", population["neuron"]["kind"]),
        _cut(shape_text(population["shape"]), _SHAPE),
        *(_Short(population[key]) for key in ("neurons", "projections", "synapses", "weights", "macs")),
    )


def _neurons(populations: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """List the parameters, each set once, with the populations that have them."""
    having: dict[str, list[str]] = {}
    for population in populations:
        if population["neuron"]["kind"] != "Source":
            having.setdefault(neuron_text(population["neuron"]), []).append(population["name"])
    yield from ("", "neurons:")
    for text, names in having.items():
        yield from indented(f"{text}: {', '.join(names)}", 2)


def _projections(found: Mapping[str, Any]) -> Iterator[str]:
    """List the projections by their target: `a>b 3x3`, `-|` where all weights inhibit, `@1` a step later.

    Those whose weights are all 0 say so: they are there for a format's sake.
    """
    into: dict[str, list[str]] = {population["name"]: [] for population in found["populations"]}
    for p in found["projections"]:
        arrow = "-|" if p["acts"] == INHIBITORY else ">"
        zeros = " of zeros" if p["acts"] == NONE else ""
        delay = f" @{p['delay']}" if p["delay"] else ""
        text = f"{p['source']}{arrow}{p['target']} {p['op']}{zeros}{delay}"
        into[p["target"]].append(text)
    yield from ("", "projections:")
    for texts in into.values():
        yield from indented(", ".join(texts), 2)


def _feedback(found: Mapping[str, Any]) -> Iterator[str]:
    cycles = found["cycles"]
    if cycles:
        yield ""
    for cycle in cycles[:_CYCLES_TOLD]:
        yield from indented("feedback: " + " -> ".join((*cycle, cycle[0])))
    more = len(cycles) - _CYCLES_TOLD
    if more > 0:
        yield f"and {more}{'' if found['all_cycles'] else ' or more'} cycles more"


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {str(key): str(item) for key, item in cast(dict[Any, Any], value).items()}


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else ".." + text[2 - most :]
