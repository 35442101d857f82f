"""Checks a network on simulators, spike by spike against the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, cast

from numpy.typing import NDArray

from msc.backends.comparison import compare
from msc.backends.margins import Margins
from msc.backends.running import FIXED_POINT_TARGET, Given, Runner
from msc.backends.simulators.contracts import CannotRunError, Simulator
from msc.backends.simulators.workers import Workers
from msc.backends.verdicts import Result, Standard, Verdict, Verification
from msc.compiler.contracts import NO_OPTIONS, Options
from msc.compiler.initialise.exactness import is_exact
from msc.compiler.registry import choose, discover
from msc.ir.graph import live_populations, update_order
from msc.ir.network import Model
from msc.ir.neurons import LI
from msc.ir.simulate import Trace, simulate

_REFERENCE = "reference"
_ORDER = ("", "pytorch", "onnx", "nir", FIXED_POINT_TARGET)  # of simulators, by target


def simulators() -> dict[str, Simulator]:
    """Find the simulators by file name: the reference first, then ours, NIR's, and Loihi's."""
    found = cast(dict[str, Simulator], discover("msc.backends.simulators", "SIMULATOR"))
    return dict(sorted(found.items(), key=lambda item: (_ORDER.index(item[1].target), item[0])))


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
    options: Options = NO_OPTIONS,
    given: Given | None = None,
) -> Verification:
    """Run a model on simulators (None: all but the reference itself) and compare with the reference.

    Those of target lava are compared with the reference of the quantised model, `options` are that target's.
    `inputs` and `timesteps` as for `msc.ir.simulate.simulate`; `seconds` limits each file in each simulator;
    `progress` is told each simulator's name before it runs; `workers` (then with its own limit) is kept
    for later calls; a `given` artefact, made of this model, is what simulators of its target run.
    Raises UnknownPartError for unknown names and InputError for unfit inputs.
    """
    known = simulators()
    names = [name for name in known if name != _REFERENCE] if on is None else list(on)
    chosen = {name: known[choose("simulator", name, tuple(known))] for name in names}
    reference = simulate(model, inputs, timesteps)
    exact = is_exact(model, inputs, len(reference.outputs))
    with Workers(seconds) if workers is None else nullcontext(workers) as pool:
        runner = Runner(model, inputs, timesteps, pool, options, given)
        margins = Margins(model, inputs, timesteps)
        references = _References(runner, _Reference(reference, _visible_order(model), margins, exact))
        results: list[Result] = []
        for simulator in chosen.values():
            if progress is not None:
                progress(simulator.name)
            results.append(_result(simulator, runner, references))
    outputs = reference.outputs
    varies = bool((outputs != outputs[:, :1]).any())
    membrane = isinstance(model.network.population(model.network.output).neuron, LI)
    return Verification(
        tuple(results),
        outputs.shape[1],
        len(outputs),
        float(outputs.mean()),
        varies,
        membrane,
        exact,
        references.quantisation,
    )


def run_on(
    model: Model,
    inputs: NDArray[Any],
    timesteps: int | None,
    on: str,
    seconds: float = 120.0,
    options: Options = NO_OPTIONS,
    given: Given | None = None,
) -> Trace:
    """Run a model on one simulator; returns every population it shows, at least the output.

    Those of target lava run the quantised model, `options` are that target's; those of a `given` artefact's
    target run that. Raises CannotRunError where it
    is not installed, refuses, hangs or crashes, UnknownPartError for an unknown name.
    """
    known = simulators()
    simulator = known[choose("simulator", on, tuple(known))]
    with Workers(seconds) as workers:
        values = Runner(model, inputs, timesteps, workers, options, given).run(simulator)
    return Trace(model.network.output, dict(values))


@dataclass(frozen=True)
class _Reference:
    """What simulators are compared with; without margins nothing is excused."""

    trace: Trace
    order: list[str]
    margins: Margins | None
    exact: bool


@dataclass
class _References:
    """The float reference, and the quantised one as soon as a simulator has run the quantised model."""

    runner: Runner
    floating: _Reference
    _quantised: _Reference | None = None

    def of(self, kind: Standard) -> _Reference:
        """Choose what a simulator, which has run, is compared with."""
        if kind is Standard.FLOAT:
            return self.floating
        if self._quantised is None:
            model = self.runner.quantised()
            trace = simulate(model, self.runner.inputs, self.runner.timesteps)
            neurons = [name for name in update_order(model.network) if name in trace.spikes]
            self._quantised = _Reference(trace, neurons, None, True)
        return self._quantised

    @property
    def quantisation(self) -> float | None:
        """The share of output spikes that quantising changed."""
        if self._quantised is None:
            return None
        return float((self._quantised.trace.outputs != self.floating.trace.outputs).mean())


def _result(simulator: Simulator, runner: Runner, references: _References) -> Result:
    kind = Standard.QUANTISED if simulator.target == FIXED_POINT_TARGET else Standard.FLOAT
    try:
        found = runner.run(simulator)
    except CannotRunError as error:
        reason = _one_line(simulator.name, error)
        return Result(simulator.name, Verdict.CANNOT, reason=reason, reference=kind)
    against = references.of(kind)
    try:
        difference = compare(against.trace, found, against.order, against.margins, against.exact)
    except ValueError as error:
        return Result(simulator.name, Verdict.CANNOT, reason=str(error), reference=kind)
    verdict = Verdict.EQUAL if difference is None else Verdict.DIFFERING
    compared = sum(name in found for name in against.order)
    return Result(simulator.name, verdict, compared, difference=difference, reference=kind)


def _visible_order(model: Model) -> list[str]:
    """List the populations that can matter to the output, in update order."""
    live = live_populations(model.network)
    names = [name for name in update_order(model.network) if not model.network.population(name).is_source]
    return [name for name in names if name in live or name == model.network.output]


def _one_line(name: str, error: CannotRunError) -> str:
    return "; ".join(p.what if p.where == name else f"{p.where}: {p.what}" for p in error.problems)
