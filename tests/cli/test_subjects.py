"""Every command takes everything: genomes, NIR files whoever wrote them, and the folders of artefacts."""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.cli.artefacts import FLOATING, TARGETS, foreign_nir, own_files
from tests.cli.calling import Call, environment
from tests.requires import require

FRAMES = np.random.default_rng(2).integers(0, 17, (3, 1, 8, 8)) / 16
VALUES = np.random.default_rng(3).integers(0, 17, (6, 4, 5)) / 16
KINDS = (*TARGETS, "genome", "foreign", "looped")


@pytest.fixture(autouse=True)
def inputs(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", FRAMES)
    np.save(tmp_path / "v.npy", VALUES)


@pytest.fixture
def subject(request: pytest.FixtureRequest, artefacts: dict[str, Path]) -> Path:
    """What a kind names."""
    kind = request.param
    return artefacts[kind] if kind in artefacts else request.getfixturevalue(kind)


def each(*kinds: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("subject", kinds, indirect=True)


@each(*KINDS)
def test_show_as_a_table_a_drawing_and_json(here: Call, subject: Path, tmp_path: Path) -> None:
    result = here("show", subject, "--svg", "g.svg")
    assert result.returncode == 0, result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 80
    drawn = ElementTree.parse(tmp_path / "g.svg").getroot()
    found = json.loads(here("show", subject, "--json").stdout)
    boxes = [e.get("data-name") for e in drawn.findall(".//{*}g") if e.get("class") == "population"]
    assert sorted(map(str, boxes)) == sorted(p["name"] for p in found["populations"])
    assert f"in all {found['totals']['neurons']} neurons, " in result.stdout
    if "network_hash" in found:
        assert f"network {found['network_hash'][:12]}, weights " in result.stdout
    for note in found.get("notes", ()):
        assert note in " ".join(result.stdout.split())


def test_show_says_where_an_artefact_is_from(
    here: Call, artefacts: dict[str, Path], genome: Path, tmp_path: Path
) -> None:
    identity = json.loads(here("show", genome, "--json").stdout)["hash"]
    lines = here("show", artefacts["onnx"]).stdout.splitlines()
    assert lines[0] == "onnx artefact onnx"
    assert any(
        line.startswith("report: compiled for onnx with ") and "mode=sequence" in line for line in lines
    )
    assert f"  from genome {identity[:12]}, weights dyadic:3" in lines
    assert any(line.startswith("  by ") and "msc 0" in line for line in lines)


def test_notes_of_reading_go_to_stderr_and_into_the_report(here: Call, looped: Path, tmp_path: Path) -> None:
    note = "rec -> lif1: read one step late: the order of names cuts a cycle here"
    result = here("compile", looped, "--target", "pytorch", "-o", "out")
    assert result.returncode == 0, result.stderr
    assert note in result.stderr.splitlines()
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["source"] == {
        "file": "looped.nir",
        "sha256": sha256(looped.read_bytes()).hexdigest(),
        "dt": 1e-4,
        "notes": [note],
    }
    assert not {"genome_hash", "space", "weights"} & report.keys()
    assert str(looped.parent) not in json.dumps(report)


def test_many_notes_are_cut_short_and_kept_in_full(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from msc.compiler.cli.subjects import _tell  # pyright: ignore[reportPrivateUsage]

    _tell([f"node {i}: " + "read so " * 20 for i in range(9)])
    lines = capsys.readouterr().err.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-1] == "and 3 more, listed by msc show; compile keeps all in report.json"
    assert [line.split(":")[0] for line in lines if line.startswith("node")] == [
        f"node {i}" for i in range(6)
    ]


def test_an_artefact_runs_as_what_it_was_made_of(
    here: Call, artefacts: dict[str, Path], genome: Path, tmp_path: Path
) -> None:
    calls = {
        "genome": (genome, "--weights", "dyadic"),
        **{target: (artefacts[target],) for target in FLOATING},
        "file": (artefacts["nir"] / "network.nir",),
        "module": (artefacts["pytorch"], "--on", "module"),
        "other": (artefacts["onnx"], "--on", "pytorch"),
    }
    for name, call in calls.items():
        result = here("run", *call, "--input", "x.npy", "-o", f"{name}.npz")
        assert result.returncode == 0, result.stderr
    written = {name: (tmp_path / f"{name}.npz").read_bytes() for name in calls}
    assert len(set(written.values())) == 1
    spikes = np.load(tmp_path / "genome.npz")
    assert 0 < spikes["output"].mean() < 1
    require("onnxruntime")
    result = here("run", artefacts["onnx"], "--on", "onnx", "--input", "x.npy")
    assert result.returncode == 0, result.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "onnx-spikes.npz")["output"], spikes["output"])


