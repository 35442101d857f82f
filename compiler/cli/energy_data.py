"""The samples that `msc energy` runs: of a data set's test samples or of an array, and their classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from msc.compiler.cli.energy_options import SAMPLES
from msc.compiler.cli.failures import UsageError
from msc.compiler.cli.kinds import Kind
from msc.ir.errors import Problem, raise_all
from msc.ir.network import Model
from msc.ir.neurons import InputKind, Source
from msc.ir.shapes import population_shapes

if TYPE_CHECKING:
    from msc.compiler.cli.energy_options import Options
    from msc.compiler.cli.subjects import Subject
    from msc.search.data import Split
    from msc.search.data.request import Request

_TOLD = {
    InputKind.STATIC: "static frames",
    InputKind.ANALOG: "values of every step",
    InputKind.EVENTS: "events",
}
_OTHER = "give the data that it was made for"


@dataclass(frozen=True, eq=False)
class Shown:
    """Samples to run, inputs as for a simulation: [B, *shape] of a static source, else [T, B, *shape].

    `labels` [B] are classes from 0 to `classes` - 1, None where there are none. `about` says where the
    samples are from, `note` what those who asked for more of them should know.
    """

    inputs: NDArray[Any]
    about: str
    labels: NDArray[np.int64] | None = None
    classes: int = 0
    note: str | None = None


def read_split(options: Options, subject: Subject | None) -> Split:
    """Read the data set named, events in the frames that the subject takes; raises as finding data does."""
    from msc.compiler.cli.downloads import downloading
    from msc.search.data import find_data
    from msc.search.data.request import Request

    assert options.data is not None
    with downloading() as progress:
        request = Request(download=options.download, progress=progress)
        return find_data(options.data, request if subject is None else _in_frames(request, subject))


def samples_of(split: Split, options: Options, subject: Subject) -> Shown:
    """Draw test samples; raises UsageError naming all that does not fit the subject."""
    raise_all(UsageError, _misfits(split, str(options.data), subject))
    chosen = _drawn(len(split.test_labels), options)
    axis = 0 if split.kind is InputKind.STATIC else 1
    present = len(split.test_labels)
    few = f"{options.data} has {present} test samples: all are run" if present < _wanted(options) else None
    return Shown(
        split.test_inputs.take(chosen, axis),
        _about(str(options.data), len(chosen), present, "test samples", options),
        split.test_labels[chosen],
        split.classes,
        few,
    )


def samples_in(path: str, options: Options, subject: Subject) -> Shown:
    """Read the samples of a .npy file; raises an MscError where they do not fit the subject."""
    from msc.compiler.cli.inputs import load_input

    inputs = load_input(path, Model(subject.network))
    axis = 0 if source_of(subject).kind is InputKind.STATIC else 1
    present = inputs.shape[axis]
    chosen = _drawn(present, options)
    few = options.samples is not None and present < options.samples
    return Shown(
        inputs.take(chosen, axis),
        _about(Path(path).name, len(chosen), present, "samples", options),
        note=f"{path} holds {present} samples: all are run" if few else None,
    )


def source_of(subject: Subject) -> Source:
    """The source of what is run."""
    neuron = subject.network.source.neuron
    assert isinstance(neuron, Source)
    return neuron


def _wanted(options: Options) -> int:
    return SAMPLES if options.samples is None else options.samples


def _drawn(present: int, options: Options) -> NDArray[np.int64]:
    """Choose samples without replacement, in their order; fewer of the same seed are among more of it."""
    if present <= _wanted(options):
        return np.arange(present)
    return np.sort(np.random.default_rng(options.seed or 0).permutation(present)[: _wanted(options)])


def _about(name: str, chosen: int, present: int, what: str, options: Options) -> str:
    if chosen == present:
        return f"{name}, all {present} {what}"
    return f"{name}, {chosen} of {present} {what}, seed {options.seed or 0}"


def _in_frames(request: Request, subject: Subject) -> Request:
    """Ask for events in the time steps and the size that a network was made for."""
    from msc.compiler.timing import latency

    source, steps = source_of(subject), subject.network.timesteps
    if source.kind is not InputKind.EVENTS:
        return request
    if steps is not None and subject.in_machine_time:
        steps -= latency(subject.network)
    size = source.shape[1:] if len(source.shape) == 3 else None
    return replace(request, steps=steps, size=size)


def _misfits(split: Split, data: str, subject: Subject) -> Iterator[Problem]:
    """Name what of a data set does not fit a network: kind, shape, steps, classes."""
    source = source_of(subject)
    where = f"--data {data}"
    if split.kind is not source.kind:
        held, taken = _TOLD[split.kind], _TOLD[source.kind]
        what = f"holds {held}, the input of {subject.path} is {taken}"
        yield Problem(where, what, _for_kind(split, subject))
    if split.shape != source.shape:
        what = f"samples are {list(split.shape)}, the input of {subject.path} is {list(source.shape)}"
        yield Problem(where, what, _OTHER)
    elif source.kind is InputKind.STATIC and subject.network.timesteps is None:
        what = "does not say for how many time steps a frame is shown"
        yield Problem(subject.path, what, "give a network that does")
    if subject.kind is Kind.GENOME:
        if split.classes != subject.classes:
            what = f"has {split.classes} classes, {subject.path} has {subject.classes}"
            yield Problem(where, what, _OTHER)
    elif (outputs := prod(population_shapes(subject.network)[subject.network.output])) % split.classes:
        unequal = f"the {outputs} outputs of {subject.path} are no multiple of {split.classes}"
        yield Problem(where, f"has {split.classes} classes, {unequal}", _OTHER)


def _for_kind(split: Split, subject: Subject) -> str:
    """Say what to do where data are of another kind than a source."""
    kind = source_of(subject).kind
    if kind is not InputKind.ANALOG:
        return _OTHER
    if split.kind is InputKind.EVENTS and subject.kind is Kind.NIR:
        return "add --events to take that input for events"
    shape = ",".join(map(str, source_of(subject).shape))
    return f"give an array of shape [T,B,{shape}] with --input"
