"""Values over all time steps: laid out by sample, folded for maps that know no time, shifted by delays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import onnx

from msc.backends.onnx.graphs import Graph
from msc.backends.onnx.naming import INPUT, TIMESTEPS
from msc.backends.onnx.sources import add_source, source_kind
from msc.backends.onnx.synapses import Synapses
from msc.ir.neurons import InputKind
from msc.ir.ops import Shape


@dataclass
class Timeline:
    """What each population emits, [B, T, *shape] (`emitted`, by population; a static source: [B, *shape]).

    Samples come first because a sample's steps then lie together in memory: ONNX Runtime's Scan can take
    one sample through time without copying. What it adds to the graph is added once.
    """

    graph: Graph
    synapses: Synapses
    emitted: dict[str, str] = field(default_factory=dict[str, str])
    _added: dict[tuple[object, ...], str] = field(default_factory=dict[tuple[object, ...], str])

    def __post_init__(self) -> None:
        source = self.synapses.model.network.source
        values = add_source(self.graph, source)
        if not self.is_static:
            values = self.graph.node(
                "Transpose", [values], f"{source.name}.by_sample", perm=self._swapped(source.name)
            )
        self.emitted[source.name] = values

    @property
    def is_static(self) -> bool:
        """Whether the input is one frame for all time steps."""
        return source_kind(self.synapses.model.network.source) is InputKind.STATIC

    def show(self, population: str, output: str) -> None:
        """Make a population's values an output, [T, B, *shape]."""
        self.graph.named("Transpose", [self.emitted[population]], output, perm=self._swapped(population))

    def folded(self, population: str, delay: int) -> str:
        """Return a population's values `delay` steps late, samples and steps in one axis: [B*T, *shape]."""

        def add() -> str:
            values = self._late(population, delay) if delay else self.emitted[population]
            sizes = self.graph.sizes((-1, *self.synapses.shapes[population]))
            return self.graph.node("Reshape", [values, sizes], f"{values}.folded")

        return self._once(("folded", population, delay), add)

    def unfolded(self, values: str, shape: Shape, wanted: str) -> str:
        """Give values [B*T, *shape] both axes again."""

        def add() -> str:
            sizes = [self._samples(), self._steps(), self.graph.sizes(shape)]
            return self.graph.node("Concat", sizes, "sizes.BxTx" + "x".join(map(str, shape)), axis=0)

        return self.graph.node("Reshape", [values, self._once(("unfolded", shape), add)], wanted)

    def at_every_step(self, values: str) -> str:
        """Give values [B, *shape] an axis for time, of size 1."""
        return self.graph.node("Unsqueeze", [values, self.graph.sizes((1,))], f"{values}.every_step")

    def at_rest(self, shape: Shape, samples: bool) -> str:
        """Return zeros, [B, *shape] or, without `samples`, [*shape]."""

        def add() -> str:
            sizes, axes = self.graph.sizes(shape), "x".join(map(str, shape))
            if samples:
                axes = f"Bx{axes}"
                sizes = self.graph.node("Concat", [self._samples(), sizes], f"sizes.{axes}", axis=0)
            return self.graph.node("ConstantOfShape", [sizes], f"rest.{axes}")

        return self._once(("rest", shape, samples), add)

    def numbers(self) -> str:
        """Return the numbers of the time steps, [T], for Scans that read nothing else that varies."""

        def add() -> str:
            bounds = [self.graph.integer(0), TIMESTEPS, self.graph.integer(1)]
            return self.graph.node("Range", bounds, "numbers_of_steps")

        return self._once(("numbers",), add)

    def started(self, delay: int, rank: int) -> str:
        """Return 0 for the first `delay` steps, then 1: [1, T, 1, ..], for shapes of `rank` axes."""

        def add() -> str:
            has = self.graph.node(
                "GreaterOrEqual", [self.numbers(), self.graph.integer(delay)], f"from_step_{delay}"
            )
            mask = self.graph.node("Cast", [has], f"from_step_{delay}.mask", to=onnx.TensorProto.FLOAT)
            sizes = self.graph.sizes((1, -1, *(1,) * rank))
            return self.graph.node("Reshape", [mask, sizes], f"from_step_{delay}.mask.{rank}d")

        return self._once(("started", delay, rank), add)

    def _late(self, population: str, delay: int) -> str:
        """Shift a population's values in time: zeros in the first `delay` steps."""
        pads = [0] * 2 * (len(self.synapses.shapes[population]) + 2)
        pads[1] = delay
        padded = self.graph.node(
            "Pad", [self.emitted[population], self.graph.sizes(pads)], f"{population}.padded"
        )
        bounds = [self.graph.sizes((n,)) for n in (0, -delay, 1)]
        return self.graph.node(
            "Slice", [padded, *bounds], f"{population}.{delay}_ago", f"{delay} steps late, zeros before"
        )

    def _samples(self) -> str:
        axis = 0 if self.is_static else 1
        return self._once(
            ("B",), lambda: self.graph.node("Shape", [INPUT], "sizes.B", start=axis, end=axis + 1)
        )

    def _steps(self) -> str:
        if self.is_static:
            one = self.graph.sizes((1,))
            return self._once(("T",), lambda: self.graph.node("Reshape", [TIMESTEPS, one], "sizes.T"))
        return self._once(("T",), lambda: self.graph.node("Shape", [INPUT], "sizes.T", start=0, end=1))

    def _swapped(self, population: str) -> list[int]:
        return [1, 0, *range(2, len(self.synapses.shapes[population]) + 2)]

    def _once(self, key: tuple[object, ...], add: Callable[[], str]) -> str:
        if key not in self._added:
            self._added[key] = add()
        return self._added[key]
