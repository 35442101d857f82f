"""Mutated genome files, in process: each is understood or refused as msc refuses, nothing else happens."""

from __future__ import annotations

import json
import random

import pytest

from msc.ir.errors import MscError
from msc.ir.text import print_network
from msc.ir.verify import verify
from msc.search.canonical import canonical, genome_hash
from msc.search.describe import describe
from msc.search.generate import from_genome
from msc.search.genome import dump_genome, parse_genome
from msc.search.lower import cut, lower
from tests.search.genomes import mutated, random_data

FILES = 100


def use(data: bytes) -> bool:
    """Do with a file what the commands do; says whether it is a genome."""
    try:
        genome = parse_genome(data, "fuzzed.json")
    except MscError as error:
        check_refusal(error, "fuzzed.json")
        return False
    assert parse_genome(dump_genome(genome), "again") == genome
    try:
        lowered = lower(genome)
        if lowered.network is None:
            str(cut(lowered)).encode()
        else:
            verify(lowered.network)
            print_network(lowered.network)
        genome_hash(genome)
        canonical(genome)
        json.dumps(describe(genome), allow_nan=False)
        from_genome(genome, input_shape=(2, 16, 16), classes=5)
    except MscError as error:
        check_refusal(error, "")
    return True


def check_refusal(error: MscError, where: str) -> None:
    """One line per offender, printable anywhere, of bounded length."""
    assert error.problems
    assert error.exit_code == 2
    lines = str(error).split("\n")
    assert len(lines) == len(error.problems)
    for line in lines:
        assert line.startswith(where)
        assert line.isprintable()
        assert len(line) < 400
        line.encode()


@pytest.mark.parametrize("block", range(5))
@pytest.mark.parametrize("space", ["mse-nas", "snasnet"])
def test_a_mutated_file_is_understood_or_refused(space: str, block: int) -> None:
    understood = 0
    for seed in range(block * FILES, (block + 1) * FILES):
        rng = random.Random(f"mutation {space} {seed}")
        understood += use(mutated(random_data(space, seed), rng))
    assert FILES // 20 < understood < FILES - FILES // 20
