"""Messages between cores: counted spike by spike along a walk over the tiles, on small placed networks."""

from __future__ import annotations

from collections import Counter
from math import prod

import numpy as np
import pytest

from msc.compiler.energy.messages import message_readouts
from msc.compiler.energy.profile import EnergyProfileError, load_energy_profile
from msc.compiler.passes.retime import PASS as RETIME
from msc.compiler.placement import Placement, load_profile, place
from msc.compiler.placement.capacity import Resource
from msc.ir.activity import Quantity
from msc.ir.network import Model
from msc.ir.ops import Flatten, Linear
from msc.ir.shapes import population_shapes
from tests.compiler.energy.profile_files import MESH, OPERATION, device
from tests.compiler.placement.matrices import neurons_of, numbered
from tests.compiler.placement.profiles import chip
from tests.fixed_networks import FIXED, LEAKY, fixed
from tests.networks import EVENTS, conv, edge, net

MACHINES = {name: RETIME.run(model).model for name, model in FIXED.items()}
MESHES = {"2 x 2 of 3": (3, 2, 2), "a row of 1": (1, 5, 1), "a column of 2": (2, 1, 3), "one tile": (6, 1, 1)}


def mesh(per_tile: int, across: int, down: int) -> dict[str, float]:
    return {"cores_per_tile": per_tile, "tiles_across": across, "tiles_down": down}


