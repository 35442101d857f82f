"""What genomes mean, written a second time from the rule alone: sets of edges, graph code of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

import numpy as np

from msc.ir.network import Network, Projection
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Op, Scale, SumPool2d

TABLE = {
    1: ("in->A A->B", "A B"),
    2: ("in->A A->I A->C I-|C", "A C"),
    3: ("in->A A->B A->I I-|A", "A B"),
    4: ("in->A1 in->A2 A1->I A2->I A1->B1 A2->B2 I-|B1 I-|B2", "A1 A2 B1 B2"),
    5: ("in->A A->I1 A->I2 I1-|I2 I2-|I1 A->B1 A->B2 I1-|B1 I2-|B2", "A B1 B2"),
}
BACKWARD = {("I", "A"), ("I2", "I1")}
TWINS = {
    4: {"A1": "A2", "A2": "A1", "B1": "B2", "B2": "B1"},
    5: {"I1": "I2", "I2": "I1", "B1": "B2", "B2": "B1"},
}

Edge = tuple[str, str, str, str, int, str]
"""Source, target, ops, sign, delay, norm."""


def edges_of(network: Network) -> frozenset[Edge]:
    """Read a network as a set of edges."""
    return frozenset(edge_of(p) for p in network.projections)


def edge_of(p: Projection) -> Edge:
    """Read a projection as an edge."""
    norm = "-" if p.norm is None else p.norm.kind.value
    return (p.source, p.target, " ".join(map(_op_text, p.ops)), p.sign.value, p.delay, norm)


def _op_text(op: Op) -> str:
    match op:
        case Conv2d():
            assert op.kernel[0] == op.kernel[1]
            assert op.stride[0] == op.stride[1]
            assert op.padding[0] == op.padding[1]
            assert (op.dilation, op.groups) == ((1, 1), 1)
            return f"conv{op.kernel[0]}:{op.out_channels}/{op.stride[0]}+{op.padding[0]}"
        case Linear():
            return f"dense:{op.out_features}"
        case SumPool2d():
            return f"sum:{op.kernel[0]}x{op.kernel[1]}/{op.stride[0]}x{op.stride[1]}+{op.padding[0]}"
        case AvgPool2d():
            return f"mean:{op.kernel[0]}x{op.kernel[1]}/{op.stride[0]}x{op.stride[1]}+{op.padding[0]}"
        case Scale():
            return f"scale:{op.factor!r}"
        case Flatten():
            return "flat"


def _reached(start: str, edges: Iterable[tuple[str, str]]) -> set[str]:
    edges = list(edges)
    found = {start}
    while True:
        more = {b for a, b in edges if a in found} - found
        if not more:
            return found
        found |= more


def _alive(raw: list[dict[str, Any]]) -> set[str]:
    """Excited from the input, and reaching the head among what is excited."""
    excited = _reached("input", [(e["from"], e["to"]) for e in raw if e["sign"] != "inhibitory"])
    if "head" not in excited:
        return set()
    inside = [e for e in raw if e["from"] in excited and e["to"] in excited]
    return _reached("head", [(e["to"], e["from"]) for e in inside])


def _finish(raw: list[dict[str, Any]], recurrence: str) -> tuple[list[dict[str, Any]], set[str]]:
    """Keep what is alive and set the delays."""
    alive = _alive(raw)
    kept = [e for e in raw if e["from"] in alive and e["to"] in alive]
    links = [(e["from"], e["to"]) for e in kept]
    for e in kept:
        cyclic = e["from"] in _reached(e["to"], links)
        delayed = cyclic if recurrence == "synaptic" else (cyclic and e["back"]) or e["always"]
        e["delay"] = int(delayed)
    return kept, alive


def _edge(
    source: str, target: str, ops: str, sign: str = "free", norm: str = "batch", **more: Any
) -> dict[str, Any]:
    return {
        "from": source,
        "to": target,
        "ops": ops,
        "sign": sign,
        "norm": norm,
        "back": False,
        "always": False,
    } | more


def _conv(channels: int, kernel: int, stride: int = 1) -> str:
    return f"conv{kernel}:{channels}/{stride}+{kernel // 2}"


def mse_nas_edges(data: dict[str, Any]) -> frozenset[frozenset[Edge]]:
    """List the edge sets an MSE-NAS genome may lower to (one per naming of its twins); none: disconnected."""
    skeleton, genes = data["skeleton"], data["genes"]
    raw = list(_asked(skeleton, genes))
    kept, alive = _finish(raw, skeleton["recurrence"])
    if not alive:
        return frozenset()
    indices = sorted({int(name.split(".")[0]) for name in alive if "." in name})
    swappable = [
        i for i in indices if _may_swap(i, genes["layers"][i]["motif"], kept, skeleton["recurrence"])
    ]
    found: set[frozenset[Edge]] = set()
    for flips in product([False, True], repeat=len(swappable)):
        flipped = {i for i, flip in zip(swappable, flips, strict=True) if flip}

        def rename(name: str, flipped: set[int] = flipped) -> str:
            if "." not in name:
                return name
            index, part = int(name.split(".")[0]), name.split(".")[1]
            if index in flipped:
                part = TWINS[genes["layers"][index]["motif"]].get(part, part)
            return f"layer{indices.index(index) + 1}.{part}"

        found.add(
            frozenset(
                (rename(e["from"]), rename(e["to"]), e["ops"], e["sign"], e["delay"], e["norm"]) for e in kept
            )
        )
    return frozenset(found)


def _may_swap(index: int, motif: int, kept: list[dict[str, Any]], recurrence: str) -> bool:
    """Twins change places freely unless one live projection between them is delayed and its mirror is not."""
    links = {(e["from"], e["to"]) for e in kept}
    mutual = {(f"{index}.I1", f"{index}.I2"), (f"{index}.I2", f"{index}.I1")} <= links
    return motif in TWINS and not (recurrence == "loop" and mutual)


def _asked(skeleton: dict[str, Any], genes: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all edges asked for; populations are `stem`, `{layer index}.{name}`, `head`."""
    dale, width = skeleton["dale"], skeleton["channels"]
    yield _edge("input", "stem", _conv(width, 3))
    outputs, levels = [["stem"]], [0]
    for index, layer in enumerate(genes["layers"]):
        if layer["motif"] == 0:
            continue
        level = len([r for r in skeleton["reductions"] if r <= index])
        slots, out = (text.split() for text in TABLE[layer["motif"]])
        for slot, op in zip(slots, layer["ops"], strict=False):
            inhibits = "-|" in slot
            source, target = slot.split("-|" if inhibits else "->")
            if source != "in":
                if op:
                    inhibitory = source.startswith("I") and dale != "none"
                    sign = (
                        "inhibitory"
                        if inhibitory
                        else "excitatory"
                        if dale in ("motif", "strict")
                        else "free"
                    )
                    yield _edge(
                        f"{index}.{source}",
                        f"{index}.{target}",
                        _conv(width * 2**level, 2 * op + 1),
                        sign,
                        "scale" if inhibitory else "batch",
                        back=(source, target) in BACKWARD,
                    )
                continue
            for back, (names, old) in enumerate(zip(reversed(outputs), reversed(levels), strict=True)):
                kernel = op if back == 0 else genes["g2"]
                if back > genes["g1"] or not kernel:
                    continue
                ops = _conv(width * 2**level, 2 * kernel + 1, 2 ** (level - old))
                for name in names:
                    yield _edge(name, f"{index}.{target}", ops, "excitatory" if dale == "strict" else "free")
        outputs.append([f"{index}.{name}" for name in out])
        levels.append(level)
    high, wide = ((side - 1) // 2 ** levels[-1] + 1 for side in skeleton["input_shape"][1:])
    factor = float(np.float32(1 / (high * wide)))
    neurons = skeleton["classes"] * skeleton["votes"]
    head = f"sum:{high}x{wide}/{high}x{wide}+0 scale:{factor!r} flat dense:{neurons}"
    for name in outputs[-1]:
        yield _edge(name, "head", head, "free", "-")


def snasnet_edges(data: dict[str, Any]) -> frozenset[Edge] | None:
    """List the edges of a SNASNet genome; None where it is disconnected."""
    skeleton, cell = data["skeleton"], data["genes"]["cell"]
    dale, width, pool = skeleton["dale"], skeleton["channels"], skeleton["pool"]
    outside = "excitatory" if dale == "strict" else "free"
    inside = "excitatory" if dale in ("strict", "motif") else "free"
    raw = [_edge("input", "cell1.n0", _conv(width, 3))]
    for number in (1, 2):
        size = width * number
        kinds = {
            1: ("", "-"),
            2: (_conv(size, 1), "batch"),
            3: (_conv(size, 3), "batch"),
            4: ("mean:3x3/1x1+1", "-"),
        }
        for i, j in product(range(4), repeat=2):
            if cell[i][j]:
                ops, norm = kinds[cell[i][j]]
                sign = inside if norm == "batch" else "free"
                names = f"cell{number}.n{i}", f"cell{number}.n{j}"
                raw.append(_edge(*names, ops, sign, norm, back=i > j, always=i > j))
    raw.append(_edge("cell1.n3", "cell2.n0", _conv(2 * width, 3) + " mean:2x2/2x2+0", outside))
    last = f"mean:{pool}x{pool}/{pool}x{pool}+0 flat dense:{skeleton['hidden']}"
    raw.append(_edge("cell2.n3", "hidden", last, outside, "-"))
    raw.append(_edge("hidden", "head", f"dense:{skeleton['classes'] * skeleton['votes']}", "free", "-"))
    kept, alive = _finish(raw, skeleton["recurrence"])
    if not alive:
        return None
    return frozenset((e["from"], e["to"], e["ops"], e["sign"], e["delay"], e["norm"]) for e in kept)
