"""How many samples a network classifies right, before and after it was rounded to integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msc.compiler.cli.failures import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from msc.compiler.contracts import Options
    from msc.ir.network import Model

INPUTS, LABELS = "calibrate", "labels"
_BATCH = 64
_QUANTISED_BY = "quantise"  # the pass after which models are in integers


@dataclass
class Accuracy:
    """Keeps, of a compilation's models, the first one and the quantised one, to compare their predictions."""

    inputs: NDArray[Any]
    labels: NDArray[Any]
    classes: int
    floating: Model | None = None
    quantised: Model | None = None

    def see(self, name: str, model: Model) -> None:
        """Take a model that a compilation shows."""
        if name == "input":
            self.floating = model
        if name == _QUANTISED_BY:
            self.quantised = model

    def measure(self) -> dict[str, Any]:
        """Compute {"float", "quantised": shares of the samples classified right, "samples"}."""
        assert self.floating is not None
        assert self.quantised is not None
        return {
            "float": self._share(_outputs_in_floats(self.floating, self.inputs)),
            "quantised": self._share(_outputs_in_integers(self.quantised, self.inputs)),
            "samples": len(self.labels),
        }

    def _share(self, outputs: NDArray[Any]) -> float:
        return share_right(outputs, self.labels, self.classes)


def share_right(outputs: NDArray[Any], labels: NDArray[Any], classes: int) -> float:
    """Compute the share of samples that outputs [T, B, classes * votes] classify as the labels [B] say."""
    from msc.search.readout import class_scores

    scores: NDArray[np.float64] = class_scores(outputs.astype(float), classes)
    return float((scores.argmax(1) == labels).mean())


def asked_for(options: Options, classes: int, static: bool, owner: str) -> Accuracy | None:
    """Make what measures the accuracy on `calibrate` and `labels`; None where no labels are given.

    `classes` are those of the `owner`, a genome, or a network, each of whose outputs is a class. Raises
    UsageError where the labels do not fit the inputs or the classes.
    """
    if LABELS not in options:
        return None
    inputs, labels = options.get(INPUTS), options[LABELS]
    assert not isinstance(labels, str)
    if inputs is None or isinstance(inputs, str):
        raise _wrong("are given without inputs", f"add --option {INPUTS}=X.npy, what the labels belong to")
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise _wrong(f"are {labels.dtype} of shape {list(labels.shape)}", "save one integer per sample")
    axis = 0 if static else 1
    samples = inputs.shape[axis] if inputs.ndim > axis else 0
    if len(labels) != samples:
        raise _wrong(f"are {len(labels)}, {INPUTS} holds {samples} samples", "give one label per sample")
    outside = sorted({int(label) for label in labels if not 0 <= label < classes})
    if outside:
        found = ", ".join(map(str, outside[:5])) + (", .." if len(outside) > 5 else "")
        raise _wrong(
            f"hold {found}, the {owner} has classes 0 to {classes - 1}", "give labels of its classes"
        )
    return Accuracy(inputs, labels, classes)


def _outputs_in_floats(model: Model, inputs: NDArray[Any]) -> NDArray[Any]:
    """Run the executor, which is fast, in parts; it differs from the reference by rounding alone."""
    import numpy as np

    from msc.backends.simulators.pytorch import SIMULATOR
    from msc.compiler.cli.inputs import timesteps_of

    timesteps = timesteps_of(model)
    axis = 1 if timesteps is None else 0
    parts = np.split(inputs, range(_BATCH, inputs.shape[axis], _BATCH), axis)
    outputs = [SIMULATOR.run(model, part, timesteps)[model.network.output] for part in parts]
    return np.concatenate(outputs, axis=1)


def _outputs_in_integers(model: Model, inputs: NDArray[Any]) -> NDArray[Any]:
    from msc.backends.lava.emulator import emulate
    from msc.compiler.cli.inputs import timesteps_of

    return emulate(model, inputs, timesteps_of(model), record=[model.network.output]).outputs


def _wrong(what: str, fix: str) -> UsageError:
    return UsageError.of(f"option {LABELS}", what, fix)
