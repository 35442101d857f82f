"""The NIR backend."""

from msc.backends.nir.target import FILE_NAME, TARGET

__all__ = ["FILE_NAME", "TARGET"]
