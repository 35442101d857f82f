"""Checks a network on simulators, spike by spike against the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from msc.backends.comparison import Difference, compare
from msc.backends.margins import Margins
from msc.backends.nir import FILE_NAME, TARGET
from msc.backends.simulators.contracts import CannotRunError, NirSimulator, Simulator
from msc.backends.simulators.workers import Workers
from msc.compiler.contracts import CompileError
from msc.compiler.driver import compile_model
from msc.compiler.initialise.exactness import is_exact
from msc.compiler.registry import choose, discover
from msc.ir.graph import live_populations, update_order
from msc.ir.network import Model
from msc.ir.neurons import LI, Source
from msc.ir.simulate import Trace, input_frames, simulate

_REFERENCE = "reference"


class Verdict(Enum):
    """What came of a simulator."""

    EQUAL = "equal"
    DIFFERING = "differing"
    CANNOT = "cannot"


@dataclass(frozen=True)
class Result:
    """One simulator's verdict; `reason` says why it cannot, `populations` how many were compared."""

    simulator: str
    verdict: Verdict
    populations: int = 0
    reason: str | None = None
    difference: Difference | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing differs beyond what rounding explains (a simulator that cannot is no failure)."""
        return self.difference is None or self.difference.unexcused == 0

    def __str__(self) -> str:
        match self.verdict:
            case Verdict.EQUAL:
                return f"{self.simulator}: equal in {self.populations} populations"
            case Verdict.DIFFERING:
                return f"{self.simulator}: {self.difference}"
            case Verdict.CANNOT:
                return f"{self.simulator}: cannot: {self.reason}"


@dataclass(frozen=True)
class Verification:
    """What `verify_on` found.

    `rate`: the reference's mean output; `varies`: samples' outputs differ; `exact`: float32 rounds nowhere on
    this model and input, so that no difference at all was excused.
    """

    results: tuple[Result, ...]
    samples: int
    timesteps: int
    rate: float
    varies: bool
    membrane: bool = False
    exact: bool = False

    @property
    def ok(self) -> bool:
        """Whether no simulator differs beyond rounding."""
        return all(result.ok for result in self.results)

    @property
    def alive(self) -> bool:
        """Whether the output fires at all, not always, and not the same for every sample.

        A membrane as output counts as alive where it varies.
        """
        between = self.rate != 0 if self.membrane else 0 < self.rate < 1
        return between and (self.varies or self.samples == 1)

    def to_json(self) -> dict[str, Any]:
        """Make plain data.

        {"ok", "exact", "samples", "timesteps", "output": {"rate", "varies", "alive"}, "results":
        [{"simulator", "verdict": equal|differing|cannot, "ok", "populations", "reason": text or null,
        "difference": null or {"population", "step", "sample", "count", "samples", "unexcused", "margin",
        "bound"}}]}
        """
        return {
            "ok": self.ok,
            "exact": self.exact,
            "samples": self.samples,
            "timesteps": self.timesteps,
            "output": {"rate": self.rate, "varies": self.varies, "alive": self.alive},
            "results": [
                {
                    "simulator": result.simulator,
                    "verdict": result.verdict.value,
                    "ok": result.ok,
                    "populations": result.populations,
                    "reason": result.reason,
                    "difference": None if result.difference is None else dict(vars(result.difference)),
                }
                for result in self.results
            ],
        }


@dataclass
class _Runner:
    """Runs one model with one input on any simulator, compiling each NIR profile at most once."""

    model: Model
    inputs: NDArray[Any]
    timesteps: int | None
    workers: Workers
    _files: dict[str, bytes | CompileError] = field(default_factory=dict[str, "bytes | CompileError"])

    def run(self, simulator: Simulator) -> Mapping[str, NDArray[Any]]:
        """Return the values of every visible population; raises CannotRunError."""
        missing = simulator.requirements.missing()
        if missing is not None:
            raise CannotRunError.of(simulator.name, missing, "or leave it out with --on")
        if not isinstance(simulator, NirSimulator):
            return simulator.run(self.model, self.inputs, self.timesteps)
        source = self.model.network.source.neuron
        assert isinstance(source, Source)
        steps, frames = input_frames(source, self.inputs, self.timesteps)
        frames = frames[None] if frames.ndim == len(source.shape) + 1 else frames
        return self.workers.run(simulator, self._file(simulator), frames.astype(np.float32), steps)

    def _file(self, simulator: NirSimulator) -> bytes:
        profile = simulator.profile
        if profile not in self._files:
            try:
                files = compile_model(lambda: self.model, TARGET, {"profile": profile}).files
                self._files[profile] = files[FILE_NAME]
            except CompileError as error:
                self._files[profile] = error
        made = self._files[profile]
        if isinstance(made, CompileError):
            raise CannotRunError(made.problems)
        return made


def simulators() -> dict[str, Simulator]:
    """Find the simulators by file name, the reference first, then ours, then NIR's."""
    found = cast(dict[str, Simulator], discover("msc.backends.simulators", "SIMULATOR"))
    return dict(
        sorted(
            found.items(),
            key=lambda item: (item[0] != _REFERENCE, isinstance(item[1], NirSimulator), item[0]),
        )
    )


