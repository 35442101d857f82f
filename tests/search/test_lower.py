"""Lowering MSE-NAS genomes, rule by rule, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from msc.ir.network import Network, Sign
from msc.ir.ops import Conv2d
from msc.ir.shapes import population_shapes
from msc.ir.verify import verify
from msc.search.genome import Genome
from msc.search.lower import lower
from tests.search.genomes import dropped, mse, names, network_of
from tests.search.rule import edge_of, edges_of

C3, C5 = "conv3:2/1+1", "conv5:2/1+2"


HEAD = "sum:8x8/8x8+0 scale:0.015625 flat dense:6"


def links(network: Network) -> set[str]:
    """Show what joins what: `A>B` with `-|` for inhibition, `@1` for a delay and the first op's size."""
    shown = set[str]()
    for p in network.projections:
        first = p.ops[0] if p.ops else None
        size = f" {first.kernel[0]}/{first.stride[0]}" if isinstance(first, Conv2d) else ""
        arrow = "-|" if p.sign is Sign.INHIBITORY else ">"
        shown.add(f"{p.source}{arrow}{p.target}{size}{' @1' if p.delay else ''}")
    return shown


MOTIFS = {
    1: ("1 2", ["A", "B"], {"stem>A 3/1", "A>B 5/1"}, ["A", "B"]),
    2: ("1 2 1 2", ["A", "I", "C"], {"stem>A 3/1", "A>I 5/1", "A>C 3/1", "I-|C 5/1"}, ["A", "C"]),
    3: (
        "2 1 1 2",
        ["A", "B", "I"],
        {"stem>A 5/1", "A>B 3/1", "A>I 3/1 @1", "I-|A 5/1 @1"},
        ["A", "B"],
    ),
    4: (
        "2 1 2 1 2 1 2 1",
        ["A1", "A2", "I", "B1", "B2"],
        {
            *("stem>A1 5/1", "stem>A2 3/1", "A1>I 5/1", "A2>I 3/1"),
            *("A1>B1 5/1", "A2>B2 3/1", "I-|B1 5/1", "I-|B2 3/1"),
        },
        ["A1", "A2", "B1", "B2"],
    ),
    5: (
        "1 2 1 2 1 2 1 2 1",
        ["A", "I1", "I2", "B1", "B2"],
        {
            *("stem>A 3/1", "A>I1 5/1", "A>I2 3/1", "I1-|I2 5/1 @1", "I2-|I1 3/1 @1"),
            *("A>B1 5/1", "A>B2 3/1", "I1-|B1 5/1", "I2-|B2 3/1"),
        },
        ["A", "B1", "B2"],
    ),
}


@pytest.mark.parametrize("number", MOTIFS)
def test_motif_by_hand(number: int) -> None:
    ops, populations, inside, outputs = MOTIFS[number]
    network = network_of(mse(f"{number}: {ops}"))
    assert names(network) == ["input", "stem", *(f"layer1.{name}" for name in populations), "head"]
    full = {
        name if name == "stem" else f"layer1.{name}" for name in ("stem", *populations)
    }  # every name that may appear
    expected = {"input>stem 3/1", *(f"layer1.{name}>head" for name in outputs)}
    for text in inside:
        source, arrow, target = text.partition("-|") if "-|" in text else text.partition(">")
        expected.add(f"{source if source == 'stem' else f'layer1.{source}'}{arrow}layer1.{target}")
    assert links(network) == expected
    assert {end for p in network.projections for end in (p.source, p.target)} == full | {"input", "head"}


@pytest.mark.parametrize("number", MOTIFS)
def test_every_motif_of_nothing_but_entries(number: int) -> None:
    """Only `in` connected: the entries are left, each an output."""
    network = network_of(mse(f"{number}: 1 {1 if number == 4 else 0}"))
    entries = ["A1", "A2"] if number == 4 else ["A"]
    assert names(network) == ["input", "stem", *(f"layer1.{name}" for name in entries), "head"]


@pytest.mark.parametrize(
    ("genome", "delayed"),
    [
        (mse("3: 1 1 1 1", recurrence="loop"), {"layer1.I>layer1.A"}),
        (mse("3: 1 1 1 0", recurrence="loop"), set[str]()),
        (mse("3: 1 1 1 1"), {"layer1.A>layer1.I", "layer1.I>layer1.A"}),
        (mse("5: 1 1 1 1 1 1 1 1 1", recurrence="loop"), {"layer1.I2>layer1.I1"}),
        (mse("5: 1 1 1 1 1 1 1 1 1"), {"layer1.I1>layer1.I2", "layer1.I2>layer1.I1"}),
        (mse("5: 1 1 1 1 0 1 1 1 1"), set[str]()),
        (mse("5: 1 1 1 0 1 1 1 1 1", recurrence="loop"), set[str]()),
    ],
)
def test_delays_stand_on_cycles_only(genome: Genome, delayed: set[str]) -> None:
    assert {p.name for p in network_of(genome).projections if p.delay} == delayed


