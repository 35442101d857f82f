"""Writes a network as the source of a stand-alone torch module that a person can read."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any, assert_never

from msc.backends.pytorch.identifiers import MODULE_NAMES, Identifiers
from msc.ir.graph import update_order
from msc.ir.network import Network, Population, Projection, Sign
from msc.ir.neurons import InputKind, Source
from msc.ir.ops import AvgPool2d, Conv1d, Conv2d, Flatten, Linear, Op, Pair, Quantise, Scale, Shape, SumPool2d
from msc.ir.shapes import population_shapes, projection_shapes

_WIDTH = 110
_LOCALS = "self x frame steps state past outputs synapses torch nn F Tensor Path load_file Network load"


@dataclass(frozen=True)
class Names:
    """The identifier of each population and projection, by its name in the IR."""

    populations: dict[str, str]
    projections: dict[str, str]


def identifiers(network: Network) -> Names:
    """Choose the identifiers: layers keep their names, projections are called source_to_target."""
    taken = Identifiers(MODULE_NAMES | set(_LOCALS.split()) | set(_template()))
    populations = {p.name: taken.claim(p.name) for p in network.populations}
    return Names(
        populations,
        {
            p.name: taken.claim(f"{populations[p.source]}_to_{populations[p.target]}")
            for p in network.projections
        },
    )


def weight_names(network: Network) -> dict[str, str]:
    """Map each weight of the network to its name in the module's state dict."""
    names = identifiers(network)
    keys = {p.bias_key: f"{names.populations[p.name]}.bias" for p in network.populations}
    for projection in network.projections:
        module = names.projections[projection.name]
        for index in range(len(projection.ops)):
            inside = f".{index}" if len(projection.ops) > 1 else ""
            keys[projection.weight_key(index)] = f"{module}{inside}.weight"
    return keys


def bias_shape(shape: Shape) -> Shape:
    """The shape in which one bias per channel broadcasts over a population of `shape`."""
    return (shape[0], *[1] * (len(shape) - 1))


def generate(network: Network) -> str:
    """Write the source of network.py: the parts it needs, one class, and `load`."""
    names = identifiers(network)
    shapes = population_shapes(network)
    imports = [
        '"""' + _summary(network, shapes) + '"""\n',
        "from __future__ import annotations\n",
        "from pathlib import Path\nfrom typing import Any\n",
        "import torch\nfrom safetensors.torch import load_file\nfrom torch import Tensor, nn\n",
    ]
    body = [*_parts(network), _network_class(network, names, shapes), _LOAD]
    return "\n".join(imports) + "\n\n" + "\n\n\n".join(body) + "\n"


_LOAD = '''def load(weights: Path = Path(__file__).parent / "weights.safetensors") -> Network:
    """Build the network with the weights of the file beside this one."""
    network = Network()
    network.load_state_dict(load_file(weights))
    return network.eval()'''


def _summary(network: Network, shapes: dict[str, Shape]) -> str:
    inputs, output = _signature(network, shapes)
    return f"""A spiking network compiled by msc; it needs torch and safetensors only.

    from network import load
    network = load()
    output = network(x)

x: {inputs}.
output: {output}.
I[t] of a population is its bias plus what its projections deliver; delayed ones deliver what their source
emitted that many steps ago, nothing before the first step. State starts at zero in every call.
"""


def _signature(network: Network, shapes: dict[str, Shape]) -> tuple[str, str]:
    source = network.source.neuron
    assert isinstance(source, Source)
    inside, outside = (", ".join(map(str, s)) for s in (source.shape, shapes[network.output]))
    emitted = "membrane" if type(network.population(network.output).neuron).__name__ == "LI" else "spikes"
    match source.kind:
        case InputKind.STATIC:
            inputs = f"float frames [B, {inside}], shown at every one of the T steps"
        case InputKind.ANALOG:
            inputs = f"float values [T, B, {inside}]"
        case InputKind.EVENTS:
            inputs = f"event counts as floats [T, B, {inside}], clipped to 0 and 1"
        case _:
            assert_never(source.kind)
    return inputs, f"the {emitted} of {network.output} [T, B, {outside}]"


def _template() -> dict[str, str]:
    """Read the template's classes, name -> source."""
    text = files("msc.backends.pytorch").joinpath("templates", "neurons.py").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef):
            segment = ast.get_source_segment(text, node)
            assert segment is not None
            found[node.name] = segment
    return found


def _parts(network: Network) -> list[str]:
    """Collect the classes the network uses, in the template's order."""
    used = {type(p.neuron).__name__ for p in network.populations} | {"Spike", "Neuron"}
    used |= {type(op).__name__ for p in network.projections for op in p.ops} & {"Scale"}
    return [text for name, text in _template().items() if name in used]


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
    return "\n".join([*lines, "", *_forward(network, names, shapes)])


