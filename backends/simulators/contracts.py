"""The contract of a simulator: what it runs, what it needs, and what it says it cannot do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from msc.ir.errors import MscError
from msc.ir.network import Model, Network


class CannotRunError(MscError):
    """A simulator is not installed, or cannot run a network."""


@dataclass(frozen=True)
class Requirements:
    """The Python modules a simulator imports and the command that installs them."""

    modules: tuple[str, ...] = ()
    install: str = ""

    def missing(self) -> str | None:
        """Say what is not installed and the command for it; None where nothing is missing."""
        absent = [module for module in self.modules if find_spec(module) is None]
        if not absent:
            return None
        return f"{', '.join(absent)} not installed; install with: {self.install}"


@runtime_checkable
class ModelSimulator(Protocol):
    """A simulator that runs a model, not a file.

    `target` names the target that makes what it runs (empty: none); those of "lava" are given the quantised
    model.
    """

    name: str
    target: str
    requirements: Requirements

    def run(self, model: Model, inputs: NDArray[Any], timesteps: int | None) -> Mapping[str, NDArray[Any]]:
        """Run a model; returns every population's spikes (LI: membranes), [T, B, *shape]."""
        ...


@runtime_checkable
class NirSimulator(Protocol):
    """Someone else's simulator that loads a NIR file, in a process of its own.

    `target` is "nir", `profile` that target's profile it reads. `cannot` and `load` are called in that
    process.
    """

    name: str
    target: str
    requirements: Requirements
    profile: str

    def cannot(self, graph: Any) -> str | None:
        """Say why the simulator would quietly run this nir.NIRGraph wrongly; None where it would not."""
        ...

    def load(self, graph: Any) -> Any:
        """Import the graph: a module called once per step, `y, state = module(x, state)`.

        Its submodules have the names of the nodes. Raises whatever the simulator raises.
        """
        ...


@runtime_checkable
class FileSimulator(Protocol):
    """A simulator that runs, in this process, the files that target `target` makes with `options`."""

    name: str
    target: str
    requirements: Requirements
    options: Mapping[str, str]

    def run_files(
        self, files: Mapping[str, bytes], network: Network, inputs: NDArray[Any], timesteps: int | None
    ) -> Mapping[str, NDArray[Any]]:
        """Run files made of `network`, whatever options they were made with.

        `inputs` and `timesteps` as for `msc.ir.simulate.simulate`. Returns the spikes (LI: membranes),
        [T, B, *shape], of every population that the files show, at least the output. Raises CannotRunError.
        """
        ...


Simulator = ModelSimulator | NirSimulator | FileSimulator