def test_a_loop_without_its_inhibition_is_no_loop() -> None:
    """FbI whose I inhibits nothing: I reaches no head and is left out, nothing is delayed."""
    lowered = lower(mse("3: 1 1 1 0"))
    assert lowered.network is not None
    assert names(lowered.network) == ["input", "stem", "layer1.A", "layer1.B", "head"]
    assert dropped(lowered) == {"layer1.I": "it does not reach the head"}


@pytest.mark.parametrize("dale", ["inhibitory", "motif", "strict", "none"])
def test_signs_and_norms(dale: str) -> None:
    network = network_of(mse("2: 1 1 1 1", "3: 1 1 1 1", dale=dale))
    found = {
        p.name: (p.sign.value, "-" if p.norm is None else p.norm.kind.value) for p in network.projections
    }
    cross = "excitatory" if dale == "strict" else "free"
    inside = "excitatory" if dale in ("motif", "strict") else "free"
    inhibition = ("free", "batch") if dale == "none" else ("inhibitory", "scale")
    one, two = "layer1", "layer2"
    assert found == {
        "input>stem": ("free", "batch"),
        f"stem>{one}.A": (cross, "batch"),
        f"{one}.A>{one}.I": (inside, "batch"),
        f"{one}.A>{one}.C": (inside, "batch"),
        f"{one}.I>{one}.C": inhibition,
        f"stem>{two}.A": (cross, "batch"),
        f"{one}.A>{two}.A": (cross, "batch"),
        f"{one}.C>{two}.A": (cross, "batch"),
        f"{two}.A>{two}.B": (inside, "batch"),
        f"{two}.A>{two}.I": (inside, "batch"),
        f"{two}.I>{two}.A": inhibition,
        f"{two}.A>head": ("free", "-"),
        f"{two}.B>head": ("free", "-"),
    }


@pytest.mark.parametrize("g1", [1, 2, 3])
@pytest.mark.parametrize("g2", [1, 2])
def test_a_layer_is_fed_by_the_last_layers(g1: int, g2: int) -> None:
    """Layers of A only: the nearest through its gene, g1 older ones through g2 (the stem counts)."""
    network = network_of(mse(*["1: 1"] * 5, g1=g1, g2=g2))
    order = ["stem", *(f"layer{i}.A" for i in range(1, 6))]
    expected = {"input>stem 3/1", "layer5.A>head"}
    for i in range(1, 6):
        expected.add(f"{order[i - 1]}>{order[i]} 3/1")
        expected |= {f"{order[j]}>{order[i]} {2 * g2 + 1}/1" for j in range(max(0, i - 1 - g1), i - 1)}
    assert links(network) == expected


@pytest.mark.parametrize("g1", [1, 2, 3])
def test_fewer_layers_than_g1(g1: int) -> None:
    assert links(network_of(mse("1: 2", g1=g1, g2=2))) == {
        *("input>stem 3/1", "stem>layer1.A 5/1", "layer1.A>head")
    }


def test_older_layers_feed_every_entry_whatever_its_gene() -> None:
    """LI with one `in` gene at 0: the nearest feeds the other entry only, the stem feeds both through g2."""
    network = network_of(mse("1: 1 1", "4: 0 1", g2=2))
    assert {text for text in links(network) if ">layer2" in text} == {
        *("layer1.A>layer2.A1 3/1", "layer1.B>layer2.A1 3/1"),  # twins are ordered, the gene greater first
        *("stem>layer2.A1 5/1", "stem>layer2.A2 5/1"),
    }


def test_empty_layers_are_deleted_before_g1_is_applied() -> None:
    full = network_of(mse("1: 1 1", "1: 1 1", g1=1, g2=2))
    assert network_of(mse("0:", "1: 1 1", "0: 1 2 1", "0:", "1: 1 1", g1=1, g2=2)) == full


