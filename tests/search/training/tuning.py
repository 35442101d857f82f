"""Small real fine-tunings for the tests: the genome of `runs`, and weights that were not trained."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from msc.compiler.initialise import random_model
from msc.ir.network import Network
from msc.search.lower import require_connected
from msc.search.training.running import Plan
from msc.search.training.settings import Settings
from msc.search.training.start import Start
from tests.search.training.runs import genome

SETTINGS = Settings(epochs=3, batch=32, validation=0.2, learning_rate=2e-3, weight_decay=0.0)


@cache
def network() -> Network:
    lowered = require_connected(genome()).network
    assert lowered is not None
    return lowered


def start(seed: int = 0, **options: str) -> Start:
    """Start from drawn weights: they are quantised and trained as others are."""
    return Start("loihi", options, random_model(network(), seed).weights)


def plan(settings: Settings = SETTINGS, **options: str) -> Plan:
    """Fine-tune that genome on digits."""
    return Plan(genome(), "digits", "none", settings, start=start(0, **options))


def files(folder: Path) -> dict[str, bytes]:
    """What a run leaves that must not depend on when and how often it was stopped."""
    names = ("weights.safetensors", "test.npz", "genome.json", "start.safetensors")
    return {name: (folder / name).read_bytes() for name in names}
