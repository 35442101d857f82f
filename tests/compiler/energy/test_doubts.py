"""Warnings: what to doubt, in words."""

from __future__ import annotations

from collections.abc import Sequence

from msc.compiler.energy.assembling import report_stage
from msc.compiler.energy.profile import EnergyProfile, load_energy_profile
from msc.compiler.energy.report import Stage
from msc.ir.activity import Quantity
from msc.ir.network import Model
from msc.ir.neurons import InputKind
from tests.compiler.energy.profile_files import MESH, device
from tests.compiler.energy.runs import EVERY_STEP, conflicting, dense, ran

FULL = device(
    {
        "accumulate": 0.9,
        "multiply_accumulate": 4.6,
        "weight_bits": 8,
        "state_bits": 16,
        "message": 1.0,
        "static_power": 1.0,
        "step_time": 1.0,
        **MESH,
    },
    [(8192, 64, 10.0)],
)


def warned(
    profiles: Sequence[EnergyProfile] = (FULL,),
    samples: int = 40,
    events: tuple[int, int] = (2, 1),
    spikes: tuple[int, int] = (1, 1),
    kind: InputKind = InputKind.EVENTS,
    steps: int = 10,
    varied: bool = False,
) -> list[str]:
    """The warnings of a run on `dense`: 24 and 8 synapses, four neurons and two."""
    wiring = dense(kind)
    many = [10 * events[0] if varied and i % 2 else events[0] for i in range(samples)]
    activity = ran(
        wiring,
        steps,
        {"first": many, "second": [events[1]] * samples},
        {"input": [1] * samples, "h": [spikes[0]] * samples, "out": [spikes[1]] * samples},
        more={(Quantity.MESSAGES, "h"): [1] * samples},
    )
    model = Model(wiring.network)
    return list(report_stage(Stage.TRAINED, "r", model, wiring, activity, EVERY_STEP, profiles).warnings)


def test_nothing_to_doubt() -> None:
    assert warned() == []


def test_few_samples() -> None:
    assert warned(samples=29) == ["few samples: 29, fewer than 30; intervals are bootstrapped"]
    assert warned(samples=1) == ["few samples: 1, fewer than 30; one sample has no interval"]


def test_samples_that_differ_much() -> None:
    priced = warned([device({"synaptic_operation": 1.0, "neuron_update": 0.001})], samples=40, varied=True)
    assert priced[0].startswith("few samples: the 95 % interval of device is +-2")
    assert priced[0].endswith(" % of the mean, show more")
    counted = warned([], varied=True)
    assert counted[0].startswith("few samples: the 95 % interval of synaptic events is +-")


def test_spikes_per_synapse_above_the_break_even() -> None:
    assert warned(events=(4, 0)) == []  # 4 of 32 synapses: 0.125
    assert warned(events=(8, 0)) == [
        "0.25 synaptic events per synapse and inference: among the published break-evens, "
        "0.15 to 1.38 depending on the dense network (Dampfhoffer et al. 2023)"
    ]
    assert warned(events=(48, 0)) == [
        "1.5 synaptic events per synapse and inference: above the published break-evens, "
        "0.15 to 1.38 depending on the dense network (Dampfhoffer et al. 2023)"
    ]


def test_a_rate_above_the_break_even() -> None:
    assert warned(spikes=(2, 1)) == []  # 3 of 60: 5 %
    assert warned(spikes=(3, 3), steps=10) == [
        "spike rate 10 % (T = 10): above the published break-even with a quantised dense network, "
        "6.4 % at T = 5 to 10 (Yan et al. 2024)"
    ]
    assert warned(spikes=(17, 1), steps=50) == [
        "spike rate 6 % (T = 50): above the published break-even with a quantised dense network, "
        "5.7 % at T = 5 (Yan et al. 2024)"
    ]


def test_values_are_multiplied_on_chips_elsewhere() -> None:
    assert warned(kind=InputKind.ANALOG) == ["values, not spikes, on first: each event is a MAC"]
    chip = device({"synaptic_operation": 20.0, "neuron_update": 1.0})
    assert warned([FULL, chip], kind=InputKind.ANALOG)[0] == (
        "values, not spikes, on first: each event is a MAC; "
        "without a price on device, where a host computes them"
    )


def test_silent_populations() -> None:
    assert warned(spikes=(0, 1)) == ["silent: h never spiked, what they feed costs nothing here"]


def test_a_profile_that_is_unpublished() -> None:
    (found,) = warned([load_energy_profile("loihi2")])
    assert found.startswith("loihi2: unpublished: ")
    assert len(found) > 40


def test_a_factor_of_the_users() -> None:
    found = warned([load_energy_profile("loihi1*0.5")])
    assert "loihi1*0.5: every energy is that of loihi1 times 0.5, a factor of yours: not measured" in found


def test_terms_that_are_missing() -> None:
    found = warned([device({"accumulate": 0.9})])
    assert found == ["device: the total lacks neuron updates, memory, messages, static (n/a, not 0)"]


def test_figures_that_differ_or_were_not_read() -> None:
    assert warned([conflicting(FULL, accumulate=(0.5, 1.0))]) == ["device: sources differ on accumulate"]
    found = warned([load_energy_profile("loihi1")])
    assert "loihi1: not read in the source again: neuron update inactive" in found[-1]


def test_figures_that_are_not_used_are_not_doubted() -> None:
    """No value is multiplied, no message sent: what such figures say does not matter."""
    profile = device({"accumulate": 0.9, "multiply_accumulate": 4.6, "multiply": 3.7})
    doubtful = conflicting(profile, multiply=(1.0, 4.0))
    assert not any("multiply" in line for line in warned([doubtful]))


def test_spinnakers_sources_differ() -> None:
    found = warned([load_energy_profile("spinnaker1")])
    assert any(line.startswith("spinnaker1: sources differ on synaptic operation") for line in found)
