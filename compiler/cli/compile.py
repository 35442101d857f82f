"""`msc compile`: a genome and its weights become a target's artefact and a report of how."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msc.compiler.cli import output
from msc.compiler.cli.parameters import (
    FolderOption,
    ForceOption,
    GenomeArgument,
    PrintAfterOption,
    TargetOption,
    TargetOptionsOption,
    WeightsOption,
)

if TYPE_CHECKING:
    from msc.compiler.cli.accuracy import Accuracy
    from msc.compiler.cli.inputs import Loaded
    from msc.ir.network import Model

REPORT = "report.json"
REPORTED_PACKAGES = ("numpy", "networkx", "nir", "h5py", "torch", "safetensors")


def compile_command(
    genome: GenomeArgument,
    target: TargetOption,
    weights: WeightsOption = None,
    option: TargetOptionsOption = None,
    out: FolderOption = None,
    force: ForceOption = False,
    print_after: PrintAfterOption = None,
) -> None:
    """Compile a genome for a target."""
    from msc.compiler.cli.accuracy import asked_for
    from msc.compiler.cli.inputs import load
    from msc.compiler.cli.targets import target_with_options
    from msc.compiler.driver import compile_model
    from msc.ir.files import write_folder_atomic
    from msc.ir.neurons import InputKind

    chosen, options = target_with_options(target, option or [])
    printer = _printer(print_after)
    folder = out if out is not None else f"{Path(genome).stem}-{target}"
    refuse_occupied(folder, force)
    loaded = load(genome, weights)
    skeleton = loaded.genome.skeleton
    accuracy = asked_for(options, skeleton.classes, skeleton.input is InputKind.STATIC)
    artefact = compile_model(loaded.make_model, chosen, options, _shown_to(printer, accuracy))
    report = {**artefact.report, **_facts(loaded)}
    if accuracy is not None:
        report["accuracy"] = accuracy.measure()
    files = {**artefact.files, REPORT: json.dumps(report, indent=2, sort_keys=True).encode() + b"\n"}
    write_folder_atomic(folder, files, force)
    rows = [(str(Path(folder, name)), len(data)) for name, data in sorted(files.items())]
    output.answer(output.table(rows, ("file", "bytes")))
    if accuracy is not None:
        output.answer(f"\n{_told(report['accuracy'])}")


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


def _facts(loaded: Loaded) -> dict[str, Any]:
    """Say what the driver does not know; a weights file by its name only, so that paths stay out."""
    return {
        "genome_hash": loaded.genome_hash,
        "space": loaded.genome.space,
        "weights": Path(loaded.weights_from).name,
        "versions": versions(),
    }


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


def _told(accuracy: Mapping[str, Any]) -> str:
    before, after = f"{accuracy['float']:.2%}", f"{accuracy['quantised']:.2%}"
    return f"accuracy on {accuracy['samples']} samples: {before} in floating point, {after} quantised"


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
