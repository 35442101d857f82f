"""Names of populations: those that msc wrote beside NIR's nodes, else the nodes' own, made fit for msc."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from msc.ir.verify import RESERVED

READOUT = "readout"
"""The population that stands for an Output which is not fed by one population alone."""

_POPULATION = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,254}")
_PROJECTION = re.compile(r"[A-Za-z_][A-Za-z0-9_.>#]{0,510}")


def population_names(nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Name the population of each of these nodes, given with their metadata: the input and all neurons.

    A name in the metadata counts where it is a proper one and no other node has it.
    """
    written = {name: _text(metadata, "population") for name, metadata in nodes.items()}
    counts = Counter(written.values())
    proper = {
        name: text
        for name, text in written.items()
        if counts[text] == 1 and _POPULATION.fullmatch(text) and text not in RESERVED
    }
    names: dict[str, str] = {}
    taken = set(proper.values())
    for name in nodes:
        names[name] = proper.get(name) or fresh(fit(name), taken)
        taken.add(names[name])
    return {name: names[name] for name in nodes}


def fresh(name: str, taken: Collection[str]) -> str:
    """Find a name that is not taken: with _2, _3, .. behind it where it is."""
    candidate, number = name, 1
    while candidate in taken or candidate in RESERVED:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def fit(name: str) -> str:
    """Replace what names in msc cannot have: 1.lif becomes _1.lif."""
    fitting = re.sub(r"[^A-Za-z0-9_.]", "_", name)[:240]
    return fitting if re.match(r"[A-Za-z_]", fitting) else f"_{fitting}"


def written_projection(metadata: Mapping[str, Any]) -> str | None:
    """Return the projection that msc wrote a node for, if its metadata name one properly."""
    text = _text(metadata, "projection")
    return text if _PROJECTION.fullmatch(text) else None


def _text(metadata: Mapping[str, Any], key: str) -> str:
    value = metadata.get(key, "")
    return value if isinstance(value, str) else ""
