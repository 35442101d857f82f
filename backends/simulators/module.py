"""The stand-alone PyTorch module, run from its own files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.backends.simulators.contracts import CannotRunError, Requirements
from msc.ir.network import Network
from msc.ir.neurons import LI, InputKind, Source
from msc.ir.simulate import input_frames

_REQUIREMENTS = Requirements(
    ("torch", "safetensors"), 'python -m pip install "torch>=2.9,<2.14" "safetensors>=0.4.3"'
)


@dataclass
class Module:
    """Runs network.py with weights.safetensors, if network.py is what msc writes for its network."""

    name: str = "module"
    target: str = "pytorch"
    requirements: Requirements = _REQUIREMENTS
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def run_files(
        self, files: Mapping[str, bytes], network: Network, inputs: NDArray[Any], timesteps: int | None
    ) -> Mapping[str, NDArray[Any]]:
        """Run the module without gradients; populations have the names of the network in its files."""
        import torch

        from msc.backends.pytorch.artefact import build_module
        from msc.backends.pytorch.identifiers import identifiers
        from msc.backends.pytorch.reading import CODE, ArtefactError, read_files

        try:
            model = read_files(files)
            module = build_module(model, files[CODE])
        except ArtefactError as error:
            raise CannotRunError(error.problems) from error
        called = identifiers(model.network).populations
        seen: dict[str, list[NDArray[Any]]] = {}
        for population in model.network.populations:
            if not population.is_source:
                seen[population.name] = []
                kind = np.float32 if isinstance(population.neuron, LI) else np.uint8
                neurons = module.get_submodule(called[population.name])
                neurons.register_forward_hook(_recorder(seen[population.name], kind))
        x = torch.from_numpy(np.array(inputs, np.float32))
        shown = _shown(model.network, inputs, timesteps)
        # NNPACK's Winograd convolutions round where a plain sum of dyadic numbers is exact.
        with torch.inference_mode(), torch.backends.nnpack.flags(enabled=False):
            module(x, **shown)
        return {name: np.stack(values) for name, values in seen.items()}


def _shown(network: Network, inputs: NDArray[Any], timesteps: int | None) -> dict[str, int]:
    """Check the input; returns the arguments beside it: for how many steps a static frame is shown."""
    source = network.source.neuron
    assert isinstance(source, Source)
    if source.kind is not InputKind.STATIC:
        input_frames(source, inputs, timesteps)
        return {}
    steps, _ = input_frames(source, inputs, network.timesteps if timesteps is None else timesteps)
    return {"timesteps": steps}


def _recorder(values: list[NDArray[Any]], kind: type[np.generic]) -> Any:
    """Make a forward hook that keeps what a population emits."""

    def record(_module: Any, _arguments: Any, emitted: Any) -> None:
        values.append(emitted[0].numpy().astype(kind))

    return record


SIMULATOR = Module()
