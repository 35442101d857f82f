"""The energy profiles that come with msc: where every number is from, and that the docs show the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from msc.compiler.energy.prices import MEMORY
from msc.compiler.energy.profile import UNITS, EnergyProfile, energy_profile_names, load_energy_profile
from msc.compiler.figures import Figure, Status
from msc.compiler.placement import profile_names
from tests.compiler.energy.profile_tables import tables

PAGE = Path(__file__).parents[3] / "docs" / "energy-profiles.md"
NAMES = (
    "cmos45-fp16",
    "cmos45-fp32",
    "cmos45-int8",
    "loihi1",
    "loihi1-sanafe",
    "loihi2",
    "spinnaker1",
    "spinnaker2",
)


def figures(profile: EnergyProfile) -> dict[str, Figure]:
    return {
        **profile.energies,
        **profile.numbers,
        **{f"memory {memory.size}": memory.energy for memory in profile.memories},
    }


def values(name: str) -> dict[str, float]:
    return {key: figure.value for key, figure in figures(load_energy_profile(name)).items()}


def test_the_profiles_there_are() -> None:
    assert energy_profile_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_number_says_where_it_is_from(name: str) -> None:
    profile = load_energy_profile(name)
    assert profile.name == name
    assert len(profile.title) > 5
    assert len(profile.note) > 40
    for key, figure in figures(profile).items():
        assert figure.unit == UNITS.get(key, "pJ")
        assert len(figure.source) > 30
        assert 2013 <= figure.year <= 2030
        assert figure.node
        assert (figure.status is Status.CONFLICTING) == (figure.low is not None)
        assert (figure.status is Status.UNVERIFIED) == ("was not read" in figure.source)


@pytest.mark.parametrize("name", NAMES)
def test_chips_can_be_placed_on(name: str) -> None:
    chip = load_energy_profile(name).chip
    assert chip is None or chip in profile_names()
    assert (chip is not None) == name.startswith("loihi")


def test_horowitz_2014() -> None:
    memories = {"memory 8192": 10.0, "memory 32768": 20.0, "memory 1048576": 100.0}
    for name, (add, multiply, both, weight, state) in {
        "cmos45-fp32": (0.9, 3.7, 4.6, 32, 32),
        "cmos45-fp16": (0.4, 1.1, 1.5, 16, 16),
        "cmos45-int8": (0.03, 0.2, 0.23, 8, 16),
    }.items():
        assert values(name) == {
            "accumulate": add,
            "multiply": multiply,
            "multiply_accumulate": both,
            "weight_bits": weight,
            "state_bits": state,
            **memories,
        }
        assert add + multiply == pytest.approx(both, abs=1e-12)
        assert {m.access_bits for m in load_energy_profile(name).memories} == {64}
        assert load_energy_profile(name).node == "45 nm CMOS, 0.9 V"


MESH = {"cores_per_tile": 4, "tiles_across": 8, "tiles_down": 4}


def test_loihi_1_of_davies_2018() -> None:
    assert values("loihi1") == {
        "synaptic_operation": 23.6,
        "neuron_update_inactive": 52.0,
        "neuron_update_active": 81.0,
        "message_within_tile": 1.7,
        "hop_east_west": 3.0,
        "hop_north_south": 4.0,
        **MESH,
    }
    unread = [k for k, f in load_energy_profile("loihi1").energies.items() if f.status is Status.UNVERIFIED]
    assert unread == ["neuron_update_inactive", "hop_north_south"]


def test_loihi_1_of_sana_fe() -> None:
    assert values("loihi1-sanafe") == {
        "synaptic_operation": 35.5,
        "synaptic_operation_convolution": 24.0,
        "neuron_update_inactive": 51.2,
        "neuron_update_active": 72.8,  # 51.2 + 21.6
        "spike": 69.3,
        "message": 111.0,
        "hop_east_west": 3.0,
        "hop_north_south": 4.2,
        **MESH,
    }


@pytest.mark.parametrize(
    ("name", "low", "used", "high", "update"),
    [("spinnaker1", 45.0, 13300.0, 13300.0, 26000.0), ("spinnaker2", 10.0, 450.0, 450.0, 2190.0)],
)
def test_spinnaker_where_sources_differ(
    name: str, low: float, used: float, high: float, update: float
) -> None:
    profile = load_energy_profile(name)
    operation = profile.energies["synaptic_operation"]
    assert (operation.low, operation.value, operation.high) == (low, used, high)
    assert values(name) == {"synaptic_operation": used, "neuron_update": update}


def test_loihi_2_has_no_invented_number() -> None:
    profile = load_energy_profile("loihi2")
    assert not profile.published
    assert (figures(profile), profile.included) == ({}, {})
    assert "loihi1*FACTOR" in profile.note


@pytest.mark.parametrize("name", ["loihi1", "loihi1-sanafe", "spinnaker1", "spinnaker2"])
def test_the_energies_of_chips_hold_their_memories(name: str) -> None:
    assert set(load_energy_profile(name).included) == {MEMORY}


def test_the_docs_show_every_figure() -> None:
    """Where this fails, paste what `python -m tests.compiler.energy.profile_tables` prints into the page."""
    assert f"\n{tables()}\n" in PAGE.read_text(encoding="utf-8")


def test_the_docs_name_every_figure_there_can_be() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in UNITS if f"| `{name}` | {UNITS[name]} |" not in text] == []


def test_the_docs_show_a_profile_that_is_one(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.split("```toml\n")[1].split("```")[0])
    profile = load_energy_profile(str(path))
    assert profile.published
    assert set(profile.energies) > {"synaptic_operation", "static_power"}
