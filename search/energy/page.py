"""Puts an energy report together as a page: its sections in the order they are read."""

from __future__ import annotations

from msc.compiler.energy.report import EnergyReport
from msc.search.energy.activity import activity_section
from msc.search.energy.constants import constants_section
from msc.search.energy.method import method_section
from msc.search.energy.opening import opening
from msc.search.energy.parts import parts_section
from msc.search.energy.stages import stages_section
from msc.search.energy.synapses import synapses_section
from msc.search.energy.terms import terms_section
from msc.search.energy.twins import twins_section
from msc.search.reporting.shell import shell


def page(report: EnergyReport) -> str:
    """Write the page, a whole HTML document that needs nothing outside itself.

    The same report gives the same text. All that a report says is escaped.
    """
    parts = (
        opening(report),
        terms_section(report),
        parts_section(report),
        twins_section(report),
        activity_section(report),
        synapses_section(report),
        stages_section(report),
        constants_section(report),
        method_section(),
    )
    return shell(
        f"msc energy: {report.title}", parts, "Counts of a simulation, priced with published energies."
    )
