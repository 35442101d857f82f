"""The `lava` target: a fixed-point network that lava-nc 0.10 runs bit for bit, for Loihi."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from msc.backends.lava.bundle import NETWORK, SCRIPT, SUMS, WEIGHTS, bundle_files, read_bundle
from msc.backends.lava.facts import facts
from msc.backends.lava.limits import lava_problems
from msc.backends.lava.netx import FILE_NAME, netx_file, netx_obstacles
from msc.backends.lava.warm_up import warm_up_problems
from msc.compiler.contracts import NO_LABELS, CompileError, Emission, Labels, Option, Options, Property
from msc.compiler.placement.model import Placement
from msc.compiler.placement.picture import picture
from msc.compiler.placement.placing import place, placement_problems
from msc.compiler.placement.profile import load_profile
from msc.ir.errors import Problem, raise_all
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
    files: tuple[str, ...] = (NETWORK, WEIGHTS, SCRIPT, SUMS)

    def refusals(self, model: Model, options: Options) -> tuple[Problem, ...]:
        """List what Lava's processes do not hold, what fires too early, what the chip has no room for."""
        return lava_problems(model) or _unfit(model, _placed(model, options))

    def emit(self, model: Model, options: Options, labels: Labels = NO_LABELS) -> Emission:
        """Make the bundle, the picture and, if there can be one, the .net file; equal models, equal bytes.

        The facts: when populations start, how the input is encoded, where neurons lie, what netx can read.
        Raises CompileError with all `refusals`.
        """
        raise_all(CompileError, lava_problems(model))
        placement = _placed(model, options)
        raise_all(CompileError, _unfit(model, placement))
        files = {**bundle_files(model), PICTURE: picture(placement).encode()}
        if not netx_obstacles(model):
            files[FILE_NAME] = netx_file(model)
        return Emission(files, facts(model, placement))

    def read(self, folder: str) -> Model:
        """Read the network in machine time; raises FileError or BundleError."""
        return read_bundle(folder)


def _placed(model: Model, options: Options) -> Placement:
    """Place a network on the chip that the options name."""
    return place(model, load_profile(str(options.get("profile", PROFILES[0]))))


def _unfit(model: Model, placement: Placement) -> tuple[Problem, ...]:
    return (*warm_up_problems(model), *placement_problems(placement))


TARGET = LavaTarget()
