"""Names of values and weights in an ONNX file, each taken once, the same for equal networks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msc.ir.network import Network
from msc.ir.shapes import weight_shapes

INPUT, TIMESTEPS, OUTPUT = "input", "timesteps", "output"


class Names:
    """Hands out names, each once in the whole file, graphs inside nodes included."""

    def __init__(self, reserved: Iterable[str]) -> None:
        self._taken = set(reserved)

    def claim(self, wanted: str, *endings: str) -> str:
        """Take a name, and it with each ending; where one is taken, those of `wanted_2`, `wanted_3`, ..."""
        name, number = wanted, 2
        while any(name + ending in self._taken for ending in ("", *endings)):
            name, number = f"{wanted}_{number}", number + 1
        self._taken.update(name + ending for ending in ("", *endings))
        return name


def readable(projection: str) -> str:
    """Write a projection's name without the characters that some tools trip over."""
    return projection.replace(">", "_to_").replace("#", "_")


def weight_names(network: Network) -> dict[str, str]:
    """Name the tensor of every weight array, by its name in the IR; in a fixed order.

    `L1.A/bias` is L1.A.bias, `L1.A>L1.B/0/weight` L1.A_to_L1.B.weight, with the op's place in the chain where
    a projection has several weights. None has the name of a population, an input or the output.
    """
    keys = list(weight_shapes(network))
    owned = Counter(key.split("/")[0] for key in keys)
    names = Names((INPUT, TIMESTEPS, OUTPUT, *(p.name for p in network.populations)))
    named: dict[str, str] = {}
    for key in keys:
        owner, *place, parameter = key.split("/")
        only = owned[owner] == 1
        named[key] = names.claim(".".join([readable(owner), *([] if only else place), parameter]))
    return named
