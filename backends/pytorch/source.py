"""Writes a network as the source of a stand-alone torch module that a person can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, assert_never

from msc.backends.pytorch.identifiers import Names, identifiers
from msc.backends.pytorch.parts import parts
from msc.backends.pytorch.stepping import WIDTH, Writer
from msc.ir.errors import Problem
from msc.ir.fixed import floating_point_only
from msc.ir.graph import update_order
from msc.ir.network import Network, Population, Projection, Sign
from msc.ir.neurons import LI, InputKind, Source
from msc.ir.ops import AvgPool2d, Conv1d, Conv2d, Flatten, Linear, Op, Pair, Quantise, Scale, Shape, SumPool2d
from msc.ir.shapes import population_shapes, projection_shapes

_IMPORTS = """from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

HERE = Path(globals().get("__file__", "")).parent  # a notebook has no file: the folder it works in"""

_LOAD = '''def load(weights: str | Path = HERE / "weights.safetensors") -> Network:
    """Build the network with its weights, by default those in the file beside this one."""
    network = Network()
    network.load_state_dict(load_file(weights))
    return network.eval()'''


def bias_shape(shape: Shape) -> Shape:
    """The shape in which one bias per channel broadcasts over a population of `shape`."""
    return (shape[0], *[1] * (len(shape) - 1))


def inexpressible(network: Network) -> tuple[Problem, ...]:
    """List what a generated module cannot say: fixed point, and norms, which are folded before."""
    quantising = [p for p in network.projections if any(isinstance(op, Quantise) for op in p.ops)]
    return (
        *floating_point_only(network, "PyTorch"),
        *(
            Problem(f"projection {p.name}", "quantises its input", "compile the network it was made from")
            for p in quantising
        ),
        *(
            Problem(f"projection {p.name}", "has a norm", "fold it into the weights")
            for p in network.projections
            if p.norm is not None
        ),
    )


def generate(network: Network) -> str:
    """Write the source of network.py: the parts it needs, one class, and `load`."""
    names = identifiers(network)
    shapes = population_shapes(network)
    head = f'"""{_summary(network, shapes)}"""\n\n{_IMPORTS}'
    return "\n\n\n".join([head, *parts(network), _network_class(network, names, shapes), _LOAD]) + "\n"


def _summary(network: Network, shapes: dict[str, Shape]) -> str:
    source = network.source.neuron
    assert isinstance(source, Source)
    inside, outside = (", ".join(map(str, s)) for s in (source.shape, shapes[network.output]))
    match source.kind:
        case InputKind.STATIC:
            default = "T" if network.timesteps is None else str(network.timesteps)
            call, inputs = (
                f"network(x, timesteps={default})",
                f"frames as floats [B, {inside}], the same in every step",
            )
        case InputKind.ANALOG:
            call, inputs = "network(x)", f"values as floats [T, B, {inside}]"
        case InputKind.EVENTS:
            call, inputs = "network(x)", f"event counts as floats [T, B, {inside}], clipped to 0 and 1"
        case _:
            assert_never(source.kind)
    emitted = "membranes" if isinstance(network.population(network.output).neuron, LI) else "spikes"
    frame = "x" if source.kind is InputKind.STATIC else "x[t]"
    return f"""A spiking network compiled by msc; it needs torch and safetensors only.

    from network import load
    network = load()
    output = {call}
    output, state = network.step({frame}, state)  # one time step; the first from state = None

x: {inputs}.
output: the {emitted} of {network.output} [T, B, {outside}], of one step [B, {outside}].
state: all that lasts from step to step, by name: a membrane ("a"), the synaptic current of a CubaLIF
("a.current"), what a population emitted two steps ago ("a@2"); each [B, ...].
I of a population is its bias plus what its projections deliver.
"""


def _network_class(network: Network, names: Names, shapes: dict[str, Shape]) -> str:
    counted = f"{len(network.populations) - 1} populations of neurons, {len(network.projections)} projections"
    lines = [
        "class Network(nn.Module):",
        f'    """{counted}, in order of update."""',
        "",
        "    def __init__(self) -> None:",
        "        super().__init__()",
    ]
    for name in update_order(network):
        population = network.population(name)
        if population.is_source:
            continue
        for projection in network.into(name):
            lines += _module_lines(projection, names, shapes[projection.source])
        lines += _neuron_lines(names.populations[name], population, shapes[name])
    return "\n".join([*lines, "", *Writer(network, names, shapes).methods()])


def _neuron_lines(called: str, population: Population, shape: Shape) -> list[str]:
    bias = repr(bias_shape(shape)) if population.bias else "None"
    values = "".join(f", {f.name}={getattr(population.neuron, f.name)!r}" for f in fields(population.neuron))
    start = f"        self.{called} = {type(population.neuron).__name__}("
    one_line = f"{start}{bias}{values})"
    return [one_line] if len(one_line) <= WIDTH else [start, f"            {bias}{values}", "        )"]


def _module_lines(projection: Projection, names: Names, source: Shape) -> list[str]:
    remark = [] if projection.sign is Sign.FREE else [projection.sign.value]
    remark += [f"delay {projection.delay}"] if projection.delay else []
    above = [f"        # {', '.join(remark)}"] if remark and projection.ops else []
    chain = projection_shapes(projection, source)
    modules = [_module(op, shape) for op, shape in zip(projection.ops, chain, strict=False)]
    attribute = f"        self.{names.projections[projection.name]} = "
    if len(modules) > 1:
        return [*above, f"{attribute}nn.Sequential(", *(f"            {m}," for m in modules), "        )"]
    return [*above, f"{attribute}{modules[0]}"] if modules else []


def _module(op: Op, shape: Shape) -> str:
    match op:
        case Conv2d():
            usual = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
            extra = _arguments(op, usual)
            return f"nn.Conv2d({shape[0]}, {op.out_channels}, {op.kernel}{extra}, bias=False)"
        case Conv1d():
            usual = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
            extra = _arguments(op, usual)
            return f"nn.Conv1d({shape[0]}, {op.out_channels}, {op.kernel}{extra}, bias=False)"
        case Linear():
            return f"nn.Linear({shape[0]}, {op.out_features}, bias=False)"
        case AvgPool2d():
            return f"nn.AvgPool2d({_window(op.kernel, op.stride, op.padding)})"
        case SumPool2d():
            return f"nn.AvgPool2d({_window(op.kernel, op.stride, op.padding)}, divisor_override=1)"
        case Flatten():
            return "nn.Flatten()"
        case Scale():
            return f"Scale({op.factor!r})"
        case Quantise():
            raise AssertionError("networks that quantise are refused before")
        case _:
            assert_never(op)


def _arguments(op: Op, usual: Mapping[str, Any]) -> str:
    """Write the keyword arguments that differ from torch's defaults."""
    given = {name: getattr(op, name) for name in usual}
    return "".join(f", {name}={value}" for name, value in given.items() if value != usual[name])


def _window(kernel: Pair, stride: Pair, padding: Pair) -> str:
    return f"{kernel}, stride={stride}" + (f", padding={padding}" if any(padding) else "")
