"""What a NIR file says, before anyone asks what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

Value: TypeAlias = "NDArray[Any] | str | Mapping[str, Value]"
"""A field: an array (numbers are arrays of shape ()), a text, or a group of such, as metadata are."""


@dataclass(frozen=True)
class RawNode:
    """One node: its type as the file spells it, its fields without type and metadata, its metadata."""

    kind: str
    fields: Mapping[str, Value]
    metadata: Mapping[str, Value]


@dataclass(frozen=True)
class RawGraph:
    """A graph, or a subgraph that stands as a node of one.

    `nodes` are in the order of their names, as every reader of NIR sees them, `edges` in that of the file.
    Nothing is checked but that the file is well-formed: edges may dangle, kinds may be unknown.
    """

    nodes: Mapping[str, RawNode | RawGraph]
    edges: tuple[tuple[str, str], ...]
    metadata: Mapping[str, Value]