def test_a_nir_file_runs_on_values_as_they_are(here: Call, foreign: Path, tmp_path: Path) -> None:
    for name, on in {"a": "reference", "b": "pytorch", "c": "module"}.items():
        call = ("run", foreign, "--input", "v.npy", "--on", on, "-o", f"{name}.npz")
        result = here(*call)
        assert result.returncode == 0, result.stderr
    written = [(tmp_path / f"{name}.npz").read_bytes() for name in "abc"]
    assert written[0] == written[1] == written[2]
    spikes = np.load(tmp_path / "a.npz")
    assert spikes["output"].shape == (6, 4, 3)
    assert spikes.files == ["lif1", "lif2", "output"]


def verdicts(output: str) -> dict[str, str]:
    found = json.loads(output)
    return {result["simulator"]: result["verdict"] for result in found["results"]}


@each("onnx", "pytorch")
def test_verify_checks_the_files_of_a_folder_on_the_simulators_of_its_target(
    here: Call, subject: Path, tmp_path: Path
) -> None:
    require("onnxruntime")
    result = here("verify", subject, "--json")
    assert result.returncode == 0, result.stderr
    expected = {"onnx": ("onnx",), "pytorch": ("module", "pytorch")}[subject.name]
    assert verdicts(result.stdout) == dict.fromkeys(expected, "equal")
    assert "no --input: drawing 4 samples with seed 0" in result.stderr


def test_verify_takes_other_simulators_by_name(
    here: Call, artefacts: dict[str, Path], tmp_path: Path
) -> None:
    call = ("verify", artefacts["onnx"], "--on", "module,loihi", "--input", "x.npy", "--json")
    result = here(*call)
    assert result.returncode == 0, result.stderr
    assert verdicts(result.stdout) == {"module": "equal", "loihi": "equal"}


def test_target_all_compares_everything(artefacts: dict[str, Path], tmp_path: Path) -> None:
    code = (
        "from importlib import util\n"
        "find = util.find_spec\n"
        "hidden = ('nirtorch', 'snntorch', 'spikingjelly', 'norse')\n"
        "util.find_spec = lambda name, package=None: None if name in hidden else find(name, package)\n"
        "from msc.compiler.cli import main\nmain()\n"
    )
    call = ("verify", str(artefacts["pytorch"]), "--target", "all", "--json")
    env = environment(MSC_CACHE=str(tmp_path), LAVA_PYTHON="")
    result = subprocess.run(
        [sys.executable, "-c", code, *call], capture_output=True, text=True, env=env, timeout=120
    )
    assert result.returncode == 0, result.stderr
    found = verdicts(result.stdout)
    assert {name for name, verdict in found.items() if verdict == "cannot"} == {
        "nirtorch", "snntorch", "spikingjelly", "norse", "lava",
    }  # fmt: skip
    assert {"module", "pytorch", "onnx", "loihi"} <= found.keys()


ONLY_GIVEN = """
from msc.backends import running
def made(*arguments):
    raise AssertionError("something was compiled")
running.compile_model = made
from msc.compiler.cli import main
main()
"""


