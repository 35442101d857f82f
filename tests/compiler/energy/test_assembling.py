"""Stages of reports: terms and parts add up, on every fixture network and every profile."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from msc.compiler.energy.assembling import report_stage
from msc.compiler.energy.prices import NOTHING, TERMS, Standing
from msc.compiler.energy.profile import energy_profile_names, load_energy_profile
from msc.compiler.energy.report import Stage
from msc.compiler.energy.runs import StaticInput
from msc.ir.activity import Quantity
from msc.ir.network import Model
from msc.ir.neurons import InputKind
from tests.compiler.energy.reports import MODELS, report_of, reported
from tests.compiler.energy.runs import dense, ran
from tests.networks import NETWORKS


@pytest.mark.parametrize("name", MODELS)
def test_terms_and_parts_add_up(name: str) -> None:
    report = report_of(name)
    assert [each.profile.name for each in report.profiles] == list(energy_profile_names())
    for priced in report.profiles:
        assert tuple(each.term.name for each in priced.terms) == TERMS
        known = [each.range for each in priced.terms if each.range is not None]
        assert priced.total == (sum(known, start=NOTHING) if known else None)
        for each in priced.terms:
            assert (each.range is None) == (each.term.standing is not Standing.KNOWN)
            if each.range is not None:
                whole = sum(each.by_part.values(), start=NOTHING)
                assert whole.low == pytest.approx(each.range.low)
                assert 0 <= each.range.low <= each.range.high < math.inf


@pytest.mark.parametrize("name", MODELS)
def test_the_mean_of_samples_is_the_total(name: str) -> None:
    for priced in report_of(name).profiles:
        if priced.total is None:
            assert priced.low is priced.high is None
            continue
        assert priced.low is not None
        assert priced.high is not None
        assert priced.low.mean == pytest.approx(priced.total.low, rel=1e-12)
        assert priced.high.mean == pytest.approx(priced.total.high, rel=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_memory_goes_somewhere(name: str) -> None:
    for priced in report_of(name).profiles:
        memory = next(each for each in priced.terms if each.term.name == "memory")
        if memory.range is None:
            assert not priced.buffers
        else:
            assert sum(each.high for each in memory.by_memory.values()) == pytest.approx(memory.range.high)
            assert {buffer.label for buffer in priced.buffers} >= set(memory.by_memory)


@pytest.mark.parametrize("name", MODELS)
def test_parts_are_projections_and_populations(name: str) -> None:
    report = report_of(name)
    network = report.wiring.network
    known = {p.name for p in network.populations} | {p.name for p in network.projections}
    for priced in report.profiles:
        for each in priced.terms:
            assert set(each.by_part) <= known


def test_a_static_frame_that_is_computed_once_costs_less() -> None:
    each = reported(NETWORKS["chain"])
    once = reported(NETWORKS["chain"], how=StaticInput.ONCE)
    for before, after in zip(each.profiles, once.profiles, strict=True):
        if before.profile.name.startswith("cmos"):
            assert before.total is not None
            assert after.total is not None
            assert after.total.high < before.total.high


def test_unpublished_energies_are_nothing_and_not_zero() -> None:
    found = next(each for each in report_of("chain").profiles if each.profile.name == "loihi2")
    assert (found.total, found.low, found.high) == (None, None, None)
    assert found.missing == TERMS
    assert all(each.range is None for each in found.terms)
    assert {each.term.note for each in found.terms} == {"nobody published the energies of this device"}


def test_a_note_says_how_many_events_have_no_price() -> None:
    wiring = dense(InputKind.ANALOG)
    spikes = {"input": [3, 3], "h": [2, 2], "out": [1, 1]}
    activity = ran(wiring, 4, {"first": [12, 13], "second": [4, 4]}, spikes)
    report = report_stage(
        Stage.TRAINED,
        "reference",
        Model(wiring.network),
        wiring,
        activity,
        StaticInput.EVERY_STEP,
        [load_energy_profile("loihi1")],
    )
    note = report.profiles[0].terms[0].term.note
    assert note == (
        "23.6 pJ per synaptic operation; not priced: 12.5 MAC events, "
        "the profile has no multiply accumulate: a host computes them"
    )


def test_energies_by_hand() -> None:
    """Loihi 1: 16 ACs of 23.6 pJ, 24 updates of 52, 3 of them active by spikes, all by default."""
    wiring = dense()
    activity = ran(wiring, 4, {"first": [12], "second": [4]}, {"input": [3], "h": [2], "out": [1]})
    model = Model(wiring.network)
    chosen = [load_energy_profile("loihi1")]
    report = report_stage(Stage.TRAINED, "r", model, wiring, activity, StaticInput.EVERY_STEP, chosen, 0.5)
    (priced,) = report.profiles
    assert priced.total is not None
    assert priced.total.low == pytest.approx((16 * 23.6 + 24 * 52 + 3 * 29) / 1000)
    assert priced.total.high == pytest.approx((16 * 23.6 + 24 * 81) / 1000)
    assert priced.missing == ("messages", "static")
    assert priced.high is not None
    assert priced.high.bounds is None
    assert report.accuracy == 0.5


def test_intervals_are_those_of_sample_energies() -> None:
    report = reported(NETWORKS["chain"], batch=40, profiles=["cmos45-int8"])
    (priced,) = report.profiles
    assert priced.low is not None
    assert priced.low.bounds is not None
    term_prices = [each.term.price for each in priced.terms if each.term.price is not None]
    samples = np.sum([price.per_sample(report.activity) for price in term_prices], axis=0)[:, 0] / 1000
    half = 1.96 * samples.std(ddof=1) / np.sqrt(40)
    assert priced.low.bounds == pytest.approx((samples.mean() - half, samples.mean() + half))


def test_structure_counts_weights_zeros_and_footprint() -> None:
    model = NETWORKS["dense"]
    report = reported(model, profiles=[])
    held = report.structure
    weights = {name: array for name, array in model.weights.items() if name.endswith("weight")}
    assert held.weights == {"input>a": 120, "a>out": 50}
    assert sum(held.zeros.values()) == sum(int((array == 0).sum()) for array in weights.values()) == 7
    assert held.connection_sparsity == 7 / 170
    assert (held.parameters, held.states) == (15, 15)
    assert held.footprint() == 4 * (170 + 15 + 15)
    assert held.footprint(8, 16) == 170 + 15 + 2 * 15


def test_fixed_point_states_and_thresholds_are_stored() -> None:
    report = report_of("fixed_deep")
    network, shapes = report.wiring.network, report.wiring.shapes
    neurons = [p for p in network.populations if not p.is_source]
    biases = sum(shapes[p.name][0] for p in neurons if p.bias)
    assert report.structure.parameters == biases + sum(shapes[p.name][0] for p in neurons)


def test_without_membranes_all_updates_may_be_active() -> None:
    report = report_of("chain")
    blind = replace(
        report.activity,
        columns=tuple(c for c in report.activity.columns if c[0] is not Quantity.UPDATES),
        table=report.activity.table[
            :, [i for i, c in enumerate(report.activity.columns) if c[0] is not Quantity.UPDATES]
        ],
    )
    chosen = [load_energy_profile("loihi1")]
    model = NETWORKS["chain"]
    again = report_stage(Stage.TRAINED, "r", model, report.wiring, blind, StaticInput.EVERY_STEP, chosen)
    seen = next(each for each in report.profiles if each.profile.name == "loihi1")
    assert again.profiles[0].total is not None
    assert seen.total is not None
    assert again.profiles[0].total.low == seen.total.low
    assert again.profiles[0].total.high >= seen.total.high
