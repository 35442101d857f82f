"""An artefact's folder is read back as the model it was made of, or refused with all that is wrong."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, load_file, save_file

from msc.backends.pytorch.artefact import open_artefact
from msc.backends.pytorch.reading import ArtefactError, read_files
from msc.backends.pytorch.target import TARGET
from msc.backends.weights import write_weights
from msc.ir.hashing import network_hash, weights_hash
from msc.ir.network import Model, Network
from msc.ir.text import MAX_CHARACTERS
from tests import networks as shared
from tests.backends.pytorch.examples import FIXTURES, dyadic_weights, networks
from tests.backends.pytorch.modules import written

MODEL = shared.NETWORKS["cuba"]


def assert_equal(found: Model, expected: Model) -> None:
    assert found.network == expected.network
    assert set(found.weights) == set(expected.weights)
    for key, array in expected.weights.items():
        np.testing.assert_array_equal(found.weights[key], array)


@pytest.mark.parametrize("name", [*shared.NETWORKS, *FIXTURES])
def test_the_model_is_read_back(name: str, tmp_path: Path) -> None:
    model = shared.NETWORKS[name] if name in shared.NETWORKS else dyadic_weights(FIXTURES[name], 1)
    assert_equal(TARGET.read(str(written(model, tmp_path))), model)


@settings(max_examples=40, deadline=None)
@given(networks(), st.integers(0, 2**31))
def test_any_network_survives_its_files(network: Network, seed: int) -> None:
    model = dyadic_weights(network, seed)
    files = TARGET.emit(model, {}).files
    found = read_files(files)
    assert_equal(found, model)
    assert TARGET.emit(found, {}).files == files


def test_the_weights_say_what_they_belong_to() -> None:
    files = TARGET.emit(MODEL, {}, {"genome": "ab" * 32}).files
    metadata = header(files["weights.safetensors"])["__metadata__"]
    assert set(metadata) == {"format", "version", "text", "network", "weights", "code", "genome"}
    assert metadata["format"] == "msc.pytorch"
    assert metadata["version"] == "1"
    assert metadata["text"].startswith("msc.network 1\noutput out\ntimesteps 4\n")
    assert metadata["network"] == network_hash(MODEL.network)
    assert metadata["weights"] == weights_hash(MODEL.weights)
    assert metadata["code"] == sha256(files["network.py"]).hexdigest()
    assert metadata["genome"] == "ab" * 32


def test_labels_do_not_replace_what_reading_needs() -> None:
    assert_equal(read_files(TARGET.emit(MODEL, {}, {"text": "mine", "format": "mine"}).files), MODEL)


def test_nothing_of_the_folder_is_run_or_imported(tmp_path: Path) -> None:
    folder = written(MODEL, tmp_path)
    mark = "import pathlib; pathlib.Path('ran').touch()\n"
    (folder / "torch.py").write_text(mark)
    (folder / "network.py").write_text(mark + (folder / "network.py").read_text())
    with pytest.raises(ArtefactError):
        TARGET.read(str(folder))
    assert not Path("ran").exists()
    assert "network" not in sys.modules


def header(data: bytes) -> dict[str, Any]:
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])


def changed(folder: Path, change: Callable[[dict[str, np.ndarray], dict[str, str]], None]) -> None:
    """Rewrite weights.safetensors with other arrays or metadata."""
    path = folder / "weights.safetensors"
    arrays, metadata = load_file(path), header(path.read_bytes())["__metadata__"]
    change(arrays, metadata)
    path.write_bytes(write_weights(arrays, metadata))


def refusal(folder: Path) -> list[str]:
    with pytest.raises(ArtefactError) as caught:
        TARGET.read(str(folder))
    return str(caught.value).replace(f"{folder}/", "").splitlines()


AGAIN = "compile the network again"


def test_edited_code_is_refused(tmp_path: Path) -> None:
    folder = written(MODEL, tmp_path)
    source = (folder / "network.py").read_text()
    (folder / "network.py").write_text(source.replace("tau_mem=2.0", "tau_mem=3.0", 1))
    assert refusal(folder) == [
        "network.py: was changed after msc made it, and msc reads and runs only what it wrote itself; "
        "import it yourself, or compile the network again"
    ]


def test_edited_weights_are_refused(tmp_path: Path) -> None:
    def change(arrays: dict[str, np.ndarray], _metadata: dict[str, str]) -> None:
        arrays["a.bias"][0] += 1

    changed(written(MODEL, tmp_path), change)
    assert refusal(tmp_path) == [f"weights.safetensors: its weights were changed after msc made it; {AGAIN}"]


def test_weights_saved_without_metadata_are_refused(tmp_path: Path) -> None:
    path = written(MODEL, tmp_path) / "weights.safetensors"
    save_file(load_file(path), path)
    assert refusal(tmp_path) == [
        "weights.safetensors: is of format 'none', version 'none', expected 'msc.pytorch', '1'; " + AGAIN
    ]


def test_the_weights_of_a_training_are_refused(tmp_path: Path) -> None:
    written(MODEL, tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(write_weights(MODEL.weights, {"genome": "ab"}))
    assert refusal(tmp_path) == [
        "weights.safetensors: is of format 'msc.weights', version '1', expected 'msc.pytorch', '1'; " + AGAIN
    ]


def test_missing_files_are_all_named(tmp_path: Path) -> None:
    absent = [
        f"{name}: cannot read the {what} (no such file or directory); check the path"
        for name, what in (("network.py", "PyTorch artefact"), ("weights.safetensors", "weight file"))
    ]
    assert refusal(tmp_path) == absent
    (tmp_path / "network.py").mkdir()
    assert refusal(tmp_path)[0].startswith("network.py: cannot read the PyTorch artefact (is a directory)")
    with pytest.raises(ArtefactError, match=r"network\.py: is missing; compile"):
        open_artefact({"weights.safetensors": b""})


def test_metadata_that_is_not_there_is_named(tmp_path: Path) -> None:
    def change(_arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
        del metadata["text"], metadata["code"]

    changed(written(MODEL, tmp_path), change)
    assert refusal(tmp_path) == [
        f"weights.safetensors: its metadata have no {key!r}; {AGAIN}" for key in ("text", "code")
    ]


def test_everything_that_does_not_belong_together_is_listed(tmp_path: Path) -> None:
    def change(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
        del arrays["a.bias"]
        arrays["out.bias"] = arrays["out.bias"][:3]
        arrays["more"] = np.ones(1, np.float32)
        metadata["network"] = "0" * 64

    changed(written(MODEL, tmp_path), change)
    (tmp_path / "network.py").write_text("")
    told = refusal(tmp_path)
    assert [line.split("; ")[0] for line in told] == [
        "network.py: was changed after msc made it, and msc reads and runs only what it wrote itself",
        "weights.safetensors: its network is not the one whose hash it has",
        "weights.safetensors, array a.bias: is missing",
        "weights.safetensors, array out.bias: has shape [3], its network needs [5]",
        "weights.safetensors, array more: belongs to no part of the network",
    ]


def test_values_no_network_can_have_are_refused(tmp_path: Path) -> None:
    def change(arrays: dict[str, np.ndarray], _metadata: dict[str, str]) -> None:
        arrays["a.bias"][0] = np.nan

    changed(written(MODEL, tmp_path), change)
    assert refusal(tmp_path)[0].startswith(
        "weights.safetensors, weights a/bias: holds values that are not finite"
    )


TEXT = "msc.network 1\noutput out\npopulation input Source shape=4\npopulation out LIF\n"
HOSTILE = {
    "empty": ("", "weights.safetensors, network: is empty"),
    "no network": ("\0" * 1000, "weights.safetensors, network, line 1: expected 'msc.network 1'"),
    "huge": ("#" * (MAX_CHARACTERS + 1), "weights.safetensors, network: has more than 4000000 characters"),
    "many lines": ("\n" * 200_000, "weights.safetensors, network: has more than 4000000 characters or"),
    "code": (TEXT.replace(" out", " exit()"), "weights.safetensors, population 'exit()': the name has"),
    "huge shape": (
        TEXT + "projection p source=input target=out\n    Linear out_features=999999999\n",
        "weights.safetensors, array input_to_out.weight: is missing",
    ),
    "cycle": (
        TEXT + "projection p source=input target=out\nprojection q source=out target=out\n",
        "weights.safetensors, cycle out -> out: no projection on it has a delay",
    ),
    "fixed point": (
        TEXT.replace("LIF", "FixedLIF") + "projection p source=input target=out\n    Linear out_features=5\n",
        "weights.safetensors, network: is in fixed point, PyTorch is not",
    ),
    "norm": (
        TEXT + "projection p source=input target=out\n    Linear out_features=5\n    norm batch eps=1e-5\n",
        "weights.safetensors, projection p: has a norm",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_text_that_is_no_network_is_refused(name: str, tmp_path: Path) -> None:
    text, told = HOSTILE[name]

    def change(_arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
        metadata["text"] = text

    changed(written(MODEL, tmp_path), change)
    lines = refusal(tmp_path)
    assert any(line.startswith(told) for line in lines), lines
    assert all(len(line) < 400 for line in lines)


@pytest.mark.parametrize("length", [0, 7, 8, 100, 2000, -1])
def test_files_that_are_cut_off_are_refused(length: int, tmp_path: Path) -> None:
    path = written(MODEL, tmp_path) / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    assert re.match(r"weights.safetensors(, array [\w.]+)?: ", refusal(tmp_path)[0])


def test_code_of_another_version_is_read_but_not_run() -> None:
    """What an msc wrote whose templates were others: the model is all there, but who vouches for the code?"""
    files = dict(TARGET.emit(MODEL, {}).files)
    older, weights = files["network.py"] + b"\nraise SystemExit\n", files["weights.safetensors"]
    metadata = {**header(weights)["__metadata__"], "code": sha256(older).hexdigest()}
    files = {"network.py": older, "weights.safetensors": write_weights(load(weights), metadata)}
    assert_equal(read_files(files), MODEL)
    with pytest.raises(ArtefactError) as caught:
        open_artefact(files)
    assert str(caught.value) == (
        "network.py: is not what this msc writes for its network (another version wrote it, or it was "
        "changed), and msc runs only code that it wrote itself; import it yourself, or compile the network "
        "again"
    )
