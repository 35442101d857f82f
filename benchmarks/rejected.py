"""A network that each guard and each limit rejects, on the skeletons of benchmarks/drift.py."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from msc.ir.neurons import LIF
from msc.search.data.digits import digits
from msc.search.generate import new_genome
from msc.search.scoring.batches import draw_batches
from msc.search.scoring.evaluate import Evaluator, Task
from msc.search.scoring.guards import Limits
from msc.search.skeleton import Dale

LAYERS, BATCH, BATCHES = 4, 16, 2
DIGITS: dict[str, Any] = {"input_shape": (1, 8, 8), "channels": 8, "timesteps": 4}


@dataclass(frozen=True)
class Rejected:
    """A network that a guard rejects: a seed it is drawn from, on a skeleton that shows it."""

    guard: str
    seed: int
    space: str = "mse-nas"
    skeleton: dict[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    scale: float = 1.0  # of the input
    trained: bool = False

    def told(self) -> dict[str, Any]:
        skeleton = DIGITS | self.skeleton
        genome = new_genome(self.space, self.seed, layers=LAYERS, **skeleton)
        split = digits()
        split = replace(split, train_inputs=split.train_inputs * np.float32(self.scale))
        batches = draw_batches(split, BATCH, BATCHES, 0)
        evaluator = Evaluator(batches, ("bie",), split, self.limits, epochs=1)
        record = evaluator(Task(genome, 0, trained=self.trained))
        others = [v.guard for v in record.violations if v.guard != self.guard]
        what = next((v.what for v in record.violations if v.guard == self.guard), None)
        if what is None:
            raise SystemExit(f"{self.guard} no longer rejects seed {self.seed} of {self.space}")
        changed = {name: str(value) for name, value in self.skeleton.items()}
        return {
            "guard": self.guard,
            "space": self.space,
            "genome_seed": self.seed,
            "skeleton": changed,
            "input_scale": self.scale,
            "trained": self.trained,
            "bie": record.values.get("bie"),
            "what": what,
            "others": others,
        }


SMALL: dict[str, Any] = {"hidden": 16, "channels": 4}
EXAMPLES = (
    Rejected("silent", 23, "snasnet", {"hidden": 32}),
    Rejected("silent", 0, skeleton={"neuron": LIF(2.0, 2.0, 5.0)}),
    Rejected("saturated", 110, "snasnet", SMALL | {"neuron": LIF(4 / 3, 1.0, 0.01)}),
    Rejected("rate", 9, skeleton={"neuron": LIF(2.0, 2.0, 0.01)}),
    Rejected("output", 23, "snasnet", {"hidden": 32}),
    Rejected("diversity", 0, skeleton={"dale": Dale.STRICT}),
    Rejected("not-a-number", 0, scale=1e30),
    Rejected("training", 0, scale=1e30, trained=True),
    Rejected("min-neurons", 0, limits=Limits(min_neurons=100_000)),
    Rejected("max-neurons", 0, limits=Limits(max_neurons=100)),
    Rejected("max-params", 0, limits=Limits(max_params=1000)),
    Rejected("max-synops", 0, limits=Limits(max_synops=1000)),
)
