"""Every genome that ships is written as msc writes genomes, and describes a network."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from msc.search.genome import dump_genome, load_genome
from msc.search.lower import require_connected

SHIPPED = sorted(Path(str(files("msc.search"))).glob("genomes/*.json"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_genome_is_connected_and_written_as_msc_writes(path: Path) -> None:
    genome = load_genome(path)
    assert dump_genome(genome) == path.read_bytes()
    assert require_connected(genome).network is not None


def test_the_demo_genome_and_a_published_cell_ship() -> None:
    assert {path.stem for path in SHIPPED} >= {"demo", "snasnet-cifar10"}
