"""From the options of `msc train` to a plan and its data, each offender told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from msc.compiler.cli.attempts import Attempts
from msc.compiler.cli.devices import AUTO, choose_device
from msc.compiler.cli.failures import UsageError
from msc.compiler.cli.train_options import Options, changed_settings, malformed
from msc.compiler.cli.train_tuning import find_kind, find_start, tuned
from msc.ir.errors import MscError, Problem, raise_all

if TYPE_CHECKING:
    from msc.search.data import Split
    from msc.search.genome import Genome
    from msc.search.training.recipe import Recipe
    from msc.search.training.running import Plan


@dataclass(frozen=True)
class Prepared:
    """What is to be trained, and on what."""

    plan: Plan
    split: Split


def prepare(options: Options, folder: Path, resume: bool, processes: int) -> Prepared:
    """Make the plan of a training, or read that of the run in `folder`, and load its data.

    Raises UsageError listing every option that is missing, unknown, out of range or other than in the run
    that is resumed, and what is wrong with the files they name.
    """
    from msc.compiler.cli.train_resuming import resumed_plan

    if resume:
        plan = resumed_plan(options, folder, processes)
        return Prepared(plan, _fitting(plan, folder / "genome.json", _load(plan.data, plan.genome, options)))
    return _new(options)


def connected_genome(path: str) -> Genome:
    """Read a genome file; one whose network is cut apart is refused, naming the cut."""
    from msc.compiler.cli.inputs import load_genome
    from msc.search.lower import require_connected

    genome = load_genome(path)
    require_connected(genome)
    return genome


def _new(options: Options) -> Prepared:
    """Prepare a new training."""
    from msc.search.training.running import Plan
    from msc.search.training.settings import Settings

    attempt = Attempts(_missing(options))
    attempt.problems += malformed(options)
    path = options.genome
    genome = None if path is None else attempt(lambda: connected_genome(path))
    recipe = attempt(lambda: _recipe(options))
    kind = attempt(lambda: find_kind(options))
    start = attempt(lambda: find_start(options, kind, genome))
    base = Settings() if recipe is None else recipe.settings  # so that its options are looked at, too
    base = tuned(base, kind)
    settings = attempt(lambda: changed_settings(options, base))
    device = attempt(lambda: choose_device(options.device or AUTO))
    split = _try_data(options, genome, attempt)
    raise_all(UsageError, attempt.problems)
    assert genome is not None
    assert recipe is not None
    assert settings is not None
    assert device is not None
    assert split is not None
    plan = Plan(genome, options.data or "", recipe.name, settings, device, start)
    return Prepared(plan, _fitting(plan, Path(path or ""), split))


def _missing(options: Options) -> Iterator[Problem]:
    if options.genome is None:
        yield Problem("GENOME", "is missing", "name a genome file, as msc new and msc search write")
    if options.data is None:
        yield Problem("--data", "is missing", "name a data set, such as digits, or an .npz file")


def _recipe(options: Options) -> Recipe:
    from msc.search.training.recipe import find_recipe, recipe_for

    return recipe_for(options.data or "") if options.recipe is None else find_recipe(options.recipe)


def _try_data(options: Options, genome: Genome | None, attempt: Attempts) -> Split | None:
    """Load the data; where the call is wrong already, nothing is downloaded for it."""
    data = options.data
    if data is None:
        return None
    if not attempt.problems:
        return attempt(lambda: _load(data, genome, options))
    if not options.download:
        attempt(lambda: _load(data, genome, options))
    return None


def _load(data: str, genome: Genome | None, options: Options) -> Split:
    """Load the data in the frames that a genome for events was made for."""
    from msc.compiler.cli.downloads import downloading
    from msc.ir.neurons import InputKind
    from msc.search.data import find_data
    from msc.search.data.request import Request

    with downloading() as progress:
        request = Request(download=options.download, progress=progress)
        if genome is not None and genome.skeleton.input is InputKind.EVENTS:
            _, height, width = genome.skeleton.input_shape
            request = replace(request, steps=genome.skeleton.timesteps, size=(height, width))
        return find_data(data, request)


def _fitting(plan: Plan, path: Path, split: Split) -> Split:
    """Refuse a genome that the data do not fit, with the command that makes one they do."""
    from msc.search.lower import require_connected
    from msc.search.training.health import check_fit

    network = require_connected(plan.genome).network
    assert network is not None
    try:
        check_fit(network, split, plan.genome.skeleton.classes)
    except MscError as error:
        shape = ",".join(map(str, split.shape))
        same_kind = plan.genome.skeleton.input is split.kind
        origin = f"--from {quote(str(path))}" if same_kind else f"--input {split.kind.value}"
        fix = f"make one: msc new {origin} --input-shape {shape} --classes {split.classes} -o fitting.json"
        raise UsageError(replace(problem, fix=fix) for problem in error.problems) from error
    return split
