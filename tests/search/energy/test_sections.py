"""What each section says, against the report it was made from."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from msc.compiler.energy.comparing import verdict
from msc.compiler.energy.footprint import Structure
from msc.compiler.energy.prices import CHIP, Range, Standing
from msc.compiler.energy.report import Change, Stage, StaticInput
from msc.compiler.energy.tallies import total
from msc.compiler.figures import Status
from msc.search.energy.activity import activity_section
from msc.search.energy.bars import elided
from msc.search.energy.constants import constants_section
from msc.search.energy.method import method_section
from msc.search.energy.opening import opening
from msc.search.energy.parts import parts_section
from msc.search.energy.raster import raster_figure
from msc.search.energy.stages import stages_section
from msc.search.energy.synapses import synapses_section
from msc.search.energy.terms import terms_section
from msc.search.energy.twins import twins_section
from tests.search.energy.fixtures import (
    MEMORY,
    MESSAGES,
    NAMES,
    NEURONS,
    STATIC,
    SYNAPTIC,
    chain,
    chip,
    constant,
    known,
    many,
    priced,
    profile,
    report,
    spread,
    stage,
    three_stages,
    twin,
    unknown,
    unpublished,
    wiring,
)
from tests.search.reporting.reading import rows, words

WIRED = wiring(chain())


def plain(html: str) -> str:
    return words(html).replace("\N{NO-BREAK SPACE}", " ")


def cells(html: str) -> list[list[str]]:
    return [[cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row] for row in rows(html)]


def drawn(svg: str) -> list[str]:
    """The words of a chart."""
    return [e.text or "" for e in ElementTree.fromstring(svg.replace("xlink:", "")).iter() if e.tag == "text"]


def charts(html: str) -> list[list[str]]:
    return [drawn(svg) for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]


def test_the_header_says_what_ran_and_what_it_costs() -> None:
    shown = plain(opening(report(stage(samples=40))))
    assert "needs 301–351 nJ on loihi1 and 23 nJ on cmos45-int8 per sample in the mean over 40" in shown
    assert "network sha256 0123456789ab data fashion-mnist, test split" in shown
    assert "as trained, on torch ; 40 samples of 4 time steps; static input computed every step" in shown
    assert "accuracy 87.20 % (95 % interval 73.9 to 94.5 %)" in shown
    assert "energy on loihi1 301–351 nJ 95 % 295–358 nJ" in shown
    assert "energy on loihi2 n/a nothing published" in shown


def test_the_header_has_what_the_energy_is_spent_on() -> None:
    made = stage()
    every = total(made)
    shown = plain(opening(report(made)))
    assert every.rate is not None
    assert every.silent_share is not None
    for tile in (
        f"spikes {every.spikes:.4g} per sample",
        f"ACs {every.acs:.4g} effective",
        f"MACs {every.macs:.0f} effective",
        f"firing rate {100 * every.rate:.0f} % per neuron and step",
        f"silent {100 * every.silent_share:.2g} % of 48 neurons, in all samples",
    ):
        assert tile in shown


def test_of_one_sample_there_is_no_interval() -> None:
    made = report(stage(samples=1))
    shown = plain(opening(made))
    assert "per sample over 1 sample of 4 time steps" in shown
    assert "per sample; one sample has no interval" in shown
    assert [row[-1] for row in cells(terms_section(made))[1:3]] == ["n/a", "n/a"]


def test_without_a_published_energy_only_counts_are_told() -> None:
    shown = plain(opening(report(stage(profiles=(unpublished(),)))))
    assert "No profile here has a published energy: only operations were counted, over 40 samples" in shown


def test_warnings_are_seen_and_told_once() -> None:
    first = stage(warnings=("the rate is high", "few samples"))
    later = stage(Stage.QUANTISED, warnings=("few samples", "silent: stem"))
    html = opening(report(first, later))
    aside = re.search(r'<aside class="warning">.*?</aside>', html, re.DOTALL)
    assert aside is not None
    assert plain(aside[0]) == (
        "Before you use these numbers the rate is high (as trained) few samples silent: stem (quantised)"
    )
    assert "Before you use" not in plain(opening(report(stage())))


def test_the_verdict_is_told_at_the_top() -> None:
    found = twin("int8"), twin("fp32", memory=Range(900.0, 1000.0))
    shown = plain(opening(report(stage(twins=found))))
    assert "Spiking or dense: it depends on the memory model." in shown
    for each in found:
        assert f"{each.name}: {verdict(each)}".replace(" uJ", " µJ") in shown
    steady = twin(memory=Range(900.0, 1000.0))
    assert "Spiking or dense: the same by every model." in plain(opening(report(stage(twins=(steady,)))))


def test_every_term_of_every_profile_is_told() -> None:
    table = cells(terms_section(report()))
    assert table[0] == [
        "profile",
        "synaptic operations",
        "neuron updates",
        "memory",
        "messages",
        "static",
        "total",
        "95 % interval",
    ]
    assert table[1] == [
        "loihi1", "200 nJ", "100–150 nJ", "included", "n/a", "1 nJ", "301–351 nJ", "295–358 nJ"
    ]  # fmt: skip
    assert table[2] == ["cmos45-int8", "1 nJ", "2 nJ", "20 nJ", "n/a", "n/a", "23 nJ", "22.5–23.5 nJ"]
    assert table[3] == ["loihi2", *["n/a"] * 7]


def test_a_missing_term_is_never_zero() -> None:
    made = priced(profile(), (known(SYNAPTIC, spread(WIRED, 1.0)), known(STATIC, {CHIP: Range(0.0, 0.0)})))
    row = cells(terms_section(report(stage(profiles=(made,)))))[1]
    assert row[1:7] == ["10 nJ", "n/a", "n/a", "n/a", "0 nJ", "10 nJ"]


def test_a_term_that_lacks_a_price_for_some_counts_says_so() -> None:
    term = known(SYNAPTIC, spread(WIRED, 1.0))
    term = replace(term, term=replace(term.term, unpriced=(("events", "input>stem"),)))
    row = cells(terms_section(report(stage(profiles=(priced(profile(), (term,)),)))))[1]
    assert row[1] == "10 nJ in part"


def test_notes_say_what_terms_hold_and_what_is_missing() -> None:
    table = cells(terms_section(report()))
    holds = ["included", "The synaptic operation holds its memory accesses"]
    assert ["memory", "loihi1", *holds] in table
    why = ["n/a", "The network was not placed: --stage placed"]
    assert ["messages", "loihi1, cmos45-int8, loihi2", *why] in table
    twice = cells(terms_section(three_stages()))
    assert [row for row in twice if row[-1].startswith("The network was not")] == [
        row for row in table if row[-1].startswith("The network was not")
    ]


def test_memories_are_told_by_their_size() -> None:
    term = known(MEMORY, spread(WIRED, 1.0))
    term = replace(term, by_memory={"8 KiB": Range(2.0, 3.0), "32 KiB": Range(7.0, 7.0)})
    shown = plain(terms_section(report(stage(profiles=(priced(profile(), (term,)),)))))
    assert "Memory on loihi1: 2–3 nJ in memories of 8 KiB and 7 nJ in memories of 32 KiB." in shown


def test_charts_of_terms_name_profiles_and_units() -> None:
    totals, shares = charts(terms_section(report()))
    assert {"loihi1", "cmos45-int8", "energy per sample (nJ)", "301–351\N{NO-BREAK SPACE}nJ"} <= set(totals)
    assert {"loihi1", "share of the upper end (%)", "of 351\N{NO-BREAK SPACE}nJ"} <= set(shares)
    assert "loihi2" not in totals
    nothing = terms_section(report(stage(profiles=(unpublished(),))))
    assert "no profile here has a published energy" in plain(nothing)
    assert not charts(nothing)


def test_parts_stand_in_order_with_their_share() -> None:
    html = parts_section(report())
    loihi, _ = charts(html)
    named = [word for word in loihi if word in {*NAMES, "(chip)"} or ">" in word]
    assert named[:3] == ["layer1.I>head", "head", "layer1.A>layer1.I"]
    assert named[-1] == CHIP
    assert "40–60\N{NO-BREAK SPACE}nJ · 17\N{NO-BREAK SPACE}%" in loihi
    assert "energy per sample (nJ)" in loihi
    assert "layer1.I>head and the next two take 57 % of all 9 parts together." in plain(html)
    assert "There is nothing to draw for loihi2 : no term is known." in plain(html)


def test_of_many_parts_the_largest_are_drawn() -> None:
    loihi, cmos = charts(parts_section(report(many())))
    assert sum("%" in word for word in loihi) == sum("%" in word for word in cmos) == 21
    assert "181 others" in loihi
    assert "180 others" in cmos


def test_names_are_cut_in_the_middle() -> None:
    assert elided("layer1.A") == "layer1.A"
    cut = elided("layer10.A>" + "x" * 40 + ">layer11.B")
    assert len(cut) == 27
    assert cut.startswith("layer10.A>")
    assert cut.endswith(">layer11.B")


def test_the_flip_of_the_sign_is_drawn_and_said() -> None:
    html = twins_section(report())
    shown = plain(html)
    assert "Which network needs less depends on the memory model." in shown
    assert "Priced on cmos45-int8 , with 8 bits for an activation." in shown
    assert (
        "int8: arithmetic alone: SNN 2.2× less; + memory, read once: dense 4.8–5.0× less; "
        "+ memory, no reuse: SNN 1.2–1.3× less. The sign flips with what is reused"
    ) in shown
    ratios, energies = charts(html)
    assert {"SNN needs less", "twin needs less", "SNN 2.2× less", "dense 4.8–5.0× less"} <= set(ratios)
    assert "energy of the SNN / energy of the twin" in ratios
    assert {"SNN, + memory, read once", "twin, + memory, no reuse", "402\N{NO-BREAK SPACE}nJ"} <= set(
        energies
    )
    assert cells(html)[1] == [
        "int8", "cmos45-int8", "147,132", "8", "33.8 nJ", "31.6–368 nJ", "15.3 nJ", "300–310 nJ", "yes"
    ]  # fmt: skip


def test_a_sign_that_holds_is_no_warning() -> None:
    html = twins_section(report(stage(twins=(twin(memory=Range(900.0, 1000.0)),))))
    assert "depends on the memory model." not in plain(html).replace("Which is cheaper depends on", "")
    assert cells(html)[1][-1] == "no"
    assert "No twin was priced." in plain(twins_section(report(stage(twins=()))))


def test_extreme_ratios_are_drawn_at_the_edge() -> None:
    far = twin(spiking_operations=Range(1e-9, 1e-9), spiking_memory=Range(1e12, 1e12))
    ratios, _ = charts(twins_section(report(stage(twins=(far,)))))
    assert any(word.startswith("SNN 34,000,000,000×") for word in ratios)
    nothing = twin(spiking_operations=Range(0.0, 0.0), spiking_memory=Range(0.0, 0.0))
    ratios, _ = charts(twins_section(report(stage(twins=(nothing,)))))
    assert ratios.count("SNN less") == 3


def test_populations_are_listed_with_what_they_did() -> None:
    made = stage(samples=40)
    table = cells(activity_section(report(made)))
    assert table[0] == ["population", "neurons", "spikes", "rate", "", "silent", "updates", "of dense"]
    assert table[1] == ["input input", "12", "48", "100 %", "", "0 %", "–", "–"]
    assert [row[0] for row in table[2:]] == [*NAMES, "all"]
    assert table[2][6:] == ["45", "94 %"]
    assert table[-1][6:] == ["180", "94 %"]
    unseen = cells(activity_section(report(stage(membranes=False))))
    assert unseen[2][6:] == ["n/a", "n/a"]


def test_the_histogram_tells_the_silent_apart() -> None:
    html = activity_section(report(stage()))
    shown = plain(html)
    silent = total(stage()).silent
    assert f"{48 - silent} neurons that fired; the {silent} silent ones" in shown
    histogram, _ = charts(html)
    assert {"neurons", "rate (% of time steps with a spike)"} <= set(histogram)
    assert "No neuron fired" in plain(activity_section(report(stage(rate=0.0))))


def test_the_raster_draws_a_run_of_spikes_as_one() -> None:
    """Neuron 2 spikes at steps 0, 1 and 3: two rectangles."""
    made = stage(network=chain(("head",)))
    spikes = np.zeros((4, NEURONS), bool)
    spikes[[0, 1, 3], 2] = True
    svg = raster_figure(replace(made, activity=replace(made.activity, raster={"head": spikes})))
    paths = re.findall(r'<path d="([^"]*)"[^>]*var\(--blue\)', svg)
    assert len(paths) == 1
    assert paths[0].count("M") == 2
    empty = replace(made, activity=replace(made.activity, raster={"head": np.zeros((4, NEURONS), bool)}))
    assert "var(--blue)" not in raster_figure(empty)


def test_the_raster_says_what_it_leaves_out() -> None:
    assert "32 of 101 populations, evenly chosen; at most 7 neurons of each" in plain(raster_figure(many()))
    shown = plain(raster_figure(stage(steps=1000, samples=2)))
    assert (
        "Every population; at most 12 neurons of each, evenly chosen. The first 200 of 1,000 steps." in shown
    )
    assert "Grey: values that are not zero" in shown


def test_projections_are_listed_with_their_synapses() -> None:
    table = cells(synapses_section(report(stage(samples=40))))
    assert table[0] == [
        "projection", "kind", "synapses", "non-zero", "events", "dense", "of dense", "events per synapse"
    ]  # fmt: skip
    assert table[1] == ["input>stem", "MAC", "144", "120", "480", "576", "83 %", "4"]
    assert table[2][:4] == ["stem>layer1.A", "AC", "144", "120"]
    every = total(stage(samples=40))
    assert table[5][0] == f"all {every.acs:.4g} AC and 480 MAC"
    assert table[5][2:4] == ["576", "480"]
    assert table[5][-1] == f"{every.per_synapse:.3g} of AC"


def test_delays_and_ends_are_named_where_the_name_does_not() -> None:
    network = chain(("a", "b"))
    odd = replace(network.projections[1], name="loop", delay=1)
    made = stage(network=replace(network, projections=(network.projections[0], odd)))
    table = cells(synapses_section(report(made)))
    assert table[2][0] == "loop a to b, delay 1 step"
    assert table[1][0] == "input>a"


@pytest.mark.parametrize(
    ("when", "told"),
    [(StaticInput.EVERY_STEP, "priced at every step"), (StaticInput.ONCE, "priced once, its current kept")],
)
def test_a_static_frame_is_told_both_ways(when: StaticInput, told: str) -> None:
    shown = plain(synapses_section(report(stage(static_input=when))))
    assert f"its events are counted at every step here, and {told}" in shown
    assert "Computed once, all MACs of a sample are 120 instead of 480." in shown


def test_neurobench_has_its_names() -> None:
    structure = Structure({"a": 100, "b": 100}, {"a": 30}, 8, 48)
    shown = plain(synapses_section(report(stage(structure=structure))))
    assert f"Footprint {(208 + 48) * 4:,} bytes: parameters and one sample's state" in shown
    assert "ConnectionSparsity 0.1500" in shown
    every = total(stage())
    assert every.rate is not None
    assert f"ActivationSparsity {1 - every.rate:.4f}" in shown
    assert "Effective_MACs 480 Dense 2,304 MembraneUpdates 180" in shown


def test_stages_stand_side_by_side() -> None:
    html = stages_section(three_stages())
    table = {row[0]: row[1:] for row in cells(html)}
    assert table[""] == ["as trained", "quantised", "placed on cores"]
    assert table["time steps"] == ["4", "4", "7"]
    assert table["neurons"] == ["48", "48", "48"]
    assert table["dense operations"] == ["2,304", "2,304", "4,032 +75 %"]
    assert table["membrane updates"] == ["180", "180", "n/a"]
    assert table["energy on loihi1"] == ["301–351 nJ"] * 3
    assert table["energy on loihi2"] == ["n/a"] * 3
    assert stages_section(report()) == ""


def test_reasons_add_up() -> None:
    changes = {
        Stage.QUANTISED: (Change("weights that round to zero", -120.5, 0.0), Change("relays", 48.0, 96.0)),
        Stage.PLACED: (Change("no membranes", 3.0, None),),
    }
    made = replace(three_stages(), changes=changes)
    table = cells(stages_section(made))
    assert ["Weights that round to zero", "−120.5", "0"] in table
    assert ["Relays", "+48", "+96"] in table
    assert ["all", "−72.5", "+96"] in table
    assert ["all", "+3", "n/a"] in table
    assert "Why the quantised network counts otherwise" in plain(stages_section(made))
    same = replace(made, changes={})
    assert "It does not: the counts are the same." in plain(stages_section(same))


def test_every_constant_is_listed_with_its_source() -> None:
    table = cells(constants_section(report(stage(profiles=(chip(WIRED),)))))
    source = ["Davies 2018, table 2", "2018", "14 nm"]
    assert table == [
        ["constant", "value", "unit", "sources say", "source", "year", "node", "status"],
        ["synaptic_operation", "23.6", "pJ", "", *source, "published"],
        ["neuron_update_active", "81", "pJ", "", *source, "unverified"],
        ["hop_north_south", "4", "pJ", "4–4.2", *source, "conflicting"],
        ["one access of 64 bits to 8 KiB", "10", "pJ", "", *source, "published"],
        ["weight_bits", "8", "bits", "", *source, "published"],
    ]


def test_profiles_say_what_they_are() -> None:
    shown = plain(constants_section(report(stage(profiles=(chip(WIRED), unpublished())))))
    assert "loihi1: The title of loihi1 What was read where. Node: 14 nm. sha256 abababababab ." in shown
    assert "Included in other figures. Memory: the synaptic operation." in shown
    assert "loihi2: The title of loihi2 Unpublished. What was read where." in shown
    scaled = priced(profile("loihi1*0.5", factor=0.5), ())
    assert "Every energy is multiplied by 0.5." in plain(constants_section(report(stage(profiles=(scaled,)))))


def test_profiles_are_listed_once_and_a_node_falls_back_to_the_profiles() -> None:
    figure = constant(node=None, status=Status.PUBLISHED)
    lone = priced(profile(energies={"synaptic_operation": figure}, memories=(), numbers={}), ())
    made = report(stage(profiles=(lone,)), stage(Stage.QUANTISED, profiles=(lone,)))
    table = cells(constants_section(made))
    assert len(table) == 2
    assert table[1][-2] == "14 nm"


def test_the_method_says_what_is_not_modelled() -> None:
    shown = plain(method_section())
    assert "Nothing was measured on hardware" in shown
    for left_out in ("Leakage", "Messages between cores", "DRAM", "Learning"):
        assert left_out in shown.split("What is not modelled")[1]


def test_an_included_term_is_not_missing() -> None:
    made = priced(profile(), (known(SYNAPTIC, spread(WIRED, 1.0)), unknown(MEMORY, Standing.INCLUDED)))
    row = cells(terms_section(report(stage(profiles=(made,)))))[1]
    assert (row[3], row[4]) == ("included", "n/a")
    assert MESSAGES in made.missing
    assert MEMORY not in made.missing


def test_later_stages_are_judged_in_short() -> None:
    shown = plain(opening(report(stage(), stage(Stage.QUANTISED))))
    assert "Spiking or dense, as trained: it depends on the memory model. int8: By arithmetic" in shown
    assert (
        "Spiking or dense, quantised: it depends on the memory model. int8: arithmetic alone: SNN 2.2× "
        "less; + memory, read once: dense 4.8–5.0× less; + memory, no reuse: SNN 1.2–1.3× less."
    ) in shown


def test_of_many_profiles_the_first_are_named_in_the_first_sentence() -> None:
    profiles = tuple(chip(WIRED, f"chip{i}") for i in range(6))
    shown = plain(opening(report(stage(profiles=profiles))))
    assert (
        "nJ on chip2 per sample in the mean over 40 samples of 4 time steps. 3 more profiles follow below."
        in shown
    )
    assert "energy on chip5 301–351 nJ" in shown


def test_only_where_sources_differ_their_ends_are_listed() -> None:
    lone = priced(profile(energies={"synaptic_operation": constant()}, memories=(), numbers={}), ())
    table = cells(constants_section(report(stage(profiles=(lone,)))))
    assert table[0] == ["constant", "value", "unit", "source", "year", "node", "status"]
    assert table[1] == [
        "synaptic_operation", "23.6", "pJ", "Davies 2018, table 2", "2018", "14 nm", "published"
    ]  # fmt: skip
