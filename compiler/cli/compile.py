"""`msc compile`: a network and its weights become a target's artefact and a report of how."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msc.compiler.cli import output
from msc.compiler.cli.parameters import (
    EventsOption,
    FolderOption,
    ForceOption,
    PrintAfterOption,
    StepOption,
    SubjectArgument,
    TargetOption,
    TargetOptionsOption,
    WeightsOption,
)

if TYPE_CHECKING:
    from msc.compiler.cli.accuracy import Accuracy
    from msc.compiler.cli.subjects import Subject
    from msc.compiler.contracts import Options
    from msc.ir.network import Model

REPORTED_PACKAGES = ("numpy", "networkx", "nir", "h5py", "onnx", "torch", "safetensors")


def compile_command(
    subject: SubjectArgument,
    target: TargetOption,
    weights: WeightsOption = None,
    dt: StepOption = None,
    events: EventsOption = False,
    option: TargetOptionsOption = None,
    out: FolderOption = None,
    force: ForceOption = False,
    print_after: PrintAfterOption = None,
) -> None:
    """Compile a network for a target."""
    from msc.compiler.cli.artefacts import REPORT
    from msc.compiler.cli.subjects import Reading, open_subject
    from msc.compiler.cli.targets import target_with_options
    from msc.compiler.driver import compile_model
    from msc.ir.files import write_folder_atomic

    chosen, options = target_with_options(target, option or [])
    printer = _printer(print_after)
    folder = out if out is not None else f"{Path(os.path.abspath(subject)).stem}-{target}"
    refuse_occupied(folder, force)
    _refuse_itself(subject, folder)
    opened = open_subject(subject, Reading(weights, dt, events))
    _refuse_compiled(opened)
    accuracy = _accuracy(opened, options)
    shown = _shown_to(printer, accuracy)
    artefact = compile_model(opened.make_model, chosen, options, shown, _labels(opened, target))
    report = {**artefact.report, **opened.facts, "versions": versions()}
    if accuracy is not None:
        report["accuracy"] = accuracy.measure()
    files = {**artefact.files, REPORT: json.dumps(report, indent=2, sort_keys=True).encode() + b"\n"}
    write_folder_atomic(folder, files, force)
    rows = [(str(Path(folder, name)), len(data)) for name, data in sorted(files.items())]
    output.answer(output.table(rows, ("file", "bytes")))
    if accuracy is not None:
        output.answer(f"\n{_told(report['accuracy'], opened)}")


def refuse_occupied(folder: str, force: bool) -> None:
    """Refuse early, before any work, a folder that could not be written in the end."""
    from msc.compiler.cli.failures import UsageError

    path = Path(folder)
    if path.is_dir() and not force and any(path.iterdir()):
        raise UsageError.of(folder, "the folder is not empty", "choose another one or add --force")
    if path.exists() and not path.is_dir():
        raise UsageError.of(folder, "is a file, a folder is needed", "choose another path")


def versions() -> dict[str, str]:
    """The versions of msc, Python and the packages that can decide an artefact's bytes."""
    from importlib.metadata import PackageNotFoundError, version
    from platform import python_version

    found = {"python": python_version(), "msc": version("msc-snn")}
    for package in REPORTED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _refuse_itself(subject: str, folder: str) -> None:
    """Refuse to write an artefact into the one it is made of."""
    from msc.compiler.cli.failures import UsageError

    if os.path.isdir(subject) and os.path.isdir(folder) and os.path.samefile(subject, folder):
        raise UsageError.of(folder, "is what is compiled", "choose another folder with -o")


def _refuse_compiled(subject: Subject) -> None:
    from msc.compiler.cli.failures import UsageError

    if subject.in_machine_time:
        what = f"was compiled for {subject.made_for}, to integers in machine time, which no target takes"
        raise UsageError.of(subject.path, what, "give what it was compiled from")


def _labels(subject: Subject, target: str) -> dict[str, str]:
    """Say in the artefact what it comes from; a NIR file written again stays the file that it was."""
    labels = dict(subject.labels)
    if "sha256" in subject.facts.get("source", ()) and target != "nir":
        labels["nir"] = subject.facts["source"]["sha256"]
    return labels


def _accuracy(subject: Subject, options: Options) -> Accuracy | None:
    from msc.compiler.cli.accuracy import asked_for
    from msc.compiler.cli.kinds import Kind
    from msc.ir.neurons import InputKind, Source

    source = subject.network.source.neuron
    assert isinstance(source, Source)
    owner = "genome" if subject.kind is Kind.GENOME else "network"
    return asked_for(options, subject.classes, source.kind is InputKind.STATIC, owner)


def _shown_to(
    printer: Callable[[str, Model], None] | None, accuracy: Accuracy | None
) -> Callable[[str, Model], None]:
    """Make the hook that shows the model after a pass to those who want it."""

    def show(name: str, model: Model) -> None:
        if printer is not None:
            printer(name, model)
        if accuracy is not None:
            accuracy.see(name, model)

    return show


def _told(accuracy: Mapping[str, Any], subject: Subject) -> str:
    from msc.compiler.cli.kinds import Kind

    before, after = f"{accuracy['float']:.2%}", f"{accuracy['quantised']:.2%}"
    about = f"accuracy on {accuracy['samples']} samples"
    if subject.kind is not Kind.GENOME:
        about += f", each of the {subject.classes} outputs a class"
    return f"{about}: {before} in floating point, {after} quantised"


def _printer(wanted: str | None) -> Callable[[str, Model], None] | None:
    """Make the hook that prints the network after a pass; raises UsageError for an unknown pass."""
    if wanted is None:
        return None
    from msc.compiler.cli.failures import UsageError
    from msc.compiler.registry import discover
    from msc.ir.text import print_network

    known = sorted(discover("msc.compiler.passes", "PASS"))
    if wanted not in (*known, "all"):
        raise UsageError.of(
            f"--print-after {wanted}", "there is no such pass", f"choose one of: {', '.join(known)}, all"
        )

    def show(name: str, model: Model) -> None:
        if wanted in (name, "all"):
            output.answer(f"# after {name}\n{print_network(model.network)}")

    return show
