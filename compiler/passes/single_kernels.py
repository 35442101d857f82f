"""Makes every projection one convolution or one matrix."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from msc.compiler.chains import Chain, chain_of, names, with_chains
from msc.compiler.contracts import NO_OPTIONS, CompileError, Exactness, Options, PassResult, Property
from msc.compiler.kernels import Floats, Kernel, Values, composed, fits_one_window, pulled_back, unit_kernel
from msc.ir.errors import Problem, raise_all
from msc.ir.fixed import is_fixed_point
from msc.ir.network import Model, Projection, Sign
from msc.ir.ops import (
    AvgPool2d,
    Conv1d,
    Conv2d,
    Flatten,
    Linear,
    Op,
    Quantise,
    Scale,
    Shape,
    SumPool2d,
    output_shape,
)
from msc.ir.shapes import population_shapes

LARGEST_MATRIX = 2**25  # entries: a matrix made of pools or convolutions is dense, they were not


class NoKernelError(Exception):
    """A chain of ops is no single kernel; the text says why in one phrase."""


@dataclass(frozen=True)
class SingleKernels:
    """W_n .. W_1 x = (W_n .. W_1) x: `(Conv2d,)`, `(Linear,)` on vectors, or `(Flatten, Linear)`.

    An identity becomes a depthwise 1x1 convolution or a diagonal matrix, a pool a depthwise convolution;
    maps before a Flatten are spread over the columns of the matrix behind it, however exactly simulators
    compute them. Rounded: the products are rounded to float32. Fixed-point networks keep their form.
    """

    name: str = "single_kernels"
    exactness: Exactness = Exactness.ROUNDED
    requires: frozenset[Property] = frozenset(
        {Property.NORMS_FOLDED, Property.POOLS_FOLDED, Property.PARALLEL_MERGED}
    )
    promises: frozenset[Property] = frozenset({Property.ONE_KERNEL})

    def run(self, model: Model, options: Options = NO_OPTIONS) -> PassResult:
        """Join the ops of every projection; raises CompileError listing all that are no single kernel."""
        network = model.network
        if is_fixed_point(network):
            return PassResult(model)
        shapes = population_shapes(network)
        joined: dict[str, Chain] = {}
        problems: list[Problem] = []
        changes: list[str] = []
        for projection in network.projections:
            shape = shapes[projection.source]
            if is_one_kernel(projection.ops, shape):
                continue
            chain = chain_of(projection, model)
            try:
                kernel = one_kernel(chain, shape)
            except NoKernelError as reason:
                problems.append(_no_kernel(projection, chain, reason))
                continue
            joined[projection.name] = kernel
            changes.append(f"{projection.name}: {names(chain)} became {_told(kernel)}")
        raise_all(CompileError, problems)
        if not joined:
            return PassResult(model)
        result, worst = with_chains(model, joined)
        return PassResult(_freed(result, joined), tuple(changes), {"largest_relative_weight_error": worst})


def is_one_kernel(ops: tuple[Op, ...], shape: Shape) -> bool:
    """Whether ops on inputs of `shape` already are one kernel."""
    match ops:
        case (Conv2d(),) | (Linear(),):
            return True
        case (Flatten(), Linear()):
            return len(shape) > 1
        case _:
            return False


def one_kernel(chain: Chain, shape: Shape) -> Chain:
    """Join a chain of (op, weight) on inputs of `shape` into one kernel, in float64.

    Raises NoKernelError where it cannot be: the zero padding between two maps, more axes than a convolution
    has, a matrix too large.
    """
    if any(isinstance(op, Quantise) for op, _ in chain):
        raise NoKernelError("it quantises between other ops")
    if any(isinstance(op, Conv1d) for op, _ in chain):
        raise NoKernelError("it holds a one-dimensional convolution, which Loihi's tools do not have")
    plain, factor = _without_factors(chain)
    maps = [(op, weight) for op, weight in plain if isinstance(op, Conv2d | SumPool2d)]
    matrices = [weight for op, weight in plain if isinstance(op, Linear) and weight is not None]
    if len(shape) == 1 or any(isinstance(op, Flatten) for op, _ in plain):
        matrix = _matrix(maps, matrices, shape) * factor
        linear = Linear(len(matrix))
        return ((linear, matrix),) if len(shape) == 1 else ((Flatten(), None), (linear, matrix))
    conv, weight = _convolution(maps, shape)
    return ((conv, weight * factor),)


def _without_factors(chain: Chain) -> tuple[Chain, float]:
    """Take out scales, and make averages sums: the chain is what is left, times a factor."""
    left: list[tuple[Op, Values | None]] = []
    factor = 1.0
    for op, weight in chain:
        match op:
            case Scale():
                factor *= op.factor
            case AvgPool2d():
                factor /= prod(op.kernel)
                left.append((SumPool2d(op.kernel, op.stride, op.padding), None))
            case _:
                left.append((op, weight))
    return tuple(left), factor


def _convolution(maps: list[tuple[Conv2d | SumPool2d, Values | None]], shape: Shape) -> Kernel:
    """Compose maps, first to last, into one convolution; none of them are the identity."""
    if len(shape) != 3:
        raise NoKernelError(f"no convolution gives values of shape {list(shape)}")
    kernel = unit_kernel(shape[0])
    for op, weight in maps:
        following = _as_kernel(op, weight, kernel[0].out_channels)
        if not fits_one_window(kernel[0], following[0], shape):
            raise NoKernelError("the zero padding between its maps makes them no single convolution")
        kernel = composed(kernel, following)
    return kernel


def _matrix(
    maps: list[tuple[Conv2d | SumPool2d, Values | None]], matrices: list[Values], shape: Shape
) -> Floats:
    """Multiply matrices, first to last, and pull the product back through the maps before them."""
    before = [shape]
    for op, _ in maps:
        before.append(output_shape(op, before[-1]))
    rows = len(matrices[-1]) if matrices else prod(before[-1])
    largest = rows * max(prod(each) for each in before)
    if largest > LARGEST_MATRIX:
        raise NoKernelError(f"as one matrix it has {largest} entries, more than {LARGEST_MATRIX}")
    product: Floats = matrices[0].astype(np.float64) if matrices else np.eye(rows)
    for matrix in matrices[1:]:
        product = matrix.astype(np.float64) @ product
    for (op, weight), inputs in zip(reversed(maps), reversed(before[:-1]), strict=True):
        conv = unit_kernel(inputs[0], op)[0] if isinstance(op, SumPool2d) else op
        product = pulled_back(product, conv, weight, inputs)
    return product


def _as_kernel(op: Conv2d | SumPool2d, weight: Values | None, channels: int) -> Kernel:
    if isinstance(op, SumPool2d):
        return unit_kernel(channels, op)
    assert weight is not None
    return op, weight


def _freed(model: Model, joined: dict[str, Chain]) -> Model:
    """Free the sign of projections whose only weights, made from an identity or a scale, contradict it."""

    def signed(projection: Projection) -> bool:
        weight = joined[projection.name][-1][1]
        assert weight is not None
        if projection.sign is Sign.EXCITATORY:
            return bool((weight >= 0).all())
        return projection.sign is Sign.FREE or bool((weight <= 0).all())

    return Model(
        model.network.with_projections(
            tuple(
                p
                if p.name not in joined or signed(p)
                else Projection(p.name, p.source, p.target, p.ops, delay=p.delay)
                for p in model.network.projections
            )
        ),
        model.weights,
    )


def _told(kernel: Chain) -> str:
    op = kernel[-1][0]
    if isinstance(op, Conv2d):
        return f"a convolution {op.kernel[0]}x{op.kernel[1]}"
    assert kernel[-1][1] is not None
    rows, columns = kernel[-1][1].shape
    return f"a matrix {rows}x{columns}"


def _no_kernel(projection: Projection, chain: Chain, reason: NoKernelError) -> Problem:
    return Problem(
        f"projection {projection.name}",
        f"{names(chain)} is no single kernel: {reason}",
        "put a population between its maps, or change the padding or the sizes so that one kernel holds them",
    )


PASS = SingleKernels()
