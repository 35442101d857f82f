"""Runs one model on any simulator, making what each needs of it at most once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from msc.backends.nir import FILE_NAME
from msc.backends.simulators.contracts import CannotRunError, FileSimulator, NirSimulator, Simulator
from msc.backends.simulators.workers import Workers
from msc.compiler.contracts import NO_OPTIONS, CompileError, Options, Property
from msc.compiler.driver import check_options, compile_model, find_target, lower
from msc.compiler.passes.retime import PASS as RETIME
from msc.ir.errors import raise_all
from msc.ir.fixed import is_fixed_point
from msc.ir.network import Model
from msc.ir.neurons import Source
from msc.ir.simulate import input_frames

FIXED_POINT_TARGET = "lava"

_Asked: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
_Files: TypeAlias = Mapping[str, bytes]


@dataclass(frozen=True)
class Given:
    """An artefact that exists already: its target, and its files' bytes by name."""

    target: str
    files: Mapping[str, bytes]


@dataclass
class Runner:
    """Runs one model with one input; `options` are those of the target that quantises.

    What a simulator needs, files or the quantised model, is made when one first needs it; the files of a
    `given` artefact stand for those of its target.
    """

    model: Model
    inputs: NDArray[Any]
    timesteps: int | None
    workers: Workers
    options: Options = field(default_factory=lambda: NO_OPTIONS)
    given: Given | None = None
    _made: dict[_Asked, _Files | CompileError] = field(
        default_factory=dict["_Asked", "_Files | CompileError"]
    )
    _quantised: Model | CompileError | None = None

    def run(self, simulator: Simulator) -> Mapping[str, NDArray[Any]]:
        """Return the values of every visible population; raises CannotRunError."""
        missing = simulator.requirements.missing()
        if missing is not None:
            raise CannotRunError.of(simulator.name, missing, "or leave it out with --on")
        if isinstance(simulator, FileSimulator):
            files = self._files(simulator.target, simulator.options)
            return simulator.run_files(files, self.model.network, self.inputs, self.timesteps)
        if not isinstance(simulator, NirSimulator):
            quantises = simulator.target == FIXED_POINT_TARGET
            model = self.quantised() if quantises else self.model
            return simulator.run(model, self.inputs, self.timesteps)
        source = self.model.network.source.neuron
        assert isinstance(source, Source)
        steps, frames = input_frames(source, self.inputs, self.timesteps)
        frames = frames[None] if frames.ndim == len(source.shape) + 1 else frames
        file = self._files(simulator.target, {"profile": simulator.profile})[FILE_NAME]
        return self.workers.run(simulator, file, frames.astype(np.float32), steps)

    def quantised(self) -> Model:
        """Return the model in fixed point; raises CannotRunError where passes or target refuse."""
        if self._quantised is None:
            try:
                self._quantised = quantised(self.model, self.options)
            except CompileError as error:
                self._quantised = error
        if isinstance(self._quantised, CompileError):
            raise CannotRunError(self._quantised.problems)
        return self._quantised

    def _files(self, target: str, options: Mapping[str, str]) -> _Files:
        """Return the files of a target, made with `options` where none were given."""
        if self.given is not None and self.given.target == target:
            return self.given.files
        asked = (target, tuple(sorted(options.items())))
        if asked not in self._made:
            try:
                self._made[asked] = compile_model(lambda: self.model, find_target(target), options).files
            except CompileError as error:
                self._made[asked] = error
        made = self._made[asked]
        if isinstance(made, CompileError):
            raise CannotRunError(made.problems)
        return made


def quantised(model: Model, options: Options = NO_OPTIONS) -> Model:
    """Make the fixed-point network, in logical time, that target lava emits a pipelined form of.

    A fixed-point model is returned as it is. Raises CompileError with everything that the passes, or in the
    end the target, refuse.
    """
    target = find_target(FIXED_POINT_TARGET)
    chosen = check_options(target, options)
    fixed = model if is_fixed_point(model.network) else lower(model, target, chosen, Property.FIXED_POINT)
    raise_all(CompileError, target.refusals(RETIME.run(fixed, chosen).model, chosen))
    return fixed
