"""Energy profiles: files that say what a device spends on what, and where every number comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from msc.compiler.figures import Figure


@dataclass(frozen=True)
class Memory:
    """A memory of `size` bytes: what one access of `access_bits` costs, in picojoules."""

    size: int
    access_bits: int
    energy: Figure


@dataclass(frozen=True)
class EnergyProfile:
    """What a device spends: `energies` by name (see `UNITS`), those that nobody published left out.

    `included` says, by term, which published energy holds it already. `memories` are ordered by size.
    `numbers` gives weight_bits and state_bits where memory is priced, and of a chip with a network the cores
    per tile and the tiles across and down. `published` is False where there is nothing to price with, and
    `note` says why. `sha256` is that of the file's bytes.
    """

    name: str
    title: str
    node: str
    published: bool
    note: str
    energies: Mapping[str, Figure]
    included: Mapping[str, str]
    memories: tuple[Memory, ...]
    numbers: Mapping[str, Figure]
    sha256: str
