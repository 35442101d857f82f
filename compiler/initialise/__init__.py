"""Weights for networks that have none, random or dyadic, calibrated so that every population is alive."""

from msc.compiler.initialise.dyadic import dyadic_model
from msc.compiler.initialise.inputs import draw_input
from msc.compiler.initialise.random import random_model

__all__ = ["draw_input", "dyadic_model", "random_model"]
