"""What a placement tells, as data and as a table."""

from __future__ import annotations

import json

from msc.compiler.placement import load_profile, place, summary, table, to_json
from msc.compiler.placement.profile import parse_profile
from tests.compiler.placement.profiles import ROOMY, chip, toml
from tests.compiler.placement.test_placing import MACHINES


def test_the_summary_of_a_placement() -> None:
    placement = place(MACHINES["everything"], load_profile("loihi1"))
    told = summary(placement)
    assert json.loads(json.dumps(told)) == told
    assert (told["fits"], told["chips"], told["cores"], told["neurons"]) == (True, 1, 2, 907)
    assert told["tightest"] == "neurons"
    memory = told["memory"]
    assert memory["weights_are_shared"]
    assert memory["bits_if_shared"] == 8 * sum(core.stored for core in placement.cores)
    assert memory["bits_if_not_shared"] == 8 * told["synapses"]
    assert memory["bits_if_shared"] < memory["bits_if_not_shared"]
    neurons = told["resources"]["neurons"]
    assert (neurons["used"], neurons["limit_per_core"], neurons["largest_fraction"]) == (
        907,
        1024,
        864 / 1024,
    )
    assert neurons["source"] == "nengo-loihi 1.0, nengo_loihi/block.py, MAX_COMPARTMENTS"
    thresholds = told["resources"]["thresholds"]
    assert (thresholds["status"], thresholds["low"], thresholds["high"]) == ("conflicting", 8, 16)
    relay = next(p for p in told["populations"] if p["name"] == "a.relay1")
    assert (relay["relay_of"], relay["neurons"], relay["cores"]) == ("a", 144, [[0, 0]])


def test_a_limit_that_is_not_known_is_absent() -> None:
    told = summary(place(MACHINES["everything"], load_profile("loihi2")))
    assert told["resources"]["input_axons"] == {"used": 894, "limit_per_core": None}


def test_every_core_is_told() -> None:
    placement = place(MACHINES["chain"], chip(neurons_per_core=30, cores_per_chip=3))
    placed = to_json(placement)["placed"]
    assert [(one["core"], one["chip"]) for one in placed] == [(i, i // 3) for i in range(8)]
    assert sum(block["neurons"] for one in placed for block in one["blocks"]) == placement.neurons
    assert placed[0]["blocks"][0]["start"] == [0, 0, 0]
    assert placed[0]["fullest"] == "neurons"
    assert placed[0]["filled"] == placed[0]["use"]["neurons"] / 30


def test_the_table() -> None:
    lines = table(place(MACHINES["everything"], load_profile("loihi1"))).splitlines()
    assert lines[0] == "2 cores on 1 chip of Intel Loihi, 907 neurons"
    assert lines[3].split() == ["neurons", "1,024", "44%", "84%", "<-", "the", "tightest"]
    assert ["a.relay1", "144", "4x6x6", "1"] in [line.split() for line in lines]
    doubt = lines[lines.index("limits in doubt") + 1]
    assert doubt == (
        "  thresholds per core: sources say 8 to 16; 16 is used "
        "(nengo-loihi 1.0, builder/validate.py: 16 threshold configurations; older versions say 8)"
    )


def test_the_table_of_what_does_not_fit() -> None:
    profile = chip(input_axons_per_core=1, graded_spikes=True)
    lines = table(place(MACHINES["chain"].network, profile)).splitlines()
    assert lines[0] == "0 cores on 0 chips of A test chip, 0 neurons"
    assert any("does not fit" in line for line in lines)
    assert lines[lines.index("problems") + 1].startswith("  population a: one neuron needs ")


def test_fewer_cores_a_chip_may_need_more_chips() -> None:
    machine = MACHINES["chain"].network
    placement = place(machine, load_profile("loihi2"))
    assert (placement.chips, placement.most_chips) == (1, 1)
    assert summary(placement)["doubts"][0].startswith(
        "cores per chip: sources say 120 to 128; 128 is used (Open Neuromorphic, "
    )
    differing = toml({**ROOMY, "neurons_per_core": 30}).replace(
        'status = "published"', 'status = "conflicting"\nlow = 3\nhigh = 4', 1
    )
    placement = place(machine, parse_profile(differing.encode(), "small", "small.toml"))
    assert (len(placement.cores), placement.chips, placement.most_chips) == (8, 2, 3)
    assert summary(placement)["doubts"] == [
        "cores per chip: sources say 3 to 4: 3 chips; 4 is used (made up)"
    ]
