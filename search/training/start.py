"""From what a fine-tuning starts, and the file that keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from msc.backends.weights import read_weights, write_weights
from msc.ir.files import write_atomic
from msc.ir.hashing import weights_hash
from msc.ir.network import Weights
from msc.search.training.metrics import FineTuned, MetricsError
from msc.search.training.runfolder import START


@dataclass(frozen=True, eq=False)
class Start:
    """From which weights a fine-tuning starts, of which kind it is, with which options of its target."""

    kind: str
    options: Mapping[str, str]
    weights: Weights

    @property
    def told(self) -> FineTuned:
        """What the record of a training says of it."""
        return FineTuned(self.kind, self.options, weights_hash(self.weights))


def write_start(folder: Path, start: Start, genome: str) -> None:
    """Write RUN/start.safetensors, the first weights of a fine-tuning, for the genome of that hash."""
    write_atomic(folder / START, write_weights(start.weights, {"genome": genome}))


def read_start(folder: Path, finetuned: FineTuned) -> Start:
    """Read RUN/start.safetensors back; raises FileError, WeightsError, or MetricsError for another."""
    start = Start(finetuned.kind, finetuned.options, read_weights(folder / START)[0])
    found = start.told.weights
    if found != finetuned.weights:
        what = f"holds weights {found[:12]}, the run started from {finetuned.weights[:12]}"
        raise MetricsError.of(str(folder / START), what, "restore the file, or start a new run")
    return start
