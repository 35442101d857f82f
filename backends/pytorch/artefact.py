"""Runs the files of a `pytorch` artefact as a user would, from memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from msc.backends.pytorch.reading import CODE, ArtefactError, read_files
from msc.backends.pytorch.source import generate
from msc.backends.pytorch.stored import stored_weights
from msc.ir.network import Model


def open_artefact(files: Mapping[str, bytes]) -> torch.nn.Module:
    """Build the module of network.py with the weights of weights.safetensors; in evaluation mode.

    Raises ArtefactError where the files do not belong together, or as `build_module`.
    """
    return build_module(read_files(files), files[CODE])


def build_module(model: Model, code: bytes) -> torch.nn.Module:
    """Run the `code` of an artefact's network.py and give the module a model's weights.

    Raises ArtefactError, and runs nothing, where the code is not to the byte what msc writes for the model.
    """
    if code != generate(model.network).encode():
        raise ArtefactError.of(
            CODE,
            "is not what this msc writes for its network (another version wrote it, or it was changed), "
            "and msc runs only code that it wrote itself",
            "import it yourself, or compile the network again",
        )
    namespace: dict[str, Any] = {"__name__": "network", "__file__": CODE}
    exec(compile(code, CODE, "exec", dont_inherit=True), namespace)
    with torch.device("meta"):  # no memory and no random numbers for weights that are replaced at once
        network: torch.nn.Module = namespace["Network"]()
    weights = {
        entry.name: torch.from_numpy(model.weights[key].reshape(entry.shape))
        for key, entry in stored_weights(model.network).items()
    }
    network.load_state_dict(weights, assign=True)
    return network.eval()
