"""PyTorch: the executor that search and training run networks on, and the stand-alone artefact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msc.backends.pytorch.target import TARGET

if TYPE_CHECKING:
    from msc.backends.pytorch.network import SpikingNetwork

__all__ = ["TARGET", "SpikingNetwork"]


def __getattr__(name: str) -> Any:
    """Import the executor on first use: finding the target must not cost an import of torch."""
    if name == "SpikingNetwork":
        from msc.backends.pytorch.network import SpikingNetwork

        return SpikingNetwork
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
