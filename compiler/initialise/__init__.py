"""Weights for networks that have none: as training starts from, random or dyadic."""

from msc.compiler.initialise.dyadic import dyadic_model
from msc.compiler.initialise.inputs import draw_input
from msc.compiler.initialise.random import random_model
from msc.compiler.initialise.untrained import initial_model

__all__ = ["draw_input", "dyadic_model", "initial_model", "random_model"]
