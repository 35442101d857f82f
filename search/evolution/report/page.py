"""Puts a report together: one page of HTML that needs nothing outside itself."""

from __future__ import annotations

from importlib.resources import files

from msc.search.evolution.report.evidence import meter_section
from msc.search.evolution.report.evolution import fitness_section, mix_section
from msc.search.evolution.report.exclusions import guards_section, infeasible_section
from msc.search.evolution.report.finals import finalists_section
from msc.search.evolution.report.markup import section, text
from msc.search.evolution.report.opening import opening, settings_table
from msc.search.evolution.report.palette import variables
from msc.search.evolution.report.study import Study
from msc.search.evolution.report.tradeoff import front_section
from msc.search.evolution.report.winner import best_section


def page(study: Study) -> str:
    """Write the page; the same history gives the same text."""
    style = files("msc.search.evolution.report").joinpath("style.css").read_text(encoding="utf-8")
    title = f"msc search: {study.settings['space']} on {study.settings['data']}"
    parts = (
        opening(study),
        section("settings", "What was searched", settings_table(study)),
        fitness_section(study),
        front_section(study),
        mix_section(study),
        best_section(study),
        meter_section(study),
        finalists_section(study),
        infeasible_section(study),
        guards_section(study),
    )
    body = "\n".join(part for part in parts if part)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{text(title)}</title>\n<style>\n{variables()}{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n"
        "<footer>Made from history.jsonl alone: the same history gives the same page.</footer>\n"
        "</main>\n</body>\n</html>\n"
    )
