"""Fine-tuning for Loihi: 8-bit weights and integer thresholds, judged by the integer emulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from msc.backends.lava.emulator import emulate
from msc.compiler.contracts import CompileError, Property, Target
from msc.compiler.driver import check_options, find_target, lower, plan
from msc.compiler.fixed.model import fixed_model
from msc.compiler.fixed.scales import choose_scales
from msc.ir.errors import raise_all
from msc.ir.network import Model
from msc.search.training.finetuning import Quantised

_CHANGES = {
    "epochs": 3,
    "learning_rate": 2e-4,
    "least_learning_rate": 0.0,
    "warmup": 0.0,
    "weight_decay": 0.0,
}


@dataclass(frozen=True)
class Loihi:
    """For the target `lava`: what its `quantise` pass makes of weights is what is trained and measured.

    `changes` are ours, measured: docs/training.md.
    """

    name: str = "loihi"
    target: str = "lava"
    changes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType(_CHANGES))

    def check(self, quantised: Quantised, options: Mapping[str, str]) -> None:
        """Take the network on to machine time, and ask the target itself."""
        target, model = self._target, quantised.model
        chosen, passes = check_options(target, options), plan(target)
        quantises = next(i for i, step in enumerate(passes) if Property.FIXED_POINT in step.promises)
        for step in passes[quantises + 1 :]:
            model = step.run(model, chosen).model
        raise_all(CompileError, target.refusals(model, chosen))

    def quantised(self, model: Model, options: Mapping[str, str]) -> Quantised:
        """Run the passes up to `quantise`, and do what that one does but for its measurements."""
        floating = lower(model, self._target, options, until=Property.ONE_KERNEL)
        chosen = check_options(self._target, options)
        scales = choose_scales(floating, chosen)
        return Quantised(fixed_model(floating, chosen, scales), scales.unit)

    def run(self, fixed: Model, inputs: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        """Emulate."""
        return emulate(fixed, inputs).spikes

    @property
    def _target(self) -> Target:
        return find_target(self.target)


FINE_TUNING = Loihi()
