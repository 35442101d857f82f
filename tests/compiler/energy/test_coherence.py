"""Figures of an energy profile that need others, exclude others or contradict them are refused."""

from __future__ import annotations

import pytest

from msc.compiler.energy.profile import EnergyProfileError, parse_energy_profile
from tests.compiler.energy.profile_files import MESH, OPERATION, written

BITS = {"weight_bits": 8, "state_bits": 16}
SMALL, LARGE = (8192, 64, 10.0), (32768, 64, 20.0)
HOPS = {"hop_east_west": 3.0, "hop_north_south": 4.0}
BOTH = "leave one of them out: both would count the same"
SORTED = "list memories from small to large"


def problems(text: str) -> list[str]:
    """Parse what is no profile; returns one line per problem."""
    with pytest.raises(EnergyProfileError) as caught:
        parse_energy_profile(text.encode(), "my", "my.toml")
    return str(caught.value).splitlines()


def missing(name: str, by: str) -> str:
    table = "numbers" if name in (*MESH, *BITS) else "energies"
    if table == "numbers":
        return (
            f"my.toml, numbers.{name}: is missing, {by} cannot be counted without it; write [numbers.{name}]"
        )
    fix = f"write [energies.{name}], or leave {by} out"
    return f"my.toml, energies.{name}: is missing, {by} is of no use without it; {fix}"


TOGETHER: dict[str, tuple[dict[str, float], list[str]]] = {
    "active alone": (
        {"neuron_update_active": 81.0},
        [missing("neuron_update_inactive", "neuron_update_active")],
    ),
    "inactive alone": (
        {"neuron_update_inactive": 52.0},
        [missing("neuron_update_active", "neuron_update_inactive")],
    ),
    "power alone": ({**OPERATION, "static_power": 3.0}, [missing("step_time", "static_power")]),
    "time alone": ({**OPERATION, "step_time": 3.0}, [missing("static_power", "step_time")]),
    "convolutions alone": (
        {"synaptic_operation_convolution": 3.0},
        [missing("synaptic_operation", "synaptic_operation_convolution")],
    ),
    "one way alone": ({"hop_east_west": 3.0, **MESH}, [missing("hop_north_south", "hop_east_west")]),
    "no mesh": (HOPS, [missing(name, "hop_east_west, hop_north_south") for name in MESH]),
    "no tiles": (
        {"message": 3.0, "cores_per_tile": 4},
        [missing("tiles_across", "message"), missing("tiles_down", "message")],
    ),
    "two kinds of updates": (
        {"neuron_update": 3.0, "neuron_update_inactive": 2.0, "neuron_update_active": 3.0},
        [f"my.toml, energies.neuron_update: is given beside neuron_update_inactive; {BOTH}"],
    ),
    "two kinds of operations": (
        {"accumulate": 0.5, **OPERATION},
        [f"my.toml, energies.accumulate: is given beside synaptic_operation; {BOTH}"],
    ),
    "active below inactive": (
        {"neuron_update_inactive": 52.0, "neuron_update_active": 29.0},
        [
            "my.toml, energies.neuron_update_active: is 29.0 pJ, less than neuron_update_inactive, 52.0 pJ;"
            " give what a whole active update takes, the inactive part with it"
        ],
    ),
}


@pytest.mark.parametrize("name", TOGETHER)
def test_figures_that_do_not_go_together(name: str) -> None:
    figures, told = TOGETHER[name]
    assert problems(written(figures)) == told


def test_memories_need_the_widths_of_what_they_hold() -> None:
    assert problems(written(OPERATION, (SMALL,))) == [
        missing("weight_bits", "memories"),
        missing("state_bits", "memories"),
    ]


@pytest.mark.parametrize(
    ("term", "figures", "beside"),
    [
        (
            "synaptic_operations",
            {"accumulate": 0.5, "multiply_accumulate": 2.0},
            "accumulate, multiply_accumulate",
        ),
        ("neuron_updates", {"neuron_update": 2.0}, "neuron_update"),
        ("messages", {**HOPS, **MESH}, "hop_east_west, hop_north_south"),
        ("static", {"static_power": 2.0, "step_time": 3.0}, "static_power, step_time"),
        ("memory", {**OPERATION, **BITS}, "memories"),
    ],
)
def test_what_is_included_is_not_priced_again(term: str, figures: dict[str, float], beside: str) -> None:
    text = written(figures, (SMALL,) if term == "memory" else ()) + f'[included]\n{term} = "in another"\n'
    assert problems(text) == [f"my.toml, included.{term}: is said beside {beside}; {BOTH}"]


def test_a_range_of_active_updates_lies_above_that_of_inactive_ones() -> None:
    def ranged(inactive: str, active: str) -> str:
        text = written({"neuron_update_inactive": 5, "neuron_update_active": 8})
        for name, bounds in (("inactive", inactive), ("active", active)):
            head, mark, rest = text.partition(f"[energies.neuron_update_{name}]")
            text = head + mark + rest.replace('"published"', f'"conflicting"\n{bounds}', 1)
        return text

    profile = parse_energy_profile(ranged("low = 4\nhigh = 9", "low = 4\nhigh = 9").encode(), "my", "my.toml")
    assert profile.energies["neuron_update_active"].least == 4
    (problem,) = problems(ranged("low = 4\nhigh = 9", "low = 3\nhigh = 9"))
    assert "is 8 (3 to 9) pJ, less than neuron_update_inactive, 5 (4 to 9) pJ" in problem


def test_memories_go_from_small_to_large() -> None:
    assert problems(written({**OPERATION, **BITS}, (LARGE, SMALL, SMALL))) == [
        f"my.toml, memories[1].size: is 8192, of the memory before it 32768; {SORTED}",
        f"my.toml, memories[2].size: is 8192, of the memory before it 8192; {SORTED}",
    ]
