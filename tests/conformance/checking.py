"""How conformance tests run a model on every installed simulator (real Lava has tests of its own)."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from msc.backends.simulators.contracts import NirSimulator
from msc.backends.simulators.workers import Workers
from msc.backends.verification import Result, Verdict, Verification, simulators, verify_on
from msc.ir.network import Model
from tests.requires import require

PEERS = tuple(name for name, simulator in simulators().items() if isinstance(simulator, NirSimulator))

EVERYWHERE = tuple(name for name in simulators() if name not in ("reference", "lava"))
INFEASIBLE = "synapses, each of which takes a machine step, but a delay of"  # cycles too fast for Loihi


def require_simulator(name: str) -> None:
    """Skip unless everything the simulator needs is installed."""
    for module in simulators()[name].requirements.modules:
        require(module)


def require_peers() -> None:
    """Skip unless every simulator that tests run everywhere is installed."""
    for name in EVERYWHERE:
        require_simulator(name)


def verify(
    model: Model, inputs: NDArray[Any], timesteps: int | None, workers: Workers, *names: str
) -> Verification:
    """Verify on the simulators named, or all but real Lava."""
    return verify_on(model, inputs, timesteps, names or EVERYWHERE, workers=workers)


def unequal(verification: Verification, *refusals: str) -> list[Result]:
    """List the results that are neither equal nor a refusal whose reason holds one of the given texts."""
    return [
        result
        for result in verification.results
        if result.verdict is Verdict.DIFFERING
        or (result.verdict is Verdict.CANNOT and not any(text in str(result.reason) for text in refusals))
    ]
