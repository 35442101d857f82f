"""Mutated genome files: each is a genome, or refused with one printable line per offender."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from msc.search.generate import new_genome
from msc.search.genome import GenomeError, dump_genome, parse_genome
from msc.search.lower import DisconnectedError, require_connected

VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2, 3, 10**6, 10**30, 1.5, 1e308, "x", "\ud800\n", [], {}, [[]], [1] * 1000),
    {"a\nb\ud800": 1},
)
PIECES = (b"[" * 5000, b'{"a":' * 5000, b"9" * 5000, b"1e999", b"NaN", b"\\ud800", b"-", b'"', b"\x00", b"{}")


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    mutated = bytearray(data)
    for place in rng.integers(0, len(data), 3):
        mutated[place] = rng.integers(0, 256)
    return bytes(mutated)


def truncate(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(0, len(data) - 1)]


def cut_out(data: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(0, len(data)))
    return data[:start] + data[start + int(rng.integers(1, 20)) :]


def insert(data: bytes, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(0, len(data)))
    return data[:place] + PIECES[rng.integers(0, len(PIECES))] + data[place:]


def swap_value(data: bytes, rng: np.random.Generator) -> bytes:
    """Replace, delete or add one value somewhere in the tree."""
    tree = json.loads(data)
    node: Any = tree
    while True:
        keys: list[Any] = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = keys[rng.integers(0, len(keys))]
        if isinstance(node[key], dict | list) and node[key] and rng.random() < 0.7:
            node = node[key]
            continue
        value = VALUES[rng.integers(0, len(VALUES))]
        action = rng.integers(0, 3)
        if action == 0:
            node[key] = value
        elif action == 1:
            del node[key]
        elif isinstance(node, dict):
            node["a\nb"] = value
        else:
            node.append(value)
        return json.dumps(tree).encode()


def duplicate(data: bytes, rng: np.random.Generator) -> bytes:
    """Write one line of the file twice (a layer more, or a field twice)."""
    lines = data.splitlines()
    place = int(rng.integers(0, len(lines)))
    return b"\n".join([*lines[: place + 1], *lines[place:]])


MUTATIONS = (flip, truncate, cut_out, insert, swap_value, duplicate)


@pytest.mark.parametrize("mutate", MUTATIONS)
@pytest.mark.parametrize("space", ["mse-nas", "snasnet"])
def test_a_mutated_file_is_a_genome_or_refused(
    space: str, mutate: Callable[[bytes, np.random.Generator], bytes]
) -> None:
    whole = dump_genome(new_genome(space, 1))
    refused = 0
    for seed in range(50):
        data = mutate(whole, np.random.default_rng(seed))
        try:
            genome = parse_genome(data, "mutated.json")
        except GenomeError as error:
            refused += 1
            for problem in error.problems:
                line = str(problem)
                assert line.startswith("mutated.json")
                assert line.isprintable(), repr(line)
                assert len(line) < 500
            continue
        assert parse_genome(dump_genome(genome), "again") == genome
        with suppress(GenomeError, DisconnectedError):
            require_connected(genome)
    assert refused >= 5
