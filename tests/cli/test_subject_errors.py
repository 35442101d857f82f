"""What is no network that a command takes is refused: exit 2, a line per problem, nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.artefacts import TARGETS
from tests.cli.calling import Call, refused

COMMANDS: dict[str, tuple[str, ...]] = {
    "show": ("show",),
    "compile": ("compile", "--target", "pytorch", "-o", "made"),
    "run": ("run", "--input", "x.npy", "-o", "s.npz"),
    "verify": ("verify", "--on", "pytorch"),
}
each_command = pytest.mark.parametrize("command", COMMANDS)
FRAMES = np.random.default_rng(2).integers(0, 17, (2, 1, 8, 8)) / 16


@pytest.fixture(autouse=True)
def frames(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", FRAMES)


Refused = Callable[..., list[str]]


@pytest.fixture
def called(here: Call, tmp_path: Path) -> Refused:
    """Gives a command what it should refuse; returns its lines. It must leave nothing behind."""

    def call(command: str, path: str | Path, *options: str) -> list[str]:
        before = sorted(os.listdir(tmp_path))
        name, *rest = COMMANDS[command]
        lines = refused(here(name, path, *rest, *options))
        assert sorted(os.listdir(tmp_path)) == before
        return lines

    return call


FILES = {
    "n.onnx": "is an ONNX file; give the folder of the artefact it belongs to",
    "n.net": "is a file of Lava; give the folder of the artefact it belongs to",
    "network.py": "is a Python file; give the folder of the artefact it belongs to",
    "w.safetensors": "is a weights file; give the genome and this file with --weights, or the folder",
    "y.npy": "is a data file; give a network, and input with --input",
    "Y.NPZ": "is a data file; give a network, and input with --input",
    "m.pt": "is no file that msc reads: such files run code when they are loaded; export the network to NIR",
    "m.PKL": "is no file that msc reads: such files run code when they are loaded; export",
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_other_kinds_are_told_by_name(called: Refused, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04.")
    (line,) = called("show", name)
    assert line.startswith(f"{name}: {FILES[name]}")


@each_command
def test_a_weights_file_is_no_network(called: Refused, tmp_path: Path, command: str) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"")
    assert "is a weights file; " in called(command, "w.safetensors")[0]


MAGIC = b"\x89HDF\r\n\x1a\n"


def cut_short(path: Path, foreign: Path) -> None:
    path.write_bytes(foreign.read_bytes()[:4000])


def no_graph(path: Path, foreign: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["something"] = np.zeros(3)


def damaged(path: Path, foreign: Path) -> None:
    data = bytearray(foreign.read_bytes())
    data[800:1200] = bytes(400)
    path.write_bytes(data)


def dangling(path: Path, foreign: Path) -> None:
    import h5py

    shutil.copyfile(foreign, path)
    with h5py.File(path, "r+") as file:
        edges = file["node/edges"][()]
        edges[0][1] = b"nowhere"
        del file["node/edges"]
        file["node/edges"] = edges


def huge(path: Path, foreign: Path) -> None:
    import h5py

    shutil.copyfile(foreign, path)
    with h5py.File(path, "r+") as file:
        del file["node/nodes/fc1/weight"]
        file.create_dataset("node/nodes/fc1/weight", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024))


BAD_NIR: dict[str, Callable[[Path, Path], object]] = {
    "empty": lambda path, _: path.write_bytes(b""),
    "text": lambda path, _: path.write_text("{}"),
    "only the signature": lambda path, _: path.write_bytes(MAGIC),
    "signature and noise": lambda path, _: path.write_bytes(MAGIC + bytes(range(256)) * 20),
    "cut short": cut_short,
    "damaged": damaged,
    "no graph": no_graph,
    "dangling edge": dangling,
    "huge": huge,
}


@each_command
@pytest.mark.parametrize("kind", BAD_NIR)
def test_bad_nir_files(called: Refused, tmp_path: Path, foreign: Path, kind: str, command: str) -> None:
    BAD_NIR[kind](tmp_path / "bad.nir", foreign)
    lines = called(command, "bad.nir")
    assert len(lines) <= 21
    for line in lines:
        assert "\\x1b" not in line


def test_a_nir_file_is_known_by_how_it_begins(here: Call, foreign: Path, tmp_path: Path) -> None:
    shutil.copyfile(foreign, tmp_path / "network.h5")
    result = here("show", "network.h5")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("NIR file network.h5\n")


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero", "missing.nir", "missing.onnx", "pipe.nir"])
def test_paths_that_are_no_files(called: Refused, tmp_path: Path, path: str) -> None:
    os.mkfifo(tmp_path / "pipe.nir")
    called("show", path)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        ((), "is a folder without an artefact (lava: network.json, weights.npz, run_lava.py, SHA256SUMS; "),
        (("other.txt",), "nir: network.nir; onnx: network.onnx; pytorch: network.py, weights.safetensors); "),
        (
            ("genome.json", "weights.safetensors"),
            "is the folder of a training; give out/genome.json ",
        ),
        (("best.json", "history.jsonl"), "is the folder of a search; give out/best.json"),
        (
            ("network.nir", "network.py"),
            "holds files of several targets: network.nir (nir), network.py (pytorch); keep one artefact",
        ),
        (("network.py",), "out/weights.safetensors: is missing, target pytorch makes it; compile again"),
    ],
)
@each_command
def test_folders_that_hold_no_artefact(
    called: Refused, tmp_path: Path, made: tuple[str, ...], text: str, command: str
) -> None:
    (tmp_path / "out").mkdir()
    for name in made:
        (tmp_path / "out" / name).write_bytes(b"")
    (line,) = called(command, "out")
    assert line.startswith("out")
    assert text in line


@pytest.mark.parametrize("target", TARGETS)
@each_command
def test_artefacts_that_were_changed(
    called: Refused, artefacts: dict[str, Path], tmp_path: Path, target: str, command: str
) -> None:
    """One byte in the middle of the largest file."""
    out = Path(shutil.copytree(artefacts[target], tmp_path / "out"))
    (out / "report.json").unlink()
    largest = max(out.iterdir(), key=lambda path: (path.name != "cores.svg", path.stat().st_size))
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 0x10
    largest.write_bytes(data)
    if target == "nir":  # no checksum: the change may be of a value, which is then another network's
        return
    for line in called(command, "out"):
        assert line.startswith("out/")


@pytest.mark.parametrize("target", TARGETS)
def test_artefacts_that_are_cut_short(
    called: Refused, artefacts: dict[str, Path], tmp_path: Path, target: str
) -> None:
    from tests.cli.artefacts import own_files

    for name in own_files(target):
        out = Path(shutil.copytree(artefacts[target], tmp_path / name.replace(".", "-")))
        (out / name).write_bytes((out / name).read_bytes()[:-20])
        lines = called("show", out.name)
        assert all(line.startswith(out.name) for line in lines)


@pytest.mark.parametrize("target", TARGETS)
def test_a_folder_in_the_place_of_a_file(called: Refused, tmp_path: Path, target: str) -> None:
    from tests.cli.artefacts import own_files

    for name in own_files(target):
        (tmp_path / "out" / name).mkdir(parents=True)
    for line in called("show", "out"):
        assert "is a directory" in line


def test_the_code_of_a_folder_is_not_run(here: Call, artefacts: dict[str, Path], tmp_path: Path) -> None:
    """Not even with hashes that fit: only code that msc would write for the network is."""
    from hashlib import sha256

    from msc.backends.weights import read_weights, write_weights

    out = Path(shutil.copytree(artefacts["pytorch"], tmp_path / "out"))
    code = (out / "network.py").read_bytes() + b"\nopen('run', 'w')\n"
    (out / "network.py").write_bytes(code)
    weights, metadata = read_weights(out / "weights.safetensors", "msc.pytorch", "")
    changed = {**metadata, "code": sha256(code).hexdigest()}
    (out / "weights.safetensors").write_bytes(write_weights(weights, changed))
    for call in (("verify", "out", "--on", "module"), ("run", "out", "--on", "module", "--input", "x.npy")):
        result = here(*call)
        assert result.returncode != 0
        assert "Traceback" not in result.stderr
        assert not (tmp_path / "run").exists()


def misfit(name: str, path: Path, why: str) -> str:
    return f"{name}: does not go with {path}, which {why}; leave it out"


@each_command
def test_every_option_that_does_not_fit_is_named(
    called: Refused, artefacts: dict[str, Path], genome: Path, foreign: Path, tmp_path: Path, command: str
) -> None:
    weights = () if command == "show" else ("--weights", "random")
    step = ("--dt", "1e-4", "--events")
    own = "is a genome file and has time steps and input of its own"
    assert called(command, genome, *step) == [
        misfit("--dt", genome, own),
        misfit("--events", genome, own),
    ]
    if weights:
        expected = [misfit("--weights", foreign, "is a NIR file and holds its weights")]
        assert called(command, foreign, *weights) == expected
    for folder in artefacts.values():
        names = (["--weights"] if weights else []) + ["--dt", "--events"]
        expected = [misfit(name, folder, "is compiled already") for name in names]
        assert called(command, folder, *weights, *step) == expected


@each_command
def test_a_wrong_folder_and_wrong_options_are_told_together(
    called: Refused, tmp_path: Path, command: str
) -> None:
    (tmp_path / "out").mkdir()
    lines = called(command, "out", "--dt", "1", "--events")
    assert [line.split(":")[0] for line in lines] == ["out", "--dt", "--events"]


@pytest.mark.parametrize("dt", ["0", "-1", "nan", "inf", "abc", "", "1e400", "0x1"])
@each_command
def test_time_steps_that_are_none(
    called: Refused, foreign: Path, tmp_path: Path, command: str, dt: str
) -> None:
    lines = called(command, foreign, f"--dt={dt}")
    what = "is no length of a time step in seconds; give a number above 0, such as 1e-4"
    assert lines == [f"--dt {dt}: {what}"]


@pytest.mark.parametrize("dt", ["1", "1e300"])
def test_time_steps_that_no_network_has(called: Refused, foreign: Path, tmp_path: Path, dt: str) -> None:
    called("show", foreign, "--dt", dt)


@each_command
def test_a_step_too_short_for_float32_is_no_bug(
    here: Call, foreign: Path, tmp_path: Path, command: str
) -> None:
    np.save(tmp_path / "x.npy", np.ones((2, 1, 5)))
    name, *options = COMMANDS[command]
    assert here(name, foreign, "--dt", "1e-300", *options).returncode in (0, 1, 2)


def test_a_bundle_is_compiled_for_nothing_else(here: Call, bundle: Path, tmp_path: Path) -> None:
    for target in TARGETS:
        (line,) = refused(here("compile", bundle, "--target", target, "-o", "made"))
        what = "was compiled for lava, to integers in machine time, which no target takes"
        assert line == f"{bundle}: {what}; give what it was compiled from"


def test_an_artefact_is_not_written_into_itself(
    here: Call, artefacts: dict[str, Path], tmp_path: Path
) -> None:
    out = Path(shutil.copytree(artefacts["nir"], tmp_path / "out"))
    before = sorted(os.listdir(out))
    (tmp_path / "link").symlink_to("out")
    for name in ("out", "link", str(out)):
        call = ("compile", "out", "--target", "pytorch", "-o", name, "--force")
        refused(here(*call), f"{name}: is what is compiled; choose another folder with -o")
    assert sorted(os.listdir(out)) == before


def test_what_a_target_cannot_say_leaves_no_folder(called: Refused, foreign: Path) -> None:
    """Steps of a nanosecond: what one spike adds is too little for eight bits beside the threshold."""
    lines = called("compile", foreign, "--dt", "1e-9", "--target", "lava")
    assert lines[0].startswith("projection input>lif1: its weight range cannot be held: ")


REPORTS: dict[str, tuple[bytes | None, str]] = {
    "missing": (None, "no report: out/report.json: cannot read the report ("),
    "no json": (b"{", "no report: out/report.json: is no report; compile again"),
    "a list": (b"[1]", "no report: out/report.json: is no report; compile again"),
    "not a number": (b'{"target": NaN}', "no report: out/report.json: is no report; compile again"),
    "nested": (b'{"target":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "no report: "),
    "not utf-8": (b'{"target": "\xff\xfe"}', "no report: "),
    "half nested": (b'{"versions":' + b"[" * 900 + b"]" * 900 + b"}", "report: compiled for no target"),
    "escapes": (json.dumps({"target": "\x1b[31m\nred"}).encode(), "report: compiled for ?[31m?red"),
    "long": (json.dumps({"target": "x" * 10**6}).encode(), "report: compiled for"),
    "other types": (
        b'{"target": {"a": 1}, "options": [1], "source": 7, "versions": "x", "genome_hash": null}',
        "report: compiled for",
    ),
    "half a pair": (b'{"target": "\\ud800"}', "report: compiled for "),
    "large": (b'{"target": ' + b"9" * 4000 + b"}", "report: compiled for 99999"),
}


@pytest.mark.parametrize("kind", REPORTS)
def test_a_report_is_only_shown_and_never_believed(
    here: Call, artefacts: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    data, text = REPORTS[kind]
    out = Path(shutil.copytree(artefacts["nir"], tmp_path / "out"))
    (out / "report.json").unlink()
    if data is not None:
        (out / "report.json").write_bytes(data)
    result = here("show", "out")
    assert result.returncode == 0, result.stderr
    assert text in " ".join(result.stdout.split())
    assert "\x1b" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert len(result.stdout) < 10_000
    found = here("show", "out", "--json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["output"]["name"] == "head"
