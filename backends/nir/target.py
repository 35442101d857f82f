"""The NIR target: a file that third-party simulators load and reproduce spike for spike."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from msc.backends.nir.files import write_bytes
from msc.backends.nir.graph import build
from msc.backends.nir.neurons import PROFILES
from msc.compiler.contracts import NO_LABELS, CompileError, Emission, Labels, Option, Options, Property
from msc.ir.errors import Problem, raise_all
from msc.ir.fixed import floating_point_only
from msc.ir.network import Model

FILE_NAME = "network.nir"


@dataclass(frozen=True)
class NirTarget:
    """Emits `network.nir` (design, section 7).

    LIF in NIR: tau dV/dt = (v_leak - V) + r I, one step of dt = 1e-4 s is msc's step. Profile `rt` writes
    r = tau / dt and keeps the weights, `r1` writes r = 1 and scales the weights (norse ignores r).
    """

    name: str = "nir"
    files: tuple[str, ...] = (FILE_NAME,)
    requires: frozenset[Property] = frozenset(
        {Property.LIVE, Property.NORMS_FOLDED, Property.POOLS_FOLDED, Property.PARALLEL_MERGED}
    )
    options: Mapping[str, Option] = field(
        default_factory=lambda: {
            "profile": Option(
                PROFILES,
                "rt: r = tau/dt, weights as trained; r1: r = 1, weights scaled (for norse)",
            )
        }
    )

    def refusals(self, model: Model, options: Options) -> tuple[Problem, ...]:
        """List the delays, kernels and shapes that NIR cannot express."""
        refused = floating_point_only(model.network, "NIR")
        return refused or build(model, str(options.get("profile", PROFILES[0])))[1]

    def emit(self, model: Model, options: Options, labels: Labels = NO_LABELS) -> Emission:
        """Make the file, read back and compared; raises CompileError where something is refused."""
        raise_all(CompileError, floating_point_only(model.network, "NIR"))
        graph, problems = build(model, str(options.get("profile", PROFILES[0])), labels)
        raise_all(CompileError, problems)
        return Emission({FILE_NAME: write_bytes(graph)})

    def read(self, folder: str) -> Model:
        """Read the network back from the file; raises NirFileError or NirMeaningError.

        Weights are those of the file: with the neurons' resistances in them, as its profile has it.
        """
        from msc.backends.nir.reading.network import read_network

        return read_network(os.path.join(folder, FILE_NAME)).model


TARGET = NirTarget()
