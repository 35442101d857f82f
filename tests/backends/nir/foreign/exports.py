"""Networks that run in the framework they were built in, next to the NIR file which that framework wrote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.backends.nir.reading.network import Imported, read_network
from msc.backends.simulators.contracts import NirSimulator
from msc.backends.simulators.workers import Workers
from msc.backends.verification import simulators
from msc.ir.simulate import simulate

Values = NDArray[Any]


@dataclass(frozen=True)
class Export:
    """A NIR graph, and what its framework computes: [T, B, *shape] -> [T, B, *out shape]."""

    graph: Any
    native: Callable[[NDArray[np.float32]], Values]
    shape: tuple[int, ...]

    def frames(self, steps: int = 20, batch: int = 4, seed: int = 0) -> NDArray[np.float32]:
        """Draw analog values, a new frame in every step."""
        rng = np.random.default_rng(seed)
        return rng.random((steps, batch, *self.shape), dtype=np.float32)

    def imported(self, folder: Path) -> Imported:
        """Write the file with nir and read it with msc."""
        import nir

        nir.write(folder / "export.nir", self.graph)
        return read_network(folder / "export.nir")


def fill(net: Any, seed: int) -> None:
    """Draw weights, a little more positive than negative, under which the neurons here tend to fire."""
    import torch

    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            shape = tuple(parameter.shape)
            if parameter.ndim > 1:
                drawn = rng.normal(1.0 / np.sqrt(np.prod(shape[1:])), 1.5, shape) / np.sqrt(
                    np.prod(shape[1:])
                )
                parameter.copy_(torch.from_numpy(2.0 * drawn))
            elif parameter.ndim == 1:
                parameter.copy_(torch.from_numpy(rng.uniform(0.0, 0.4, shape)))


def reimported(export: Export, frames: NDArray[np.float32], simulator: str, workers: Workers) -> Values:
    """Run the file as another framework imports it, in a process of its own; returns the output."""
    with TemporaryDirectory() as folder:
        output = export.imported(Path(folder)).model.network.output
        file = (Path(folder) / "export.nir").read_bytes()
    chosen = simulators()[simulator]
    assert isinstance(chosen, NirSimulator)
    return workers.run(chosen, file, frames, len(frames))[output]


def outputs_of(imported: Imported, frames: NDArray[np.float32]) -> Values:
    """Run the reference simulator."""
    return simulate(imported.model, frames).outputs


def differing(found: Values, expected: Values) -> float:
    """The share of values that differ, of an output that is alive."""
    assert found.shape == expected.shape
    assert 0.02 <= expected.mean() <= 0.95, f"rate {expected.mean()}: a comparison would show nothing"
    assert (expected != expected[:, :1]).any()
    return float((found != expected).mean())
