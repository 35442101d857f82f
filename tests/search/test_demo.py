"""The demo goes through the whole chain and leaves all of its files or none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from msc.backends.pytorch import SpikingNetwork
from msc.backends.pytorch.artefact import open_artefact
from msc.backends.weights import read_weights
from msc.ir.files import FileError
from msc.ir.graph import cyclic_projections
from msc.ir.network import Sign
from msc.search.canonical import canonical, genome_hash
from msc.search.data.digits import digits
from msc.search.demo import WIDTH, DemoResult, run_demo
from msc.search.genome import load_genome
from msc.search.lower import require_connected
from msc.search.readout import class_scores
from msc.search.training.fit import train
from msc.search.training.settings import Settings
from tests.requires import require

QUICK = Settings(epochs=2)
FILES = {
    "genome.json",
    "weights.safetensors",
    "verification.json",
    "nir/network.nir",
    "nir/report.json",
    "pytorch/network.py",
    "pytorch/weights.safetensors",
    "pytorch/report.json",
    "onnx/network.onnx",
    "onnx/report.json",
}


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, told: list[str]) -> DemoResult:
    require("sklearn", "scikit-learn")
    require("onnx")
    folder = tmp_path_factory.mktemp("demo") / "out"
    return run_demo(folder, echo=told.append, settings=QUICK, on=["reference", "pytorch"])


def test_the_shipped_genome_shows_what_the_space_can_do(result: DemoResult) -> None:
    genome = load_genome(result.folder / "genome.json")
    network = require_connected(genome).network
    assert network is not None
    assert len({p.name.split(".")[0] for p in network.populations if p.name.startswith("layer")}) >= 3
    assert sum(p.sign is Sign.INHIBITORY for p in network.projections) >= 2
    assert cyclic_projections(network)
    assert canonical(genome).genes == genome.genes


def test_a_short_training_already_works_and_verifies(result: DemoResult) -> None:
    assert result.accuracy > 0.6
    assert result.ok
    assert [r.simulator for r in result.verification.results] == ["reference", "pytorch"]
    assert result.artefact_agrees >= 0.99 * result.held_out


def test_it_leaves_all_its_files(result: DemoResult) -> None:
    folder = result.folder
    assert {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} == FILES
    genome = load_genome(folder / "genome.json")
    weights, metadata = read_weights(folder / "weights.safetensors")
    assert metadata["genome"] == genome_hash(genome)
    network = require_connected(genome).network
    assert network is not None
    module = SpikingNetwork(network).eval()
    module.load_weights(weights)
    files = {name: (folder / "pytorch" / name).read_bytes() for name in ("network.py", "weights.safetensors")}
    split = digits()
    inputs = torch.from_numpy(split.test_inputs)
    with torch.no_grad():
        trained, compiled = module(inputs), open_artefact(files)(inputs)
    for outputs in (trained, compiled):
        right = class_scores(outputs, 10).argmax(1).numpy() == split.test_labels
        assert np.mean(right) == pytest.approx(result.accuracy, abs=0.01)
    assert json.loads((folder / "verification.json").read_text())["ok"] is True
    assert json.loads((folder / "nir" / "report.json").read_text())["genome_hash"] == genome_hash(genome)


def test_it_tells_what_it_found_in_80_columns(result: DemoResult, told: list[str]) -> None:
    text = "\n".join(told).replace(str(result.folder), "msc-demo")
    assert max(map(len, text.splitlines())) <= WIDTH
    assert f"accuracy   {result.accuracy:.1%} of the 360 held-out digits" in text
    assert "pytorch: equal in 13 populations" in text
    for name in FILES:
        assert f"  msc-demo/{name}" in text
    for name in ("stem", "layer2.I", "head"):
        assert any(line.startswith(name) for line in told)


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    require("sklearn", "scikit-learn")

    def interrupt(what: str) -> None:
        if what.startswith("verifying"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_demo(tmp_path / "out", echo=lambda _: None, progress=interrupt, settings=Settings(epochs=1))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    told: list[str] = []
    with pytest.raises(FileError, match="the folder is not empty; choose another one or add --force"):
        run_demo(tmp_path, echo=told.append, progress=told.append)
    assert told == []
    assert (tmp_path / "mine").read_text() == "keep"


def test_train_takes_a_genome(result: DemoResult) -> None:
    genome = load_genome(result.folder / "genome.json")
    split = digits()
    split = replace(split, train_inputs=split.train_inputs[:64], train_labels=split.train_labels[:64])
    trained = train(genome, split, Settings(epochs=1, batch=32))
    assert set(trained.model.weights) == set(read_weights(result.folder / "weights.safetensors")[0])
