"""The whole page: complete, well formed, self-contained, the same each time, and safe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from msc.compiler.energy.report import Change, EnergyReport, Stage
from msc.ir.neurons import LI, InputKind, Source
from msc.search.energy.page import page
from tests.search.energy.fixtures import (
    EVIL,
    NEURONS,
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
from tests.search.reporting.reading import check_alone, check_ids, check_numbers, read_page

SECTIONS = ["terms", "parts", "twins", "activity", "synapses", "stages", "constants", "method"]
EVENTS = Source((NEURONS,), InputKind.EVENTS)
CASES: dict[str, Callable[[], EnergyReport]] = {
    "one stage": report,
    "three stages": three_stages,
    "one sample": lambda: report(stage(samples=1)),
    "a hundred populations": lambda: report(many()),
    "events": lambda: report(stage(network=chain(source=EVENTS))),
    "one population": lambda: report(stage(network=chain(("head",)))),
    "an integrator at the end": lambda: report(stage(network=chain(last=LI()))),
    "nothing but an integrator": lambda: report(stage(network=chain(("head",), last=LI()))),
    "silent": lambda: report(stage(rate=0.0)),
    "saturated": lambda: report(stage(rate=1.0)),
    "no membranes": lambda: report(stage(membranes=False)),
    "no raster": lambda: report(replace(stage(), activity=replace(stage().activity, raster={}))),
    "one step": lambda: report(stage(steps=1)),
    "very many steps": lambda: report(stage(steps=1000, samples=2)),
    "nothing published": lambda: report(stage(profiles=(unpublished(),))),
    "no profile": lambda: report(stage(profiles=())),
    "no twin": lambda: report(stage(twins=())),
    "three twins": lambda: report(stage(twins=(twin("fp32"), twin("int8"), twin("3 bits")))),
    "no accuracy": lambda: report(stage(accuracy=None)),
    "no facts": lambda: report(facts={}),
}


@pytest.mark.parametrize("made", CASES.values(), ids=CASES.keys())
def test_the_page_is_whole_and_needs_nothing_else(made: Callable[[], EnergyReport]) -> None:
    found = made()
    html = page(found)
    read = read_page(html)
    wanted = [name for name in SECTIONS if name != "stages" or len(found.stages) > 1]
    assert [name for name in read.sections if name] == wanted
    assert set(wanted) <= set(read.references)
    check_alone(html, read)
    check_ids(read)
    check_numbers(read)


def test_the_same_report_gives_the_same_bytes() -> None:
    assert page(three_stages()) == page(three_stages())


def test_what_a_report_says_cannot_become_markup() -> None:
    """Names, titles, notes, warnings, reasons: text, in tables, titles and charts alike."""
    names = ('<b>&"x', EVIL, "head")
    wired = wiring(chain(names))
    figure = constant(source=EVIL, node=EVIL)
    hostile = profile(
        EVIL,
        title=EVIL,
        node=EVIL,
        note=EVIL,
        sha256=EVIL,
        energies={EVIL: figure},
        included={"memory": EVIL},
    )
    parts = {**spread(wired, 1.0), EVIL: next(iter(spread(wired, 2.0).values()))}
    costs = priced(hostile, (known(SYNAPTIC, parts, note=EVIL), unknown("static", note=EVIL)))
    second = priced(profile(EVIL + "2"), (known(SYNAPTIC, parts, note=EVIL),))
    stages = [
        stage(
            which,
            chain(names),
            simulator=EVIL,
            profiles=(costs, second),
            twins=(twin(EVIL, profile=EVIL),),
            warnings=(EVIL,),
        )
        for which in (Stage.TRAINED, Stage.QUANTISED)
    ]
    changes = {Stage.QUANTISED: (Change(EVIL, 1.0, 2.0),)}
    html = page(report(*stages, title=EVIL, facts={EVIL: EVIL}, changes=changes))
    read = read_page(html)
    assert "script" not in read.tags
    assert "b" not in read.tags
    assert "<script" not in html
    for section in ("", *SECTIONS[:-1]):
        assert EVIL in read.sections[section], section
    assert '<b>&"x' in read.sections["activity"]


def test_a_large_page_stays_small() -> None:
    """A hundred populations of a thousand steps, all spiking now and then."""
    wide = many()
    assert len(page(report(wide))) < 300_000
    busy = stage(network=chain([f"layer{i}" for i in range(100)]), steps=200, samples=1, rate=0.3)
    assert len(page(report(busy))) < 1_500_000


def test_figures_are_those_of_the_first_stage() -> None:
    first = stage()
    costs = chip(first.wiring)
    assert costs.total is not None
    read = read_page(page(report(replace(first, profiles=(costs,)), stage(Stage.QUANTISED))))
    assert f"energy on loihi1 {costs.total.low:.0f}–{costs.total.high:.0f}" in read.sections[""].replace(
        "  ", " "
    )
