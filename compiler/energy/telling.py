"""Tells an energy report as plain data: docs/energy-json.md says what every key holds."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from msc.compiler.energy.comparing import verdict
from msc.compiler.energy.confidence import spread
from msc.compiler.energy.doubts import used_figures
from msc.compiler.energy.memory import STATE_BITS, WEIGHT_BITS, Buffer
from msc.compiler.energy.prices import Range
from msc.compiler.energy.report import Change, EnergyReport, Interval, Priced, StageReport, Twin
from msc.compiler.energy.runs import StaticInput
from msc.compiler.energy.tallies import Joined, Members, is_on_host, is_static, joined, members, total
from msc.compiler.energy.words import size
from msc.compiler.figures import Figure
from msc.ir.activity import Activity, Integers, Quantity
from msc.ir.neurons import Source
from msc.ir.synapses import Operation

FORMAT, VERSION = "msc.energy", 1


def to_json(report: EnergyReport) -> dict[str, Any]:
    """Make the JSON object of a report: its first stage, the later ones under `stages`.

    Counts are means per sample (whole ones are integers), energies nanojoules per sample; a range is
    {"low", "high"}, what is not known null.
    """
    first, *later = report.stages
    return {
        "format": FORMAT,
        "version": VERSION,
        "title": report.title,
        "facts": dict(report.facts),
        **_stage(first),
        "stages": {each.stage.value: _stage(each) for each in later},
        "changes": {
            stage.value: [_change(each) for each in found] for stage, found in report.changes.items()
        },
    }


def _change(change: Change) -> dict[str, Any]:
    return {"reason": change.reason, "events": change.events, "updates": change.updates}


def _stage(stage: StageReport) -> dict[str, Any]:
    source, *neurons = sorted(members(stage), key=lambda each: not each.is_source)
    how = StaticInput.ONCE if is_on_host(stage) else stage.static_input
    return {
        "stage": stage.stage.value,
        "simulator": stage.simulator,
        "samples": stage.activity.samples,
        "steps": stage.activity.steps,
        "static_input": how.value if is_static(stage) else None,
        "accuracy": stage.accuracy,
        "counts_sha256": _hashed(stage.activity),
        "footprint_bytes": stage.structure.footprint(),
        "total": _total(stage),
        "intervals": _intervals(stage),
        "source": _source(stage, source),
        "populations": [_population(stage, each) for each in neurons],
        "projections": [_projection(stage, each) for each in joined(stage)],
        "profiles": {each.profile.name: _priced(each, stage) for each in stage.profiles},
        "twin": {each.name: _twin(each) for each in stage.twins},
        "warnings": list(stage.warnings),
    }


def _hashed(activity: Activity) -> str:
    """Hash what was counted: reports of one hash counted the same, sample by sample."""
    names = "\n".join(f"{quantity.value} {name}" for quantity, name in activity.columns)
    table = np.ascontiguousarray(activity.table, "<i8").tobytes()
    return hashlib.sha256(names.encode() + b"\n" + table).hexdigest()


def _total(stage: StageReport) -> dict[str, Any]:
    found = total(stage)
    return {
        "spikes": found.spikes,
        "effective_acs": found.acs,
        "effective_macs": found.macs,
        "effective_macs_once": found.macs_once,
        "dense": found.dense,
        "membrane_updates": found.updates,
        "neuron_updates_dense": found.dense_updates,
        "neurons": found.neurons,
        "synapses_structural": found.structural,
        "synapses_nonzero": found.nonzero,
        "rate": found.rate,
        "activation_sparsity": None if found.rate is None else 1 - found.rate,
        "connection_sparsity": stage.structure.connection_sparsity,
        "silent_share": found.silent_share,
        "events_per_synapse": found.per_synapse,
    }


def _intervals(stage: StageReport) -> dict[str, Any]:
    """Tell how the counts of the whole network spread over samples."""
    activity = stage.activity
    zeros = np.zeros(activity.samples, np.int64)

    def events(kind: Operation) -> Integers:
        names = [each.name for each in joined(stage) if each.operation is kind]
        return sum((activity.per_sample(Quantity.EVENTS, name) for name in names), start=zeros)

    spiking = [each.name for each in members(stage) if each.spiking]
    counts = {
        "spikes": sum((activity.per_sample(Quantity.SPIKES, name) for name in spiking), start=zeros),
        "effective_acs": events(Operation.AC),
        "effective_macs": events(Operation.MAC),
    }
    seen = {"membrane_updates": activity.per_sample(Quantity.UPDATES)} if activity.saw_membranes else {}
    told = {name: _spread(values) for name, values in {**counts, **seen}.items()}
    return told if seen else {**told, "membrane_updates": None}


def _spread(values: Integers) -> dict[str, Any]:
    found = spread(values)
    bounds = _bounds(found.interval)
    return {"interval": bounds, "least": found.least, "p95": found.p95, "most": found.most}


def _bounds(found: Interval | None) -> list[float] | None:
    return None if found is None or found.bounds is None else list(found.bounds)


def _source(stage: StageReport, found: Members) -> dict[str, Any]:
    neuron = stage.wiring.network.source.neuron
    assert isinstance(neuron, Source)
    return {
        "name": found.name,
        "kind": neuron.kind.value,
        "shape": list(neuron.shape),
        "neurons": found.neurons,
        "nonzero": found.spikes,
        "rate": found.rate,
    }


def _population(stage: StageReport, found: Members) -> dict[str, Any]:
    """Tell what a population did; one that does not spike has no rate."""
    rate = found.rate if found.spiking else None
    return {
        "name": found.name,
        "neuron": type(stage.wiring.network.population(found.name).neuron).__name__,
        "shape": list(stage.wiring.shapes[found.name]),
        "neurons": found.neurons,
        "spikes": found.spikes if found.spiking else 0,
        "rate": rate,
        "sparsity": None if rate is None else 1 - rate,
        "silent_share": found.silent / found.neurons if found.spiking else None,
        "membrane_updates": found.updates,
        "neuron_updates_dense": found.neurons * found.steps,
    }


def _projection(stage: StageReport, found: Joined) -> dict[str, Any]:
    return {
        "name": found.name,
        "source": found.source,
        "target": found.target,
        "kind": found.operation.value,
        "delay": found.delay,
        "events": found.events,
        "events_once": found.once,
        "dense": found.dense,
        "synapses_structural": found.structural,
        "synapses_nonzero": found.nonzero,
        "weights": stage.structure.weights[found.name],
        "zero_weights": stage.structure.zeros[found.name],
        "events_per_synapse": found.per_synapse,
    }


def _priced(priced: Priced, stage: StageReport) -> dict[str, Any]:
    profile = priced.profile
    bits = [profile.numbers[name].whole for name in (WEIGHT_BITS, STATE_BITS) if name in profile.numbers]
    return {
        "title": profile.title,
        "node": profile.node,
        "published": profile.published,
        "note": profile.note,
        "sha256": profile.sha256,
        "total_nj": _range(priced.total),
        "interval_nj": {"low": _bounds(priced.low), "high": _bounds(priced.high)},
        "missing": list(priced.missing),
        "terms": {each.term.name: _range(each.range) for each in priced.terms},
        "notes": {
            each.term.name: {"standing": each.term.standing.value, "note": each.term.note}
            for each in priced.terms
        },
        "parts": {
            each.term.name: {part: _range(spent) for part, spent in each.by_part.items()}
            for each in priced.terms
        },
        "memory": {name: _range(spent) for each in priced.terms for name, spent in each.by_memory.items()},
        "buffers": [_buffer(each) for each in priced.buffers],
        "footprint_bytes": stage.structure.footprint(*bits) if len(bits) == 2 else None,
        "constants": _constants(priced),
    }


def _range(found: Range | None) -> dict[str, float] | None:
    return None if found is None else {"low": found.low, "high": found.high}


def _buffer(buffer: Buffer) -> dict[str, Any]:
    return {
        "part": buffer.part,
        "holds": buffer.holds.value,
        "bytes": buffer.bytes,
        "memory": buffer.label,
        "banks": buffer.banks,
    }


def _constants(priced: Priced) -> list[dict[str, Any]]:
    """Tell every figure of a profile with its source, and whether the total is made of it."""
    profile, used = priced.profile, used_figures(priced)
    memories = {f"memory of {size(each.size)}": each.energy for each in profile.memories}
    found = {**profile.energies, **memories, **profile.numbers}
    return [_constant(name, figure, name in used) for name, figure in found.items()]


def _constant(name: str, figure: Figure, is_used: bool) -> dict[str, Any]:
    return {
        "name": name,
        "value": figure.value,
        "low": figure.low,
        "high": figure.high,
        "unit": figure.unit,
        "source": figure.source,
        "year": figure.year,
        "node": figure.node,
        "status": figure.status.value,
        "used": is_used,
    }


def _twin(twin: Twin) -> dict[str, Any]:
    return {
        "profile": twin.profile,
        "macs": twin.macs,
        "activation_bits": twin.activation_bits,
        "operations_nj": _range(twin.operations),
        "memory_nj": _range(twin.memory),
        "spiking_operations_nj": _range(twin.spiking_operations),
        "spiking_memory_nj": _range(twin.spiking_memory),
        "verdict": verdict(twin),
    }
