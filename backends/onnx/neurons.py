"""The neurons as ONNX functions: one time step of a population, in standard operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, assert_never

import numpy as np
import onnx
from onnx.helper import make_node, make_opsetid

from msc.backends.onnx.graphs import DOMAIN, OPSET, Graph
from msc.backends.onnx.parameters import parameter_text
from msc.ir.network import Population
from msc.ir.neurons import IF, LI, LIF, CubaLIF, FloatNeuron, in_floating_point

_TITLES = {
    "LIF": "Leaky integrate-and-fire with hard reset",
    "IF": "Integrate-and-fire with hard reset",
    "CubaLIF": "Current-based leaky integrate-and-fire with hard reset, which spares the synaptic current",
    "LI": "Leaky integrator without a threshold",
}


def state_names(neuron: FloatNeuron) -> tuple[str, ...]:
    """Name what a neuron keeps from step to step, in the order of the function's inputs."""
    return ("membrane", "synaptic") if isinstance(neuron, CubaLIF) else ("membrane",)


def add_neurons(
    graph: Graph,
    population: Population,
    current: str,
    before: Sequence[str],
    emitted: str,
    after: Sequence[str],
) -> None:
    """Add a population's step: a call of its function, from current and states to spikes and states."""
    neuron = in_floating_point(population.neuron)
    function = neuron_function(neuron)
    given = {name: value for name, value in asdict(neuron).items() if name in function.attribute}
    told = parameter_text(neuron)
    graph.call(function, [current, *before], [emitted, *after], population.name, given, told)


def neuron_function(neuron: FloatNeuron) -> onnx.FunctionProto:
    """Make the function of a neuron kind, with the terms that this neuron has.

    A term that changes nothing (r = tau, v_leak = 0, v_reset = 0) is not computed and no attribute; the name
    tells those that are: LIF, LIF_r, LIF_r_v_leak and so on. The attributes are float32, as the states.
    Where 1 - 1/tau is exact in float32 the membrane is multiplied by it; where it is not, its rounding would
    add up over tau steps, and what is lost, membrane/tau, is subtracted (`_lossy` in the name).
    """
    draft = _Draft(type(neuron).__name__)
    match neuron:
        case LIF() | LI():
            draft.lossy = not _keeps_exactly(neuron.tau)
            _leak(draft, ("membrane", "current", "v"), ("tau", neuron.tau), ("r", neuron.r), neuron.v_leak)
        case IF():
            scale = draft.term("r", neuron.r != 1.0, "r = 1")
            drive = draft.add("Mul", ["current", scale], "driven") if scale else "current"
            draft.add("Add", ["membrane", drive], "v")
            draft.lines.append(f"v = membrane + {'r current' if scale else 'current'}")
        case CubaLIF():
            draft.lossy = not (_keeps_exactly(neuron.tau_syn) and _keeps_exactly(neuron.tau_mem))
            tau_syn, tau_mem = ("tau_syn", neuron.tau_syn), ("tau_mem", neuron.tau_mem)
            _leak(draft, ("synaptic", "current", "synaptic_next"), tau_syn, ("w_in", neuron.w_in), None)
            _leak(draft, ("membrane", "synaptic_next", "v"), tau_mem, ("r", neuron.r), neuron.v_leak)
        case _:
            assert_never(neuron)
    if isinstance(neuron, LI):
        draft.add("Identity", ["v"], "membrane_next")
        draft.add("Identity", ["v"], "emitted")
        draft.lines.append("emitted = membrane_next = v")
        return draft.function(state_names(neuron), "emitted")
    _fire(draft, neuron.v_reset)
    return draft.function(state_names(neuron), "spikes")


