"""The skeleton a genome is mounted on: input, sizes, time steps, neuron, sign rule and recurrence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from msc.ir.neurons import LIF, InputKind
from msc.search.reading import Reader

if TYPE_CHECKING:
    from msc.search.spaces import Space

MOST_LAYERS = 128


class Dale(Enum):
    """Which weights keep one sign (facts: signs): out of inhibitory populations, inside motifs, or all."""

    INHIBITORY = "inhibitory"
    MOTIF = "motif"
    STRICT = "strict"
    NONE = "none"


class Recurrence(Enum):
    """Which projections of a cycle take a time step: every one (`synaptic`) or the backward one (`loop`)."""

    SYNAPTIC = "synaptic"
    LOOP = "loop"


@dataclass(frozen=True)
class Skeleton:
    """All that is not evolved. `input_shape` is [C, H, W]; `reductions` index layers; tau is in time steps.

    `hidden` (neurons of the hidden layer) and `pool` (second average pool) belong to space snasnet only.
    """

    input: InputKind
    input_shape: tuple[int, int, int]
    classes: int
    votes: int
    channels: int
    timesteps: int
    reductions: tuple[int, ...]
    neuron: LIF
    dale: Dale
    recurrence: Recurrence
    hidden: int | None = None
    pool: int | None = None

    @property
    def outputs(self) -> int:
        """The number of head neurons; neuron k * votes + j votes for class k."""
        return self.classes * self.votes


def read_skeleton(reader: Reader, space: Space, genes: Any) -> Skeleton:
    """Read a skeleton, noting problems in the reader; defaults are the space's."""
    kind = reader.choice("input", (InputKind.STATIC.value, InputKind.EVENTS.value))
    shape = reader.integers("input_shape", 3, 3, 1, 4096)
    layers = space.layer_count(genes)
    reductions = (
        reader.integers("reductions", 0, MOST_LAYERS, 0, MOST_LAYERS - 1) if layers is not None else ()
    )
    if layers is None and reader.has("reductions"):
        reader.integers("reductions", 0, 0, 0, 0)
    channels, height, width = shape if len(shape) == 3 else (1, 1, 1)
    skeleton = Skeleton(
        InputKind(kind),
        (channels, height, width),
        reader.integer("classes", 2, 100_000),
        reader.integer("votes", 1, 1000, 10),
        reader.integer("channels", 1, 4096),
        reader.integer("timesteps", 1, 1024),
        reductions,
        _read_neuron(reader.child("neuron"), space.neuron) if reader.has("neuron") else space.neuron,
        Dale(reader.choice("dale", tuple(d.value for d in Dale), space.dale.value)),
        Recurrence(reader.choice("recurrence", tuple(r.value for r in Recurrence), space.recurrence.value)),
        reader.integer("hidden", 1, 65_536, 1024) if layers is None else None,
        reader.integer("pool", 1, 64, 2) if layers is None else None,
    )
    if layers is not None and reader.sound("skeleton.reductions"):
        _check_reductions(reader, skeleton, layers)
    reader.finish()
    return skeleton


def write_skeleton(skeleton: Skeleton, space: Space) -> dict[str, Any]:
    """Make the JSON object of a skeleton."""
    neuron = skeleton.neuron
    written: dict[str, Any] = {
        "input": skeleton.input.value,
        "input_shape": list(skeleton.input_shape),
        "classes": skeleton.classes,
        "votes": skeleton.votes,
        "channels": skeleton.channels,
        "timesteps": skeleton.timesteps,
        "reductions": list(skeleton.reductions),
        "neuron": {
            "tau": neuron.tau,
            "r": _short(neuron.r),
            "v_threshold": _short(neuron.v_threshold),
        },
        "dale": skeleton.dale.value,
        "recurrence": skeleton.recurrence.value,
    }
    if skeleton.hidden is not None:
        written |= {"hidden": skeleton.hidden, "pool": skeleton.pool}
    return written


def fitting_reductions(reductions: tuple[int, ...], shape: tuple[int, int, int]) -> tuple[int, ...]:
    """Keep the leading reductions that leave the map at least 2 wide on both axes."""
    height, width = shape[1:]
    kept: list[int] = []
    for index in reductions:
        height, width = -(-height // 2), -(-width // 2)
        if min(height, width) < 2:
            break
        kept.append(index)
    return tuple(kept)


def _read_neuron(reader: Reader, default: LIF) -> LIF:
    tau = reader.number("tau", 1, 1e6, default.tau)
    neuron = LIF(
        tau,
        reader.number("r", 1e-6, 1e6, tau if default.r == default.tau else default.r),
        reader.number("v_threshold", 1e-6, 1e6, default.v_threshold),
    )
    reader.finish()
    return neuron


def _check_reductions(reader: Reader, skeleton: Skeleton, layers: int) -> None:
    """Note reductions out of order, beyond the layers or beyond the map, as far as those are known."""
    reductions = skeleton.reductions
    if list(reductions) != sorted(set(reductions)):
        reader.wrong("reductions", f"is {list(reductions)[:20]}", "list each layer once, in ascending order")
    for i, index in enumerate(reductions):
        if index >= layers and reader.sound("genes") and reader.sound("genes.layers"):
            reader.wrong(
                f"reductions[{i}]",
                f"names layer {index}, there are {layers} layers",
                "use an index below that",
            )
    side = max(skeleton.input_shape[1:])
    for i in range(len(reductions) if reader.sound("skeleton.input_shape") else 0):
        if side < 2:
            reader.wrong(
                f"reductions[{i}]",
                "would halve a map of one pixel",
                "reduce less often or use a larger input",
            )
            break
        side = -(-side // 2)


def _short(value: float) -> float:
    """The shortest decimal that reads back as the same float32."""
    import numpy as np

    return float(str(np.float32(value)))
