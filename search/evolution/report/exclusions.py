"""Writes what did not count: infeasible and failed networks by reason, and the guards and limits in force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from msc.search.evolution.report.study import Study
from msc.search.reporting.markup import (
    number,
    paragraph,
    percent,
    plural,
    section,
    short_hash,
    table,
    text,
    warning,
)

_GUARDS = {
    "silent": "a population below this rate is silent",
    "saturated": "a population above this rate is saturated",
    "lowest_rate": "least mean rate of the network, spikes per neuron and step",
    "highest_rate": "greatest mean rate of the network, spikes per neuron and step",
    "output_variance": "least variance of the output neurons' rates over samples",
    "diversity": "least effective dimensions, over samples, of the channels that the output reads",
}
_LIMITS = {
    "max_params": "most parameters",
    "max_synops": "most synaptic operations per sample, over all steps",
    "min_neurons": "fewest neurons",
    "max_neurons": "most neurons",
    "fit": "the profile of the chip that networks must fit, and on how many of it",
}
_LONGEST = 240


def infeasible_section(study: Study) -> str:
    """Count the networks that do not count, by reason, with an example of each."""
    title = "Infeasible and failed networks"
    records = [one.record for one in study.scored.values()]
    counts = Counter(reason for record in records for reason in record.reasons)
    unmeasured = sum(record.feasible for record in records) - len(study.feasible)
    if not counts and not unmeasured:
        return section("infeasible", title, paragraph(f"None: all {plural(len(records), 'network')} passed."))
    rows = [
        [text(reason), f"{count:,}", percent(count / len(records)), *_example(study, reason)]
        for reason, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    odd = (
        f"{plural(unmeasured, 'network')} passed every guard but had no finite value of an objective."
        if unmeasured
        else ""
    )
    left_out = len(records) - len(study.feasible)
    return section(
        "infeasible",
        title,
        paragraph(
            f"Of {plural(len(records), 'network')} scored, {left_out:,} cannot win.",
            "One that violates several guards is counted under each.",
            odd,
        ),
        table(
            ["reason", "networks", "share", "example", "what it says"], rows, numeric=(1, 2), kind="reasons"
        ),
    )


def _example(study: Study, reason: str) -> tuple[str, str]:
    """Find the first network with a reason, and what its record says."""
    for one in study.scored.values():
        if reason in one.record.reasons:
            found = (v.what for v in one.record.violations if v.guard == reason)
            words = one.record.failure if one.record.failure is not None else next(found)
            cut = words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"
            return short_hash(one.record.hash), text(cut)
    raise AssertionError("every reason that is counted has a network")


def guards_section(study: Study) -> str:
    """List the guards and limits in force."""
    guards, fit = study.settings["guards"], study.settings.get("fit")
    limits = {**study.settings["limits"], "fit": fit}
    off = (
        warning("No guards.", "Only limits and failures made a network infeasible in this search.")
        if guards is None
        else ""
    )
    rows = [*_rows(guards or {}, _GUARDS), *_rows(limits, _LIMITS)]
    listed = table(["name", "value", "meaning"], rows, numeric=(1,)) if rows else ""
    none = "" if any(value is not None for value in limits.values()) else "No limit on sizes was set."
    ranked = (
        "Feasible networks come before all others, whatever those score; no violation is added to a score."
    )
    return section("guards", "Guards and limits in force", off, paragraph(ranked, none), listed)


def _rows(values: Mapping[str, Any], meanings: Mapping[str, str]) -> Iterator[list[str]]:
    for name, value in values.items():
        if value is not None:
            written = number(value) if isinstance(value, int | float) else text(value)
            yield [text(name.replace("_", " ")), written, text(meanings.get(name, ""))]
