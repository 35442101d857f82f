"""Convolutions with groups, which msc writes to NIR as dense kernels that are zero outside their blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from msc.backends.nir.reading.pieces import Link, Piece
from msc.ir.ops import Conv1d, Conv2d


def regrouped(piece: Piece, metadata: Mapping[str, Any]) -> Piece:
    """Give a convolution back the groups that its node's metadata name, where its weights bear them out."""
    written = metadata.get("groups")
    if not isinstance(written, np.ndarray) or written.shape != () or written.dtype.kind not in "iu":
        return piece
    return replace(piece, links=tuple(_blocks(link, int(written)) for link in piece.links))


def _blocks(link: Link, groups: int) -> Link:
    op, weight = link
    if not isinstance(op, Conv1d | Conv2d) or weight is None or op.groups != 1 or groups < 2:
        return link
    outer, inner = (size // groups for size in weight.shape[:2])
    if (outer * groups, inner * groups) != weight.shape[:2]:
        return link
    every = range(groups)
    blocks = [weight[g * outer : (g + 1) * outer, g * inner : (g + 1) * inner] for g in every]
    if sum(np.count_nonzero(block) for block in blocks) != np.count_nonzero(weight):
        return link
    return replace(op, groups=groups), np.concatenate(blocks)