@pytest.mark.parametrize(
    ("shape", "maps"), [([1, 8, 8], (8, 4, 2)), ([1, 9, 5], (9, 5, 3)), ([1, 7, 32], (7, 4, 2))]
)
def test_reductions_halve_and_double(shape: list[int], maps: tuple[int, ...]) -> None:
    """Two reductions, at layers 1 and 2; a projection over both has stride 4; all paths agree on the map."""
    network = network_of(mse("1: 1", "1: 1", "1: 2", g1=3, g2=2, input_shape=shape, reductions=[1, 2]))
    verify(network)
    shapes = population_shapes(network)
    widths = [-(-shape[2] // 2**k) for k in range(3)]
    assert [shapes[f"layer{i}.A"] for i in (1, 2, 3)] == [(2 * 2**k, maps[k], widths[k]) for k in range(3)]
    assert links(network) >= {
        *("stem>layer1.A 3/1", "layer1.A>layer2.A 3/2", "layer2.A>layer3.A 5/2"),
        *("stem>layer2.A 5/2", "layer1.A>layer3.A 5/4", "stem>layer3.A 5/4"),
    }
    paddings = {p.ops[0].padding for p in network.projections if isinstance(p.ops[0], Conv2d)}
    assert paddings == {(1, 1), (2, 2)}
    head = next(p for p in network.projections if p.target == "head")
    assert edge_of(head)[2].startswith(f"sum:{maps[2]}x{widths[2]}/{maps[2]}x{widths[2]}+0 scale:")


def test_a_reduction_at_an_empty_layer_still_happens() -> None:
    network = network_of(mse("1: 1", "0:", "1: 1", reductions=[1]))
    assert population_shapes(network)["layer2.A"] == (4, 4, 4)
    assert "layer1.A>layer2.A 3/2" in links(network)


def test_reductions_after_the_last_layer_change_nothing() -> None:
    short = network_of(mse("1: 1"))
    assert network_of(mse("1: 1", "0:", "0:", reductions=[1, 2])) == short


def test_a_reduction_at_the_first_layer_and_before_the_head() -> None:
    network = network_of(mse("1: 1", reductions=[0]))
    assert population_shapes(network)["layer1.A"] == (4, 4, 4)
    assert population_shapes(network)["stem"] == (2, 8, 8)


@pytest.mark.parametrize("layers", [(), ("0:",), ("0:", "0: 1 1")])
def test_nothing_but_empty_layers_joins_stem_and_head(layers: tuple[str, ...]) -> None:
    network = network_of(mse(*layers))
    assert {edge_of(p) for p in network.projections} == {
        ("input", "stem", C3, "free", 0, "batch"),
        ("stem", "head", HEAD, "free", 0, "-"),
    }


def test_the_head_is_a_scaled_sum_over_the_map_and_a_dense_layer() -> None:
    network = network_of(mse("1: 1 1", input_shape=[1, 6, 10], classes=4, votes=3))
    factor = float(np.float32(1 / 60))
    texts = {edge_of(p)[2] for p in network.projections if p.target == "head"}
    assert texts == {f"sum:6x10/6x10+0 scale:{factor!r} flat dense:12"}
    assert population_shapes(network)["head"] == (12,)


def test_a_dead_first_layer_is_passed_by_and_named() -> None:
    """in = 0 at layer 1: its A is dead with all behind it; the stem feeds layer 2 as an older layer."""
    lowered = lower(mse("2: 0 1 1 1", "1: 1 1", g2=2))
    assert lowered.network is not None
    assert links(lowered.network) == {
        *("input>stem 3/1", "stem>layer1.A 5/1", "layer1.A>layer1.B 3/1"),
        *("layer1.A>head", "layer1.B>head"),
    }
    assert lowered.names == {
        **{name: name for name in ("input", "stem", "head")},
        **{"layer2.A": "layer1.A", "layer2.B": "layer1.B"},
    }
    nothing = "nothing excites it"
    assert dropped(lowered) == {f"layer1.{name}": nothing for name in ("A", "I", "C")}


def test_what_only_inhibition_reaches_is_dead() -> None:
    """FI with A->C = 0: C is inhibited but never excited, so I has no target left either."""
    lowered = lower(mse("2: 1 1 0 1"))
    assert lowered.network is not None
    assert names(lowered.network) == ["input", "stem", "layer1.A", "head"]
    assert dropped(lowered) == {
        "layer1.I": "it does not reach the head",
        "layer1.C": "nothing excites it",
    }
    free = network_of(mse("2: 1 1 0 1", dale="none"))
    assert names(free) == ["input", "stem", "layer1.A", "layer1.I", "layer1.C", "head"]


def test_inhibition_of_a_dead_twin_is_dropped() -> None:
    lowered = lower(mse("5: 1 0 1 2 2 1 1 1 1"))
    assert lowered.network is not None
    assert links(lowered.network) >= {"layer1.A>layer1.I1 3/1", "layer1.I1-|layer1.B1 3/1"}
    assert "layer1.I2" not in names(lowered.network)
    assert dropped(lowered) == {"layer1.I2": "nothing excites it"}


def test_twins_lower_to_one_network() -> None:
    li = mse("4: 1 2 1 2 1 2 1 2"), mse("4: 2 1 2 1 2 1 2 1")
    mi = mse("5: 1 1 2 1 2 1 2 1 2"), mse("5: 1 2 1 2 1 2 1 2 1")
    for one, other in (li, mi):
        assert network_of(one) == network_of(other)


def test_under_loop_the_delay_tells_mutual_twins_apart() -> None:
    """I1-|I2 acts in the step and I2-|I1 a step later: not the same as the other way round."""
    one = network_of(mse("5: 1 1 2 1 2 1 2 1 2", recurrence="loop"))
    other = network_of(mse("5: 1 2 1 2 1 2 1 2 1", recurrence="loop"))
    assert edges_of(one) != edges_of(other)
    sides = [
        mse(f"5: 1 1 2 {mutual} {ends}", recurrence="loop")
        for mutual, ends in (("1 0", "1 2 1 2"), ("0 1", "1 2 1 2"))
    ]
    assert edges_of(network_of(sides[0])) != edges_of(network_of(sides[1]))
    mirrored = mse("5: 1 2 1 0 1 2 1 2 1", recurrence="loop")
    assert network_of(mirrored) == network_of(sides[0])
    li = mse("4: 1 2 1 2 1 2 1 2", recurrence="loop"), mse("4: 2 1 2 1 2 1 2 1", recurrence="loop")
    assert network_of(li[0]) == network_of(li[1])
