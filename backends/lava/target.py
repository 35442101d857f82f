"""The `lava` target: a fixed-point network that lava-nc 0.10 runs bit for bit, for Loihi."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from msc.backends.lava.bundle import bundle_files
from msc.backends.lava.facts import facts
from msc.backends.lava.limits import lava_problems
from msc.backends.lava.netx import FILE_NAME, netx_file, netx_obstacles
from msc.backends.lava.warm_up import warm_up_problems
from msc.compiler.contracts import Option, Options, Property
from msc.compiler.placement.model import Placement
from msc.compiler.placement.picture import picture
from msc.compiler.placement.placing import place, placement_problems
from msc.compiler.placement.profile import load_profile
from msc.ir.errors import Problem
from msc.ir.network import Model

PROFILES = ("loihi2", "loihi1")
PICTURE = "cores.svg"

OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        "input": Option(
            ("graded", "bias"),
            "graded: static and analog input as 8-bit graded spikes (Loihi 2); bias: the host computes the "
            "current of a static frame, which becomes a bias of each neuron",
        ),
        "thresholds": Option(
            ("channel", "population"),
            "channel: up to 16 thresholds per population, finer weights; population: one",
        ),
        "biases": Option(
            ("fine", "coarse"),
            "fine: biases as exact as thirteen bits and an exponent allow; coarse: multiples of 64, all that "
            "a .net file can hold",
        ),
        "profile": Option(PROFILES, "the chip whose limits must hold"),
        "calibrate": Option((), "input that scales are measured on (.npy, as for msc run)", is_array=True),
        "labels": Option((), "classes of the calibration input: the report says the accuracy", is_array=True),
    }
)


class _Latest:
    """Places networks and remembers the last placement while its model lives: it is needed three times."""

    def __init__(self) -> None:
        self._known: tuple[weakref.ref[Model], str, Placement] | None = None

    def of(self, model: Model, options: Options) -> Placement:
        """Place a network on the chip that the options name."""
        profile = str(options.get("profile", PROFILES[0]))
        known = self._known
        if known is None or known[0]() is not model or known[1] != profile:
            known = weakref.ref(model), profile, place(model, load_profile(profile))
            self._known = known
        return known[2]


@dataclass(frozen=True)
class LavaTarget:
    """Emits a bundle (`bundle.bundle_files`), a picture of the cores, for chains of layers a .net file."""

    name: str = "lava"
    requires: frozenset[Property] = frozenset(
        {
            Property.LIVE,
            Property.NORMS_FOLDED,
            Property.POOLS_FOLDED,
            Property.PARALLEL_MERGED,
            Property.ONE_KERNEL,
            Property.FIXED_POINT,
            Property.RETIMED,
        }
    )
    options: Mapping[str, Option] = field(default_factory=lambda: OPTIONS)

    placements: _Latest = field(default_factory=_Latest, repr=False, compare=False)

    def refusals(self, model: Model, options: Options) -> tuple[Problem, ...]:
        """List what Lava's processes do not hold, what fires too early, what the chip has no room for."""
        found = lava_problems(model)
        if found:
            return found
        return (*warm_up_problems(model), *placement_problems(self.placements.of(model, options)))

    def describe(self, model: Model, options: Options) -> Mapping[str, Any]:
        """Say when populations start, how the input is encoded, where neurons lie, what netx can read."""
        return facts(model, self.placements.of(model, options))

    def emit(self, model: Model, options: Options) -> Mapping[str, bytes]:
        """Make the bundle, the picture and, if there can be one, the .net file; equal models, equal bytes."""
        files = {**bundle_files(model), PICTURE: picture(self.placements.of(model, options)).encode()}
        return files if netx_obstacles(model) else {**files, FILE_NAME: netx_file(model)}


TARGET = LavaTarget()
