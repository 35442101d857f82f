"""Writes the methods of a generated network: its state at rest, one time step, and the run over all steps."""

from __future__ import annotations

from dataclasses import dataclass

from msc.backends.pytorch.identifiers import Names
from msc.ir.graph import update_order
from msc.ir.network import Network, Population, Projection
from msc.ir.neurons import CubaLIF, InputKind, Source
from msc.ir.ops import Shape

WIDTH = 110
_SPELT_OUT = 4  # steps of delay; more are written as a loop
_STATE = "dict[str, Tensor]"


@dataclass(frozen=True)
class Writer:
    """Writes methods for one network, of which it is given the names and shapes.

    A state is flat, name -> tensor [B, ...]: `a` is the membrane of population a, `a.current` the synaptic
    current of a CubaLIF, `a@2` what a emitted two steps ago, for delayed projections.
    """

    network: Network
    names: Names
    shapes: dict[str, Shape]

    def methods(self) -> list[str]:
        """Write all methods, as lines."""
        step = self._static_step if self._kind is InputKind.STATIC else self._step
        return [*self._forward(), "", *step(), "", *self._rest()]

    @property
    def _source(self) -> Source:
        source = self.network.source.neuron
        assert isinstance(source, Source)
        return source

    @property
    def _kind(self) -> InputKind:
        return self._source.kind

    @property
    def _order(self) -> list[Population]:
        ordered = (self.network.population(name) for name in update_order(self.network))
        return [population for population in ordered if not population.is_source]

    def _forward(self) -> list[str]:
        """Write `forward`: `step` in a loop, with what a static frame delivers computed once."""
        inside, outside = (", ".join(map(str, s)) for s in (self._source.shape, self._output_shape))
        if self._kind is not InputKind.STATIC:
            return [
                "    def forward(self, x: Tensor) -> Tensor:",
                f'        """Run from rest on x [T, B, {inside}]; returns the output [T, B, {outside}]."""',
                "        state, outputs = None, []",
                "        for frame in x:",
                "            output, state = self.step(frame, state)",
                "            outputs.append(output)",
                "        return torch.stack(outputs)",
            ]
        default = "" if self.network.timesteps is None else f" = {self.network.timesteps}"
        return [
            f"    def forward(self, x: Tensor, timesteps: int{default}) -> Tensor:",
            f'        """Run from rest on frames [B, {inside}]; returns the output [T, B, {outside}]."""',
            "        fed, state, outputs = self.feed(x), self.rest(x), []",
            "        for _ in range(timesteps):",
            "            output, state = self.update(fed, state)",
            "            outputs.append(output)",
            "        return torch.stack(outputs)",
        ]

    @property
    def _output_shape(self) -> Shape:
        return self.shapes[self.network.output]

    def _step_signature(self) -> list[str]:
        inside = ", ".join(map(str, self._source.shape))
        told = f"Run one step on x [B, {inside}], from rest without a state; returns output and state."
        return [
            f"    def step(self, x: Tensor, state: {_STATE} | None = None) -> tuple[Tensor, {_STATE}]:",
            f'        """{told}"""',
        ]

    def _step(self) -> list[str]:
        """Write `step` for an input that changes."""
        lines = [
            *self._step_signature(),
            "        state = self.rest(x) if state is None else state",
        ]
        if self._kind is InputKind.EVENTS:
            lines.append("        x = x.clamp(0, 1).round()")
        return [*lines, *self._updates("x")]

    def _static_step(self) -> list[str]:
        """Write `step` for a static frame: what the frame delivers, then the rest."""
        lines = [
            *self._step_signature(),
            "        return self.update(self.feed(x), self.rest(x) if state is None else state)",
            "",
            f"    def feed(self, x: Tensor) -> {_STATE}:",
            '        """Compute what the frames deliver, the same in every step."""',
            f"        return {{{', '.join(self._fed())}}}",
            "",
            f"    def update(self, fed: {_STATE}, state: {_STATE}) -> tuple[Tensor, {_STATE}]:",
            '        """Run one step, given what the frames deliver; returns output and state."""',
        ]
        return [*lines, *self._updates('fed["x"]')]

    def _fed(self) -> list[str]:
        """List the entries of what a static frame delivers."""
        outgoing = self.network.out_of(self.network.source.name)
        entries = [
            f'"{called}": self.{called}(x)'
            for called in (self.names.projections[p.name] for p in outgoing if self._is_fed(p))
        ]
        return entries if all(map(self._is_fed, outgoing)) else ['"x": x', *entries]

    def _is_fed(self, projection: Projection) -> bool:
        """Whether a projection delivers the same in every step."""
        static = self._kind is InputKind.STATIC and projection.source == self.network.source.name
        return static and bool(projection.ops) and not projection.delay

    def _updates(self, x: str) -> list[str]:
        """Write one step of every population and the new state; `x` is what holds the input."""
        lines = [f"        new: {_STATE} = {{}}"]
        for population in self._order:
            lines += self._update(population, x)
        for name, longest in self._memories().items():
            called = self.names.populations[name]
            reused = name == self.network.source.name  # by the caller, perhaps, for the next frame
            lines.append(f'        new["{called}@1"] = {f"{x}.clone()" if reused else called}')
            if longest <= _SPELT_OUT:
                lines += [
                    f'        new["{called}@{n}"] = state["{called}@{n - 1}"]' for n in range(2, longest + 1)
                ]
            else:
                older = (
                    f'{{f"{called}@{{n}}": state[f"{called}@{{n - 1}}"] for n in range(2, {longest + 1})}}'
                )
                lines.append(f"        new |= {older}")
        return [*lines, f"        return {self.names.populations[self.network.output]}, new"]

    def _update(self, population: Population, x: str) -> list[str]:
        """Write one population's step: the sum of its projections, then its neurons."""
        called = self.names.populations[population.name]
        keys = self._keys(population)
        written = "".join(f', new["{key}"]' for key in keys)
        read = "".join(f', state["{key}"]' for key in keys)
        terms = [self._term(projection, x) for projection in self.network.into(population.name)]
        if len(terms) == 1:
            line = f"        {called}{written} = self.{called}({terms[0]}{read})"
            if len(line) <= WIDTH:
                return [line]
        summed = f"        synapses = {' + '.join(terms)}"
        lines = [summed]
        if len(summed) > WIDTH:
            rest = [f"            + {term}" for term in terms[1:]]
            lines = ["        synapses = (", f"            {terms[0]}", *rest, "        )"]
        start, arguments = f"        {called}{written} = self.{called}(", f"synapses{read}"
        if len(start) + len(arguments) < WIDTH:
            return [*lines, f"{start}{arguments})"]
        return [*lines, start, f"            {arguments}", "        )"]

    def _term(self, projection: Projection, x: str) -> str:
        """Write what one projection delivers in this step."""
        module = self.names.projections[projection.name]
        if self._is_fed(projection):
            return f'fed["{module}"]'
        called = self.names.populations[projection.source]
        emitted = x if projection.source == self.network.source.name else called
        if projection.delay:
            emitted = f'state["{called}@{projection.delay}"]'
        return f"self.{module}({emitted})" if projection.ops else emitted

    def _rest(self) -> list[str]:
        """Write `rest`: the shapes of all state, in the order in which a step fills it."""
        entries = [
            f'"{key}": {self.shapes[population.name]}'
            for population in self._order
            for key in self._keys(population)
        ]
        for name, longest in self._memories().items():
            called, shape = self.names.populations[name], self.shapes[name]
            if longest <= _SPELT_OUT:
                entries += [f'"{called}@{n}": {shape}' for n in range(1, longest + 1)]
            else:
                entries.append(f'**{{f"{called}@{{n}}": {shape} for n in range(1, {longest + 1})}}')
        return [
            f"    def rest(self, x: Tensor) -> {_STATE}:",
            '        """Make the state before the first step, zeros, for the samples of x [B, ...]."""',
            "        shapes = {",
            *(f"            {entry}," for entry in entries),
            "        }",
            "        return {name: x.new_zeros(len(x), *shape) for name, shape in shapes.items()}",
        ]

    def _keys(self, population: Population) -> list[str]:
        """Name a population's own state."""
        called = self.names.populations[population.name]
        return [called, f"{called}.current"] if isinstance(population.neuron, CubaLIF) else [called]

    def _memories(self) -> dict[str, int]:
        """Find the populations that delayed projections read, with their longest delay."""
        delays = {
            p.name: max((q.delay for q in self.network.out_of(p.name)), default=0)
            for p in self.network.populations
        }
        return {name: delay for name, delay in delays.items() if delay}
