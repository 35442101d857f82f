"""From the options of `msc search` to the settings of a search, each offender told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msc.compiler.cli.attempts import Attempts
from msc.compiler.cli.devices import choose_device
from msc.compiler.cli.failures import UsageError
from msc.compiler.cli.search_options import Options, in_range, out_of_range
from msc.compiler.cli.search_resuming import remembered
from msc.ir.errors import Problem, raise_all

if TYPE_CHECKING:
    from msc.search.data import Split
    from msc.search.data.request import Request
    from msc.search.evolution.objectives import Objective
    from msc.search.evolution.settings import SearchSettings
    from msc.search.scoring.evaluate import Evaluator
    from msc.search.scoring.fitting import Fit
    from msc.search.scoring.pricing import Pricing
    from msc.search.skeleton import Skeleton

STATIC_STEPS = 4
EVENT_CHANNELS = 2  # OFF and ON


@dataclass(frozen=True)
class Prepared:
    """Settings, the evaluator that goes with them, and what is to be said about them."""

    settings: SearchSettings
    evaluator: Evaluator
    notes: tuple[str, ...]


def prepare(given: Mapping[str, Any], stored: Mapping[str, Any] | None, folder: Path) -> Prepared:
    """Make the settings of a search from the options given and, resuming one in `folder`, its settings.

    Options that are not given are as before where a search is resumed, and so is the name of the data where
    the samples are the same. Raises UsageError listing every option that is unknown or out of range;
    DataError for data that cannot be used; GenomeError for a skeleton that fits no network.
    """
    from msc.search.scoring.batches import batches_hash, draw_batches
    from msc.search.scoring.evaluate import Evaluator

    options = Options(**{**({} if stored is None else remembered(stored, folder)), **given})
    objectives, device, split, fit, pricing = _understood(options, given, stored)
    batches = draw_batches(split, options.batch, options.batches, options.seed)
    trains = options.check_accuracy or any(objective.fitness.trains for objective in objectives)
    trained_on = split if trains else None
    settings = _settings(options, objectives, device, split, batches_hash(batches, trained_on))
    settings = replace(settings, fit=_fit_as_stored(fit, stored), pricing=_pricing_as_stored(pricing, stored))
    notes: tuple[str, ...] = ()
    if stored is None:
        settings, notes = _with_floor(settings)
        notes += _left_out(pricing, split)
    elif settings.data_hash == stored["data_hash"]:
        settings = replace(settings, data=stored["data"])
    needed = tuple(objective.measure for objective in objectives)
    shared = (settings.limits, settings.guards, settings.epochs, settings.device)
    evaluator = Evaluator(batches, needed, trained_on, *shared, settings.fit, settings.pricing)
    return Prepared(settings, evaluator, notes)


def _fit_as_stored(fit: Fit | None, stored: Mapping[str, Any] | None) -> Fit | None:
    """Name a chip's profile as before where the profile is the same, wherever its file lies now."""
    if fit is None or stored is None or stored.get("fit_hash") != fit.profile.sha256:
        return fit
    name, _, _ = str(stored.get("fit")).rpartition(":")
    return replace(fit, name=name)


def _pricing_as_stored(pricing: Pricing | None, stored: Mapping[str, Any] | None) -> Pricing | None:
    """Name an energy profile as before where it is the same, wherever its file lies now."""
    if pricing is None or stored is None or stored.get("energy_profile_hash") != pricing.profile.sha256:
        return pricing
    return replace(pricing, name=str(stored.get("energy_profile")))


def _understood(
    options: Options, given: Mapping[str, Any], stored: Mapping[str, Any] | None
) -> tuple[tuple[Objective, ...], str, Split, Fit | None, Pricing | None]:
    """Look up all that options name; raises UsageError with every offender among them."""
    from msc.compiler.cli.new import parse_shape
    from msc.search.data import find_data
    from msc.search.evolution.strategies import find_strategy
    from msc.search.scoring.fitting import parse_fit

    attempt = Attempts(out_of_range(options, given))
    objectives = _objectives(options, given, attempt)
    attempt(lambda: find_strategy(options.strategy))
    device = attempt(lambda: choose_device(options.device))
    chip = options.fit
    fit = None if chip is None else attempt(lambda: parse_fit(chip))
    pricing = _pricing(options, objectives, attempt)
    text = options.input_shape
    shape = None if text is None else attempt(lambda: parse_shape(text))
    asked = _request(options, shape or _stored_shape(stored))
    split = attempt(lambda: find_data(options.data, asked)) if options.data else None
    if split is not None:
        attempt.problems += _wrong_steps(options, split)
        attempt.problems += _wrong_data(options, shape, split)
    raise_all(UsageError, attempt.problems)
    assert objectives is not None
    assert device is not None
    assert split is not None
    return objectives, device, split, fit, pricing


def _pricing(options: Options, objectives: tuple[Objective, ...] | None, attempt: Attempts) -> Pricing | None:
    """Read the energy profile that is named, or the usual one where energy is searched by."""
    from msc.search.scoring.fitness import fitnesses
    from msc.search.scoring.pricing import DEFAULT, parse_pricing

    priced = [name for name, fitness in fitnesses().items() if fitness.priced]
    searched_by = any(objective.measure in priced for objective in objectives or ())
    name = DEFAULT if options.energy_profile is None and searched_by else options.energy_profile
    return None if name is None else attempt(lambda: parse_pricing(name))


def _left_out(pricing: Pricing | None, split: Split) -> tuple[str, ...]:
    """Say what of every network a profile does not price: the multiplications of an input of values."""
    from msc.ir.neurons import InputKind

    if pricing is None or pricing.multiplies or split.kind is InputKind.EVENTS:
        return ()
    return (f"energy leaves out the first layer: {pricing.name} has no price for multiplying values",)


