"""Bad input is refused with exit 2 and a line per offender, and nothing is left half-written."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from msc.compiler.cli.guarding import guarded
from tests.cli.calling import msc, refused

COMPILE = ("--target", "nir", "-o", "out")


def changed(genome: Path, folder: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """Write a genome with a change into the folder."""
    data = json.loads(genome.read_text())
    change(data)
    (folder / "bad.json").write_text(json.dumps(data))
    return folder / "bad.json"


def write_weights(genome: Path, folder: Path, owner: Path, edit: Callable[[dict[str, Any]], Any]) -> Path:
    """Write random weights of `genome`, edited, in a file that says it belongs to `owner`."""
    from msc.backends.weights import write_weights
    from msc.compiler.initialise import random_model
    from msc.search.canonical import genome_hash
    from msc.search.genome import load_genome
    from msc.search.lower import require_connected

    network = require_connected(load_genome(genome)).network
    weights = {name: np.array(array) for name, array in random_model(network, 0).weights.items()}
    edit(weights)
    path = folder / "w.safetensors"
    path.write_bytes(write_weights(weights, {"genome": genome_hash(load_genome(owner))}))
    return path


TEXTS = {
    "empty": b"",
    "malformed": b"{'a': 1}",
    "truncated": b'{"format": "msc.genome", "version": 1, "space": "mse-n',
    "nested": b"[" * 100_000 + b"]" * 100_000,
    "nested objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a list": b"[]",
    "a number": b"7",
    "not utf-8": b'{"format": "\xff\xfe"}',
    "nothing in it": b"{}",
    "huge number": b'{"version": 1' + b"0" * 5000 + b"}",
    "nan": b'{"version": NaN}',
    "zeros": b"\0" * 64,
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("command", [("show",), ("compile", *COMPILE)], ids=["show", "compile"])
def test_files_that_are_no_genome(tmp_path: Path, name: str, command: tuple[str, ...]) -> None:
    (tmp_path / "bad.json").write_bytes(TEXTS[name])
    lines = refused(msc(command[0], "bad.json", *command[1:], folder=tmp_path))
    assert lines[0].startswith("bad.json")
    assert sorted(os.listdir(tmp_path)) == ["bad.json"]


def test_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "bad.json").open("wb") as file:
        file.truncate(1 << 40)
    lines = refused(msc("show", "bad.json", folder=tmp_path), "is larger than")
    assert len(lines) == 1


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "unknown version": (lambda g: g.update(version=99), "version"),
    "other format": (lambda g: g.update(format="other"), "format"),
    "unknown space": (lambda g: g.update(space="other"), "space"),
    "unknown field": (lambda g: g.update(extra=1), "extra"),
    "no genes": (lambda g: g.pop("genes"), "genes"),
    "motif out of range": (lambda g: g["genes"]["layers"][0].update(motif=6), "motif"),
    "op out of range": (lambda g: g["genes"]["layers"][0]["ops"].__setitem__(1, 3), "ops"),
    "too few ops": (lambda g: g["genes"]["layers"][0]["ops"].pop(), "ops"),
    "wrong type": (lambda g: g["genes"]["layers"][0].update(motif="FE"), "motif"),
    "a float gene": (lambda g: g["genes"].update(g1=1.5), "g1"),
    "g1 out of range": (lambda g: g["genes"].update(g1=4), "g1"),
    "no channels": (lambda g: g["skeleton"].update(channels=0), "channels"),
    "negative classes": (lambda g: g["skeleton"].update(classes=-1), "classes"),
    "too many channels": (lambda g: g["skeleton"].update(channels=10**12), "channels"),
    "no time": (lambda g: g["skeleton"].update(timesteps=0), "timesteps"),
    "flat input": (lambda g: g["skeleton"].update(input_shape=[8, 8]), "input_shape"),
    "reductions beyond the map": (lambda g: g["skeleton"].update(reductions=list(range(40))), "reductions"),
    "threshold below reset": (lambda g: g["skeleton"]["neuron"].update(v_threshold=-1.0), "v_threshold"),
    "tau below 1": (lambda g: g["skeleton"]["neuron"].update(tau=0.5), "tau"),
    "unknown dale": (lambda g: g["skeleton"].update(dale="sometimes"), "dale"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_genomes_that_cannot_be(genome: Path, tmp_path: Path, name: str) -> None:
    change, word = CHANGES[name]
    path = changed(genome, tmp_path, change)
    refused(msc("compile", path.name, *COMPILE, folder=tmp_path), word)
    assert not (tmp_path / "out").exists()


def test_a_million_layers_are_refused(genome: Path, tmp_path: Path) -> None:
    layer = json.loads(genome.read_text())["genes"]["layers"][0]
    path = changed(genome, tmp_path, lambda g: g["genes"].update(layers=[layer] * 10**6))
    refused(msc("show", path.name, folder=tmp_path))


def test_all_offenders_are_listed(genome: Path, tmp_path: Path) -> None:
    def spoil(data: dict[str, Any]) -> None:
        data["genes"]["layers"][0]["motif"] = 9
        data["genes"]["g2"] = 7
        data["skeleton"]["channels"] = -3

    lines = refused(
        msc("show", changed(genome, tmp_path, spoil).name, folder=tmp_path), "motif", "g2", "channels"
    )
    assert len(lines) == 3


def test_a_disconnected_genome_is_shown_but_not_compiled(genome: Path, tmp_path: Path) -> None:
    def cut(data: dict[str, Any]) -> None:
        data["genes"]["layers"] = [{"motif": 1, "ops": [0] * 9}]
        data["skeleton"]["reductions"] = []

    path = changed(genome, tmp_path, cut)
    for command in (("compile", path, *COMPILE), ("verify", path)):
        assert len(refused(msc(*command, folder=tmp_path))) == 1
    assert msc("show", path, folder=tmp_path).returncode == 0
    assert sorted(os.listdir(tmp_path)) == ["bad.json"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("missing.json", "missing.json: cannot read the genome"),
        (".", ".: is a folder without an artefact ("),
        ("empty.nir", "empty.nir: is empty; give a NIR file"),
        ("", "''"),
    ],
)
@pytest.mark.parametrize("command", ["show", "verify"])
def test_paths_that_are_no_genome(tmp_path: Path, command: str, name: str, text: str) -> None:
    (tmp_path / "empty.nir").write_bytes(b"")
    refused(msc(command, name, folder=tmp_path), text)


def test_weights_of_another_genome_are_refused_naming_both(
    genome: Path, events_genome: Path, tmp_path: Path
) -> None:
    from msc.search.canonical import genome_hash
    from msc.search.genome import load_genome

    path = write_weights(genome, tmp_path, events_genome, lambda weights: None)
    lines = refused(msc("compile", genome, "--weights", path.name, *COMPILE, folder=tmp_path))
    ours, other = genome_hash(load_genome(genome))[:12], genome_hash(load_genome(events_genome))[:12]
    assert lines[0].startswith(f"w.safetensors: belongs to genome {other}, this genome is {ours}; ")


WEIGHTS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "nan": (lambda w: w["head/bias"].fill(np.nan), "head/bias: holds values that are not finite"),
    "infinite": (lambda w: w["head/bias"].fill(np.inf), "head/bias: holds values that are not finite"),
    "missing": (lambda w: w.pop("head/bias"), "head/bias: missing"),
    "spare": (lambda w: w.update(spare=np.zeros(3, np.float32)), "spare: belongs to no part"),
    "shape": (lambda w: w.update({"head/bias": np.zeros(1, np.float32)}), "head/bias: has shape [1]"),
}


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize(
    "command", [("compile", *COMPILE), ("verify", "--on", "pytorch")], ids=["compile", "verify"]
)
def test_weights_that_do_not_fit(genome: Path, tmp_path: Path, name: str, command: tuple[str, ...]) -> None:
    edit, text = WEIGHTS[name]
    path = write_weights(genome, tmp_path, genome, edit)
    refused(msc(command[0], genome, "--weights", path.name, *command[1:], folder=tmp_path), text)
    assert not (tmp_path / "out").exists()


def test_good_weights_from_a_file_compile(genome: Path, tmp_path: Path) -> None:
    path = write_weights(genome, tmp_path, genome, lambda weights: None)
    result = msc("compile", genome, "--weights", path.name, *COMPILE, folder=tmp_path)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("spec", ["random:", "random:-1", "dyadic:x", "random:1.5", f"dyadic:{2**63}"])
def test_seeds_that_are_none(genome: Path, tmp_path: Path, spec: str) -> None:
    refused(msc("verify", genome, "--weights", spec, folder=tmp_path), "is no integer from 0 to 2^63 - 1")


@pytest.mark.parametrize(
    "data", [b"", b"\xff" * 100, (10**12).to_bytes(8, "little"), b"\x02" + b"\0" * 7 + b"{}"]
)
def test_files_that_hold_no_weights(genome: Path, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(data)
    refused(msc("compile", genome, "--weights", "w.safetensors", *COMPILE, folder=tmp_path), "w.safetensors")


INPUTS: dict[str, tuple[Any, str]] = {
    "too few axes": (np.zeros((1, 8, 8)), "shape [1, 8, 8] does not fit the static source"),
    "events": (np.zeros((4, 2, 1, 8, 8)), "shape [4, 2, 1, 8, 8] does not fit the static source"),
    "other map": (np.zeros((2, 1, 9, 9)), "give an array of shape [B,1,8,8]"),
    "no samples": (np.zeros((0, 1, 8, 8)), "holds no samples"),
    "nan": (np.full((1, 1, 8, 8), np.nan), "not finite"),
    "too large": (np.full((1, 1, 8, 8), 1e300), "not finite"),
    "text": (np.full((1, 1, 8, 8), "a"), "is not numeric"),
    "complex": (np.zeros((1, 1, 8, 8), np.complex64), "is not numeric"),
}


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("command", ["run", "verify"])
def test_inputs_that_do_not_fit(genome: Path, tmp_path: Path, name: str, command: str) -> None:
    array, text = INPUTS[name]
    np.save(tmp_path / "x.npy", array)
    lines = refused(msc(command, genome, "--input", "x.npy", folder=tmp_path), text)
    assert lines[0].startswith("x.npy: ")
    assert sorted(os.listdir(tmp_path)) == ["x.npy"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("compile", "--target", "loihi9"), "target loihi9: unknown; use one of: lava, nir, onnx, pytorch"),
        (("compile", "--target", "nir", "--option", "profile=r7"), "unknown value 'r7'; use one of: rt, r1"),
        (("compile", "--target", "nir", "--option", "speed"), "is not of the form key=value"),
        (("compile", "--target", "nir", "--option", "speed=1"), "has no such option; use one of: profile"),
        (
            ("compile", "--target", "nir", "--print-after", "nothing"),
            "there is no such pass; choose one of",
        ),
        (("verify", "--on", "brian"), "--on brian: there is no such simulator; choose from: reference"),
        (("verify", "--target", "loihi9"), "target loihi9: unknown"),
        (
            ("verify", "--target", "nir", "--on", "pytorch"),
            "--on pytorch: does not run what",
        ),
    ],
)
def test_names_that_do_not_exist(genome: Path, tmp_path: Path, arguments: tuple[str, ...], text: str) -> None:
    refused(msc(arguments[0], genome, *arguments[1:], folder=tmp_path), text)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--channels", "0"),
        ("--classes", "0"),
        ("--layers", "-1"),
        ("--layers", "1000000"),
        ("--timesteps", "0"),
        ("--input-shape", "3,0,8"),
        ("--input-shape", "8,8"),
        ("--input-shape", "a,b,c"),
        ("--input-shape", "3,99999999999,8"),
        ("--from", "missing.json"),
        ("--from", "missing.json", "--channels", "4"),
    ],
)
def test_new_refuses_impossible_skeletons(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    refused(msc("new", *arguments, folder=tmp_path))
    assert not os.listdir(tmp_path)


def test_outputs_that_cannot_be_written(genome: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for out in ("file", "file/inside"):
        lines = refused(msc("compile", genome, "--target", "nir", "-o", out, folder=tmp_path))
        assert lines[0].startswith("file")
    refused(msc("new", "-o", "nowhere/g.json", folder=tmp_path), "nowhere/g.json: ")
    refused(msc("new", "-o", ".", folder=tmp_path), ".: ")
    assert (tmp_path / "file").read_text() == "mine"
    assert os.listdir(tmp_path) == ["file"]


def test_a_full_device_leaves_nothing_half_written(genome: Path, tmp_path: Path) -> None:
    """A limit on file sizes stands for a full device: files of more than a few bytes cannot be written."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

    calls = [
        ("new", "-o", "new.json"),
        ("show", genome, "--svg", "g.svg"),
        ("compile", genome, "--target", "nir", "--weights", "dyadic", "-o", "out"),
        ("compile", genome, "--target", "pytorch", "--weights", "dyadic", "-o", "out"),
    ]
    for call in calls:
        lines = refused(msc(*call, folder=tmp_path, preexec_fn=limit))
        assert "cannot write" in lines[0]
        assert not os.listdir(tmp_path)


