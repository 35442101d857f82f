"""The stages of a network on its way to a chip, each a model that can be run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from msc.backends.lava.limits import lava_problems
from msc.backends.lava.warm_up import warm_up_problems
from msc.backends.running import FIXED_POINT_TARGET, quantised
from msc.compiler.contracts import NO_OPTIONS, CompileError, Options, Property
from msc.compiler.driver import check_options, find_target, lower
from msc.compiler.energy.report import Stage
from msc.compiler.passes.retime import PASS as RETIME
from msc.compiler.placement.model import Placement
from msc.compiler.placement.placing import place, placement_problems
from msc.compiler.placement.profile import load_profile
from msc.compiler.timing import is_retimed, latency, machine_input
from msc.ir.errors import MscError, Problem, raise_all
from msc.ir.fixed import is_fixed_point
from msc.ir.network import Model, Network
from msc.ir.neurons import InputKind, Source
from msc.ir.simulate import input_steps

_CHIP = "profile"  # the option that names a chip


class StageError(MscError):
    """A network cannot be run as what it was before."""


@dataclass(frozen=True, eq=False)
class Staged:
    """A network at one stage; placed, it runs in machine time, and `placement` says where its neurons lie."""

    model: Model
    stage: Stage
    placement: Placement | None = None

    def prepare(self, inputs: NDArray[Any]) -> tuple[NDArray[Any], int]:
        """Make the input that the model takes of what the network takes, and count the steps to run it for.

        `inputs` is [B, *shape] for a static source, else [T, B, *shape]. In machine time there are more
        steps: a static frame stays on, others are followed by silence. Raises InputError.
        """
        network = self.model.network
        if self.stage is Stage.PLACED:
            return machine_input(network, inputs)
        source = network.source.neuron
        assert isinstance(source, Source)
        shown = network.timesteps if source.kind is InputKind.STATIC else None
        return inputs, input_steps(source, inputs.shape, shown)


def stage(model: Model, stage: Stage, options: Options = NO_OPTIONS, chip: str | None = None) -> Staged:
    """Take a network to a stage: as it was trained, as rounded for target lava, or as placed on a chip.

    `options` are those of target lava; `chip` names the placement profile instead of its option `profile`. A
    network in fixed point is quantised, one in machine time placed already. Raises StageError for a stage
    that lies behind, CompileError with everything that passes, target or chip refuse, ProfileError.
    """
    raise_all(StageError, _behind(model.network, stage))
    match stage:
        case Stage.TRAINED:
            return Staged(model, stage)
        case Stage.QUANTISED:
            return Staged(quantised(model, options), stage)
        case Stage.PLACED:
            return _placed(model, options, chip)


def _placed(model: Model, options: Options, chip: str | None) -> Staged:
    target = find_target(FIXED_POINT_TARGET)
    chosen = check_options(target, options)
    if chip in target.options[_CHIP].values:
        chosen[_CHIP] = chip
    profile = load_profile(str(chosen[_CHIP]) if chip is None else chip)
    fixed = is_fixed_point(model.network)
    logical = model if fixed else lower(model, target, chosen, Property.FIXED_POINT)
    machine = RETIME.run(logical, chosen).model
    raise_all(CompileError, lava_problems(machine))
    placement = place(machine, profile)
    raise_all(CompileError, (*warm_up_problems(machine), *placement_problems(placement)))
    return Staged(machine, Stage.PLACED, placement)


def _behind(network: Network, stage: Stage) -> Iterator[Problem]:
    """Refuse what a network was before it was rounded, or before it was retimed."""
    if not is_fixed_point(network) or stage is Stage.PLACED:
        return
    if is_retimed(network) and latency(network):
        what = "the network is in machine time, as it runs on a chip"
        yield Problem(f"stage {stage.value}", what, f"choose the stage {Stage.PLACED.value}")
    elif stage is Stage.TRAINED:
        what = "the network is in fixed point, what it was trained as is not known"
        others = f"{Stage.QUANTISED.value} or {Stage.PLACED.value}"
        yield Problem(f"stage {stage.value}", what, f"choose the stage {others}")
