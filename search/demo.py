"""The whole chain on real data: a shipped genome trained on digits, compiled, checked on simulators."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from math import prod
from pathlib import Path
from textwrap import wrap
from time import perf_counter

import numpy as np
import torch

from msc.backends.pytorch.artefact import open_artefact
from msc.backends.verification import Verification, simulators, verify_on
from msc.backends.weights import write_weights
from msc.compiler.driver import Artefact, compile_model, find_target
from msc.ir.files import FileError, write_folder_atomic
from msc.ir.graph import cyclic_projections, update_order
from msc.ir.network import Model, Sign
from msc.ir.shapes import neuron_count, population_shapes
from msc.search.canonical import genome_hash
from msc.search.data import Split
from msc.search.data.digits import digits
from msc.search.genome import Genome, parse_genome
from msc.search.lower import require_connected
from msc.search.motifs import motifs
from msc.search.readout import class_scores
from msc.search.training.fit import Trained, train
from msc.search.training.settings import Settings
from msc.search.training.watching import Epoch

SETTINGS = Settings(epochs=20, validation=0.0)
VERIFIED_DIGITS = 32
WIDTH = 80
_GENOME = "demo.json"
_TARGETS = ("nir", "pytorch")
_OPTIONAL = "onnx"  # a target whose package need not be there


@dataclass(frozen=True)
class DemoResult:
    """What the demo found.

    `artefact_agrees`: held-out digits that the compiled PyTorch artefact puts into the same class as the
    trained network, of `held_out`; `artefact_accuracy`: the share it gets right.
    """

    folder: Path
    accuracy: float
    artefact_accuracy: float
    artefact_agrees: int
    held_out: int
    verification: Verification

    @property
    def ok(self) -> bool:
        """Whether no simulator differs beyond rounding and the output is alive."""
        return self.verification.ok and self.verification.alive


def run_demo(
    folder: Path,
    *,
    force: bool = False,
    echo: Callable[[str], None] = print,
    progress: Callable[[str], None] = lambda _: None,
    settings: Settings = SETTINGS,
    on: Sequence[str] | None = None,
) -> DemoResult:
    """Train, compile, verify, and write everything into `folder`, all of it or nothing.

    `echo` is told the findings, line by line, at most 80 columns wide; `progress` what is going on. `on`
    names the simulators to verify on (None: all there are). Raises FileError where the folder cannot be
    written; a non-empty one without `force` is refused before anything is done.
    """
    _refuse_occupied(folder, force)
    text = files("msc.search").joinpath("genomes", _GENOME).read_bytes()
    genome = parse_genome(text, _GENOME)
    network = require_connected(genome).network
    assert network is not None
    split = digits()
    _tell(echo, _opening(genome, Model(network), split))
    started = perf_counter()
    trained = train(genome, split, settings, lambda epoch: progress(_epoch_line(epoch)))
    held_out = len(split.test_labels)
    _tell(echo, _training_report(trained, settings, held_out, perf_counter() - started))
    progress("compiling")
    made_from = {"genome": genome_hash(genome)}
    artefacts = {
        name: compile_model(lambda: trained.model, find_target(name), {}, labels=made_from)
        for name in _targets()
    }
    agrees, artefact_accuracy = _try_artefact(artefacts["pytorch"], split, trained)
    _tell(echo, _artefact_report(artefacts, agrees, artefact_accuracy, held_out))
    shown, steps = split.test_inputs[:VERIFIED_DIGITS], network.timesteps
    named = [name for name, known in simulators().items() if known.target in artefacts] if on is None else on
    verification = verify_on(
        trained.model, shown, steps, named, progress=lambda name: progress(f"verifying on {name}")
    )
    _tell(echo, _verification_report(verification))
    made = _files(text, genome, trained.model, artefacts, verification)
    write_folder_atomic(folder, made, force)
    _tell(echo, _closing(folder, made))
    return DemoResult(folder, trained.accuracy, artefact_accuracy, agrees, held_out, verification)


def _targets() -> tuple[str, ...]:
    return _TARGETS if find_spec(_OPTIONAL) is None else (*_TARGETS, _OPTIONAL)


def _tell(echo: Callable[[str], None], lines: Iterator[str]) -> None:
    for line in lines:
        echo(line)


def _refuse_occupied(folder: Path, force: bool) -> None:
    """Refuse a folder that is in use before a minute is spent on training."""
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise FileError.of(str(folder), "the folder is not empty", "choose another one or add --force")


def _opening(genome: Genome, model: Model, split: Split) -> Iterator[str]:
    network = model.network
    inhibitory = sum(p.sign is Sign.INHIBITORY for p in network.projections)
    yield f"genome     {_GENOME}, {genome.space}, {genome_hash(genome)[:12]}"
    layers = [motifs()[layer.motif] for layer in genome.genes.layers if layer.motif]
    text = ", ".join(f"{motif.code} ({motif.title})" for motif in layers)
    yield from wrap(f"layers     {text}", WIDTH, subsequent_indent=" " * 11)
    yield (
        f"network    {len(network.populations) - 1} populations, {neuron_count(network)} neurons, "
        f"{len(network.projections)} projections,"
    )
    cyclic = len(cyclic_projections(network))
    yield f"           {inhibitory} of them inhibitory, {cyclic} on a feedback cycle"
    train, test = len(split.train_labels), len(split.test_labels)
    yield f"data       {split.name}: {train} real images to train on, {test} held out"


def _epoch_line(epoch: Epoch) -> str:
    done = f"training: epoch {epoch.number} of {epoch.of}"
    return f"{done}, loss {epoch.loss:.3f}, accuracy {epoch.accuracy:.1%}"


def _training_report(trained: Trained, settings: Settings, held_out: int, seconds: float) -> Iterator[str]:
    network = trained.model.network
    shapes = population_shapes(network)
    steps = network.timesteps or 1
    yield f"training   {settings.epochs} epochs in {seconds:.0f} s"
    yield f"accuracy   {trained.accuracy:.1%} of the {held_out} held-out digits"
    yield ""
    width = max(len("population"), *(len(name) for name in trained.test.rates))
    yield f"{'population':{width}}  {'neurons':>8}  {'rate':>6}  {'spikes per digit':>16}"
    for name in update_order(network):
        if name in trained.test.rates:
            rate, neurons = trained.test.rates[name], prod(shapes[name])
            yield f"{name:{width}}  {neurons:>8}  {rate:>6.1%}  {rate * neurons * steps:>16.1f}"
    spikes = sum(rate * prod(shapes[name]) * steps for name, rate in trained.test.rates.items())
    total = neuron_count(network)
    yield f"{'all':{width}}  {total:>8}  {spikes / total / steps:>6.1%}  {spikes:>16.1f}"
    yield ""


def _artefact_report(
    artefacts: Mapping[str, Artefact], agrees: int, accuracy: float, held_out: int
) -> Iterator[str]:
    *others, last = artefacts
    yield f"compiled   {', '.join(others)} and {last}; the PyTorch artefact decides {agrees} of {held_out}"
    yield f"           held-out digits as the trained network did ({accuracy:.1%} right)"
    yield ""


def _try_artefact(artefact: Artefact, split: Split, trained: Trained) -> tuple[int, float]:
    """Classify the held-out samples with the compiled artefact; returns how many agree, and its accuracy."""
    with torch.no_grad():
        outputs = open_artefact(artefact.files)(torch.from_numpy(split.test_inputs))
    predictions = class_scores(outputs, split.classes).argmax(1).numpy()
    agrees = int((predictions == trained.test.predictions).sum())
    return agrees, float(np.mean(predictions == split.test_labels))


def _verification_report(verification: Verification) -> Iterator[str]:
    yield f"verified   spike by spike against the reference, {verification.samples} held-out digits:"
    for result in verification.results:
        yield from wrap(str(result), WIDTH, initial_indent="  ", subsequent_indent="    ")
    yield ""


def _files(
    text: bytes, genome: Genome, model: Model, artefacts: Mapping[str, Artefact], verification: Verification
) -> dict[str, bytes]:
    identity = genome_hash(genome)
    made = {
        "genome.json": text,
        "weights.safetensors": write_weights(model.weights, {"genome": identity}),
        "verification.json": _json(verification.to_json()),
    }
    for name, artefact in artefacts.items():
        made.update({f"{name}/{file}": data for file, data in artefact.files.items()})
        made[f"{name}/report.json"] = _json({**artefact.report, "genome_hash": identity})
    return made


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, indent=2, sort_keys=True).encode() + b"\n"


def _closing(folder: Path, made: Mapping[str, bytes]) -> Iterator[str]:
    yield "files"
    for name in sorted(made):
        yield f"  {folder / name}"
    yield "next"
    yield f"  msc show {folder / 'genome.json'}"
    yield f"  msc verify {folder / 'genome.json'} --weights {folder / 'weights.safetensors'}"