def test_an_old_file_survives_a_failed_write(tmp_path: Path) -> None:
    (tmp_path / "g.json").write_text("old")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))

    refused(msc("new", "-o", "g.json", folder=tmp_path, preexec_fn=limit), "cannot write")
    assert (tmp_path / "g.json").read_text() == "old"
    assert os.listdir(tmp_path) == ["g.json"]


@pytest.mark.parametrize("number", range(20))
def test_mutated_genomes_never_crash(genome: Path, tmp_path: Path, number: int) -> None:
    """Bytes flipped, cut, doubled: the command compiles the file or refuses it."""
    rng = np.random.default_rng(number)
    data = bytearray(genome.read_bytes())
    for _ in range(int(rng.integers(1, 4))):
        start = int(rng.integers(len(data)))
        length = int(rng.integers(1, 8))
        match number % 4:
            case 0:
                data[start : start + length] = rng.bytes(length)
            case 1:
                del data[start : start + length]
            case 2:
                data[start:start] = data[start : start + length]
            case _:
                data[start : start + 1] = str(int(rng.integers(-10, 10**9))).encode()
    (tmp_path / "m.json").write_bytes(data)
    result = msc("compile", "m.json", *COMPILE, folder=tmp_path)
    assert result.returncode in (0, 2), result.stderr
    assert "Traceback" not in result.stderr
    assert (tmp_path / "out").exists() == (result.returncode == 0)


def test_too_little_memory_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """numpy is asked for more than any address space holds, as a network too wide for the machine would."""

    def allocate() -> None:
        np.zeros(2**59)

    with pytest.raises(typer.Exit) as ended:
        guarded(allocate)()
    assert ended.value.exit_code == 2
    told = capsys.readouterr().err.strip()
    assert told.startswith("memory: is not enough (Unable to allocate")
    assert told.endswith("use fewer channels, a smaller input or fewer samples")
