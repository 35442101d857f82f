"""Third-party NIR graphs as networks of msc with the same meaning, or every reason why not."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np

from msc.backends.nir.neurons import DT_S
from msc.backends.nir.reading import neurons
from msc.backends.nir.reading.assembling import Wiring, assemble
from msc.backends.nir.reading.flattening import Flat, flatten
from msc.backends.nir.reading.grouping import regrouped
from msc.backends.nir.reading.hdf5 import read_raw
from msc.backends.nir.reading.naming import population_names
from msc.backends.nir.reading.neurons import Neurons
from msc.backends.nir.reading.raw import RawGraph, Value
from msc.backends.nir.reading.routes import survey
from msc.backends.nir.reading.signals import Parsed, Signals, parse, trace
from msc.backends.nir.reading.values import compact
from msc.ir.errors import MscError, raise_all
from msc.ir.network import Model
from msc.ir.neurons import InputKind, Neuron, Source
from msc.ir.verify import verify_model

_MOST_STEPS = 1_000_000


class NirMeaningError(MscError):
    """A NIR file can be read, and what it says is no network that msc has."""


@dataclass(frozen=True)
class Imported:
    """A network from NIR, the seconds of a step that it was read with, and what happened on the way.

    `notes` has a line for each: where cycles were cut, what was left out, which biases start late. `labels`
    are the texts that the file says of where it comes from.
    """

    model: Model
    dt: float
    notes: tuple[str, ...]
    labels: Mapping[str, str]


def read_network(
    path: str | os.PathLike[str], dt: float | None = None, kind: InputKind | None = None
) -> Imported:
    """Read a NIR file as a network of ours with the same meaning.

    `dt` is the time step in seconds (None: what the file says of itself, else 1e-4), `kind` what the input
    is (None: what msc wrote into the file, else analog values per step). Raises NirFileError where the
    file cannot be read and NirMeaningError, with every offender, where msc has no such network.
    """
    graph = read_raw(path)
    try:
        return interpret(graph, dt, kind)
    except MscError as error:
        where = os.fspath(path)
        raise NirMeaningError(p.inside(where) for p in error.problems) from error


def interpret(graph: RawGraph, dt: float | None = None, kind: InputKind | None = None) -> Imported:
    """Do what `read_network` does, with a graph that has been read."""
    step = _step(graph, dt)
    flat = flatten(graph, step)
    parsed, problems = parse(flat, step)
    signals = trace(flat, parsed)
    raise_all(NirMeaningError, [*flat.problems, *problems, *signals.problems])
    assert flat.source is not None
    source = Source(signals.shapes[flat.source], kind or _written_kind(flat.nodes[flat.source].metadata))
    wiring = _wired(flat, parsed, signals, source)
    model, problems, notes = assemble(wiring, _written_steps(graph.metadata))
    raise_all(NirMeaningError, problems)
    assert model is not None
    verify_model(model)
    read_so = [*_rounded(flat), *_doubts(parsed, step), *flat.notes, *signals.notes, *notes]
    return Imported(model, step, tuple(read_so), _written_labels(graph.metadata))


def _wired(flat: Flat, parsed: Mapping[str, Parsed], signals: Signals, source: Source) -> Wiring:
    """Tell populations from linear nodes and find the ways between them."""
    assert flat.source is not None
    assert flat.sink is not None
    populations: dict[str, Neuron] = {flat.source: source}
    populations |= {name: node.neuron for name, node in parsed.items() if isinstance(node, Neurons)}
    ends = frozenset({*populations, flat.sink} - {flat.source})
    pieces = {
        name: regrouped(piece, flat.nodes[name].metadata)
        for name, piece in signals.pieces.items()
        if name not in ends and name != flat.source
    }
    biased = [name for name, piece in pieces.items() if piece.bias is not None]
    roads, problems = survey(flat.edges, ends, pieces, (*populations, *biased))
    raise_all(NirMeaningError, problems)
    metadata = {name: dict[str, object](node.metadata) for name, node in flat.nodes.items()}
    names = population_names({name: metadata[name] for name in populations})
    return Wiring(
        flat.source, flat.sink, populations, names, signals.shapes, roads, signals.unreached, metadata
    )


def _step(graph: RawGraph, dt: float | None) -> float:
    """Choose the seconds of a step."""
    if dt is not None:
        if not (isfinite(dt) and dt > 0):
            raise NirMeaningError.of("dt", f"is {dt:g} s", "give a time step above 0, in seconds")
        return float(dt)
    written = _number(graph.metadata.get("dt"))
    return written if written is not None and written > 0 else DT_S


def _written_kind(metadata: Mapping[str, Value]) -> InputKind:
    written = metadata.get("kind")
    return next((kind for kind in InputKind if kind.value == written), InputKind.ANALOG)


def _written_labels(metadata: Mapping[str, Value]) -> dict[str, str]:
    written = metadata.get("labels")
    if not isinstance(written, Mapping):
        return {}
    return {name: text for name, text in written.items() if isinstance(text, str)}


def _written_steps(metadata: Mapping[str, Value]) -> int | None:
    written = _number(metadata.get("timesteps"))
    if written is None or written not in range(1, _MOST_STEPS + 1):
        return None
    return int(written)


def _number(value: Value | None) -> float | None:
    """Return a single finite number of the metadata, which anyone may have written."""
    if not isinstance(value, np.ndarray) or value.shape != () or value.dtype.kind not in "fiu":
        return None
    return float(value) if isfinite(float(value)) else None


def _rounded(flat: Flat) -> list[str]:
    """Say which nodes hold weights that float32 does not."""
    names: list[str] = []
    for name, node in flat.nodes.items():
        for key in ("weight", "bias", "scale"):
            value = node.fields.get(key)
            if isinstance(value, np.ndarray) and (compact(value) != compact(value).astype(np.float32)).any():
                names.append(f"{name} {key}")
    return [f"{', '.join(names)}: rounded to float32"] if names else []


def _doubts(parsed: Mapping[str, Parsed], step: float) -> list[str]:
    """Say which neurons were perhaps written with a step of 1."""
    named = [
        name
        for name, node in parsed.items()
        if isinstance(node, Neurons) and neurons.seems_stepped(node.neuron, step)
    ]
    if not named:
        return []
    return [f"{', '.join(named)}: perhaps written with a time step of 1, not {step:g} s: then give --dt 1"]
