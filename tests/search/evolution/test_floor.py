"""The floor under network sizes is what a quarter of random genomes lie below."""

from __future__ import annotations

import numpy as np
import pytest

from msc.ir.shapes import neuron_count
from msc.search.evolution.floor import DRAWN, size_floor
from msc.search.generate import draw_connected, new_skeleton
from msc.search.lower import lower
from msc.search.spaces import find_space, space_names


@pytest.mark.parametrize("space", space_names())
def test_a_quarter_of_random_genomes_is_smaller(space: str) -> None:
    skeleton = new_skeleton(space, input_shape=(1, 8, 8), channels=4, layers=3)
    floor = size_floor(space, skeleton, 3, 0)
    assert floor == size_floor(space, skeleton, 3, 0)
    rng = np.random.default_rng(99)
    networks = [lower(draw_connected(find_space(space), skeleton, rng, 3, 0)).network for _ in range(200)]
    counts = [neuron_count(network) for network in networks if network is not None]
    assert len(counts) == 200
    assert floor in counts, "it is no size that a network has"
    assert np.mean(np.array(counts) < floor) < 0.4
    assert np.mean(np.array(counts) <= floor) > 0.1


def test_other_seeds_draw_others() -> None:
    skeleton = new_skeleton(input_shape=(1, 8, 8), channels=4, layers=3)
    assert DRAWN == 32
    assert len({size_floor("mse-nas", skeleton, 3, seed) for seed in range(4)}) > 1
