"""The machine network that a floating-point network becomes, by its structure alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from msc.compiler.contracts import Pass
from msc.compiler.passes.fold_norms import PASS as FOLD_NORMS
from msc.compiler.passes.fold_pooling import PASS as FOLD_POOLING
from msc.compiler.passes.live_network import PASS as LIVE_NETWORK
from msc.compiler.passes.merge_parallel import PASS as MERGE_PARALLEL
from msc.compiler.passes.retime import PASS as RETIME
from msc.compiler.passes.single_kernels import PASS as SINGLE_KERNELS
from msc.compiler.placement.profile import Profile
from msc.ir.network import Array, Model, Network, Projection
from msc.ir.neurons import FixedLIF, InputKind, Source
from msc.ir.ops import Quantise, Scale
from msc.ir.shapes import weight_shapes

BEFORE_QUANTISING: tuple[Pass, ...] = (FOLD_NORMS, LIVE_NETWORK, FOLD_POOLING, MERGE_PARALLEL, SINGLE_KERNELS)


def machine_structure(network: Network, profile: Profile) -> Model:
    """Lower a floating-point network to machine time without quantising it, as placing needs no values.

    Every weight is 1, so that kernels and matrices have their zeros where no synapse can be; thresholds are
    not given, but of relays. An analog input is sent as graded spikes where the chip has them, else it
    becomes biases. Raises CompileError where a pass cannot apply: an infeasible cycle, a chain of ops that
    is no single kernel.
    """
    model = Model(network, {name: _filled(name, shape) for name, shape in weight_shapes(network).items()})
    for step in BEFORE_QUANTISING:
        model = step.run(model).model
    source = model.network.source.neuron
    assert isinstance(source, Source)
    by_host = source.kind is not InputKind.EVENTS and not profile.has("graded_spikes")
    populations = (p if p.is_source else replace(p, neuron=FixedLIF()) for p in model.network.populations)
    projections = (
        _evaluated_by_host(p) if by_host and p.source == model.network.source.name else p
        for p in model.network.projections
    )
    fixed = replace(model.network, populations=tuple(populations), projections=tuple(projections))
    kept = {name: array for name, array in model.weights.items() if name.endswith("/weight")}
    return RETIME.run(Model(fixed, kept)).model


def _filled(name: str, shape: tuple[int, ...]) -> Array:
    """Make weights without values: what is added is 0, what is multiplied by is 1."""
    is_added = name.endswith(("/bias", "/mean"))
    return np.broadcast_to(np.float32(0 if is_added else 1), shape)


def _evaluated_by_host(projection: Projection) -> Projection:
    return replace(projection, ops=(Quantise(1.0, 1), *projection.ops, Quantise(1.0, 1), Scale(1.0)))
