"""Reading NIR files of every kind gives what nir.read gives; what is no NIR file is told apart."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest
from nir.serialization import hdf2dict

from msc.backends.nir import FILE_NAME, TARGET
from msc.backends.nir.reading.hdf5 import NirFileError, limits, read_raw, reader
from msc.backends.nir.reading.hdf5.rebuilding import Rebuilder
from msc.backends.nir.reading.raw import RawGraph, RawNode
from tests.backends.nir.reading.hdf5.files import (
    EDGES,
    changed,
    endless_bytes,
    good_bytes,
    message,
    replaced,
    without,
    written,
)
from tests.networks import NETWORKS

PAPER = (
    "braille_noDelay_bias_zero",
    "braille_noDelay_noBias_subtract",
    "cnn_sinabs",
    "lif_norse",
    "lif_rockpool",
    "two_lif_neurons",
)
PAIR = np.array([1, 2])


def as_nir_reads(path: Path) -> dict[str, Any]:
    """What nir.read makes its nodes of."""
    with h5py.File(path, "r") as file:
        return hdf2dict(file["node"])


def assert_same(found: RawGraph | RawNode, expected: dict[str, Any]) -> None:
    """Compare a node, or a graph with all its nodes, names in the same order."""
    assert_same_value(found.metadata, expected.get("metadata", {}))
    if isinstance(found, RawNode):
        assert found.kind == expected["type"]
        rest = {name: value for name, value in expected.items() if name not in ("type", "metadata")}
        assert_same_value(found.fields, rest)
        return
    assert expected["type"] == "NIRGraph"
    assert list(found.nodes) == list(expected["nodes"])
    assert found.edges == tuple((a.decode(), b.decode()) for a, b in expected["edges"])
    for name, node in found.nodes.items():
        assert_same(node, expected["nodes"][name])


def assert_same_value(found: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert isinstance(found, Mapping)
        assert list(found) == list(expected)
        for name in expected:
            assert_same_value(found[name], expected[name])
    elif isinstance(expected, str):
        assert found == expected
    elif np.asarray(expected).dtype.kind == "O":
        assert found.tolist() == [text.decode() for text in expected]
    else:
        assert isinstance(found, np.ndarray)
        assert found.dtype == np.asarray(expected).dtype.newbyteorder("=")
        assert not found.flags.writeable
        assert found.shape == np.shape(expected)
        np.testing.assert_array_equal(found, expected)


@pytest.fixture(scope="module")
def paper() -> Path:
    default = Path(__file__).resolve().parents[6] / "shared" / "data" / "nir-paper"
    path = Path(os.environ.get("MSC_NIR_PAPER", default))
    if not (path / "lif_norse.nir").is_file():
        pytest.skip("the NIR paper's files are not here; name their folder in MSC_NIR_PAPER")
    return path


@pytest.mark.parametrize("name", PAPER)
def test_the_published_files_read_as_nir_reads_them(paper: Path, name: str) -> None:
    """They are of nir 0.1.1 and 0.2.0: without v_reset, without metadata, edges in any order."""
    path = paper / f"{name}.nir"
    assert_same(read_raw(path), as_nir_reads(path))


def every_node() -> Any:
    """A graph with each type of node that nir has, in no meaningful order, and a graph inside a graph."""
    full = np.array([0.5, 1.5])
    weight, kernel = np.arange(6.0, dtype=np.float32).reshape(2, 3), np.ones((2, 1, 3), np.float32)
    lif = {"tau": full, "r": full, "v_leak": full, "v_threshold": full, "v_reset": full}
    cuba = {"tau_syn": full, "tau_mem": full, "r": full, "v_leak": full, "w_in": full}
    metadata = {
        "text": "a\nb",
        "more": {"dt": 1e-4, "steps": 5, "on": True, "list": [1, 2]},
        "units": ["s", "V"],
    }
    inner = nir.NIRGraph(
        {"input": nir.Input({"input": PAIR}), "i": nir.I(full), "output": nir.Output({"output": PAIR})},
        [("input", "i"), ("i", "output")],
        metadata={"name": "inner"},
        type_check=False,
    )
    nodes = {
        "zz": nir.Input({"input": PAIR}),
        "b.affine": nir.Affine(weight, full),
        "linear": nir.Linear(weight.astype(np.float16)),
        "scale": nir.Scale(full),
        "conv1": nir.Conv1d(5, kernel, 1, "same", 1, 1, np.zeros(2)),
        "conv2": nir.Conv2d((4, 5), kernel[:, None], (1, 2), (0, 1), 1, 1, np.zeros(2), metadata=metadata),
        "sum": nir.SumPool2d(PAIR, PAIR, PAIR),
        "avg": nir.AvgPool2d(PAIR, PAIR, PAIR),
        "flatten": nir.Flatten({"input": PAIR}, start_dim=-2),
        "delay": nir.Delay(full),
        "threshold": nir.Threshold(full),
        "li": nir.LI(full, full, full),
        "if": nir.IF(full, full),
        "LIF": nir.LIF(**lif),
        "cubali": nir.CubaLI(**cuba),
        "cubalif": nir.CubaLIF(**cuba, v_threshold=full),
        "π inner": inner,
        "output": nir.Output({"output": PAIR}),
    }
    return nir.NIRGraph(nodes, [("zz", "b.affine"), ("π inner", "output")], metadata, type_check=False)


def test_every_node_of_nir_reads_as_nir_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "a.nir"
    path.write_bytes(written(every_node()))
    found = read_raw(path)
    assert_same(found, as_nir_reads(path))
    assert {type(node) for node in found.nodes.values()} == {RawNode, RawGraph}
    assert list(found.nodes) == sorted(found.nodes)


@pytest.mark.usefixtures("in_a_fork")
@pytest.mark.parametrize(
    "name", [name for name, model in NETWORKS.items() if not TARGET.refusals(model, {})][:4]
)
def test_our_own_files_read_as_nir_reads_them(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.nir"
    path.write_bytes(TARGET.emit(NETWORKS[name], {}).files[FILE_NAME])
    assert_same(read_raw(path), as_nir_reads(path))


@pytest.mark.usefixtures("in_a_fork")
@pytest.mark.parametrize("order", ["name", "creation"])
@pytest.mark.parametrize("version", ["earliest", "v108", "latest"])
def test_nodes_come_in_the_order_in_which_every_reader_sees_them(
    order: str, version: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.nir"
    with h5py.File(path, "w", libver=version, track_order=order == "creation") as file:
        nodes = file.create_group("node/nodes", track_order=order == "creation")
        for name in ("zz", "aa", "mm", "10", "9", *(f"k{i}" for i in range(20))):
            nodes.create_group(name)["type"] = "Threshold"
        file["node/type"], file["node/edges"] = "NIRGraph", []
    assert list(read_raw(path).nodes) == list(as_nir_reads(path)["nodes"])


@pytest.mark.usefixtures("in_a_fork")
@pytest.mark.parametrize(
    "change",
    [
        without("version"),
        replaced("version", data="0.1.1"),
        replaced("version", data=[1, 2]),
        lambda file: file["node"].attrs.update(odd=h5py.Empty("f4")),
        lambda file: file.__setitem__("beside", h5py.ExternalLink("nowhere.h5", "/x")),
    ],
    ids=["no version", "old version", "odd version", "attributes", "beside the node"],
)
def test_what_lies_outside_the_node_does_not_matter(change: Any, tmp_path: Path) -> None:
    path = changed(tmp_path / "a.nir", change)
    assert_same(read_raw(path), as_nir_reads(path))


@pytest.mark.usefixtures("in_a_fork")
@pytest.mark.parametrize(
    "change",
    [
        replaced(EDGES, data=[]),
        replaced(EDGES, shape=(0, 2), dtype=h5py.string_dtype()),
        replaced(EDGES, shape=(0,), dtype=h5py.string_dtype()),
    ],
    ids=["no numbers", "no pairs", "no texts"],
)
def test_a_graph_may_have_no_edges(change: Any, tmp_path: Path) -> None:
    assert read_raw(changed(tmp_path / "a.nir", change)).edges == ()


def test_texts_of_fixed_length_are_texts(tmp_path: Path) -> None:
    pairs = np.array([["input", "w"], ["w", "output"]], "S10")
    graph = read_raw(changed(tmp_path / "a.nir", replaced(EDGES, data=pairs)))
    assert graph.edges == (("input", "w"), ("w", "output"))


def test_a_header_of_others_before_the_file_is_skipped(tmp_path: Path) -> None:
    path, source = tmp_path / "a.nir", tmp_path / "good.nir"
    source.write_bytes(good_bytes())
    with h5py.File(path, "w", userblock_size=1024) as file, h5py.File(source) as good:
        good.copy("node", file)
    assert list(read_raw(path).nodes) == ["input", "lif", "output", "w"]


def test_a_path_may_be_relative_and_odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = "-é {0}%05d.nir"
    Path(name).write_bytes(good_bytes())
    assert len(read_raw(name).nodes) == 4
    with pytest.raises(NirFileError, match=r"^-é \{0\}%05d\.nir, /node/edges: is missing"):
        read_raw(str(changed(Path(name), without(EDGES))))


@pytest.mark.usefixtures("in_a_fork")
@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "FILE: is empty; give a NIR file"),
        (b"{}", "FILE: is no HDF5 file, as NIR files are; give a NIR file"),
        (b"\x89HDF\r\n\x1a\n", "FILE: cannot be read (Unable to synchronously open file"),
        (good_bytes()[:5000], "FILE: cannot be read (Unable to synchronously open file (truncated file"),
    ],
    ids=["empty", "text", "signature", "truncated"],
)
def test_a_file_that_is_no_hdf5_is_told(content: bytes, text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.nir"
    path.write_bytes(content)
    assert message(path).startswith(text)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert message(tmp_path / "a.nir") == (
        "FILE: cannot read the NIR file (no such file or directory); check the path"
    )


def test_a_folder_is_told(tmp_path: Path) -> None:
    assert message(tmp_path) == "FILE: cannot read the NIR file (is a directory); name a file, not a folder"


def test_a_path_with_a_null_is_told() -> None:
    assert message(Path("a\0b")) == "'a\\x00b': is no path; give the name of a file or folder"


def test_a_file_without_permission_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.nir"
    path.write_bytes(good_bytes())
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert "permission denied" in message(path)


def test_devices_and_pipes_are_told_and_never_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        assert message(path) == "FILE: is a device or a pipe; save what it gives to a file first"


def test_hdf5_that_is_no_nir_is_told(tmp_path: Path) -> None:
    path = changed(tmp_path / "a.nir", without("node"))
    assert (
        message(path) == "FILE: has no group 'node': it is an HDF5 file, but not a NIR file; give a NIR file"
    )


def test_a_file_that_keeps_hdf5_busy_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "a.nir"
    path.write_bytes(endless_bytes())
    assert message(path).startswith("FILE, /node/edges: ")


def test_more_problems_than_anyone_reads_are_cut(tmp_path: Path) -> None:
    def change(file: Any) -> None:
        for index in range(limits.PROBLEMS + 5):
            file["node/nodes"].create_group(f"x{index:02}")

    lines = message(changed(tmp_path / "a.nir", change)).splitlines()
    assert len(lines) == limits.PROBLEMS + 1
    assert lines[0].startswith("FILE, /node/nodes/x00: has no type; ")
    assert lines[-1] == f"FILE: may have more problems than these {limits.PROBLEMS}; mend them first"


def test_damage_and_mistakes_are_told_together(tmp_path: Path) -> None:
    def change(file: Any) -> None:
        file["node/nodes/w/more"] = h5py.SoftLink("/nowhere")
        del file["node/nodes/lif/type"], file[EDGES]

    lines = message(changed(tmp_path / "a.nir", change)).splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        "FILE, /node/nodes/w/more",
        "FILE, /node/nodes/lif",
        "FILE, /node/edges",
    ]


DIE = "import os, signal; os.kill(os.getpid(), signal.{})"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (DIE.format("SIGSEGV"), "breaks the HDF5 library (SIGSEGV)"),
        (DIE.format("SIGXCPU"), f"takes more than {limits.cpu_seconds(0)} s to read"),
        (DIE.format("SIGPROF"), f"keeps HDF5 busy for more than {limits.STEP_SECONDS} s"),
        (DIE.format("SIGKILL"), "cannot be read within 60 s"),
        (
            "raise KeyError('x')",
            "cannot be read (the reading process ended with code 1; its last words: Key",
        ),
        ("print('nonsense ' * 9)", "cannot be read (the reading process ended with code "),
    ],
    ids=["crash", "long", "busy", "killed", "error", "nonsense"],
)
def test_whatever_becomes_of_the_reading_process_is_told(
    code: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.nir"
    path.write_bytes(good_bytes())
    (tmp_path / "dying.py").write_text(code + "\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(reader, "_WORKER", "dying")
    assert message(path).startswith(f"FILE: {text}")


def test_an_interrupt_ends_the_reading_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.nir"
    path.write_bytes(endless_bytes())
    started: list[Any] = []
    popen, take = subprocess.Popen, Rebuilder.take

    def recording(*args: Any, **kwargs: Any) -> Any:
        started.append(popen(*args, **kwargs))
        return started[-1]

    def interrupted(self: Rebuilder, stream: Any) -> None:
        take(self, stream)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", recording)
    monkeypatch.setattr(Rebuilder, "take", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read_raw(path)
    (process,) = started
    assert process.returncode is not None
    assert process.stdout.closed
    assert process.stderr.closed
