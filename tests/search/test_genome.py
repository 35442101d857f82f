"""Genome files: what is read, what is written, and the text of every refusal."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from msc.ir.errors import MscError
from msc.ir.neurons import LIF, InputKind
from msc.search.genome import LIMIT_BYTES, GenomeError, dump_genome, load_genome, parse_genome
from msc.search.skeleton import Dale, Recurrence
from msc.search.spaces.mse_nas import LayerGenes, MseNasGenes
from msc.search.spaces.snasnet import SnasnetGenes
from tests.search.genomes import data_of, layer, mse, random_genome, snasnet

MSE = data_of("mse-nas", {"layers": [layer("3: 1 2 1 1"), layer("0:")], "g1": 2, "g2": 1}, reductions=[1])
CELL = data_of("snasnet", {"cell": [[0, 3, 0, 3], [0, 0, 3, 0], [2, 0, 0, 2], [0, 2, 0, 0]]})
OP = "use 0 (no connection), 1 (3x3) or 2 (5x5)"
UNKNOWN = "is an unknown field; remove it; known here: "


def problems(data: bytes | Any) -> list[str]:
    """Parse what is no genome; returns what it says without the file's name."""
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    with pytest.raises(GenomeError) as caught:
        parse_genome(text, "g.json")
    lines = str(caught.value).split("\n")
    assert len(lines) == len(caught.value.problems)
    for line in lines:
        assert line.startswith("g.json")
        line.encode()  # no lone surrogates
        assert len(line) < 300
    return [line.removeprefix("g.json").removeprefix(", ").removeprefix(": ") for line in lines]