def _leak(
    draft: _Draft,
    names: tuple[str, str, str],
    tau: tuple[str, float],
    gain: tuple[str, float],
    v_leak: float | None,
) -> None:
    """Move a state by a drive: after = (1 - 1/tau) state + (gain/tau) drive + v_leak/tau.

    `names` are those of the state, the drive and the state after. What is constant here is computed by
    runtimes once, when they load the file.
    """
    state, drive, after = names
    one = draft.add("Constant", [], f"{after}.one", value_float=1.0)
    rate = draft.add("Div", [one, draft.parameter(tau[0])], f"{after}.rate")
    driven, told = drive, drive
    scale = draft.term(gain[0], gain[1] != tau[1], f"{gain[0]} = {tau[0]}")
    if scale:
        factor = draft.add("Div", [scale, tau[0]], f"{after}.gain")
        driven, told = draft.add("Mul", [drive, factor], f"{after}.driven"), f"({scale}/{tau[0]}) {drive}"
    leak = "" if v_leak is None else draft.term("v_leak", v_leak != 0, "v_leak = 0")
    if leak:
        leaked = draft.add("Div", [leak, tau[0]], f"{after}.leaked")
        driven, told = draft.add("Add", [driven, leaked], f"{after}.drawn"), f"{told} + {leak}/{tau[0]}"
    if draft.lossy:
        lost = draft.add("Mul", [state, rate], f"{after}.lost")
        draft.add("Add", [state, draft.add("Sub", [driven, lost], f"{after}.change")], after)
        draft.lines.append(f"{after} = {state} + ({told} - {state}/{tau[0]})")
    else:
        decay = draft.add("Sub", [one, rate], f"{after}.decay")
        draft.add("Add", [draft.add("Mul", [state, decay], f"{after}.kept"), driven], after)
        draft.lines.append(f"{after} = (1 - 1/{tau[0]}) {state} + {told}")


def _keeps_exactly(tau: float) -> bool:
    """Whether float32 arithmetic on a float32 tau finds the 1 - 1/tau that the IR means."""
    one = np.float32(1)
    return float(one - one / np.float32(tau)) == 1 - 1 / tau


def _fire(draft: _Draft, v_reset: float) -> None:
    """Emit a spike where v >= v_threshold, and reset the membrane there.

    The reset to 0 is arithmetic, which ONNX Runtime does faster than a choice.
    """
    fired = draft.add("GreaterOrEqual", ["v", draft.parameter("v_threshold")], "fired")
    spikes = draft.add("Cast", [fired], "spikes", to=onnx.TensorProto.FLOAT)
    draft.lines.append("spikes = 1 where v >= v_threshold, else 0")
    reset = draft.term("v_reset", v_reset != 0, "v_reset = 0")
    if reset:
        draft.add("Where", [fired, reset, "v"], "membrane_next")
        draft.lines.append("membrane_next = v_reset where it spikes, else v")
    else:
        draft.add("Sub", ["v", draft.add("Mul", ["v", spikes], "spent")], "membrane_next")
        draft.lines.append("membrane_next = v - v spikes: 0 where it spikes, else v")


@dataclass
class _Draft:
    """A function in the making: nodes, attributes, optional terms among them, and equations line by line."""

    kind: str
    lossy: bool = False
    nodes: list[onnx.NodeProto] = field(default_factory=list[onnx.NodeProto])
    attributes: list[str] = field(default_factory=list[str])
    terms: list[str] = field(default_factory=list[str])
    absent: list[str] = field(default_factory=list[str])
    lines: list[str] = field(default_factory=list[str])

    def add(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a node with one output, which is returned."""
        self.nodes.append(make_node(kind, list(inputs), [output], **attributes))
        return output

    def parameter(self, name: str) -> str:
        """Return an attribute of the function as a value."""
        self.attributes.append(name)
        node = make_node("Constant", [], [name])
        attribute: Any = node.attribute.add()
        attribute.name = "value_float"
        attribute.ref_attr_name = name
        attribute.type = onnx.AttributeProto.FLOAT
        self.nodes.append(node)
        return name

    def term(self, name: str, is_needed: bool, otherwise: str) -> str:
        """Return an attribute that the function is named after too; if not needed, what holds is noted."""
        if not is_needed:
            self.absent.append(otherwise)
            return ""
        self.terms.append(name)
        return self.parameter(name)

    def function(self, states: Sequence[str], emitted: str) -> onnx.FunctionProto:
        """Make the function, from the current and the states to what is emitted and the states after."""
        function = onnx.helper.make_function(
            DOMAIN,
            "_".join([self.kind, *self.terms, *(["lossy"] if self.lossy else [])]),
            ["current", *states],
            [emitted, *(f"{name}_next" for name in states)],
            self.nodes,
            [make_opsetid("", OPSET)],
            self.attributes,
        )
        told = [f"{_TITLES[self.kind]}: one time step of values of any shape.", *self.lines]
        if self.absent:
            told.append(f"Here {', '.join(self.absent)}.")
        told.append("Time constants are in time steps. At rest all states are 0.")
        function.doc_string = "\n".join(told)
        return function
