"""Kinds of fine-tuning, one a file, found there by their `FINE_TUNING`: training for a chip's numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from msc.compiler.registry import choose, module_names
from msc.ir.network import Model


@dataclass(frozen=True)
class Quantised:
    """A fixed-point model in logical time, and what one unit of weight is in it.

    `units[population]`, [C]: the current that a synapse of integer weight 1 delivers, in the float network.
    """

    model: Model
    units: Mapping[str, NDArray[np.float64]]


class FineTuning(Protocol):
    """Training of weights for the fixed-point network that a target makes of them."""

    @property
    def name(self) -> str:
        """What `--finetune` calls it."""
        ...

    @property
    def target(self) -> str:
        """The target that the weights are trained for; its options are those of the fine-tuning."""
        ...

    @property
    def changes(self) -> Mapping[str, Any]:
        """The settings in which it differs from a recipe for training from scratch."""
        ...

    def quantised(self, model: Model, options: Mapping[str, str]) -> Quantised:
        """Quantise a model as the target's passes do, but measure nothing; raises CompileError."""
        ...

    def check(self, quantised: Quantised, options: Mapping[str, str]) -> None:
        """Raise CompileError with all that keeps the target from taking a quantised model."""
        ...

    def run(self, fixed: Model, inputs: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        """Run the fixed-point network as the chip does: spikes [T, B, *shape] by population."""
        ...


def finetuning_names() -> tuple[str, ...]:
    """List the kinds there are."""
    return module_names(__name__)


def find_finetuning(name: str) -> FineTuning:
    """Find a kind by its name; raises UnknownPartError naming those there are."""
    choose("fine-tuning", name, finetuning_names())
    return cast("FineTuning", import_module(f"{__name__}.{name}").FINE_TUNING)
