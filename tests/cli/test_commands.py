"""The commands do what they say: genomes in, artefacts and spikes out, the same bytes every time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.calling import msc
from tests.cli.conftest import SMALL

TARGETS = {"nir": ("network.nir",), "pytorch": ("network.py", "weights.safetensors")}


def test_new_is_reproducible_and_replaces_only_what_is_named(tmp_path: Path) -> None:
    first = msc("new", "--seed", "3", *SMALL, folder=tmp_path)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("genome.json  mse-nas  ")
    data = (tmp_path / "genome.json").read_bytes()
    again = msc("new", "--seed", "3", *SMALL, folder=tmp_path)
    assert again.returncode == 2
    assert "genome.json: exists already; add -o genome.json to replace it" in again.stderr
    assert msc("new", "--seed", "3", *SMALL, "-o", "genome.json", folder=tmp_path).returncode == 0
    assert (tmp_path / "genome.json").read_bytes() == data
    assert msc("new", "--seed", "4", *SMALL, "-o", "genome.json", folder=tmp_path).returncode == 0
    assert (tmp_path / "genome.json").read_bytes() != data


def test_new_from_keeps_the_genes(genome: Path, tmp_path: Path) -> None:
    changes = ("--input-shape", "2,12,12", "--classes", "7")
    result = msc("new", "--from", genome, *changes, "-o", "other.json", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    before, after = json.loads(genome.read_text()), json.loads((tmp_path / "other.json").read_text())
    assert after["genes"] == before["genes"]
    assert after["skeleton"]["input_shape"] == [2, 12, 12]
    assert after["skeleton"]["classes"] == 7


@pytest.mark.parametrize("fixture", ["genome", "events_genome", "cell_genome"])
def test_show(fixture: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    path = request.getfixturevalue(fixture)
    result = msc("show", path, "--svg", "g.svg", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert (tmp_path / "g.svg").read_text().startswith("<svg")
    described = json.loads(msc("show", path, "--json", folder=tmp_path).stdout)
    assert described["hash"][:12] in result.stdout


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("fixture", ["genome", "events_genome", "cell_genome"])
def test_compile_writes_the_same_bytes_anywhere(
    fixture: str, target: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    path = request.getfixturevalue(fixture)
    folders = [tmp_path / "a", tmp_path / "deep" / "b"]
    for folder in folders:
        folder.mkdir(parents=True)
        result = msc("compile", path, "--target", target, folder=folder)
        assert result.returncode == 0, result.stderr
        assert "no --weights: using random:" in result.stderr
    written = [
        {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        for folder in folders
    ]
    assert written[0] == written[1]
    out = Path(f"{path.stem}-{target}")
    assert set(written[0]) == {out / name for name in (*TARGETS[target], "report.json")}


def test_report_says_what_was_compiled_and_how(genome: Path, tmp_path: Path) -> None:
    result = msc("compile", genome, "--target", "nir", "--weights", "dyadic:4", "-o", "out", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "no --weights" not in result.stderr
    text = (tmp_path / "out" / "report.json").read_text()
    report = json.loads(text)
    shown = json.loads(msc("show", genome, "--json", folder=tmp_path).stdout)
    assert report["genome_hash"] == shown["hash"]
    assert report["weights"] == "dyadic:4"
    assert len(report["weights_hash"]) == 64
    assert {"msc", "python", "numpy", "nir"} <= set(report["versions"])
    assert [step["exactness"] for step in report["passes"]]
    assert report["sizes"]["files"]["network.nir"] == (tmp_path / "out" / "network.nir").stat().st_size
    assert str(tmp_path) not in text


def test_print_after_prints_networks_that_parse(genome: Path, tmp_path: Path) -> None:
    from msc.ir.text import parse_network

    call = ("compile", genome, "--target", "nir", "-o", "out", "--force", "--print-after")
    everything = msc(*call, "all", folder=tmp_path).stdout
    sections = [part for part in everything.split("# after ") if "msc.network" in part]
    assert len(sections) >= 2
    name, _, text = sections[1].partition("\n")
    one = msc(*call, name, folder=tmp_path).stdout
    assert text.strip() in one
    network_text = one.partition("\n")[2]
    table = network_text.index("\nfile ")
    assert parse_network(network_text[:table].rstrip() + "\n").populations


def test_folder_is_overwritten_only_by_force(genome: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("kept")
    call = ("compile", genome, "--target", "nir", "-o", "out")
    refusal = msc(*call, folder=tmp_path)
    assert refusal.returncode == 2
    assert "out: the folder is not empty; choose another one or add --force" in refusal.stderr
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["mine.txt"]
    assert msc(*call, "--force", folder=tmp_path).returncode == 0
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {"mine.txt", "network.nir", "report.json"}


@pytest.mark.parametrize("on", ["reference", "pytorch"])
def test_run_writes_every_population(genome: Path, tmp_path: Path, on: str) -> None:
    frames = np.random.default_rng(1).integers(0, 17, (2, 1, 8, 8)) / 16
    np.save(tmp_path / "x.npy", frames)
    call = ("run", genome, "--weights", "dyadic", "--input", "x.npy", "--on", on, "-o", "s.npz")
    result = msc(*call, folder=tmp_path)
    assert result.returncode == 0, result.stderr
    spikes = np.load(tmp_path / "s.npz")
    np.testing.assert_array_equal(spikes["output"], spikes["head"])
    assert spikes["output"].shape[:2] == (4, 2)
    assert {spikes[name].dtype for name in spikes} == {np.dtype("uint8")}
    assert "input" not in spikes
    assert {"stem", "head", "output"} <= set(spikes)
    first = (tmp_path / "s.npz").read_bytes()
    assert msc(*call, folder=tmp_path).returncode == 0
    assert (tmp_path / "s.npz").read_bytes() == first


def test_run_takes_as_many_event_steps_as_the_file_has(events_genome: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(1).integers(0, 2, (7, 2, 2, 8, 8)).astype(np.uint8))
    result = msc("run", events_genome, "--input", "x.npy", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert np.load(tmp_path / "events-spikes.npz")["output"].shape[:2] == (7, 2)


def test_verify_agrees_on_dyadic_weights(genome: Path, tmp_path: Path) -> None:
    result = msc("verify", genome, "--weights", "dyadic", "--on", "pytorch", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "equal" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    found = json.loads(
        msc("verify", genome, "--weights", "dyadic", "--on", "pytorch", "--json", folder=tmp_path).stdout
    )
    assert found["ok"] is True
    assert [entry["verdict"] for entry in found["results"]] == ["equal"]


def test_verify_exits_1_where_a_simulator_differs(genome: Path, tmp_path: Path) -> None:
    """A simulator with another threshold, put in place of ours, is found out."""
    code = (
        "from msc.backends.simulators import pytorch\n"
        "from types import SimpleNamespace\n"
        "from msc.backends.simulators.contracts import Requirements\n"
        "true = pytorch.SIMULATOR\n"
        "def run(model, inputs, timesteps):\n"
        "    return {name: 1 - values for name, values in true.run(model, inputs, timesteps).items()}\n"
        "pytorch.SIMULATOR = SimpleNamespace(\n"
        "    name='pytorch', target='pytorch', requirements=Requirements(), run=run)\n"
        "from msc.compiler.cli import main\nmain()\n"
    )
    import subprocess
    import sys

    from tests.cli.calling import environment

    result = subprocess.run(
        [sys.executable, "-c", code, "verify", str(genome), "--weights", "dyadic", "--on", "pytorch"],
        capture_output=True, text=True, cwd=tmp_path, env=environment(), timeout=120,
    )  # fmt: skip
    assert result.returncode == 1, result.stderr
    assert "differing" in result.stdout


def test_one_weights_spec_is_the_same_in_every_command(genome: Path, tmp_path: Path) -> None:
    """`random` without a seed takes the genome's; named or not, the weights are those."""
    seed = json.loads(genome.read_text())["seed"]
    hashes = set()
    for number, weights in enumerate([(), ("--weights", "random"), ("--weights", f"random:{seed}")]):
        call = ("compile", genome, "--target", "nir", *weights, "-o", f"out{number}")
        assert msc(*call, folder=tmp_path).returncode == 0
        hashes.add(json.loads((tmp_path / f"out{number}" / "report.json").read_text())["weights_hash"])
    assert len(hashes) == 1
    other = ("compile", genome, "--target", "nir", "--weights", f"random:{seed + 1}", "-o", "other")
    assert msc(*other, folder=tmp_path).returncode == 0
    assert json.loads((tmp_path / "other" / "report.json").read_text())["weights_hash"] not in hashes


def test_verify_takes_the_reference_by_name(genome: Path, tmp_path: Path) -> None:
    result = msc("verify", genome, "--weights", "dyadic", "--on", "reference,pytorch", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert [line.split()[:2] for line in result.stdout.splitlines()[1:3]] == [
        ["reference", "equal"],
        ["pytorch", "equal"],
    ]
