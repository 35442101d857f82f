"""A projection's ops together with their weights, as passes that fold them into one another see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from msc.compiler.kernels import Values
from msc.ir.network import Model, Projection
from msc.ir.ops import Op

Link: TypeAlias = tuple[Op, Values | None]
Chain: TypeAlias = tuple[Link, ...]


def chain_of(projection: Projection, model: Model) -> Chain:
    """List a projection's ops with their weights (None where an op has none)."""
    return tuple((op, model.weights.get(projection.weight_key(i))) for i, op in enumerate(projection.ops))


def names(chain: Chain) -> str:
    """Name the ops of a chain for people."""
    return " > ".join(type(op).__name__ for op, _ in chain) or "identity"


def with_chains(model: Model, chains: Mapping[str, Chain]) -> tuple[Model, float]:
    """Give projections, by name, other ops and weights, rounded to float32.

    Returns the model and the largest error of the rounding, relative to the largest weight beside it.
    """
    weights = dict(model.weights)
    worst = 0.0
    projections: list[Projection] = []
    for projection in model.network.projections:
        chain = chains.get(projection.name)
        if chain is None:
            projections.append(projection)
            continue
        for index in range(len(projection.ops)):
            weights.pop(projection.weight_key(index), None)
        projections.append(replace(projection, ops=tuple(op for op, _ in chain)))
        for index, (_, weight) in enumerate(chain):
            if weight is not None:
                rounded = weight.astype(np.float32)
                largest = float(np.abs(weight).max(initial=0.0)) or 1.0
                worst = max(worst, float(np.abs(rounded - weight).max(initial=0.0)) / largest)
                weights[projection.weight_key(index)] = rounded
    return Model(model.network.with_projections(tuple(projections)), weights), worst
