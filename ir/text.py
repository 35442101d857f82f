"""The readable text form of a network: printed for people, parsed back equal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, get_args, get_type_hints

from msc.ir.errors import MscError, Problem
from msc.ir.network import Network, Norm, NormKind, Population, Projection, Sign
from msc.ir.neurons import Neuron, Source
from msc.ir.ops import Op
from msc.ir.shapes import infer_shapes
from msc.ir.textvalues import BadLineError, quoted, read_value, show

HEADER = "msc.network 1"
MAX_CHARACTERS = 4_000_000
MAX_LINES = 100_000
MAX_PROBLEMS = 100

_NEURONS: dict[str, type[Neuron]] = {kind.__name__: kind for kind in get_args(Neuron)}
_OPS: dict[str, type[Op]] = {kind.__name__: kind for kind in get_args(Op)}
_COMMENT = re.compile(r"(?:^|\s)#.*")


class TextError(MscError):
    """A text is no network in the readable form."""


def print_network(network: Network, comments: bool = True) -> str:
    """Print a network as text, one line per population, projection and op, in declaration order.

    `comments` adds each population's shape, for people: the parser skips what follows a `#` that starts
    a word. float32 parameters have their shortest form, time constants and eps their float64 form.
    """
    shapes = infer_shapes(network)[0] if comments else {}
    lines = [HEADER, f"output {network.output}"]
    if network.timesteps is not None:
        lines.append(f"timesteps {network.timesteps}")
    lines.append("")
    for population in network.populations:
        shape = shapes.get(population.name)
        lines.append(_population_line(population) + ("" if shape is None else f"  # {show(shape)}"))
    for projection in network.projections:
        lines += ["", *_projection_lines(projection)]
    return "\n".join(lines) + "\n"


def parse_network(text: str, name: str = "") -> Network:
    """Parse the text form; the network is not verified (`msc.ir.verify`).

    `name` is the file's name for errors. Raises TextError listing every bad line, with its number.
    """
    prefix = f"{name}, line " if name else "line "
    if len(text) > MAX_CHARACTERS or text.count("\n") >= MAX_LINES:
        raise TextError.of(
            name or "network text",
            f"has more than {MAX_CHARACTERS} characters or {MAX_LINES} lines",
            "give a smaller network",
        )
    reader = _Reader()
    problems: list[Problem] = []
    for number, words in _lines(text):
        try:
            reader.read(words)
        except BadLineError as error:
            problems.append(Problem(f"{prefix}{number}", error.what, error.fix))
        if len(problems) == MAX_PROBLEMS:
            problems.append(
                Problem(f"{prefix}{number}", "the last line read", "repair the lines above first")
            )
            break
    for what, fix in () if problems else reader.missing():
        problems.append(Problem(name or "network text", what, fix))
    if problems:
        raise TextError(problems)
    return reader.network()


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.split("\n"), 1):
        words = _COMMENT.sub("", line).split()
        if words:
            yield number, words


@dataclass
class _Reader:
    """Collects what the lines say; ops and norms belong to the projection above them."""

    has_header: bool = False
    output: str | None = None
    timesteps: int | None = None
    populations: list[Population] = field(default_factory=list[Population])
    projections: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def read(self, words: Sequence[str]) -> None:
        """Take one line in, as words; raises BadLineError."""
        if not self.has_header:
            self.has_header = True
            if " ".join(words) != HEADER:
                raise BadLineError(
                    f"expected {HEADER!r}, found {quoted(' '.join(words))}", "start with the header"
                )
            return
        known: dict[str, Callable[[Sequence[str]], None]] = {
            "output": self._read_output,
            "timesteps": self._read_timesteps,
            "population": self._read_population,
            "projection": self._read_projection,
            "norm": self._read_norm,
        }
        if words[0] in _OPS:
            self._read_op(words)
        elif words[0] in known:
            known[words[0]](words)
        else:
            raise BadLineError(f"unknown word {quoted(words[0])}", f"use one of {', '.join([*known, *_OPS])}")

    def missing(self) -> Iterator[tuple[str, str]]:
        """Say what no line has given."""
        if not self.has_header:
            yield "is empty", f"start with {HEADER!r}"
        elif self.output is None:
            yield "names no output", "add a line 'output NAME'"

    def network(self) -> Network:
        """Build the network of the lines read."""
        assert self.output is not None
        complete: list[dict[str, Any]] = [{**draft, "ops": tuple(draft["ops"])} for draft in self.projections]
        projections = tuple(Projection(**draft) for draft in complete)
        return Network(tuple(self.populations), projections, self.output, self.timesteps)

    def _read_output(self, words: Sequence[str]) -> None:
        if self.output is not None:
            raise BadLineError("a second output", "keep one")
        self.output = _only_argument(words, "output NAME")

    def _read_timesteps(self, words: Sequence[str]) -> None:
        if self.timesteps is not None:
            raise BadLineError("timesteps a second time", "keep one")
        self.timesteps = read_value(int, "timesteps", _only_argument(words, "timesteps NUMBER"))

    def _read_population(self, words: Sequence[str]) -> None:
        if len(words) < 3:
            raise BadLineError("a name or kind is missing", "write 'population NAME KIND key=value ..'")
        kind = _choose(_NEURONS, "neuron kind", words[2])
        values = _read_pairs(words[3:])
        bias = read_value(bool, "bias", values.pop("bias", "yes"))
        self.populations.append(Population(words[1], kind(**_read_fields(kind, values)), bias))

    def _read_projection(self, words: Sequence[str]) -> None:
        self.projections.append({"name": "", "source": "", "target": "", "ops": []})
        if len(words) < 2 or "=" in words[1]:
            raise BadLineError("a projection needs a name", "write 'projection NAME source=.. target=..'")
        values = _read_pairs(words[2:])
        hints = {"source": str, "target": str, "sign": Sign, "delay": int}
        read = _read_hinted(hints, {"sign", "delay"}, values)
        self.projections[-1].update(read, name=words[1])

    def _read_op(self, words: Sequence[str]) -> None:
        kind = _choose(_OPS, "op", words[0])
        read = kind(**_read_fields(kind, _read_pairs(words[1:])))
        self._latest("an op")["ops"].append(read)

    def _read_norm(self, words: Sequence[str]) -> None:
        if len(words) < 2:
            raise BadLineError("a norm needs a kind", "write 'norm batch eps=..' or 'norm scale eps=..'")
        kind = read_value(NormKind, "norm", words[1])
        values = _read_hinted({"eps": float}, {"eps"}, _read_pairs(words[2:]))
        projection = self._latest("a norm")
        if "norm" in projection:
            raise BadLineError("a second norm of one projection", "keep one")
        projection["norm"] = Norm(kind, **values)

    def _latest(self, what: str) -> dict[str, Any]:
        if not self.projections:
            raise BadLineError(f"{what} before any projection", "put it below its projection's line")
        return self.projections[-1]


def _only_argument(words: Sequence[str], usage: str) -> str:
    if len(words) != 2:
        raise BadLineError(f"{words[0]} takes one word, found {len(words) - 1}", f"write {usage!r}")
    return words[1]


def _choose(table: Mapping[str, Any], what: str, word: str) -> Any:
    if word not in table:
        raise BadLineError(f"unknown {what} {quoted(word)}", f"use one of {', '.join(table)}")
    return table[word]


def _read_pairs(words: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise BadLineError(f"{quoted(word)} is no key=value", "write key=value without spaces")
        if key in pairs:
            raise BadLineError(f"{quoted(key)} is given twice", "keep one")
        pairs[key] = value
    return pairs


def _read_fields(kind: type[Neuron] | type[Op], values: Mapping[str, str]) -> dict[str, Any]:
    optional = {f.name for f in fields(kind) if f.default is not MISSING}
    return _read_hinted(get_type_hints(kind), optional, values)


def _read_hinted(hints: Mapping[str, Any], optional: set[str], values: Mapping[str, str]) -> dict[str, Any]:
    unknown = sorted(set(values) - set(hints))
    if unknown:
        known = f"known here: {', '.join(hints)}" if hints else "this takes none"
        raise BadLineError(f"unknown key {quoted(unknown[0])}", known)
    absent = sorted(set(hints) - optional - set(values))
    if absent:
        raise BadLineError(f"{', '.join(absent)} is missing", "add it as key=value")
    return {key: read_value(hints[key], key, value) for key, value in values.items()}


def _population_line(population: Population) -> str:
    neuron = population.neuron
    words = ["population", population.name, type(neuron).__name__, *_show_fields(neuron)]
    if not (population.bias and isinstance(neuron, Source)):
        words.append(f"bias={show(population.bias)}")
    return " ".join(words)


def _projection_lines(projection: Projection) -> Iterator[str]:
    shown = [f"{key}={show(getattr(projection, key))}" for key in ("source", "target", "sign", "delay")]
    yield " ".join(["projection", projection.name, *shown])
    for op in projection.ops:
        yield " ".join(["   ", type(op).__name__, *_show_fields(op)])
    if projection.norm is not None:
        yield f"    norm {projection.norm.kind.value} eps={float(projection.norm.eps)!r}"


def _show_fields(part: Neuron | Op) -> Iterator[str]:
    for item in fields(part):
        value = getattr(part, item.name)
        yield f"{item.name}={repr(value) if item.name.startswith('tau') else show(value)}"