def _neuron_lines(called: str, population: Population, shape: Shape) -> list[str]:
    bias = repr(bias_shape(shape)) if population.bias else "None"
    values = "".join(f", {f.name}={getattr(population.neuron, f.name)!r}" for f in fields(population.neuron))
    start = f"        self.{called} = {type(population.neuron).__name__}("
    one_line = f"{start}{bias}{values})"
    return [one_line] if len(one_line) <= _WIDTH else [start, f"            {bias}{values}", "        )"]


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
            raise AssertionError("only fixed-point networks quantise, and they are refused before")
        case _:
            assert_never(op)


def _arguments(op: Op, usual: Mapping[str, Any]) -> str:
    """Write the keyword arguments that differ from torch's defaults."""
    given = {name: getattr(op, name) for name in usual}
    return "".join(f", {name}={value}" for name, value in given.items() if value != usual[name])


def _window(kernel: Pair, stride: Pair, padding: Pair) -> str:
    return f"{kernel}, stride={stride}" + (f", padding={padding}" if any(padding) else "")


def _forward(network: Network, names: Names, shapes: dict[str, Shape]) -> list[str]:
    """Write `forward`: what is constant, then one loop over the steps."""
    source = network.source.neuron
    assert isinstance(source, Source)
    static = source.kind is InputKind.STATIC
    default = "" if network.timesteps is None else f" = {network.timesteps}"
    lines = [
        f"    def forward(self, x: Tensor{f', steps: int{default}' if static else ''}) -> Tensor:",
        '        """Compute the output, [T, B, ...], from rest."""',
    ]
    if source.kind is InputKind.EVENTS:
        lines.append("        x = x.clamp(0, 1).round()")
    constant = [p for p in network.out_of(network.source.name) if static and not p.delay]
    for projection in constant:
        if projection.ops:
            called = names.projections[projection.name]
            lines.append(f"        {called} = self.{called}(x)  # the frame never changes: once")
    lines.append("        state: dict[str, Any] = {}")
    lines += _past_lines(network, names, shapes, static)
    lines += ["        outputs = []", f"        for {'_ in range(steps)' if static else 'frame in x'}:"]
    for name in update_order(network):
        if name != network.source.name:
            lines += _update_lines(network, names, name, {p.name for p in constant})
    lines.append(f"            outputs.append({names.populations[network.output]})")
    for name in _delayed_sources(network):
        called = names.populations[name]
        lines.append(
            f'            past["{called}"] = [{_emitted(network, names, name)}, *past["{called}"][:-1]]'
        )
    return [*lines, "        return torch.stack(outputs)"]


def _past_lines(network: Network, names: Names, shapes: dict[str, Shape], static: bool) -> list[str]:
    """Write the memory that delayed projections read: the last values emitted, the newest first."""
    lines: list[str] = []
    for name, longest in _delayed_sources(network).items():
        size = ", ".join([f"x.shape[{0 if static else 1}]", *map(str, shapes[name])])
        lines.append(f'            "{names.populations[name]}": [x.new_zeros({size})] * {longest},')
    return ["        past = {", *lines, "        }"] if lines else []


def _delayed_sources(network: Network) -> dict[str, int]:
    """Find the populations that delayed projections read, with their longest delay."""
    delays = {p.name: max((q.delay for q in network.out_of(p.name)), default=0) for p in network.populations}
    return {name: delay for name, delay in delays.items() if delay}


def _emitted(network: Network, names: Names, name: str) -> str:
    """Name the variable that holds what a population emits in this step."""
    source = network.source
    if name != source.name:
        return names.populations[name]
    assert isinstance(source.neuron, Source)
    return "x" if source.neuron.kind is InputKind.STATIC else "frame"


def _update_lines(network: Network, names: Names, name: str, constant: set[str]) -> list[str]:
    called = names.populations[name]
    terms: list[str] = []
    for projection in network.into(name):
        module = names.projections[projection.name]
        spikes = _emitted(network, names, projection.source)
        if projection.delay:
            spikes = f'past["{names.populations[projection.source]}"][{projection.delay - 1}]'
        if not projection.ops:
            terms.append(spikes)
        else:
            terms.append(module if projection.name in constant else f"self.{module}({spikes})")
    if len(terms) == 1:
        lines = [f"            synapses = {terms[0]}"]
    else:
        rest = [f"                + {term}" for term in terms[1:]]
        lines = ["            synapses = (", f"                {terms[0]}", *rest, "            )"]
    return [
        *lines,
        f'            {called}, state["{called}"] = self.{called}(synapses, state.get("{called}"))',
    ]
