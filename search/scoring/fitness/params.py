"""Number of trainable weights: the cheapest baseline that a proxy must beat."""

from __future__ import annotations

from math import prod

from msc.ir.shapes import weight_shapes
from msc.search.scoring.fitness import Better, Evidence, Fitness


def params(evidence: Evidence) -> float:
    """Counts the weights of all ops and the biases; norms are folded into them before export."""
    shapes = weight_shapes(evidence.network)
    return float(sum(prod(shape) for key, shape in shapes.items() if key.endswith(("/weight", "/bias"))))


FITNESS = Fitness(
    name="params",
    title="parameters",
    better=Better.LOWER,
    source="weights of all ops and biases, norms folded",
    measure=params,
    spikes=False,
)
