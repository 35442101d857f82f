"""Neuron parameters on one line, for people."""

from __future__ import annotations

from dataclasses import asdict

from msc.ir.neurons import FloatNeuron


def parameter_text(neuron: FloatNeuron) -> str:
    """Tell a neuron and its parameters: `LIF tau=2.0 r=2.0 v_threshold=0.5 v_reset=0.0 v_leak=0.0`."""
    return " ".join([type(neuron).__name__, *(f"{name}={value!r}" for name, value in asdict(neuron).items())])