def changed(data: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    data = copy.deepcopy(data)
    change(data)
    return data


def test_a_file_is_read_field_by_field() -> None:
    data = changed(MSE, lambda d: d["skeleton"].update(neuron={"tau": 3, "r": 1.5, "v_threshold": 0.1}))
    data["skeleton"] |= {"input": "events", "dale": "strict", "recurrence": "loop"}
    genome = parse_genome(json.dumps(data | {"seed": 2**63 - 1}).encode(), "g.json")
    assert genome.space == "mse-nas"
    assert genome.genes == MseNasGenes(
        (LayerGenes(3, (1, 2, 1, 1, 0, 0, 0, 0, 0)), LayerGenes(0, (0,) * 9)), 2, 1
    )
    skeleton = genome.skeleton
    assert (skeleton.input, skeleton.input_shape, skeleton.reductions) == (InputKind.EVENTS, (1, 8, 8), (1,))
    assert (skeleton.classes, skeleton.votes, skeleton.outputs) == (3, 2, 6)
    assert (skeleton.channels, skeleton.timesteps) == (2, 4)
    assert skeleton.neuron == LIF(3.0, 1.5, 0.1)
    assert (skeleton.dale, skeleton.recurrence) == (Dale.STRICT, Recurrence.LOOP)
    assert (skeleton.hidden, skeleton.pool, genome.seed) == (None, None, 2**63 - 1)


def test_defaults_are_the_spaces_own() -> None:
    mse = parse_genome(json.dumps(changed(MSE, lambda d: d["skeleton"].pop("votes"))).encode(), "g").skeleton
    assert (mse.votes, mse.neuron, mse.dale) == (10, LIF(2.0, 2.0, 0.5), Dale.INHIBITORY)
    assert mse.recurrence is Recurrence.SYNAPTIC
    cell = parse_genome(json.dumps(CELL).encode(), "g")
    assert cell.genes == SnasnetGenes(((0, 3, 0, 3), (0, 0, 3, 0), (2, 0, 0, 2), (0, 2, 0, 0)))
    assert (cell.skeleton.neuron, cell.skeleton.dale) == (LIF(4 / 3, 1.0, 1.0), Dale.NONE)
    assert (cell.skeleton.recurrence, cell.skeleton.hidden, cell.skeleton.pool) == (Recurrence.LOOP, 1024, 2)


def test_the_resistance_follows_the_time_constant_as_in_the_paper() -> None:
    """V = (1 - 1/tau) V + I is r = tau; SNASNet's neuron keeps its r of 1."""
    assert mse("1: 1", neuron={"tau": 4.0}).skeleton.neuron == LIF(4.0, 4.0, 0.5)
    assert snasnet("0001 0000 0000 0000", neuron={"tau": 4.0}).skeleton.neuron == LIF(4.0, 1.0, 1.0)


@pytest.mark.parametrize("space", ["mse-nas", "snasnet"])
def test_writing_and_reading_returns_the_same_genome_and_bytes(space: str) -> None:
    for seed in range(100):
        genome = random_genome(space, seed)
        written = dump_genome(genome)
        assert parse_genome(written, "again") == genome
        assert dump_genome(parse_genome(written, "again")) == written
        assert written.endswith(b"}\n")
        assert max(len(line) for line in written.splitlines()) <= 110


def test_loading_reads_a_file_and_refuses_a_large_one_unread(tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    path.write_bytes(dump_genome(snasnet("0003 0000 0000 0000")))
    assert load_genome(path) == snasnet("0003 0000 0000 0000")
    path.write_bytes(json.dumps(MSE).encode() + b" " * 2 * 10**6)
    with pytest.raises(MscError, match=r"g\.json: .*larger than 1000000 bytes"):
        load_genome(path)
    with pytest.raises(MscError, match=r"none\.json"):
        load_genome(tmp_path / "none.json")


TEXTS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is not JSON: Expecting value (line 1, column 1); repair the file"),
    "truncated": (json.dumps(MSE).encode()[:40], "is not JSON: "),
    "trailing": (json.dumps(MSE).encode() + b"{}", "is not JSON: Extra data (line 1, column "),
    "BOM": (b"\xef\xbb\xbf" + json.dumps(MSE).encode(), "is not JSON: Unexpected UTF-8 BOM"),
    "UTF-16": (json.dumps(MSE).encode("utf-16"), "is not UTF-8 text (byte 0); give a genome file (JSON)"),
    "UTF-16 without BOM": (json.dumps(MSE).encode("utf-16-le"), "is not JSON: "),
    "broken UTF-8": (b'{"format": "\xc3("}', "is not UTF-8 text (byte 12)"),
    "lists": (b"[" * 100_000 + b"]" * 100_000, "is nested too deeply; give a genome file (JSON)"),
    "objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "is nested too deeply; "),
    "lists hidden by strings": (b'["]",' * 100_000, "is nested too deeply; "),
    "duplicate": (
        b'{"format": 1, "format": 1}',
        "is not a genome: the field 'format' appears twice; repair the file",
    ),
    "duplicate inside": (
        b'{"genes": {"g\\n": 1, "g\\n": 2}}',
        "is not a genome: the field 'g\\n' appears twice; ",
    ),
    "NaN": (b'{"version": NaN}', "is not a genome: NaN is no number a genome can hold; repair the file"),
    "Infinity": (b'{"version": -Infinity}', "is not a genome: -Infinity is no number a genome can hold; "),
    "a number of 5000 digits": (b'{"version": ' + b"1" * 5000 + b"}", "is not a genome: "),
    "a list": (b"[]", "is a list, an object is needed; write { ... }"),
    "a string": (b'"msc.genome"', "is a string, an object is needed; write { ... }"),
    "null": (b"null", "is null, an object is needed; write { ... }"),
    "too large": (b" " * (LIMIT_BYTES + 1), "is larger than 1000000 bytes, the limit for a genome file; "),
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_no_json_object(name: str) -> None:
    data, text = TEXTS[name]
    found = problems(data)
    assert found[0].startswith(text), found
    assert len(found) == 1 or isinstance(json.loads(data), list | str | None)


def test_format_and_version_are_named_before_all_else() -> None:
    other = "use msc.genome"
    assert problems({}) == ["format: is missing; add it", "version: is missing; add it"]
    assert problems({"format": "nir", "version": 2, "x": 1}) == [
        f"format: is 'nir'; {other}",
        "version: is 2; use 1",
    ]
    for version in (True, 1.0, "1", None, -0.0):
        assert problems(MSE | {"version": version}) == [f"version: is {version!r}; use 1"]
    assert problems(MSE | {"space": "darts"}) == ["space: is 'darts'; use one of: mse-nas, snasnet"]
    assert problems(MSE | {"space": ["mse-nas"]}) == ["space: is a list; use one of: mse-nas, snasnet"]


def test_unknown_fields_of_every_level_are_named() -> None:
    data = changed(MSE, lambda d: d.update(extra=1, Seed=0))
    data["genes"]["g3"] = 1
    data["genes"]["layers"][1]["op"] = []
    data["skeleton"]["hidden"] = 8
    data["skeleton"]["neuron"] = {"v_reset": 0}
    assert problems(data) == [
        f"genes.layers[1].op: {UNKNOWN}motif, ops",
        f"genes.g3: {UNKNOWN}g1, g2, layers",
        f"skeleton.neuron.v_reset: {UNKNOWN}r, tau, v_threshold",
        f"skeleton.hidden: {UNKNOWN}channels, classes, dale, input, input_shape, neuron, recurrence, "
        "reductions, timesteps, votes",
        f"Seed: {UNKNOWN}format, genes, seed, skeleton, space, version",
        f"extra: {UNKNOWN}format, genes, seed, skeleton, space, version",
    ]


def test_odd_names_of_fields_are_shown_printable() -> None:
    names = ["", "a\nb", "\ud800", "\u202ex", "z" * 1000, "ж"]
    shown = [line.split(": ")[0] for line in problems(MSE | dict.fromkeys(names, 1))]
    assert shown == ["''", "a\\nb", "z" * 40, "ж", "\\u202ex", "\\ud800"]


def test_very_many_unknown_fields_are_counted() -> None:
    found = problems(MSE | {f"f{i:05}": 0 for i in range(50_000)})
    assert len(found) == 21
    assert found[0].startswith("f00000: is an unknown field")
    assert found[-1].startswith("has 50000 unknown fields in all; remove them; ")


def test_missing_fields_of_every_level_are_named() -> None:
    add = "is missing; add it"
    empty = {"format": "msc.genome", "version": 1, "space": "mse-nas"}
    assert {f"skeleton: {add}", f"genes: {add}"} <= set(problems(empty))
    data = changed(MSE, lambda d: d["genes"]["layers"][0].pop("motif"))
    data["genes"]["layers"][1].pop("ops")
    del data["genes"]["g1"], data["skeleton"]["channels"], data["skeleton"]["input"]
    del data["skeleton"]["reductions"]
    assert problems(data) == [
        f"genes.layers[0].motif: {add}",
        f"genes.layers[1].ops: {add}",
        f"genes.g1: {add}",
        f"skeleton.input: {add}",
        f"skeleton.reductions: {add}",
        f"skeleton.channels: {add}",
    ]


WRONG_TYPES: tuple[Any, ...] = (True, 1.0, "1", None, [1], {"a": 1}, -0.0)
SHOWN = ("True", "1.0", "'1'", "None", "a list", "an object", "-0.0")


@pytest.mark.parametrize(("value", "shown"), zip(WRONG_TYPES, SHOWN, strict=True))
def test_only_integers_are_integers(value: Any, shown: str) -> None:
    data = changed(MSE, lambda d: d.update(seed=value))
    data["genes"]["layers"][0] = {"motif": value, "ops": [value, *[0] * 8]}
    data["genes"]["g2"] = value
    data["skeleton"] |= {
        "classes": value,
        "timesteps": value,
        "input_shape": [1, value, 8],
        "reductions": [value],
    }
    assert problems(data) == [
        f"genes.layers[0].motif: is {shown}; give an integer from 0 to 5",
        f"genes.layers[0].ops[0]: is {shown}; {OP}",
        f"genes.g2: is {shown}; give an integer from 1 to 2",
        f"skeleton.input_shape[1]: is {shown}; give an integer from 1 to 4096",
        f"skeleton.reductions[0]: is {shown}; give an integer from 0 to 127",
        f"skeleton.classes: is {shown}; give an integer from 2 to 100000",
        f"skeleton.timesteps: is {shown}; give an integer from 1 to 1024",
        f"seed: is {shown}; give an integer from 0 to 9223372036854775807",
    ]


def test_values_out_of_range_are_named_all_at_once() -> None:
    data = changed(MSE, lambda d: d["genes"].update(g1=0, g2=3, layers=[layer("9: 1 3"), layer("-1: -1")]))
    data["skeleton"] |= {"channels": 0, "classes": 1, "votes": 0, "timesteps": 10**400, "dale": "Strict"}
    data["skeleton"] |= {"recurrence": "none", "input": "analog", "input_shape": [0, 8, 10**30]}
    data["skeleton"]["neuron"] = {"tau": 0.999, "r": 0, "v_threshold": -1}
    assert problems(data | {"seed": 2**63}) == [
        "genes.layers[0].motif: is 9; give an integer from 0 to 5",
        f"genes.layers[0].ops[1]: is 3; {OP}",
        "genes.layers[1].motif: is -1; give an integer from 0 to 5",
        f"genes.layers[1].ops[0]: is -1; {OP}",
        "genes.g1: is 0; give an integer from 1 to 3",
        "genes.g2: is 3; give an integer from 1 to 2",
        "skeleton.input: is 'analog'; use one of: static, events",
        "skeleton.input_shape[0]: is 0; give an integer from 1 to 4096",
        "skeleton.input_shape[2]: is an integer of more than 18 digits; give an integer from 1 to 4096",
        "skeleton.classes: is 1; give an integer from 2 to 100000",
        "skeleton.votes: is 0; give an integer from 1 to 1000",
        "skeleton.channels: is 0; give an integer from 1 to 4096",
        "skeleton.timesteps: is an integer of more than 18 digits; give an integer from 1 to 1024",
        "skeleton.neuron.tau: is 0.999; give a number at least 1 and at most 1e+06",
        "skeleton.neuron.r: is 0; give a number at least 1e-06 and at most 1e+06",
        "skeleton.neuron.v_threshold: is -1; give a number at least 1e-06 and at most 1e+06",
        "skeleton.dale: is 'Strict'; use one of: inhibitory, motif, strict, none",
        "skeleton.recurrence: is 'none'; use one of: synaptic, loop",
        "seed: is an integer of more than 18 digits; give an integer from 0 to 9223372036854775807",
    ]


@pytest.mark.parametrize(
    "text", ["1e999", "-1e999", "1" + "0" * 400, "true", '"2"', "null", "[2]", "1e-400", "-0.0"]
)
def test_numbers_that_are_none_for_a_neuron(text: str) -> None:
    data = json.dumps(changed(MSE, lambda d: d["skeleton"].update(neuron={"tau": 12345}))).replace(
        "12345", text
    )
    (found,) = problems(data.encode())
    assert found.startswith("skeleton.neuron.tau: is ")
    assert found.endswith("; give a number at least 1 and at most 1e+06")


def test_lists_of_wrong_lengths_and_kinds() -> None:
    data = changed(MSE, lambda d: d["genes"]["layers"].append(5))
    data["genes"]["layers"][0]["ops"].pop()
    data["genes"]["layers"][1]["ops"].append(0)
    data["skeleton"] |= {"input_shape": [8, 8], "reductions": "1", "neuron": []}
    assert problems(data) == [
        "genes.layers[2]: is a number, an object is needed; write { ... }",
        "genes.layers[0].ops: has 8 entries; give 9",
        "genes.layers[1].ops: has 10 entries; give 9",
        "skeleton.input_shape: has 2 entries; give 3",
        "skeleton.reductions: is a string, not a list; write [ ... ]",
        "skeleton.neuron: is a list, an object is needed; write { ... }",
    ]
    assert "genes: is a number, an object is needed; write { ... }" in problems(MSE | {"genes": 3})
    assert problems(MSE | {"skeleton": None}) == ["skeleton: is null, an object is needed; write { ... }"]


@pytest.mark.parametrize(
    ("reductions", "found"),
    [
        ([1, 0], ["reductions: is [1, 0]; list each layer once, in ascending order"]),
        ([1, 1], ["reductions: is [1, 1]; list each layer once, in ascending order"]),
        ([0, 2], ["reductions[1]: names layer 2, there are 2 layers; use an index below that"]),
        ([-1], ["reductions[0]: is -1; give an integer from 0 to 127"]),
        (
            [5, 4],
            [
                "reductions: is [5, 4]; list each layer once, in ascending order",
                "reductions[0]: names layer 5, there are 2 layers; use an index below that",
                "reductions[1]: names layer 4, there are 2 layers; use an index below that",
            ],
        ),
    ],
)
def test_reductions_that_cannot_be(reductions: list[int], found: list[str]) -> None:
    data = changed(MSE, lambda d: d["skeleton"].update(reductions=reductions))
    assert problems(data) == [f"skeleton.{text}" for text in found]


def test_reductions_beyond_the_map() -> None:
    data = changed(MSE, lambda d: d["genes"].update(layers=[layer("1: 1 1")] * 5))
    data["skeleton"] |= {"input_shape": [1, 2, 5], "reductions": [0, 1, 2, 3, 4]}
    assert problems(data) == [
        "skeleton.reductions[3]: would halve a map of one pixel; reduce less often or use a larger input"
    ]
    data["skeleton"]["reductions"] = [0, 1, 2]
    assert parse_genome(json.dumps(data).encode(), "g").skeleton.reductions == (0, 1, 2)


def test_one_mistake_is_not_told_twice() -> None:
    """Reductions are not held against a shape, or a list of layers, that is itself wrong."""
    data = changed(MSE, lambda d: d["skeleton"].update(input_shape=["a", "b", "c"]))
    assert [line.split(":")[0] for line in problems(data)] == [f"skeleton.input_shape[{i}]" for i in range(3)]
    data = changed(MSE, lambda d: d["genes"].update(layers={}))
    assert problems(data) == ["genes.layers: is an object, not a list; write [ ... ]"]


def test_a_million_layers_are_refused_at_once() -> None:
    layers = b'{"layers": [' + b"1," * 400_000 + b'1], "g1": 1, "g2": 1}'
    data = json.dumps(MSE | {"genes": "HERE"}).encode().replace(b'"HERE"', layers)
    assert problems(data) == ["genes.layers: has 400001 entries; give 0 to 128"]


def test_snasnet_cells_that_cannot_be() -> None:
    ops = "use 0 (none), 1 (identity), 2 (conv 1x1), 3 (conv 3x3) or 4 (average pool 3x3)"
    data = changed(CELL, lambda d: d["genes"]["cell"][0].__setitem__(3, 5))
    data["genes"]["cell"][1][1] = 3
    data["genes"]["cell"][2] = [0, 0, 0]
    data["genes"]["cell"][3] = "0200"
    data["skeleton"] |= {"reductions": [1], "hidden": 0, "pool": 65}
    assert problems(data) == [
        f"genes.cell[0][3]: is 5; {ops}",
        "genes.cell[2]: is a list, not a list of 4 entries; give 4 integers",
        "genes.cell[3]: is a string, not a list of 4 entries; give 4 integers",
        "genes.cell[1][1]: is 3, a node cannot feed itself; use 0",
        "skeleton.reductions: has 1 entries; give 0",
        "skeleton.hidden: is 0; give an integer from 1 to 65536",
        "skeleton.pool: is 65; give an integer from 1 to 64",
    ]
    assert problems(changed(CELL, lambda d: d["genes"].update(layers=[]))) == [f"genes.layers: {UNKNOWN}cell"]


def test_snasnet_maps_too_small_for_its_pools() -> None:
    data = changed(CELL, lambda d: d["skeleton"].update(input_shape=[1, 9, 5], pool=3))
    assert problems(data) == [
        "skeleton.input_shape: a map 5 wide cannot be pooled by 2 and then by 3; "
        "use at least 6 pixels a side or a smaller pool"
    ]
    data["skeleton"]["input_shape"] = [1, 9, 6]
    assert parse_genome(json.dumps(data).encode(), "g").skeleton.pool == 3
