"""Random weights: Gaussian, seeded by part name, with norm statistics and biases from a calibration run."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from msc.compiler.initialise.calibrate import calibrate
from msc.ir.network import Array, Model, Network, Projection
from msc.ir.ops import Shape


@dataclass(frozen=True)
class _Gaussian:
    """Weights N(0, 1 / fan-in); gains and biases are unrestricted."""

    def draw(self, rng: np.random.Generator, shape: Shape, projection: Projection) -> Array:
        return (rng.standard_normal(shape, dtype=np.float32) / np.sqrt(prod(shape[1:]))).astype(np.float32)

    def gain(self, factor: float) -> float:
        return factor

    def bias(self, value: float, gain: float, population: str) -> float:
        return value


def random_model(network: Network, seed: int) -> Model:
    """Draw Gaussian weights for a network, calibrated so that every population fires at 5-50 %.

    The same network and seed give the same arrays; a population keeps its weights' draw in any network that
    has it under the same name. Source: design, section 5 (`--weights random[:SEED]`).
    """
    return calibrate(network, seed, _Gaussian())
