"""The genome file: what a search puts out and the compiler takes in (design, section 4)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msc.ir.errors import MscError, raise_all
from msc.ir.files import read_limited
from msc.search.reading import Reader
from msc.search.skeleton import Skeleton, read_skeleton, write_skeleton

FORMAT = "msc.genome"
VERSION = 1
LIMIT_BYTES = 1_000_000
_SEED_LIMIT = 2**63 - 1


class GenomeError(MscError):
    """A genome file is malformed, out of range, or describes no network."""


@dataclass(frozen=True)
class Genome:
    """Genes of one space, the skeleton they are mounted on, and the seed they were drawn with.

    `genes` is the space's own frozen type (`msc.search.spaces`).
    """

    space: str
    genes: Any
    skeleton: Skeleton
    seed: int = 0


def load_genome(path: str | Path) -> Genome:
    """Read a genome file; raises FileError or GenomeError listing every offender."""
    return parse_genome(read_limited(path, LIMIT_BYTES, "genome file"), str(path))


def parse_genome(data: bytes, where: str) -> Genome:
    """Parse the bytes of a genome file; `where` names it in errors.

    Raises GenomeError with one problem per offender: JSON, format, version, unknown or missing fields,
    types, ranges, and skeletons that fit no network.
    """
    from msc.search.spaces import find_space, space_names

    if len(data) > LIMIT_BYTES:
        raise GenomeError.of(
            where, f"is larger than {LIMIT_BYTES} bytes, the limit for a genome file", "give a genome"
        )
    reader = Reader(_decode(data, where), where)
    reader.choice("format", (FORMAT,))
    reader.choice("version", (VERSION,))
    raise_all(GenomeError, reader.problems)  # another format's fields would only add noise
    name = reader.choice("space", space_names())
    raise_all(GenomeError, reader.problems)
    space = find_space(name)
    skeleton_reader = reader.child("skeleton")
    genes = space.read_genes(reader.child("genes"))
    skeleton = read_skeleton(skeleton_reader, space, genes)
    seed = reader.integer("seed", 0, _SEED_LIMIT, default=0)
    reader.finish()
    raise_all(GenomeError, reader.problems)
    misfits = space.misfits(genes, skeleton)
    raise_all(GenomeError, [p.inside(where) for p in misfits])
    return Genome(name, genes, skeleton, seed)


def dump_genome(genome: Genome) -> bytes:
    """Write a genome as JSON: one line per layer, keys in a fixed order, a final newline."""
    from msc.search.spaces import find_space

    space = find_space(genome.space)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "space": genome.space,
        "genes": space.write_genes(genome.genes),
        "skeleton": write_skeleton(genome.skeleton, space),
        "seed": genome.seed,
    }
    return (_pretty(content, 0) + "\n").encode()


def _pretty(value: Any, depth: int) -> str:
    """Indent objects and lists of lists or objects; keep what fits a line on one."""
    line = json.dumps(value)
    if depth and len(line) + 2 * depth < 100 and not (isinstance(value, dict) and depth < 2):
        return line
    pad = "  " * (depth + 1)
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {_pretty(item, depth + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(pad + item for item in items) + "\n" + "  " * depth + "}"
    if isinstance(value, list) and value:
        return (
            "[\n" + ",\n".join(pad + _pretty(item, depth + 1) for item in value) + "\n" + "  " * depth + "]"
        )
    return line


def _decode(data: bytes, where: str) -> object:
    """Decode JSON strictly: no duplicate keys, no NaN, bounded nesting; raises GenomeError."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise GenomeError.of(
            where, f"is not UTF-8 text (byte {error.start})", "give a genome file (JSON)"
        ) from error
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise GenomeError.of(
            where, f"is not JSON: {error.msg} (line {error.lineno}, column {error.colno})", "repair the file"
        ) from error
    except RecursionError as error:
        raise GenomeError.of(where, "is nested too deeply", "give a genome file (JSON)") from error
    except ValueError as error:
        raise GenomeError.of(where, f"is not a genome: {error}", "repair the file") from error


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the field {key[:40]!r} appears twice")
        found[key] = value
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number a genome can hold")
