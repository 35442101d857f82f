"""What a learner does otherwise where it fine-tunes for a fixed-point target."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from msc.backends.pytorch.fake_quantise import FakeQuantisedNetwork
from msc.backends.pytorch.network import SpikingNetwork
from msc.backends.pytorch.surrogates import Surrogate
from msc.compiler.contracts import CompileError
from msc.ir.network import Model, Network, Weights
from msc.search.training.finetuning import Quantised, find_finetuning
from msc.search.training.health import TrainError
from msc.search.training.start import Start

Classify: TypeAlias = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From frames to the output [T, B, classes * votes] in float32 and mean rates, as `Classifier` gives them."""


class Tuner:
    """One network's fine-tuning; raises CompileError where its target refuses the start."""

    def __init__(self, network: Network, start: Start) -> None:
        self._network, self._start, self._kind = network, start, find_finetuning(start.kind)
        self._checked(start.weights)

    def module(self, surrogate: Surrogate, device: str) -> FakeQuantisedNetwork:
        """Make the network to train, with the weights to start from."""
        module = FakeQuantisedNetwork(self._network, surrogate)
        module.load_weights(self._start.weights)
        module.to(device)
        self.follow(module)
        return module

    def follow(self, module: SpikingNetwork) -> None:
        """Quantise the weights as they are now; raises TrainError where they have left what can be held."""
        assert isinstance(module, FakeQuantisedNetwork)
        with _left():
            quantised = self._quantised(module.export_weights())
        module.follow(quantised.model, quantised.units)

    def emulated(self, weights: Weights, names: Sequence[str], device: str) -> Classify:
        """Quantise weights, to classify by what the chip would do; rates come in the order of `names`.

        Raises TrainError where the target would refuse them by now.
        """
        with _left():
            fixed = self._checked(weights).model

        def classify(frames: Tensor) -> tuple[Tensor, Tensor]:
            spikes = self._kind.run(fixed, frames.cpu().numpy())
            outputs = torch.from_numpy(spikes[self._network.output]).to(device, torch.float32)
            # What the compiler drops never fires.
            means = [float(np.mean(spikes[name])) if name in spikes else 0.0 for name in names]
            return outputs, torch.tensor(means)

        return classify

    def _quantised(self, weights: Weights) -> Quantised:
        return self._kind.quantised(Model(self._network, weights), self._start.options)

    def _checked(self, weights: Weights) -> Quantised:
        quantised = self._quantised(weights)
        self._kind.check(quantised, self._start.options)
        return quantised


@contextmanager
def _left() -> Generator[None]:
    """Turn the refusal of weights that were trained into the end of their training."""
    try:
        yield
    except CompileError as error:
        fix = "train with a lower learning rate"
        raise TrainError(replace(problem, fix=fix) for problem in error.problems) from error