def _objectives(
    options: Options, given: Mapping[str, Any], attempt: Attempts
) -> tuple[Objective, ...] | None:
    from msc.search.evolution.objectives import Objective, parse_objective, parse_objectives
    from msc.search.scoring.fitness import Better

    fitness = attempt(lambda: parse_objective(options.fitness))
    stand_in = fitness or Objective("fitness", Better.LOWER)  # so that the others are looked up, too
    objectives = attempt(lambda: parse_objectives(options.objectives, stand_in))
    if objectives is not None and stand_in not in objectives and "fitness" in given:
        what = f"is not used, --objectives {options.objectives} leaves it out"
        fix = "add fitness to --objectives, or leave --fitness out"
        attempt.problems.append(Problem(f"--fitness {options.fitness}", what, fix))
    return objectives


def _request(options: Options, shape: tuple[int, ...] | None) -> Request:
    """Ask for frames of the time steps and size that the options name, where those are any of events."""
    from msc.search.data.request import Request

    steps = options.timesteps if in_range("timesteps", options.timesteps) else None
    if shape is None or shape[0] != EVENT_CHANNELS:
        return Request(steps)
    return Request(steps, (shape[1], shape[2]))


def _stored_shape(stored: Mapping[str, Any] | None) -> tuple[int, int, int] | None:
    """Find the shape of the samples that a search was started on; None where it cannot be read."""
    import msgspec

    if stored is None:
        return None
    try:
        shape = msgspec.convert(stored["skeleton"]["input_shape"], tuple[int, int, int], strict=True)
    except (KeyError, TypeError, msgspec.ValidationError):
        return None  # what is wrong with the settings is told where they are compared
    return shape if min(shape) > 0 else None


def _wrong_steps(options: Options, split: Split) -> Iterator[Problem]:
    """Refuse time steps other than those that events have."""
    steps, wanted = _steps(split), options.timesteps
    if steps is not None and in_range("timesteps", wanted) and wanted not in (None, steps):
        what = f"the events of {split.name} have {steps} time steps"
        yield Problem(f"--timesteps {wanted}", what, "leave it out")


def _wrong_data(options: Options, shape: tuple[int, ...] | None, split: Split) -> Iterator[Problem]:
    """Refuse data of another kind, shape or number of classes than the call says."""
    fix = "leave it out, or give other --data"
    if options.kind not in (None, split.kind.value):
        yield Problem(f"--input {options.kind}", f"{split.name} holds {split.kind.value} data", fix)
    if shape not in (None, split.shape):
        found = ",".join(map(str, split.shape))
        yield Problem(f"--input-shape {options.input_shape}", f"samples of {split.name} are {found}", fix)
    if options.classes not in (None, split.classes):
        yield Problem(f"--classes {options.classes}", f"{split.name} has {split.classes} classes", fix)


def _steps(split: Split) -> int | None:
    """The time steps that data have, None for static frames."""
    from msc.ir.neurons import InputKind

    return None if split.kind is InputKind.STATIC else len(split.train_inputs)


def _settings(
    options: Options, objectives: tuple[Objective, ...], device: str, split: Split, data_hash: str
) -> SearchSettings:
    from msc.search.evolution.settings import SearchSettings
    from msc.search.scoring.guards import Guards, Limits

    return SearchSettings(
        space=options.space,
        skeleton=_skeleton(options, split),
        layers=options.layers,
        data=options.data,
        data_hash=data_hash,
        batch=options.batch,
        batches=options.batches,
        objectives=objectives,
        strategy=options.strategy,
        population=options.population,
        generations=options.generations,
        seed=options.seed,
        limits=Limits(options.max_params, options.max_synops, options.min_neurons, options.max_neurons),
        guards=None if options.no_guards else Guards(),
        finalists=options.finalists,
        weight_seeds=options.weight_seeds,
        check_accuracy=options.check_accuracy,
        epochs=options.epochs,
        device=device,
    )


def _skeleton(options: Options, split: Split) -> Skeleton:
    """Make the skeleton that fits the data, checked by drawing one genome on it."""
    import numpy as np

    from msc.search.generate import draw_connected, new_skeleton
    from msc.search.spaces import find_space

    channels, height, width = split.shape
    skeleton = new_skeleton(
        options.space,
        input=split.kind.value,
        input_shape=(channels, height, width),
        classes=split.classes,
        channels=options.channels,
        layers=options.layers,
        timesteps=_steps(split) or options.timesteps or STATIC_STEPS,
    )
    rng = np.random.default_rng(options.seed)
    draw_connected(find_space(options.space), skeleton, rng, options.layers, options.seed)
    return skeleton


def _with_floor(settings: SearchSettings) -> tuple[SearchSettings, tuple[str, ...]]:
    """Put a floor under the size of networks where minimising would shrink them, and say so."""
    from msc.search.evolution.floor import DRAWN, size_floor
    from msc.search.scoring.fitness import Better

    first, limits = settings.objectives[0], settings.limits
    shrinking = first.fitness.shrinks and first.better is Better.LOWER
    if not shrinking or settings.guards is None or limits.min_neurons is not None:
        return settings, ()
    floor = size_floor(settings.space, settings.skeleton, settings.layers, settings.seed)
    if limits.max_neurons is not None and limits.max_neurons < floor:
        what = f"is below {floor}, the floor that keeps {first} from shrinking networks to nothing"
        raise UsageError.of(f"--max-neurons {limits.max_neurons}", what, "raise it, or give --min-neurons")
    note = (
        f"minimising {first.measure} prefers small networks: --min-neurons {floor}, "
        f"the lower quartile of {DRAWN} random genomes"
    )
    return replace(settings, limits=replace(limits, min_neurons=floor)), (note,)
