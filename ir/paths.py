"""Counts the neurons that each source neuron reaches by paths of weights that are not zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from msc.ir.taps import Axis, Indices, Map, Mask, Stage

_ELEMENTS = 2**22
"""How many numbers are held at once where several weighted ops are followed."""
_BYTE = 255
"""What fits the numbers that zeros and ones are added in."""


def count_reached(chain: Sequence[Stage], source: Map, kept: Mask | None = None) -> Indices:
    """Count, for each neuron of a map [C, H, W], the neurons at the end of a chain that it reaches.

    `kept` [C', H', W'] leaves out neurons at the end.
    """
    if len(chain) == 1 and kept is None:
        (stage,) = chain
        by_rows = _gathered(_reached_by_taps(stage), stage.rows, 1)
        return _gathered(by_rows, stage.columns, 2)
    counts = np.zeros(source, np.int64)
    every_row = _routes([stage.rows for stage in chain], source[1], kept is not None)
    every_column = _routes([stage.columns for stage in chain], source[2], kept is not None)
    for rows in every_row:
        for columns in every_column:
            reached = _followed(chain, rows, columns, source[0], kept)
            counts[:, rows.starts[:, None], columns.starts] = reached[:, None, None]
    return counts


def _reached_by_taps(stage: Stage) -> Indices:
    """Count the channels that each channel reaches by sets of taps: [C, sets of rows, of columns]."""
    groups, _, inputs, *_ = stage.nonzero.shape
    rows, columns = stage.rows.sets, stage.columns.sets
    counts = np.zeros((groups * inputs, len(rows), len(columns)), np.int64)
    if not counts.size:
        return counts
    if stage.rows.by_single_taps and stage.columns.by_single_taps:
        by_tap = _add_up(stage.nonzero).reshape(groups * inputs, *stage.nonzero.shape[3:])
        return by_tap[:, np.concatenate(rows)][:, :, np.concatenate(columns)]
    for place, taps in enumerate(rows):
        by_row = _any(stage.nonzero[:, :, :, taps], 3)
        for other, also in enumerate(columns):
            counts[:, place, other] = _add_up(_any(by_row[..., also], 3)).reshape(-1)
    return counts


def _add_up(mask: Mask) -> Indices:
    """Count the True along the second axis."""
    parts = (mask[:, start : start + _BYTE] for start in range(0, mask.shape[1], _BYTE))
    total = np.zeros((len(mask), *mask.shape[2:]), np.int64)
    for part in parts:
        total += np.add.reduce(part.view(np.uint8), axis=1, dtype=np.uint8)
    return total


def _gathered(counts: Indices, axis: Axis, along: int) -> Indices:
    """Add up what the pairs of an axis reach, for each input: kinds become inputs along one axis."""
    shape = list(counts.shape)
    shape[along] = axis.size
    total = np.zeros(shape, np.int64)
    present, first = np.unique(axis.inputs, return_index=True)
    if len(present):
        each = np.add.reduceat(np.take(counts, axis.kinds, axis=along), first, axis=along)
        total[(slice(None),) * along + (present,)] = each
    return total


@dataclass(frozen=True, eq=False)
class _Route:
    """What one index of an axis reaches through a chain; `starts` are the indices that it is the same for.

    `pairs` [3, ..] lists, by stage, inputs and outputs as places in what is reached, and kinds; `widths` how
    many outputs are reached; `ends` which ones at the end.
    """

    starts: Indices
    pairs: tuple[Indices, ...]
    widths: tuple[int, ...]
    ends: Indices


def _routes(axes: Sequence[Axis], size: int, by_end: bool) -> list[_Route]:
    """Find the routes of an axis that differ; with `by_end`, those to other ends do."""
    found: dict[tuple[bytes, ...], tuple[list[int], _Route]] = {}
    for start in range(size):
        route = _route(axes, start)
        key = (*(each.tobytes() for each in route.pairs), route.ends.tobytes() if by_end else b"")
        found.setdefault(key, ([], route))[0].append(start)
    return [replace(route, starts=np.array(starts)) for starts, route in found.values()]


def _route(axes: Sequence[Axis], start: int) -> _Route:
    pairs: list[Indices] = []
    widths: list[int] = []
    reached = np.array([start])
    for axis in axes:
        first, end = (np.searchsorted(axis.inputs, reached, side) for side in ("left", "right"))
        number = end - first
        skipped = np.repeat(first - (np.cumsum(number) - number), number)
        among = skipped + np.arange(len(skipped))
        outputs, places = np.unique(axis.outputs[among], return_inverse=True)
        inputs = np.repeat(np.arange(len(reached)), number)
        pairs.append(np.stack([inputs, places.reshape(-1), axis.kinds[among]]))
        widths.append(len(outputs))
        reached = outputs
    return _Route(np.array([start]), tuple(pairs), tuple(widths), reached)


def _followed(
    chain: Sequence[Stage], rows: _Route, columns: _Route, channels: int, kept: Mask | None
) -> Indices:
    """Count what each channel reaches from the starts of two routes: [C]."""
    counts = np.zeros(channels, np.int64)
    if 0 in (*rows.widths, *columns.widths):
        return counts
    largest = max(
        stage.nonzero.shape[0] * stage.nonzero.shape[1] * high * wide
        for stage, high, wide in zip(chain, rows.widths, columns.widths, strict=True)
    )
    step = max(_ELEMENTS // largest, 1)
    for first in range(0, channels, step):
        some = slice(first, min(first + step, channels))
        reached = _first(chain[0], rows, columns, some)
        for place in range(1, len(chain)):
            reached = _next(chain[place], reached, rows, columns, place)
        if kept is not None:
            reached = reached * kept[:, rows.ends][:, :, columns.ends].transpose(1, 2, 0)[:, :, None]
        counts[some] = np.count_nonzero(reached, axis=(0, 1, 3))
    return counts


def _first(stage: Stage, rows: _Route, columns: _Route, some: slice) -> NDArray[np.float32]:
    """Mark what some channels reach by the first stage: [rows, columns, channels, channels reached]."""
    groups, outputs, inputs, *_ = stage.nonzero.shape
    size = rows.widths[0], columns.widths[0]
    reached = np.zeros((*size, some.stop - some.start, groups * outputs), np.float32)
    each = np.arange(groups, dtype=np.int64)
    for _, row, kind in rows.pairs[0].T:
        for _, column, other in columns.pairs[0].T:
            whole = np.zeros((groups, inputs, groups, outputs), np.bool_)
            whole[each, :, each] = _joined(stage, kind, other).transpose(0, 2, 1)
            reached[row, column] = whole.reshape(groups * inputs, -1)[some]
    return reached


def _next(
    stage: Stage, reached: NDArray[np.float32], rows: _Route, columns: _Route, place: int
) -> NDArray[np.float32]:
    """Follow what is reached through another stage."""
    groups, outputs, inputs, *_ = stage.nonzero.shape
    size = rows.widths[place], columns.widths[place]
    further = np.zeros((*size, groups, reached.shape[2], outputs), np.float32)
    grouped = reached.reshape(*reached.shape[:3], groups, inputs).transpose(0, 1, 3, 2, 4)
    for source_row, row, kind in rows.pairs[place].T:
        for source_column, column, other in columns.pairs[place].T:
            joined = _joined(stage, kind, other).astype(np.float32).transpose(0, 2, 1)
            further[row, column] += grouped[source_row, source_column] @ joined
    ordered = further.transpose(0, 1, 3, 2, 4)
    return (ordered.reshape(*size, reached.shape[2], groups * outputs) > 0).astype(np.float32)


def _any(mask: Mask, axis: int) -> Mask:
    return np.logical_or.reduce(mask, axis=axis)


def _joined(stage: Stage, kind: int, other: int) -> Mask:
    """Say which channels some tap of two sets joins: [groups, out / groups, in / groups]."""
    rows, columns = stage.rows.sets[kind], stage.columns.sets[other]
    if len(rows) == len(columns) == 1:
        return stage.nonzero[..., rows[0], columns[0]]
    return _any(_any(stage.nonzero[:, :, :, rows], 3)[..., columns], 3)
