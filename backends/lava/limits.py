"""What Lava's processes can hold of a network in machine time: synapses, biases, kernels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.compiler.fixed.biases import LARGEST_EXPONENT, LARGEST_MANTISSA
from msc.compiler.fixed.inputs import LARGEST_MESSAGE
from msc.compiler.fixed.weights import EXCITATORY, INHIBITORY, MIXED, weight_range
from msc.compiler.timing import is_retimed
from msc.ir.errors import Problem
from msc.ir.fixed import is_fixed_point, on_host
from msc.ir.network import Model, Network, Population, Projection
from msc.ir.neurons import FixedLIF, InputKind, Source
from msc.ir.ops import Conv2d, Flatten, Linear, Op, Quantise, Scale
from msc.ir.step import WEIGHT_UNIT
from msc.ir.verify import LARGEST_DECAY

EXPONENTS = range(LARGEST_EXPONENT + 1)  # of a bias: 3 bits (lava-nc 0.10, lif/models.py)
LARGEST_BYTE = 127  # of a kernel's size, stride, padding and dilation, signed bytes (conv/models.py)

_MODES = {
    EXCITATORY: "excitatory: 0 to 255",
    INHIBITORY: "inhibitory: -255 to 0",
    MIXED: "mixed signs: even, -256 to 254",
}


def bias_exponent(machine: Model, population: Population) -> int | None:
    """Choose the least exponent e with which every bias is mantissa * 2^e; None where there is none.

    A population has one exponent. Currents that the host adds to the bias count with all they can be.
    """
    sizes, grains = np.zeros(1, np.int64), [0]
    if population.bias:
        biases = machine.weights[population.bias_key].astype(np.int64)
        sizes, grains = np.abs(biases), biases.tolist()
    for projection in machine.network.into(population.name):
        match projection.ops:
            case (*_, Quantise(limit=limit), Scale(factor=factor)):
                grain = WEIGHT_UNIT * abs(factor)
                if not grain.is_integer():
                    return None
                sizes, grains = sizes + limit * int(grain), [*grains, int(grain)]
            case _:
                pass
    for exponent in EXPONENTS:
        if sizes.max() <= LARGEST_MANTISSA << exponent and not any(g % (1 << exponent) for g in grains):
            return exponent
    return None


def lava_problems(machine: Model) -> tuple[Problem, ...]:
    """List what Lava cannot hold, or would hold as something else without saying so."""
    if not is_fixed_point(machine.network):
        return (Problem("network", "is in floating point, Lava counts in integers", "quantise it"),)
    found = [problem for p in machine.network.projections for problem in _projection_problems(p, machine)]
    if found:
        return tuple(found)
    if not is_retimed(machine.network):
        return (Problem("network", "is not in machine time", "retime it: one machine step per synapse"),)
    return tuple(_bias_problems(machine))


def _projection_problems(projection: Projection, machine: Model) -> Iterator[Problem]:
    where = f"projection {projection.name}"
    if not _is_one_kernel(projection, machine.network):
        chain = ", ".join(type(op).__name__ for op in projection.ops) or "nothing"
        yield Problem(where, f"is a chain of {chain}, no Lava process is", "make it one kernel")
        return
    for index, op in enumerate(projection.ops):
        if isinstance(op, Conv2d) and _largest(op) > LARGEST_BYTE and not on_host(projection):
            yield Problem(
                where, f"has a kernel, stride, padding or dilation above {LARGEST_BYTE}", "make it smaller"
            )
        if isinstance(op, Conv2d | Linear) and not on_host(projection):
            wrong, mode = wrong_weights(machine.weights[projection.weight_key(index)])
            if wrong:
                yield Problem(
                    f"weights {projection.weight_key(index)}",
                    f"holds {wrong} values that are no 8-bit synapses ({mode})",
                    "quantise the network",
                )


def _is_one_kernel(projection: Projection, network: Network) -> bool:
    ops = projection.ops
    source = network.population(projection.source).neuron
    if isinstance(source, Source):
        if source.kind is not InputKind.EVENTS:
            if not ops or not isinstance(ops[0], Quantise):
                return False
            if on_host(projection):
                host = isinstance(ops[-2], Quantise) and source.kind is InputKind.STATIC
                return host and _is_kernel(ops[1:-2])
            return ops[0].limit <= LARGEST_MESSAGE and _is_kernel(ops[1:])
        return _is_kernel(ops)
    return _is_kernel(ops) or not ops


def _is_kernel(ops: tuple[Op, ...]) -> bool:
    match ops:
        case (Conv2d(),) | (Linear(),) | (Flatten(), Linear()):
            return True
        case _:
            return False


def _largest(op: Conv2d) -> int:
    return max(max(getattr(op, name)) for name in ("kernel", "stride", "padding", "dilation"))


def wrong_weights(weight: NDArray[Any]) -> tuple[int, str]:
    """Count the weights that are no 8-bit synapse of their array's sign mode; names that mode."""
    allowed = weight_range(weight)
    wrong = (weight < allowed.lowest) | (weight > allowed.highest) | (weight % allowed.step != 0)
    return int(wrong.sum()), _MODES[allowed]


def _bias_problems(machine: Model) -> Iterator[Problem]:
    for population in machine.network.populations:
        if population.is_source:
            continue
        where = f"population {population.name}"
        if bias_exponent(machine, population) is None:
            yield Problem(
                where,
                f"its biases are no mantissas up to {LARGEST_MANTISSA} times one power of two up to 2^7",
                "quantise the network",
            )
        forgets = isinstance(population.neuron, FixedLIF) and population.neuron.decay_u == LARGEST_DECAY
        if not forgets and any(map(on_host, machine.network.into(population.name))):
            what = "gets its input as a bias, but remembers its current"
            yield Problem(where, what, f"give it decay_u {LARGEST_DECAY}")
