"""What a command is given, of whatever kind: a network, how to get its weights, what is known of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from math import isclose, isfinite, prod
from pathlib import Path
from textwrap import wrap
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from msc.compiler.cli import output
from msc.compiler.cli.artefacts import MACHINE_TARGET, Folder, artefact_in
from msc.compiler.cli.attempts import Attempts
from msc.compiler.cli.failures import UsageError
from msc.compiler.cli.kinds import Kind, kind_of
from msc.ir.errors import Problem, raise_all

if TYPE_CHECKING:
    from msc.backends.running import Given
    from msc.ir.network import Model, Network

NIR_TARGET = "nir"
_NIR_LIMIT = 1 << 31
_HASH = re.compile("[0-9a-f]{64}")
_NOTES_TOLD = 6


@dataclass(frozen=True)
class Subject:
    """A network to compile, run, check or show.

    `make_model` is called once. `labels` go into artefacts, `facts` into their report. `classes` says how
    many classes the output has, `seed` draws input where none is given. `given` holds files that simulators
    of their target run as they are; `made_for` is the target of a folder. `notes` say what reading did.
    """

    path: str
    kind: Kind
    network: Network
    make_model: Callable[[], Model]
    facts: Mapping[str, Any]
    classes: int
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    seed: int = 0
    given: Given | None = None
    made_for: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def in_machine_time(self) -> bool:
        """Whether it is a bundle of Lava, whose network runs in machine steps."""
        return self.made_for == MACHINE_TARGET

    def model(self) -> Model:
        """Make the model and verify it; raises InvalidNetworkError with all that is wrong."""
        from msc.ir.verify import verify_model

        model = self.make_model()
        verify_model(model)
        return model


@dataclass(frozen=True)
class Reading:
    """The options that say how a subject is read: each goes with one kind of subject."""

    weights: str | None = None
    dt: str | None = None
    events: bool = False
    option: Sequence[str] | None = None

    def misfits(self, path: str, kind: Kind, compiled: bool) -> Iterator[Problem]:
        """List the options given that do not go with a kind; `compiled`: for a chip, `option` neither."""
        why = {
            Kind.GENOME: "is a genome file and has time steps and input of its own",
            Kind.NIR: "is a NIR file and holds its weights",
            Kind.FOLDER: "is compiled already",
        }[kind]
        unfit = {
            "--weights": self.weights is not None and kind is not Kind.GENOME,
            "--dt": self.dt is not None and kind is not Kind.NIR,
            "--events": self.events and kind is not Kind.NIR,
            "--option": bool(self.option) and compiled,
        }
        for name, wrong in unfit.items():
            if wrong:
                yield Problem(name, f"does not go with {path}, which {why}", "leave it out")

    def seconds(self) -> float | None:
        """Read `--dt`; raises UsageError where it is no positive number."""
        if self.dt is None:
            return None
        try:
            value = float(self.dt)
        except ValueError:
            value = 0.0
        if not (isfinite(value) and value > 0):
            what = "is no length of a time step in seconds"
            raise UsageError.of(f"--dt {self.dt}", what, "give a number above 0, such as 1e-4")
        return value


def open_subject(path: str, reading: Reading, quiet: bool = False) -> Subject:
    """Read what a command is given; its notes go to stderr, unless `quiet`.

    Raises UsageError with all that is wrong with the call, else what reading finds wrong.
    """
    kind = kind_of(path)
    attempt = Attempts()
    folder = attempt(lambda: artefact_in(path)) if kind is Kind.FOLDER else None
    compiled = folder is not None and folder.target.name == MACHINE_TARGET
    attempt.problems.extend(reading.misfits(path, kind, compiled))
    dt = attempt(reading.seconds) if kind is Kind.NIR else None
    raise_all(UsageError, attempt.problems)
    if kind is Kind.NIR:
        subject = _of_nir(path, dt, reading.events)
    else:
        subject = _of_genome(path, reading.weights) if folder is None else _of_folder(folder)
    if not quiet:
        _tell(subject.notes)
    return subject


def tell_rewritten(subject: Subject, names: Sequence[str]) -> None:
    """Say that simulators of NIR do not run a NIR file itself, where its time step is not theirs."""
    from msc.backends.nir.neurons import DT_S
    from msc.backends.verification import simulators

    known = simulators()
    rewritten = subject.kind is Kind.NIR and subject.given is None
    if rewritten and any(known[name].target == NIR_TARGET for name in names):
        output.note(f"NIR's simulators count steps of {DT_S:g} s: they run it as msc writes it again")


def _tell(notes: Sequence[str], most: int = _NOTES_TOLD) -> None:
    """Say on stderr what reading a subject did, as much as fits a few lines."""
    for text in notes[:most]:
        output.note("\n".join(wrap(text, output.WIDTH, subsequent_indent="  ")))
    if len(notes) > most:
        output.note(f"and {len(notes) - most} more, listed by msc show; compile keeps all in report.json")


def _of_genome(path: str, weights: str | None) -> Subject:
    from msc.compiler.cli.inputs import load

    loaded = load(path, weights)
    genome, identity = loaded.genome, loaded.genome_hash
    return Subject(
        path,
        Kind.GENOME,
        loaded.network,
        loaded.make_model,
        # A weights file by its name only, so that paths stay out.
        {"genome_hash": identity, "space": genome.space, "weights": Path(loaded.weights_from).name},
        genome.skeleton.classes,
        {"genome": identity},
        genome.seed,
    )


def _of_nir(path: str, dt: float | None, events: bool) -> Subject:
    from msc.backends.nir import FILE_NAME
    from msc.backends.nir.neurons import DT_S
    from msc.backends.nir.reading.network import read_network
    from msc.backends.running import Given
    from msc.ir.files import read_limited
    from msc.ir.neurons import InputKind

    imported = read_network(path, dt, InputKind.EVENTS if events else None)
    data = read_limited(path, _NIR_LIMIT, "NIR file")
    digest = sha256(data).hexdigest()
    source = {"file": Path(path).name, "sha256": digest, "dt": imported.dt, "notes": list(imported.notes)}
    # Simulators of NIR count steps of 0.1 ms; with other steps they run the network as msc writes it again.
    as_given = isclose(imported.dt, DT_S, rel_tol=1e-9)
    return Subject(
        path,
        Kind.NIR,
        imported.model.network,
        _once(imported.model),
        {"source": source},
        _outputs(imported.model.network),
        _carried(imported.labels),
        given=Given(NIR_TARGET, {FILE_NAME: data}) if as_given else None,
        notes=imported.notes,
    )


def _of_folder(folder: Folder) -> Subject:
    from msc.backends.nir import FILE_NAME
    from msc.backends.running import Given

    target = folder.target.name
    if target == NIR_TARGET:
        read = _of_nir(str(Path(folder.path, FILE_NAME)), None, False)
        return replace(read, path=folder.path, kind=Kind.FOLDER, made_for=target)
    model = folder.target.read(folder.path)
    # Bundles are run as their network says, see msc.backends.lava.checking.
    files = {} if target == MACHINE_TARGET else folder.files()
    digests = {name: sha256(data).hexdigest() for name, data in files.items()}
    return Subject(
        folder.path,
        Kind.FOLDER,
        model.network,
        _once(model),
        {"source": {"folder": target, "files": digests}},
        _outputs(model.network),
        given=Given(target, files) if files else None,
        made_for=target,
    )


def _carried(labels: Mapping[str, str]) -> dict[str, str]:
    """Keep, of the labels that a file was given, the hashes: they say what its network once was made from."""
    return {key: text for key in ("genome", "nir") if _HASH.fullmatch(text := labels.get(key, ""))}


def _outputs(network: Network) -> int:
    """Take each output neuron for a class of its own: only a genome says how many vote for one."""
    from msc.ir.shapes import population_shapes

    return prod(population_shapes(network)[network.output])


def _once(model: Model) -> Callable[[], Model]:
    """Hand a model over, so that passes can let its weights go."""
    held = [model]
    return held.pop