def available() -> dict[str, str | None]:
    """Say for each simulator what is missing, with the command that installs it (None: nothing)."""
    return {name: simulator.requirements.missing() for name, simulator in simulators().items()}


def verify_on(
    model: Model,
    inputs: NDArray[Any],
    timesteps: int | None,
    on: Sequence[str] | None = None,
    seconds: float = 120.0,
    progress: Callable[[str], None] | None = None,
    workers: Workers | None = None,
) -> Verification:
    """Run a model on simulators (None: all but the reference itself) and compare with the reference.

    `inputs` and `timesteps` as for `msc.ir.simulate.simulate`; `seconds` limits each file in each simulator;
    `progress` is told each simulator's name before it runs; `workers` (then with its own limit) is kept
    for later calls. Raises UnknownPartError for unknown names and InputError for unfit inputs.
    """
    known = simulators()
    names = [name for name in known if name != _REFERENCE] if on is None else list(on)
    chosen = {name: known[choose("simulator", name, tuple(known))] for name in names}
    reference = simulate(model, inputs, timesteps)
    margins = Margins(model, inputs, timesteps)
    exact = is_exact(model, inputs, len(reference.outputs))
    with Workers(seconds) if workers is None else nullcontext(workers) as pool:
        runner = _Runner(model, inputs, timesteps, pool)
        results: list[Result] = []
        for simulator in chosen.values():
            if progress is not None:
                progress(simulator.name)
            results.append(_result(simulator, runner, reference, margins, exact))
    outputs = reference.outputs
    varies = bool((outputs != outputs[:, :1]).any())
    membrane = isinstance(model.network.population(model.network.output).neuron, LI)
    return Verification(
        tuple(results), outputs.shape[1], len(outputs), float(outputs.mean()), varies, membrane, exact
    )


def run_on(
    model: Model, inputs: NDArray[Any], timesteps: int | None, on: str, seconds: float = 120.0
) -> Trace:
    """Run a model on one simulator; returns every population it shows, at least the output.

    Raises CannotRunError where it is not installed, refuses, hangs or crashes, UnknownPartError for an
    unknown name.
    """
    known = simulators()
    simulator = known[choose("simulator", on, tuple(known))]
    with Workers(seconds) as workers:
        values = _Runner(model, inputs, timesteps, workers).run(simulator)
    return Trace(model.network.output, dict(values))


def _result(simulator: Simulator, runner: _Runner, reference: Trace, margins: Margins, exact: bool) -> Result:
    try:
        found = runner.run(simulator)
    except CannotRunError as error:
        return Result(simulator.name, Verdict.CANNOT, reason=_one_line(simulator.name, error))
    order = _visible_order(runner.model)
    try:
        difference = compare(reference, found, order, margins, exact)
    except ValueError as error:
        return Result(simulator.name, Verdict.CANNOT, reason=str(error))
    verdict = Verdict.EQUAL if difference is None else Verdict.DIFFERING
    return Result(simulator.name, verdict, sum(name in found for name in order), difference=difference)


def _visible_order(model: Model) -> list[str]:
    """List the populations that can matter to the output, in update order."""
    live = live_populations(model.network)
    names = [name for name in update_order(model.network) if not model.network.population(name).is_source]
    return [name for name in names if name in live or name == model.network.output]


def _one_line(name: str, error: CannotRunError) -> str:
    return "; ".join(p.what if p.where == name else f"{p.where}: {p.what}" for p in error.problems)
