"""What is placed without weights is what compiling places, with every synapse there could be."""

from __future__ import annotations

import pytest

from msc.compiler.contracts import CompileError
from msc.compiler.driver import find_target, lower, plan
from msc.compiler.initialise import initial_model
from msc.compiler.placement import least_cores, load_profile, place
from msc.compiler.placement.connections import on_host
from msc.compiler.placement.structure import BEFORE_QUANTISING, machine_structure
from msc.compiler.timing import start_of
from msc.ir.counts import count
from msc.ir.network import Network
from msc.ir.ops import Op, Quantise
from msc.ir.shapes import population_shapes
from msc.search.generate import new_genome
from msc.search.lower import require_connected
from msc.search.skeleton import Recurrence
from tests.compiler.placement.profiles import chip
from tests.compiler.placement.test_placing import check

SMALL = chip(neurons_per_core=300, synaptic_memory_per_core=120_000, input_axons_per_core=2000)


def network(seed: int, space: str = "mse-nas", **skeleton: object) -> Network:
    given = {"input_shape": (1, 8, 8), "channels": 4, "layers": 3} | skeleton
    cells = {"hidden": 8, "recurrence": Recurrence.SYNAPTIC} if space == "snasnet" else {}
    genome = new_genome(space, seed, **(cells | given))  # type: ignore[arg-type]
    found = require_connected(genome).network
    assert found is not None
    return found


def plain(ops: tuple[Op, ...]) -> tuple[Op, ...]:
    return tuple(op for op in ops if not isinstance(op, Quantise))


@pytest.mark.parametrize("space", ["mse-nas", "snasnet"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("kind", "name"), [("events", "loihi1"), ("static", "loihi1"), ("static", "loihi2")])
def test_the_structure_is_that_of_the_compiled_network(space: str, seed: int, kind: str, name: str) -> None:
    floats = network(seed, space, input=kind, input_shape=(2, 8, 8) if kind == "events" else (1, 8, 8))
    profile = load_profile(name)
    encoding = "graded" if profile.has("graded_spikes") else "bias"
    structure = machine_structure(floats, profile)
    machine = lower(initial_model(floats, 0), find_target("lava"), {"input": encoding})
    made, real = structure.network, machine.network
    assert [(p.name, start_of(p)) for p in made.populations] == [
        (p.name, start_of(p)) for p in real.populations
    ]
    ends = [[(p.name, p.source, p.target, p.delay) for p in n.projections] for n in (made, real)]
    assert ends[0] == ends[1]
    for mine, theirs in zip(made.projections, real.projections, strict=True):
        assert on_host(mine) == on_host(theirs)
        assert on_host(mine) or plain(mine.ops) == plain(theirs.ops)
    first, second = place(structure, profile), place(machine, profile)
    assert first.neurons == second.neurons
    assert sum(c.synapses for c in first.cores) >= sum(c.synapses for c in second.cores)
    assert {placed.name for placed in first.populations if placed.tile is None} == {
        placed.name for placed in second.populations if placed.tile is None
    }


def test_the_passes_are_those_of_the_target() -> None:
    planned = [step.name for step in plan(find_target("lava"))]
    before = planned[: planned.index("quantise")]
    assert [step.name for step in BEFORE_QUANTISING] == before
    assert planned[len(before) :] == ["quantise", "retime"]


@pytest.mark.parametrize("seed", range(6))
def test_placements_of_structures_agree_with_matrices(seed: int) -> None:
    structure = machine_structure(network(seed, input="events", input_shape=(2, 6, 6), channels=3), SMALL)
    check(structure, place(structure, SMALL))


@pytest.mark.parametrize("seed", range(6))
def test_synapses_are_those_that_a_genome_is_said_to_have(seed: int) -> None:
    """Two ways of counting: per projection by axes (`msc show`), and tile by tile."""
    machine = machine_structure(network(seed, layers=4), SMALL).network
    shapes = population_shapes(machine)
    counted = sum(count(p, shapes[p.source]).synapses for p in machine.projections if not on_host(p))
    assert sum(core.synapses for core in place(machine, SMALL).cores) == counted


@pytest.mark.parametrize("name", ["loihi1", "loihi2"])
@pytest.mark.parametrize("seed", range(6))
def test_the_bound_is_a_bound_and_no_bad_one(seed: int, name: str) -> None:
    for profile in (load_profile(name), SMALL):
        structure = machine_structure(network(seed, channels=8), profile)
        placement = place(structure, profile)
        bound = least_cores(structure, profile)
        if not placement.problems:
            assert 1 <= bound <= len(placement.cores)
        if profile is SMALL:
            assert len(placement.cores) < 3 * bound


def test_a_cycle_that_is_too_fast_is_refused() -> None:
    looping = network(1, "snasnet", recurrence=Recurrence.LOOP)
    with pytest.raises(CompileError, match=r"^cycle cell1\.n1 -> .* has 3 synapses"):
        machine_structure(looping, SMALL)
