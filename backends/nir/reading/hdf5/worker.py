"""The process that reads a NIR file: HDF5 is a parser in C, and what breaks it breaks this process only."""

from __future__ import annotations

import os
import sys

from msc.backends.nir.reading.hdf5.restrictions import restrict
from msc.backends.nir.reading.hdf5.tree import send_tree


def main() -> None:
    """Send the tree of the file named by the first argument, which has as many bytes as the second says."""
    path, file_bytes = sys.argv[1], int(sys.argv[2])
    restrict(file_bytes)
    with os.fdopen(os.dup(1), "wb") as stream:
        os.dup2(2, 1)  # nothing a library prints gets between the messages
        send_tree(stream, path, file_bytes)


if __name__ == "__main__":
    main()
