"""The frames that a batch is shown, converted a few steps at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.ir.network import Network
from msc.ir.neurons import InputKind, Source
from msc.ir.simulate import input_frames

_STEPS = 16  # converted together


def frames_held(network: Network, steps: int) -> int:
    """Bound how many frames of one sample are held at once in a run of `steps` steps."""
    source = network.source.neuron
    assert isinstance(source, Source)
    return 1 if source.kind is InputKind.STATIC else min(steps, 2 * _STEPS + _longest(network))


class Frames:
    """The frames of some samples, float64 [B, *shape] a step, as `input_frames` makes them.

    `inputs` is [all samples, *shape] for a static source, else [T, all samples, *shape]. Steps are read in
    order, and back again as far as projections from the source are delayed.
    """

    def __init__(self, network: Network, inputs: NDArray[Any], samples: slice, steps: int) -> None:
        source = network.source.neuron
        assert isinstance(source, Source)
        self._source = source
        self.static = source.kind is InputKind.STATIC
        self._inputs = inputs[samples] if self.static else inputs[:, samples]
        self._steps = steps
        self._longest = _longest(network)
        self._pieces: dict[int, NDArray[np.float64]] = {}

    def at(self, step: int) -> NDArray[np.float64]:
        """Return the frame of a step; raises InputError where its values do not fit the source."""
        if self.static:
            if not self._pieces:
                self._pieces[0] = input_frames(self._source, self._inputs, self._steps)[1]
            return self._pieces[0]
        number, place = divmod(step, _STEPS)
        if number not in self._pieces:
            begin = number * _STEPS
            self._pieces[number] = input_frames(self._source, self._inputs[begin : begin + _STEPS], None)[1]
            for old in [n for n in self._pieces if (n + 1) * _STEPS <= begin - self._longest]:
                del self._pieces[old]
        return self._pieces[number][place]


def _longest(network: Network) -> int:
    return max((projection.delay for projection in network.out_of(network.source.name)), default=0)
