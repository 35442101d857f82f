"""The `onnx` target: a network as one model of standard operators, for whole sequences or step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from msc.backends.onnx import FILE_NAME, INSTALL
from msc.compiler.contracts import NO_LABELS, CompileError, Emission, Labels, Option, Options, Property
from msc.ir.errors import Problem, raise_all
from msc.ir.fixed import floating_point_only
from msc.ir.network import Model

MAX_WEIGHT_BYTES = 2**31 - 2**24  # protobuf's limit less room for everything else

OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        "mode": Option(
            ("sequence", "step"),
            "sequence: all time steps in one call; step: one time step, states as inputs and outputs",
        ),
        "record": Option(("output", "all"), "all: every population is an output of the file"),
        "samples": Option(
            ("apart", "together"),
            "how sequences take large populations through time; apart: one sample after another, fastest on "
            "one thread; together: all at once, for many threads",
        ),
    }
)


@dataclass(frozen=True)
class OnnxTarget:
    """Emits network.onnx; operators of ONNX only, neurons are functions in the file (docs/onnx.md)."""

    name: str = "onnx"
    requires: frozenset[Property] = frozenset({Property.LIVE, Property.NORMS_FOLDED})
    options: Mapping[str, Option] = field(default_factory=lambda: OPTIONS)
    files: tuple[str, ...] = (FILE_NAME,)

    def refusals(self, model: Model, options: Options) -> tuple[Problem, ...]:
        """Refuse fixed-point networks, weights that no ONNX file holds, outputs of one name."""
        return (
            *floating_point_only(model.network, "ONNX"),
            *_too_large(model),
            *_misnamed(model, options),
        )

    def emit(self, model: Model, options: Options, labels: Labels = NO_LABELS) -> Emission:
        """Make the file, checked by onnx; raises CompileError with all `refusals`, or without onnx."""
        _require_onnx()
        raise_all(CompileError, self.refusals(model, options))
        from msc.backends.onnx.model import model_bytes

        chosen = {name: str(options.get(name, option.values[0])) for name, option in self.options.items()}
        return Emission({FILE_NAME: model_bytes(model, chosen, labels)})

    def read(self, folder: str) -> Model:
        """Read the model back; raises FileError, OnnxFileError, or CompileError without onnx."""
        _require_onnx()
        from msc.backends.onnx.reading import read_model

        return read_model(Path(folder, FILE_NAME))


def _require_onnx() -> None:
    if find_spec("onnx") is None:
        raise CompileError.of("onnx", "not installed", INSTALL)


def _too_large(model: Model) -> tuple[Problem, ...]:
    size = sum(array.nbytes for array in model.weights.values())
    if size <= MAX_WEIGHT_BYTES:
        return ()
    what = f"has {size} bytes of weights, an ONNX file has room for {MAX_WEIGHT_BYTES}"
    return (Problem("network", what, "use fewer channels, or compile with --target pytorch"),)


def _misnamed(model: Model, options: Options) -> tuple[Problem, ...]:
    if options.get("record") != "all":
        return ()
    return tuple(
        Problem(
            f"population {p.name}",
            "cannot be an output, an input of the file has its name",
            "rename it or leave out --option record=all",
        )
        for p in model.network.populations
        if p.name in ("input", "timesteps") and not p.is_source and p.name != model.network.output
    )


TARGET = OnnxTarget()
