"""What an update takes, by kind of neuron."""

from __future__ import annotations

import pytest

from msc.compiler.energy.updates import Update, kind_words, update
from msc.ir.neurons import IF, LI, LIF, CubaLIF, FixedLIF, Neuron, Source

KINDS: dict[str, tuple[Neuron, Update, str]] = {
    "lif": (LIF(), Update(1, 1, 1), "LIF 1 MAC and 1 add"),
    "if": (IF(), Update(0, 2, 1), "IF 2 adds"),
    "cuba": (CubaLIF(), Update(2, 1, 2), "CubaLIF 2 MACs and 1 add"),
    "li": (LI(), Update(1, 0, 1), "LI 1 MAC"),
    "fixed": (FixedLIF(4095, 2048), Update(1, 1, 1), "FixedLIF 1 MAC and 1 add"),
    "fixed without leak": (FixedLIF(4095, 0), Update(0, 2, 1), "FixedLIF 2 adds"),
    "fixed with current": (FixedLIF(1000, 700), Update(2, 1, 2), "FixedLIF 2 MACs and 1 add"),
    "fixed, current only": (FixedLIF(0, 0), Update(1, 2, 2), "FixedLIF 1 MAC and 2 adds"),
}


@pytest.mark.parametrize("name", KINDS)
def test_an_update_of_each_kind(name: str) -> None:
    neuron, expected, words = KINDS[name]
    assert update(neuron, False) == expected
    assert kind_words(neuron, False) == words


@pytest.mark.parametrize("name", KINDS)
def test_a_bias_is_one_more_addition(name: str) -> None:
    neuron, plain, _ = KINDS[name]
    expected = Update(plain.multiply_accumulates, plain.additions + 1, plain.states)
    assert update(neuron, True) == expected


def test_a_source_is_not_updated() -> None:
    assert update(Source((3,)), False) == Update(0, 0, 0)


def test_a_leaky_neuron_with_a_bias_takes_one_mac_and_two_additions() -> None:
    """As shared/facts A7 counts it."""
    assert kind_words(LIF(), True) == "LIF 1 MAC and 2 adds"
