"""Pages of networks that ran: counted, priced on every profile there is, and drawn."""

from __future__ import annotations

import pytest

from msc.backends.counting import count
from msc.compiler.energy.assembling import report_stage
from msc.compiler.energy.comparing import verdict
from msc.compiler.energy.profile import energy_profile_names, load_energy_profile
from msc.compiler.energy.report import EnergyReport, Stage, StaticInput
from msc.ir.synapses import wire
from msc.search.energy.page import page
from tests.dyadic import sample_input, steps_of
from tests.networks import NETWORKS
from tests.search.reporting.reading import Page, check_alone, check_ids, check_numbers, read_page


def counted(name: str, static: StaticInput = StaticInput.EVERY_STEP) -> tuple[EnergyReport, str, Page]:
    model = NETWORKS[name]
    wired = wire(model)
    activity = count(model, wired, sample_input(model.network), steps_of(model.network))
    profiles = [load_energy_profile(each) for each in energy_profile_names()]
    stage = report_stage(Stage.TRAINED, "pytorch", model, wired, activity, static, profiles)
    report = EnergyReport(name, {}, (stage,), {})
    html = page(report)
    return report, html, read_page(html)


@pytest.mark.parametrize(
    "name", ["chain", "parallel_feedback", "average_pool", "groups", "cuba", "membrane", "analog"]
)
def test_every_network_has_a_page(name: str) -> None:
    report, html, read = counted(name)
    check_alone(html, read)
    check_ids(read)
    check_numbers(read)
    for population in report.stages[0].wiring.network.populations:
        assert population.name in read.sections["activity"]
    for projection in report.stages[0].wiring.network.projections:
        assert projection.name in read.sections["synapses"]


def test_every_constant_of_every_profile_is_told() -> None:
    report, _, read = counted("chain")
    shown = read.sections["constants"]
    for priced in report.stages[0].profiles:
        profile = priced.profile
        assert profile.title in shown
        for name, figure in (*profile.energies.items(), *profile.numbers.items()):
            assert name in shown
            assert figure.source in shown
        for memory in profile.memories:
            assert memory.energy.source in shown


def test_every_verdict_and_every_warning_is_told() -> None:
    report, _, read = counted("chain")
    stage = report.stages[0]
    assert stage.twins
    assert stage.warnings
    shown = read.sections[""]
    for twin in stage.twins:
        assert verdict(twin).replace(" uJ", " µJ") in shown
    for warning in stage.warnings:
        assert warning in shown
