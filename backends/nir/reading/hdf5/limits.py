"""How much of everything a NIR file may have before it is refused."""

from __future__ import annotations

MIB = 1 << 20

DEPTH = 64
"""Groups inside each other: about thirty subgraphs."""

OBJECTS = 20_000
"""Groups and arrays of the whole file: about three thousand nodes."""

NAME = 1024
"""Characters of the name of a node, a field or a type."""

TEXT_BYTES = MIB
"""Bytes of one text."""

TEXTS_BYTES = 16 * MIB
"""Bytes of all texts together."""

TEXTS = 200_000
"""Texts in one array: a hundred thousand edges."""

CHUNK_BYTES = 32 * MIB
"""Bytes of a chunk, which is unpacked as a whole; nir writes chunks of 1 MiB at most."""

CHUNKS = 1_000_000
"""Chunks of one array."""

BLOCK_BYTES = 4 * MIB
"""Bytes that are read at a time, where chunks allow it."""

BLOCK_CHUNKS = 1024
"""Chunks that are read at a time: HDF5 takes about a kilobyte for each."""

WORKING_BYTES = 256 * MIB
"""What reading may take beside the arrays: blocks, chunks packed and unpacked, HDF5's own tables."""

PROBLEMS = 20
"""Problems that are listed before the reading stops."""


def declared_bytes(file_bytes: int) -> int:
    """Bytes of all arrays as they are declared, uniform ones included, which take no memory."""
    return 4096 * MIB + 16 * file_bytes


def varied_bytes(file_bytes: int) -> int:
    """Bytes of all arrays whose values differ, which are held in memory.

    Trained weights hardly shrink in a file, weights of 4 bits to an eighth; a deflate bomb grows a
    thousandfold. The constant leaves room for small files with sparse arrays.
    """
    return 128 * MIB + 16 * file_bytes


STEP_SECONDS = 1.0
"""Seconds of computing from one block or array to the next; a chunk of 32 MiB takes about 0.2."""


def cpu_seconds(file_bytes: int) -> int:
    """Seconds of computing, the start included: 3 s for less than 4 MiB, 128 s for 500 MiB."""
    return 3 + file_bytes // (4 * MIB)


def wall_seconds(file_bytes: int) -> float:
    """Seconds by the clock, which count where the computer is busy with other things or the disk is slow."""
    return 60.0 + file_bytes / MIB
