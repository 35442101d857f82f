"""Runs one model on any simulator, making what each needs of it at most once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.backends.nir import FILE_NAME, TARGET
from msc.backends.simulators.contracts import CannotRunError, NirSimulator, Simulator
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


@dataclass
class Runner:
    """Runs one model with one input; `options` are those of the target that quantises.

    Each NIR profile is compiled, and the model quantised, when a simulator first needs it.
    """

    model: Model
    inputs: NDArray[Any]
    timesteps: int | None
    workers: Workers
    options: Options = field(default_factory=lambda: NO_OPTIONS)
    _files: dict[str, bytes | CompileError] = field(default_factory=dict[str, "bytes | CompileError"])
    _quantised: Model | CompileError | None = None

    def run(self, simulator: Simulator) -> Mapping[str, NDArray[Any]]:
        """Return the values of every visible population; raises CannotRunError."""
        missing = simulator.requirements.missing()
        if missing is not None:
            raise CannotRunError.of(simulator.name, missing, "or leave it out with --on")
        if not isinstance(simulator, NirSimulator):
            quantises = simulator.target == FIXED_POINT_TARGET
            model = self.quantised() if quantises else self.model
            return simulator.run(model, self.inputs, self.timesteps)
        source = self.model.network.source.neuron
        assert isinstance(source, Source)
        steps, frames = input_frames(source, self.inputs, self.timesteps)
        frames = frames[None] if frames.ndim == len(source.shape) + 1 else frames
        return self.workers.run(simulator, self._file(simulator), frames.astype(np.float32), steps)

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
