"""The folder of a training: what it may hold when one begins, and the genome that is kept in it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from msc.ir.files import FileError, flush_folder, write_atomic
from msc.search.evolution.linefile import explained
from msc.search.genome import Genome, dump_genome
from msc.search.training.metrics import NAME as METRICS

GENOME, WEIGHTS, PREDICTIONS = "genome.json", "weights.safetensors", "test.npz"
START = "start.safetensors"
_TEMPORARY = ".msc-*.tmp"


def check_folder(folder: Path, resume: bool) -> None:
    """Create the folder of a new training, or check that it is one to begin or to take up in.

    A process that dies before the first record leaves a genome and the weights to start from at most: there
    a training may begin.
    Raises FileError.
    """
    with explained(folder, "use the folder"):
        if not resume and not folder.exists():
            folder.mkdir()
            flush_folder(folder.parent)
        if folder.exists() and not folder.is_dir():
            raise FileError.of(str(folder), "is a file, a folder is needed", "choose another path")
        if resume and not (folder / METRICS).is_file():
            fix = "leave out --resume to start one, or name its folder"
            raise FileError.of(str(folder), "there is no training to resume", fix)
        if not resume and any(
            path.name not in (GENOME, START) and not path.match(_TEMPORARY) for path in folder.iterdir()
        ):
            fix = "choose another one, or add --resume to go on with a training in it"
            raise FileError.of(str(folder), "the folder is not empty", fix)
        for path in folder.glob(_TEMPORARY):
            with suppress(OSError):
                path.unlink()


def write_genome(folder: Path, genome: Genome) -> None:
    """Write RUN/genome.json, whole or not at all."""
    write_atomic(folder / GENOME, dump_genome(genome))