def walked(
    model: Model, placement: Placement, per_tile: int, across: int
) -> Counter[tuple[Quantity, str, int]]:
    """Send one message for every pair of a neuron and a core that reads it, a tile at a time."""
    shapes = population_shapes(model.network)
    matrices = numbered(model)
    cells = [
        (block.population, int(neuron), core)
        for core, held in enumerate(placement.cores)
        for block in held.blocks
        for neuron in neurons_of(block, shapes[block.population])
    ]
    homes = {(name, neuron): core for name, neuron, core in cells}
    sent = {
        (projection.source, int(neuron), homes[name, target])
        for projection in model.network.projections
        if projection.name in matrices
        for name, target, _ in cells
        if name == projection.target
        for neuron in np.flatnonzero(matrices[projection.name][target])
        if projection.source != model.network.source.name
    }
    found: Counter[tuple[Quantity, str, int]] = Counter()
    for name, neuron, core in sent:
        found[Quantity.MESSAGES, name, neuron] += 1
        (chip_from, at), (chip_to, to) = (
            divmod(c, placement.cores_per_chip) for c in (homes[name, neuron], core)
        )
        if chip_from != chip_to:
            found[Quantity.BETWEEN_CHIPS, name, neuron] += 1
            continue
        row, column = divmod(at // per_tile, across)
        goal_row, goal_column = divmod(to // per_tile, across)
        if (row, column) == (goal_row, goal_column):
            found[Quantity.WITHIN_TILE, name, neuron] += 1
        while column != goal_column:
            column += 1 if column < goal_column else -1
            found[Quantity.EAST_WEST, name, neuron] += 1
        while row != goal_row:
            row += 1 if row < goal_row else -1
            found[Quantity.NORTH_SOUTH, name, neuron] += 1
    return found


def read(model: Model, placement: Placement, figures: dict[str, float]) -> Counter[tuple[Quantity, str, int]]:
    """List what the readouts weigh each neuron's spikes with, zeros left out."""
    found: Counter[tuple[Quantity, str, int]] = Counter()
    shapes = population_shapes(model.network)
    for readout in message_readouts(model, placement, device({**OPERATION, **figures})):
        assert readout.column[1] == readout.population
        assert readout.per_spike.dtype == np.int64
        assert readout.per_spike.shape == shapes[readout.population]
        assert (readout.delay, readout.quantise, readout.once) == (0, None, False)
        for neuron, count in enumerate(readout.per_spike.ravel()):
            if count:
                found[readout.column[0], readout.population, neuron] = int(count)
    return found


@pytest.mark.parametrize("form", MESHES)
@pytest.mark.parametrize("name", MACHINES)
def test_every_message_is_that_of_a_walk_over_the_tiles(name: str, form: str) -> None:
    machine = MACHINES[name]
    per_tile, across, down = MESHES[form]
    for neurons, cores in ((11, 5), (11, per_tile * across * down), (40, 3)):
        limits = chip(neurons_per_core=neurons, cores_per_chip=min(cores, per_tile * across * down))
        placement = place(machine, limits)
        expected = walked(machine, placement, per_tile, across)
        assert read(machine, placement, mesh(per_tile, across, down)) == expected


def test_the_small_networks_use_tiles_rows_and_chips() -> None:
    """Were none of them large enough, the walks above would show nothing."""
    seen: Counter[Quantity] = Counter()
    for machine in MACHINES.values():
        placement = place(machine, chip(neurons_per_core=11, cores_per_chip=12))
        for (quantity, _, _), count in walked(machine, placement, 3, 2).items():
            seen[quantity] += count
    assert set(seen) == {
        Quantity.MESSAGES,
        Quantity.WITHIN_TILE,
        Quantity.EAST_WEST,
        Quantity.NORTH_SOUTH,
        Quantity.BETWEEN_CHIPS,
    }


@pytest.mark.parametrize("name", MACHINES)
def test_messages_are_the_output_axons_of_cores(name: str) -> None:
    """A core needs one output axon for each of its neurons and each core that the neuron sends to."""
    machine = MACHINES[name]
    shapes = population_shapes(machine.network)
    placement = place(machine, chip(neurons_per_core=20, cores_per_chip=12))
    readouts = message_readouts(machine, placement, device({**OPERATION, **mesh(2, 3, 2)}))
    sent = {r.population: r.per_spike.ravel() for r in readouts if r.column[0] is Quantity.MESSAGES}
    for core in placement.cores:
        axons = sum(
            int(sent[block.population][neurons_of(block, shapes[block.population])].sum())
            for block in core.blocks
        )
        assert axons == core.use[Resource.OUTPUT_AXONS]


def test_pruned_synapses_send_nothing() -> None:
    machine = MACHINES["everything"]
    generator = np.random.default_rng(3)
    pruned = {
        key: np.where(generator.random(array.shape) < 0.9, np.zeros_like(array), array)
        if key.endswith("/weight")
        else array
        for key, array in machine.weights.items()
    }
    sparse = Model(machine.network, pruned)
    placement = place(sparse, chip(neurons_per_core=15, cores_per_chip=12))
    found = read(sparse, placement, mesh(2, 3, 2))
    assert found == walked(sparse, placement, 2, 3)
    whole = place(machine, chip(neurons_per_core=15, cores_per_chip=12))
    assert 0 < sum(found.values()) < sum(read(machine, whole, mesh(2, 3, 2)).values())


def test_one_message_for_a_core_however_many_projections_lead_there() -> None:
    """`a` feeds `out` by two projections and itself by one: all its targets lie on its own core."""
    network = net(
        EVENTS,
        {"a": LEAKY, "out": LEAKY},
        edge("input", "a", conv(2)),
        edge("a", "a", conv(2, 1), delay=1),
        edge("a", "out", Flatten(), Linear(3)),
        edge("a", "out", Flatten(), Linear(3), delay=2, number=2),
    )
    machine = RETIME.run(fixed(network, seed=1)).model
    placement = place(machine, chip())
    assert len(placement.cores) == 1
    found = read(machine, placement, mesh(4, 1, 1))
    neurons = prod(population_shapes(machine.network)["a"])
    assert all(
        found[Quantity.MESSAGES, "a", n] == found[Quantity.WITHIN_TILE, "a", n] == 1 for n in range(neurons)
    )
    assert not [key for key in found if key[1] == "out"]  # nothing on the chip reads the output
    assert {q for q, _, _ in found} == {Quantity.MESSAGES, Quantity.WITHIN_TILE}


def test_the_input_sends_from_off_the_chip() -> None:
    machine = MACHINES["chain"]
    placement = place(machine, chip(neurons_per_core=30))
    named = {r.population for r in message_readouts(machine, placement, device({**OPERATION, **MESH}))}
    assert named == {p.name for p in machine.network.populations} - {machine.network.source.name}


def test_without_a_mesh_nothing_is_counted() -> None:
    machine = MACHINES["chain"]
    assert message_readouts(machine, place(machine, chip()), device(OPERATION)) == ()


@pytest.mark.parametrize("name", ["loihi1", "loihi1-sanafe"])
def test_the_mesh_of_loihi_holds_its_cores(name: str) -> None:
    machine = MACHINES["chain"]
    profile = load_energy_profile(name)
    assert profile.chip is not None
    readouts = message_readouts(machine, place(machine, load_profile(profile.chip)), profile)
    assert len(readouts) == 5 * (len(machine.network.populations) - 1)


def test_a_mesh_smaller_than_the_chip_is_refused() -> None:
    machine = MACHINES["chain"]
    with pytest.raises(EnergyProfileError) as caught:
        message_readouts(machine, place(machine, chip(cores_per_chip=13)), device({**OPERATION, **MESH}))
    assert str(caught.value) == (
        "energy profile device: has 3 x 2 tiles of 2 cores, chip, on which the network is placed, 13 cores a"
        " chip; choose the energy profile of that chip, or place the network on the chip of this profile"
    )
