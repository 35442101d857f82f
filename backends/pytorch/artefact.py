"""Runs the files of a `pytorch` artefact as a user would, from memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from safetensors.torch import load


def open_artefact(files: Mapping[str, bytes]) -> torch.nn.Module:
    """Build the module of network.py and load weights.safetensors into it; in evaluation mode.

    The code is run: only for files that msc has just made itself.
    """
    namespace: dict[str, Any] = {"__name__": "network", "__file__": "network.py"}
    exec(compile(files["network.py"], "network.py", "exec", dont_inherit=True), namespace)
    network: torch.nn.Module = namespace["Network"]()
    network.load_state_dict(load(files["weights.safetensors"]))
    return network.eval()
