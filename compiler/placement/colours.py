"""Colours of populations: hues follow the layers' order, lightness tells the populations of a layer apart."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, radians, sin

_FIRST_HUE, _LAST_HUE = 262.0, -8.0  # degrees: from blue over green and yellow to red
_LIGHTEST, _DARKEST = 0.76, 0.50  # readable on white and on black
_CHROMA = 0.125


def layer_of(population: str) -> str:
    """Name the layer of a population: "layer2" of "layer2.A"."""
    return population.split(".")[0]


def colours_of(populations: Sequence[str]) -> dict[str, str]:
    """Choose a colour (#rrggbb) for each population; the order is that of the layers."""
    layers: dict[str, list[str]] = {}
    for name in populations:
        layers.setdefault(layer_of(name), []).append(name)
    chosen: dict[str, str] = {}
    for place, members in enumerate(layers.values()):
        hue = _FIRST_HUE + (_LAST_HUE - _FIRST_HUE) * place / max(1, len(layers) - 1)
        for index, name in enumerate(members):
            share = index / (len(members) - 1) if len(members) > 1 else 0.4
            chosen[name] = _hex(_LIGHTEST + (_DARKEST - _LIGHTEST) * share, _CHROMA, hue)
    return chosen


def _hex(lightness: float, chroma: float, hue: float) -> str:
    """Convert a colour from OKLCH to sRGB (B. Ottosson, A perceptual color space, 2020)."""
    a, b = chroma * cos(radians(hue)), chroma * sin(radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return "#" + "".join(f"{_byte(value):02x}" for value in linear)


def _byte(linear: float) -> int:
    inside = min(1.0, max(0.0, linear))
    encoded = 12.92 * inside if inside <= 0.0031308 else 1.055 * inside ** (1 / 2.4) - 0.055
    return round(255 * encoded)
