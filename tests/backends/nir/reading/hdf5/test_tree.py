"""A file is walked without leaving it, without end and without believing its names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from msc.backends.nir.reading.hdf5 import limits, read_raw
from tests.backends.nir.reading.hdf5.files import (
    TYPE,
    WEIGHT,
    changed,
    good_bytes,
    linked,
    message,
    replaced,
)

STORE = "store the array or group itself"


@pytest.mark.usefixtures("in_a_fork")
@pytest.mark.parametrize(
    ("name", "link", "what"),
    [
        ("node", h5py.ExternalLink("other.nir", "/node"), "is a link into another file"),
        ("node/nodes/w", h5py.ExternalLink("/dev/zero", "/x"), "is a link into another file"),
        (WEIGHT, h5py.SoftLink("/node/nodes/w/bias"), "is a link to another place"),
        (WEIGHT, h5py.SoftLink("/nowhere"), "is a link to another place"),
        ("node/nodes", h5py.SoftLink("/"), "is a link to another place"),
    ],
    ids=["node", "device", "soft", "dangling", "root"],
)
def test_links_are_refused(name: str, link: Any, what: str, tmp_path: Path) -> None:
    (tmp_path / "other.nir").write_bytes(good_bytes())
    path = changed(tmp_path / "a.nir", linked(name, link))
    assert f"FILE, /{name}: {what}; {STORE}" in message(path).splitlines()


def subgraph(group: Any) -> Any:
    """Make a group an empty graph; returns the group of its nodes."""
    group["type"], group["edges"] = "NIRGraph", []
    return group.create_group("nodes")


def test_a_graph_inside_itself_is_refused(tmp_path: Path) -> None:
    def change(file: Any) -> None:
        file["node/nodes/self"] = file["node"]
        inner = file.create_group("node/nodes/inner")
        subgraph(inner)["again"] = inner

    fix = "contains itself; write subgraphs out, none inside itself"
    assert message(changed(tmp_path / "a.nir", change)).splitlines() == [
        f"FILE, /node/nodes/inner/nodes/again: {fix}",
        f"FILE, /node/nodes/self: {fix}",
    ]


def nested(count: int) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        nodes = file["node/nodes"]
        for _ in range(count):
            nodes = subgraph(nodes.create_group("s"))

    return change


def test_subgraphs_may_lie_inside_each_other_but_not_without_end(tmp_path: Path) -> None:
    graph = read_raw(changed(tmp_path / "a.nir", nested(25)))
    for _ in range(25):
        graph = graph.nodes["s"]
    assert graph.nodes == {}
    assert message(changed(tmp_path / "b.nir", nested(300))).endswith(
        f"/s: lies in more than {limits.DEPTH} groups; flatten the subgraphs"
    )


def test_one_array_may_have_several_names(tmp_path: Path) -> None:
    def change(file: Any) -> None:
        file["node/nodes/v"] = file["node/nodes/w"]

    nodes = read_raw(changed(tmp_path / "a.nir", change)).nodes
    np.testing.assert_array_equal(nodes["v"].fields["weight"], nodes["w"].fields["weight"])


def test_a_few_bytes_that_stand_for_millions_of_groups_are_refused(tmp_path: Path) -> None:
    """Thirty groups, each with two names in the one before it, are 2^30 groups for one who walks them."""

    def change(file: Any) -> None:
        group = file["node"]
        for _ in range(30):
            group["b"] = group.create_group("a")
            group = group["a"]

    (line,) = message(changed(tmp_path / "a.nir", change)).splitlines()
    assert "more groups and arrays are allowed" in line or f"more than {limits.OBJECTS} groups" in line


def test_a_million_nodes_are_refused_without_listing_them(tmp_path: Path) -> None:
    def change(file: Any) -> None:
        nodes = file["node/nodes"].id
        node = file["node/nodes/w"].id
        for index in range(50_000):
            h5py.h5o.link(node, nodes, b"n%d" % index)

    text = message(changed(tmp_path / "a.nir", change))
    assert text.startswith("FILE, /node/nodes: has 50004 members; ")
    assert text.endswith("more groups and arrays are allowed; split the network or write a smaller one")


def test_unprintable_and_endless_names_are_shown_safely(tmp_path: Path) -> None:
    names = ("..", "a\nb", "\x1b[31m", "x" * 10_000_000, "\u202eabc")

    def change(file: Any) -> None:
        for name in names:
            file["node/nodes"].create_group(name)["type"] = "Threshold"
        h5py.h5o.link(file["node/nodes/w"].id, file["node/nodes"].id, b"\xff\xfe")

    what = f"has a name that is unprintable or longer than {limits.NAME}; rename it"
    assert sorted(message(changed(tmp_path / "a.nir", change)).splitlines()) == sorted(
        [
            "FILE, /node/nodes/..: has a name that no member of a group can have; rename it",
            f"FILE, /node/nodes/a\\nb: {what}",
            f"FILE, /node/nodes/\\x1b[31m: {what}",
            f"FILE, /node/nodes/{'x' * 80}..: {what}",
            f"FILE, /node/nodes/\\u202eabc: {what}",
            f"FILE, /node/nodes/\\xff\\xfe: {what}",
        ]
    )


def test_other_names_are_names(tmp_path: Path) -> None:
    names = ["a.b", "é", "0 1", "x" * limits.NAME, "\\", "%s", "日本"]

    def change(file: Any) -> None:
        for name in names:
            file["node/nodes"].create_group(name)["type"] = "Threshold"

    assert set(names) < set(read_raw(changed(tmp_path / "a.nir", change)).nodes)


def test_a_type_in_the_place_of_an_array_is_refused(tmp_path: Path) -> None:
    path = changed(tmp_path / "a.nir", linked(WEIGHT, np.dtype("f4")))
    fix = "write the file with nir.write"
    assert message(path) == f"FILE, /{WEIGHT}: is neither a group nor an array; {fix}"


def test_attributes_are_never_read(tmp_path: Path) -> None:
    def change(file: Any) -> None:
        for index in range(2_000):
            file["node/nodes/w"].attrs[f"a{index}"] = index

    assert len(read_raw(changed(tmp_path / "a.nir", change)).nodes) == 4


@pytest.mark.usefixtures("in_a_fork")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "is no text; give each node its type, as nir.write does"),
        (["LIF", "LIF"], "is no text; give each node its type, as nir.write does"),
        (np.bytes_(b"\xff\xfe"), "has a text that is no UTF-8; write texts as UTF-8"),
        ("L\nIF", "is 'L\\nIF', no name of a node type; write the file with nir.write"),
        ("", "is '', no name of a node type; write the file with nir.write"),
        ("L" * 5000, f"is '{'L' * 60}'.. (5000 characters), no name of a node type; "),
        ("L" * (limits.TEXT_BYTES + 1), "is a text of 1048577 bytes; 1048576 are allowed; shorten it"),
    ],
    ids=["number", "texts", "bytes", "lines", "empty", "long", "endless"],
)
def test_a_type_that_is_no_name_is_refused(value: Any, text: str, tmp_path: Path) -> None:
    path = changed(tmp_path / "a.nir", replaced(TYPE, data=value))
    assert message(path).startswith(f"FILE, /{TYPE}: {text}")