@pytest.mark.parametrize(
    ("target", "options", "on"),
    [
        ("onnx", ("mode=step",), "onnx"),
        ("pytorch", (), "module"),
        ("nir", ("profile=r1",), "norse"),
        ("nir", ("profile=rt",), "nirtorch"),
    ],
)
def test_the_files_themselves_are_run(
    here: Call, genome: Path, tmp_path: Path, target: str, options: tuple[str, ...], on: str
) -> None:
    """Nothing may be compiled for a simulator of the folder's own target."""
    from msc.backends.verification import simulators

    for module in simulators()[on].requirements.modules:
        require(module)
    chosen = [word for option in options for word in ("--option", option)]
    call = ("compile", genome, "--weights", "dyadic", "--target", target, *chosen, "-o", "out")
    assert here(*call).returncode == 0
    result = subprocess.run(
        [sys.executable, "-c", ONLY_GIVEN, "verify", "out", "--on", on],
        capture_output=True, text=True, cwd=tmp_path, env=environment(), timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, (result.stdout, result.stderr)


def test_a_file_that_others_wrote_is_run_by_nir_simulators_itself(looped: Path, tmp_path: Path) -> None:
    require("nirtorch")
    result = subprocess.run(
        [sys.executable, "-c", ONLY_GIVEN, "verify", str(looped), "--on", "nirtorch"],
        capture_output=True, text=True, cwd=tmp_path, env=environment(), timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, (result.stdout, result.stderr)
    assert "writes it again" not in result.stderr


def test_with_another_time_step_nir_simulators_run_what_msc_writes(here: Call, tmp_path: Path) -> None:
    require("nirtorch")
    path = foreign_nir(tmp_path / "slow.nir", loop=True, dt=1e-3)
    result = here("verify", path, "--dt", "0.001", "--on", "nirtorch")
    assert result.returncode == 0, (result.stdout, result.stderr)
    told = "NIR's simulators count steps of 0.0001 s: they run it as msc writes it again"
    assert told in result.stderr.splitlines()
    result = here("verify", path, "--dt", "0.001", "--on", "pytorch")
    assert told not in result.stderr


def test_the_time_step_decides_the_time_constants(here: Call, foreign: Path, tmp_path: Path) -> None:
    taus = {}
    for name, options in {"said": (), "given": ("--dt", "5e-5")}.items():
        found = json.loads(here("show", foreign, *options, "--json").stdout)
        taus[name] = found["source"]["dt"], found["populations"][1]["neuron"]["tau"]
    assert taus["said"] == (1e-4, pytest.approx(2.0))
    assert taus["given"] == (5e-5, pytest.approx(4.0))


def test_events_are_taken_for_events_if_asked(here: Call, foreign: Path, tmp_path: Path) -> None:
    call = ("run", foreign, "--input", "v.npy", "-o", "s.npz")
    assert here(*call).returncode == 0
    result = here(*call, "--events")
    assert result.returncode == 2
    assert "v.npy: holds values that are no event counts; give integers >= 0" in result.stderr
    assert "events input 5" in here("show", foreign, "--events").stdout


@pytest.mark.parametrize("target", TARGETS)
def test_a_nir_file_is_compiled_for_every_target(
    here: Call, foreign: Path, tmp_path: Path, target: str
) -> None:
    require("onnx")
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        result = here("compile", foreign, "--target", target, folder=folder)
        assert result.returncode == 0, result.stderr
    written = [{p.name: p.read_bytes() for p in folder.glob("*/*")} for folder in folders]
    assert written[0] == written[1]
    assert {*own_files(target), "report.json"} <= written[0].keys()
    assert (folders[0] / f"other-{target}").is_dir()
    identity = sha256(foreign.read_bytes()).hexdigest()
    assert json.loads(written[0]["report.json"])["source"]["sha256"] == identity
    if target in ("onnx", "pytorch"):
        assert any(identity.encode() in data for name, data in written[0].items() if name != "report.json")


@pytest.mark.parametrize("target", FLOATING)
@each(*FLOATING)
def test_an_artefact_is_compiled_for_another_target(
    here: Call, subject: Path, target: str, artefacts: dict[str, Path], tmp_path: Path
) -> None:
    """The same network comes out, whichever way it went."""
    result = here("compile", subject, "--target", target, "-o", "out")
    assert result.returncode == 0, result.stderr
    folders = (artefacts[target], tmp_path / "out")
    for number, folder in enumerate(folders):
        call = ("run", folder, "--input", "x.npy", "-o", f"{number}.npz")
        assert here(*call).returncode == 0
    assert (tmp_path / "0.npz").read_bytes() == (tmp_path / "1.npz").read_bytes()
    source = json.loads((tmp_path / "out" / "report.json").read_text())["source"]
    if subject.name != "nir":
        digests = {
            name: sha256((subject / name).read_bytes()).hexdigest() for name in own_files(subject.name)
        }
        assert source == {"folder": subject.name, "files": digests}


def test_a_nir_file_written_again_is_the_same_file(
    here: Call, artefacts: dict[str, Path], tmp_path: Path
) -> None:
    written = artefacts["nir"] / "network.nir"
    for number, given in enumerate((written, artefacts["nir"])):
        result = here("compile", given, "--target", "nir", "-o", f"out{number}")
        assert result.returncode == 0, result.stderr
        assert (tmp_path / f"out{number}" / "network.nir").read_bytes() == written.read_bytes()


def test_accuracy_of_a_nir_file_takes_each_output_for_a_class(
    here: Call, foreign: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "y.npy", np.array([0, 1, 2, 1]))
    options = ("--option", "calibrate=v.npy", "--option", "labels=y.npy")
    result = here("compile", foreign, "--target", "lava", *options, "-o", "out")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1].startswith("accuracy on 4 samples, each of the 3 outputs a class: ")
    assert json.loads((tmp_path / "out" / "report.json").read_text())["accuracy"]["samples"] == 4
    np.save(tmp_path / "y.npy", np.array([0, 1, 2, 3]))
    result = here("compile", foreign, "--target", "lava", *options, "-o", "other")
    assert result.returncode == 2
    assert "option labels: hold 3, the network has classes 0 to 2; " in result.stderr
