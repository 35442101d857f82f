"""The `pytorch` target: a network as two files that need torch and safetensors, nothing of msc."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from msc.backends.pytorch.reading import CODE, WEIGHTS, metadata_of, read_folder
from msc.backends.pytorch.source import generate, inexpressible
from msc.backends.pytorch.stored import stored_weights
from msc.backends.weights import write_weights
from msc.compiler.contracts import NO_LABELS, CompileError, Emission, Labels, Option, Options, Property
from msc.ir.errors import Problem, raise_all
from msc.ir.network import Model


@dataclass(frozen=True)
class PyTorchTarget:
    """Emits network.py, readable and trainable, and the weights.safetensors it loads."""

    name: str = "pytorch"
    requires: frozenset[Property] = frozenset({Property.LIVE, Property.NORMS_FOLDED})
    options: Mapping[str, Option] = field(default_factory=lambda: MappingProxyType({}))
    files: tuple[str, ...] = (CODE, WEIGHTS)

    def refusals(self, model: Model, options: Options) -> tuple[Problem, ...]:
        """Refuse fixed-point networks; whatever else the IR can say without norms, torch can compute."""
        return inexpressible(model.network)

    def emit(self, model: Model, options: Options, labels: Labels = NO_LABELS) -> Emission:
        """Write the source and the weights; the same model and labels give the same bytes.

        The metadata of the weights hold the network's text form, the hashes and the labels: enough to
        read the model back.
        """
        raise_all(CompileError, self.refusals(model, options))
        stored = stored_weights(model.network)
        code = generate(model.network).encode()
        weights = {entry.name: model.weights[key].reshape(entry.shape) for key, entry in stored.items()}
        metadata = {**labels, **metadata_of(model, code)}
        return Emission({CODE: code, WEIGHTS: write_weights(weights, metadata)})

    def read(self, folder: str) -> Model:
        """Read the model from the weights and their metadata, without running network.py.

        Raises ArtefactError listing what is missing, was changed, or does not belong together.
        """
        return read_folder(folder)


TARGET = PyTorchTarget()
