"""How conformance tests run a model on every installed simulator (real Lava has tests of its own)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from msc.backends.simulators.contracts import FileSimulator, NirSimulator
from msc.backends.simulators.workers import Workers
from msc.backends.verification import Result, Verdict, Verification, simulators, verify_on
from msc.compiler.driver import compile_model, find_target
from msc.ir.network import Model
from tests.requires import require

PEERS = tuple(name for name, simulator in simulators().items() if isinstance(simulator, NirSimulator))

EVERYWHERE = tuple(name for name in simulators() if name not in ("reference", "lava"))
FORMS: dict[str, tuple[str, dict[str, str]]] = {
    "onnx sequence": ("onnx", {"record": "all"}),
    "onnx step": ("onnx", {"mode": "step", "record": "all"}),
    "module": ("module", {}),
}
"""The artefacts that run in this process: by name, the simulator and the target's options."""
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


def assert_same(found: Mapping[str, NDArray[Any]], expected: Mapping[str, NDArray[Any]], where: str) -> None:
    """Demand every value of every population, both ways."""
    assert set(found) == set(expected), where
    for name, values in expected.items():
        assert found[name].shape == values.shape, f"{where}: {name}"
        different = int((found[name] != values).sum())
        assert different == 0, f"{where}: {different} of {values.size} values of {name} differ"


def files_of(model: Model, form: str) -> dict[str, bytes]:
    """Compile to the files that `form` is about."""
    simulator, options = FORMS[form]
    return dict(compile_model(lambda: model, find_target(simulators()[simulator].target), options).files)


def run_form(
    form: str, files: dict[str, bytes], model: Model, inputs: NDArray[Any], steps: int | None
) -> dict[str, NDArray[Any]]:
    """Run the files as the command line would."""
    simulator = simulators()[FORMS[form][0]]
    assert isinstance(simulator, FileSimulator)
    return dict(simulator.run_files(files, model.network, inputs, steps))
