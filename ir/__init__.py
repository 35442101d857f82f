"""The graph IR of spiking networks: what a network is, and what it means."""

from msc.ir.errors import MscError, Problem
from msc.ir.hashing import network_hash, weights_hash
from msc.ir.network import Model, Network, Norm, NormKind, Population, Projection, Sign
from msc.ir.neurons import IF, LI, LIF, CubaLIF, InputKind, Source
from msc.ir.ops import AvgPool2d, Conv1d, Conv2d, Flatten, Linear, Scale, SumPool2d
from msc.ir.shapes import population_shapes, weight_shapes
from msc.ir.simulate import Trace, simulate
from msc.ir.store import load_model, save_model
from msc.ir.text import parse_network, print_network
from msc.ir.verify import verify, verify_model

__all__ = [
    "IF",
    "LI",
    "LIF",
    "AvgPool2d",
    "Conv1d",
    "Conv2d",
    "CubaLIF",
    "Flatten",
    "InputKind",
    "Linear",
    "Model",
    "MscError",
    "Network",
    "Norm",
    "NormKind",
    "Population",
    "Problem",
    "Projection",
    "Scale",
    "Sign",
    "Source",
    "SumPool2d",
    "Trace",
    "load_model",
    "network_hash",
    "parse_network",
    "population_shapes",
    "print_network",
    "save_model",
    "simulate",
    "verify",
    "verify_model",
    "weight_shapes",
    "weights_hash",
]
