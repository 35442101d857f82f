"""The contracts of passes and targets: what each needs, promises, and how exact it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias

from numpy.typing import NDArray

from msc.ir.errors import MscError, Problem
from msc.ir.network import Model


class CompileError(MscError):
    """A target cannot express the network, or a required rewrite cannot apply."""


class Exactness(Enum):
    """How a rewrite changes the function the network computes.

    `exact`: not at all; on dyadic weights bit for bit. `rounded`: equal in real arithmetic, new weights are
    rounded to float32. `approximate`: another function; the pass reports the measured error.
    """

    EXACT = "exact"
    ROUNDED = "rounded"
    APPROXIMATE = "approximate"


class Property(Enum):
    """What a pass can promise of its result, and a pass or target can require."""

    LIVE = "every population is live"
    NORMS_FOLDED = "no projection has a norm"
    POOLS_FOLDED = "no pool or scale stands beside weights it could be folded into"
    PARALLEL_MERGED = "no two projections with weights of one kind could share one kernel"
    ONE_KERNEL = "every projection between neurons is one convolution or one matrix"
    FIXED_POINT = "every population is FixedLIF, every weight an integer that Loihi holds"
    RETIMED = "every projection takes at least one step, every population starts when its input arrives"


@dataclass(frozen=True)
class PassResult:
    """A pass's new model, one line per change it made, and measured errors (empty where exact)."""

    model: Model
    changes: tuple[str, ...] = ()
    errors: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


Options: TypeAlias = Mapping[str, "str | NDArray[Any]"]
NO_OPTIONS: Options = MappingProxyType({})

Labels: TypeAlias = Mapping[str, str]
"""What an artefact's files say of where they come from, such as the hash of the genome, by name."""
NO_LABELS: Labels = MappingProxyType({})


class Pass(Protocol):
    """One rewrite in one file under `compiler/passes`, found there by its `PASS`."""

    @property
    def name(self) -> str:
        """The file's name."""
        ...

    @property
    def exactness(self) -> Exactness:
        """How exact the rewrite is."""
        ...

    @property
    def requires(self) -> frozenset[Property]:
        """What must hold before."""
        ...

    @property
    def promises(self) -> frozenset[Property]:
        """What holds afterwards."""
        ...

    def run(self, model: Model, options: Options = NO_OPTIONS) -> PassResult:
        """Rewrite, as the target's `options` say; raises CompileError where it cannot apply."""
        ...


@dataclass(frozen=True)
class Option:
    """A target's `--option`: its values (the first is the default) and what it does.

    An `is_array` option has no values to choose from: it names a .npy file, which the command line reads;
    passes and targets are given the array, or nothing where the option was left out.
    """

    values: tuple[str, ...]
    help: str
    is_array: bool = False


@dataclass(frozen=True)
class Emission:
    """What a target makes of a model: its files' bytes by name, and facts for the report in plain data."""

    files: Mapping[str, bytes]
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


class Target(Protocol):
    """One kind of artefact in one file or folder under `backends`, found there by its `TARGET`."""

    @property
    def name(self) -> str:
        """What `--target` calls it."""
        ...

    @property
    def requires(self) -> frozenset[Property]:
        """What passes must have established."""
        ...

    @property
    def options(self) -> Mapping[str, Option]:
        """The options it takes."""
        ...

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files that it always makes: by them a folder is known as its artefact."""
        ...

    def refusals(self, model: Model, options: Options) -> tuple[Problem, ...]:
        """List everything about the model that the target cannot express (empty: it can)."""
        ...

    def emit(self, model: Model, options: Options, labels: Labels = NO_LABELS) -> Emission:
        """Make the artefact; files with room for `labels` carry them.

        Raises CompileError with all `refusals` before anything is made.
        """
        ...

    def read(self, folder: str) -> Model:
        """Read back the model that `emit` was given (the same function, where the format keeps no more).

        No code of the folder is run. Raises an MscError that lists what is missing, damaged or does not
        belong together.
        """
        ...
