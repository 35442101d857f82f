"""The design's rules for genomes, stated a second time over plain edges, sharing nothing with lowering.

An edge is (source, target, what it does, sign, delay). Genomes are read as JSON, as a person would.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import networkx as nx

# motif: populations, slots, outputs, inhibitory populations (the design's table)
MOTIFS: dict[int, tuple[list[str], list[tuple[str, str]], list[str], list[str]]] = {
    1: (["A", "B"], [("in", "A"), ("A", "B")], ["A", "B"], []),
    2: (["A", "I", "C"], [("in", "A"), ("A", "I"), ("A", "C"), ("I", "C")], ["A", "C"], ["I"]),
    3: (["A", "B", "I"], [("in", "A"), ("A", "B"), ("A", "I"), ("I", "A")], ["A", "B"], ["I"]),
    4: (
        ["A1", "A2", "I", "B1", "B2"],
        [
            *(("in", "A1"), ("in", "A2"), ("A1", "I"), ("A2", "I")),
            *(("A1", "B1"), ("A2", "B2"), ("I", "B1"), ("I", "B2")),
        ],
        ["A1", "A2", "B1", "B2"],
        ["I"],
    ),
    5: (
        ["A", "I1", "I2", "B1", "B2"],
        [
            *(("in", "A"), ("A", "I1"), ("A", "I2"), ("I1", "I2"), ("I2", "I1")),
            *(("A", "B1"), ("A", "B2"), ("I1", "B1"), ("I2", "B2")),
        ],
        ["A", "B1", "B2"],
        ["I1", "I2"],
    ),
}
TWINS = {"A1": "A2", "A2": "A1", "B1": "B2", "B2": "B1", "I1": "I2", "I2": "I1"}
KERNEL = {1: 3, 2: 5}


class Edge(NamedTuple):
    source: str
    target: str
    does: str
    sign: str
    delay: int


class _Asked(NamedTuple):
    """An edge before it is known what lives; `within` a motif or cell, `back` against the listed order."""

    source: str
    target: str
    does: str
    within: bool = False
    back: bool = False
    inhibitory: bool = False


def edges_of(genome: dict[str, Any]) -> set[Edge] | None:
    """State the live network's edges; None where input and head are cut apart."""
    asked = _mse_nas(genome) if genome["space"] == "mse-nas" else _snasnet(genome)
    dale, loop = genome["skeleton"]["dale"], genome["skeleton"]["recurrence"] == "loop"
    signed = [(edge, _sign(edge, dale)) for edge in asked]
    excited = nx.DiGraph([edge[:2] for edge, sign in signed if sign != "inhibitory"])
    reached = {"input"} | nx.descendants(excited, "input")
    if "head" not in reached:
        return None
    live = {"head"} | nx.ancestors(nx.DiGraph([edge[:2] for edge in asked]).subgraph(reached), "head")
    kept = [(edge, sign) for edge, sign in signed if {edge.source, edge.target} <= live]
    graph = nx.DiGraph([edge[:2] for edge, _ in kept])
    cycle = {name: i for i, names in enumerate(nx.strongly_connected_components(graph)) for name in names}
    numbers = _numbers(live)
    stated: set[Edge] = set()
    for edge, sign in kept:
        cyclic = cycle[edge.source] == cycle[edge.target]
        always = edge.back and genome["space"] == "snasnet"
        delay = int(always or (cyclic and edge.back)) if loop else int(cyclic)
        stated.add(Edge(_named(edge.source, numbers), _named(edge.target, numbers), edge.does, sign, delay))
    return stated


def _sign(edge: _Asked, dale: str) -> str:
    if dale == "none" or edge.source == "input" or edge.does in ("identity", "avg 3"):
        return "free"
    if edge.inhibitory:
        return "inhibitory"
    return "excitatory" if dale == "strict" or (dale == "motif" and edge.within) else "free"


def _numbers(live: set[str]) -> dict[str, int]:
    """Number the layers with a live population: `L4.A` and the like."""
    layers = sorted({int(name[1:].split(".")[0]) for name in live if name.startswith("L")})
    return {f"L{index}": number for number, index in enumerate(layers, start=1)}


def _named(name: str, numbers: dict[str, int]) -> str:
    layer, _, part = name.partition(".")
    return f"layer{numbers[layer]}.{part}" if layer in numbers else name


def _mse_nas(genome: dict[str, Any]) -> list[_Asked]:
    genes, reductions = genome["genes"], genome["skeleton"]["reductions"]
    asked = [_Asked("input", "stem", "conv 3/1")]
    standing = [(0, ["stem"])]  # (reductions so far, outputs) of the stem and each layer that exists
    for index, layer in enumerate(genes["layers"]):
        if not layer["motif"]:
            continue
        populations, slots, outputs, inhibitory = MOTIFS[layer["motif"]]
        halved = sum(reduction <= index for reduction in reductions)
        *older, nearest = standing[-genes["g1"] - 1 :]
        for (source, target), op in zip(slots, layer["ops"], strict=False):
            name = f"L{index}.{target}"
            if source != "in":
                back = populations.index(target) < populations.index(source)
                edge = _Asked(
                    f"L{index}.{source}", name, f"conv {KERNEL.get(op)}/1", True, back, source in inhibitory
                )
                asked += [edge] if op else []
                continue
            for feeders, kernel in (([nearest], op), (older, genes["g2"])):
                asked += [
                    _Asked(output, name, f"conv {KERNEL[kernel]}/{2 ** (halved - level)}")
                    for level, names in feeders
                    for output in names
                    if kernel
                ]
        standing.append((halved, [f"L{index}.{output}" for output in outputs]))
    return asked + [_Asked(output, "head", "read out") for output in standing[-1][1]]


def _snasnet(genome: dict[str, Any]) -> list[_Asked]:
    does = {1: "identity", 2: "conv 1/1", 3: "conv 3/1", 4: "avg 3"}
    cells = [
        _Asked(f"cell{c}.n{i}", f"cell{c}.n{j}", does[op], within=True, back=i > j)
        for c in (1, 2)
        for i, row in enumerate(genome["genes"]["cell"])
        for j, op in enumerate(row)
        if op
    ]
    frame = [("input", "cell1.n0", "conv 3/1"), ("cell1.n3", "cell2.n0", "conv 3/1, avg 2")]
    frame += [("cell2.n3", "hidden", "hidden"), ("hidden", "head", "dense")]
    return cells + [_Asked(*edge) for edge in frame]
