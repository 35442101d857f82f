"""Runs the stages of `msc energy`, counts what each does, and prices it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from msc.compiler.cli.accuracy import share_right
from msc.compiler.cli.energy_live import Counted, watching
from msc.compiler.cli.energy_settings import Prepared
from msc.compiler.cli.failures import UsageError
from msc.compiler.energy.assembling import report_stage
from msc.compiler.energy.differences import changes
from msc.compiler.energy.messages import message_readouts
from msc.compiler.energy.report import Change, EnergyReport, Stage, StageReport
from msc.ir.fixed import is_fixed_point
from msc.ir.hashing import network_hash, weights_hash
from msc.ir.synapses import wire

if TYPE_CHECKING:
    from msc.backends.stages import Staged
    from msc.ir.activity import Activity, Column, Readout
    from msc.ir.network import Model

_OF_FLOATS, _OF_INTEGERS = "pytorch", "loihi"  # what counts where no simulator is named
_TOLD = 12  # characters of a hash


def run(prepared: Prepared) -> EnergyReport:
    """Run and price every stage on the same samples; raises what making or running one refuses."""
    from msc.backends.stages import stage

    model = start = prepared.subject.model()
    reports: dict[Stage, StageReport] = {}
    with watching() as begin:
        for each in prepared.stages:
            counted = begin(each.value)
            staged = stage(start, each, prepared.options, prepared.chip)
            if each is Stage.QUANTISED:
                start = staged.model  # what is placed is quantised once
            reports[each] = _run_stage(staged, prepared, counted)
    return EnergyReport(
        Path(prepared.subject.path).name, _facts(prepared, model), tuple(reports.values()), _changes(reports)
    )


def _run_stage(staged: Staged, prepared: Prepared, counted: Counted) -> StageReport:
    from msc.backends.counting import count

    model, shown = staged.model, prepared.shown
    inputs, timesteps = staged.prepare(shown.inputs)
    wiring = wire(model)
    readouts = _readouts(staged, prepared)
    activity = count(model, wiring, inputs, timesteps, prepared.on, readouts, counted)
    usual = _OF_INTEGERS if is_fixed_point(model.network) else _OF_FLOATS
    return report_stage(
        staged.stage,
        prepared.on or usual,
        model,
        wiring,
        activity,
        prepared.static_input,
        prepared.profiles,
        _accuracy(activity, prepared),
    )


def _readouts(staged: Staged, prepared: Prepared) -> tuple[Readout, ...]:
    """List what counts messages between the cores of the chip that a network is placed on.

    Raises UsageError where profiles lay a chip's mesh out in several ways: hops are counted on one.
    """
    if staged.placement is None:
        return ()
    found: dict[Column, tuple[Readout, str]] = {}
    placed_on = staged.placement.profile.name
    for profile in (each for each in prepared.profiles if each.chip == placed_on):
        for readout in message_readouts(staged.model, staged.placement, profile):
            counted, name = found.setdefault(readout.column, (readout, profile.name))
            if not np.array_equal(counted.per_spike, readout.per_spike):
                what = f"has other tiles than --profile {name}"
                raise UsageError.of(f"--profile {profile.name}", what, "run the two one at a time")
    return tuple(readout for readout, _ in found.values())


def _accuracy(activity: Activity, prepared: Prepared) -> float | None:
    """Compute the share of samples that are classified right, where their classes are known."""
    shown = prepared.shown
    if shown.labels is None:
        return None
    outputs = activity.outputs.reshape(1, activity.samples, -1)
    return share_right(outputs, shown.labels, shown.classes)


def _changes(reports: Mapping[Stage, StageReport]) -> dict[Stage, tuple[Change, ...]]:
    """Explain how the later stages differ from the first."""
    first, *later = reports
    quantised = reports.get(Stage.QUANTISED)
    return {
        each: changes(reports[first], reports[each], quantised if each is Stage.PLACED else None)
        for each in later
    }


def _facts(prepared: Prepared, model: Model) -> dict[str, str]:
    """Say what was run on what: files without their folders, hashes cut short."""
    subject = prepared.subject
    kind = f"{subject.made_for} artefact" if subject.made_for is not None else subject.kind.value.split()[1]
    weights = f"hash {weights_hash(model.weights)[:_TOLD]}"
    named = subject.facts.get("weights")
    facts = {
        "network": f"{kind} {Path(subject.path).name}, hash {network_hash(model.network)[:_TOLD]}",
        "weights": weights if named is None else f"{named}, {weights}",
        "samples": prepared.shown.about,
    }
    if prepared.asked:
        facts["options"] = ", ".join(prepared.asked)
    facts["msc"] = version("msc-snn")
    return facts
