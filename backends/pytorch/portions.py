"""How many samples, and how many steps of them, the executor takes at once in bounded memory."""

from __future__ import annotations

from math import prod

from msc.backends.pytorch.lifetimes import spent
from msc.ir.graph import components
from msc.ir.network import Network
from msc.ir.shapes import population_shapes

PORTION_BYTES = 2**26
LONGEST_SPAN = 255
"""Steps, as many as a byte counts."""
# A span of steps is as long as leaves room for as many samples; shorter than a few steps, for a few at least.
_SAMPLES, _FEW_STEPS, _FEW_SAMPLES = 16, 4, 4


def portion(network: Network, steps: int) -> tuple[int, int]:
    """Choose how many samples, and how many of `steps` steps, to take at once in PORTION_BYTES.

    Half of that took a tenth longer (tried by hand); at least one step of one sample is taken.
    """
    each, carried = _bytes_per_step(network), _bytes_carried(network)
    many, few = ((PORTION_BYTES // samples - carried) // each for samples in (_SAMPLES, _FEW_SAMPLES))
    fitting = max(many, min(few, _FEW_STEPS), 1)
    at_once = min(fitting, steps, LONGEST_SPAN)
    at_once = -(-steps // -(-steps // at_once))  # spans of one length leave fewer holes in memory
    return max(PORTION_BYTES // (at_once * each + carried), 1), at_once


def _bytes_per_step(network: Network) -> int:
    """Bound what a step of a sample takes: what populations emit, while it is read, and currents."""
    shapes = population_shapes(network)
    order = components(network)
    held = largest = prod(shapes[network.source.name])
    for members, gone in zip(order, spent(network, order), strict=True):
        for name in members:
            held += prod(shapes[name]) if name != network.source.name else 0
        currents = sum(prod(shapes[name]) * (1 + len(network.into(name))) for name in members)
        largest = max(largest, held + currents)
        held -= sum(prod(shapes[name]) for name in gone)
    return 4 * largest


def _bytes_carried(network: Network) -> int:
    """Bound what a sample carries on: states, constant currents, what delayed projections read."""
    shapes = population_shapes(network)
    values = 0
    for population in network.populations:
        static = sum(p.source == network.source.name for p in network.into(population.name))
        longest = max((p.delay for p in network.out_of(population.name)), default=0)
        values += prod(shapes[population.name]) * (2 + static + longest)
    return 4 * values
