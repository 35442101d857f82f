"""Reports of networks that really ran."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.backends.counting import count
from msc.compiler.energy.assembling import report_stage
from msc.compiler.energy.profile import energy_profile_names, load_energy_profile
from msc.compiler.energy.report import Stage, StageReport
from msc.compiler.energy.runs import StaticInput
from msc.ir.network import Model
from msc.ir.neurons import InputKind, Source
from msc.ir.synapses import wire
from tests.fixed_networks import FIXED
from tests.networks import NETWORKS, NORMED

MODELS = {**NETWORKS, **NORMED, **{f"fixed_{name}": model for name, model in FIXED.items()}}
STEPS = 6
BATCH = 3


def shown(model: Model, batch: int = BATCH, seed: int = 0) -> NDArray[Any]:
    """Draw input of a model's kind and shape."""
    source = model.network.source.neuron
    assert isinstance(source, Source)
    rng = np.random.default_rng(seed)
    if source.kind is InputKind.STATIC:
        return rng.integers(0, 8, (batch, *source.shape)).astype(np.float32) / 8
    frames = rng.random((STEPS, batch, *source.shape), dtype=np.float32)
    return (frames < 0.3).astype(np.float32) if source.kind is InputKind.EVENTS else np.round(frames * 8) / 8


def reported(
    model: Model,
    batch: int = BATCH,
    profiles: Sequence[str] | None = None,
    how: StaticInput = StaticInput.EVERY_STEP,
    stage: Stage = Stage.TRAINED,
    on: str = "reference",
) -> StageReport:
    """Run a model, and price what it did on profiles that come with msc (None: on all)."""
    wiring = wire(model)
    source = model.network.source.neuron
    steps = STEPS if isinstance(source, Source) and source.kind is InputKind.STATIC else None
    activity = count(model, wiring, shown(model, batch), steps, on)
    names = energy_profile_names() if profiles is None else profiles
    chosen = [load_energy_profile(name) for name in names]
    return report_stage(stage, on, model, wiring, activity, how, chosen)


@lru_cache
def report_of(name: str) -> StageReport:
    """Run one of `MODELS`, on all profiles."""
    return reported(MODELS[name])
