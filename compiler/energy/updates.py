"""What updates of neurons take, by kind of neuron: arithmetic, words of state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from msc.ir.neurons import IF, LI, LIF, CubaLIF, FixedLIF, Neuron, Source

_NO_CURRENT_KEPT = 4095  # FixedLIF's decay_u: nothing of the current is left after a step
_NO_LEAK = 0  # FixedLIF's decay_v: all of the membrane is left


@dataclass(frozen=True)
class Update:
    """One update of one neuron: its multiply-accumulates, its further additions, its words of state.

    A leak is one multiply-accumulate (state times what is left of it, plus what came in), an integration
    without leak one addition, a comparison with the threshold one, adding a bias or another constant
    current one. `w_in`, `r` and `1 / tau` are folded into the weights, `v_leak` into threshold, reset and
    output. A reset chooses a value and takes no arithmetic.
    """

    multiply_accumulates: int
    additions: int
    states: int


NO_UPDATE = Update(0, 0, 0)


def update(neuron: Neuron, adds_constant: bool) -> Update:
    """Say what an update of a neuron takes; `adds_constant`: its population has a bias, or a held current.

    V' = l V + I: 1 MAC. V' = V + I: 1 addition. V >= threshold: 1 addition.
    """
    constant = int(adds_constant)
    match neuron:
        case Source():
            return NO_UPDATE
        case LIF():
            return Update(1, 1 + constant, 1)
        case IF():
            return Update(0, 2 + constant, 1)
        case CubaLIF():
            return Update(2, 1 + constant, 2)
        case LI():
            return Update(1, constant, 1)
        case FixedLIF(decay_u, decay_v, _):
            keeps_current, leaks = decay_u != _NO_CURRENT_KEPT, decay_v != _NO_LEAK
            additions = 1 + constant + (not leaks)
            return Update(int(keeps_current) + int(leaks), additions, 1 + keeps_current)
        case _:
            assert_never(neuron)


def kind_words(neuron: Neuron, adds_constant: bool) -> str:
    """Write what an update of a neuron takes: "LIF 1 MAC and 2 adds"."""
    found = update(neuron, adds_constant)
    macs, adds = found.multiply_accumulates, found.additions
    parts = [f"{macs} MAC{'s' if macs > 1 else ''}"] if macs else []
    parts += [f"{adds} add{'s' if adds > 1 else ''}"] if adds else []
    return f"{type(neuron).__name__} {' and '.join(parts)}"
