"""`msc search`: finds good genomes without training, and leaves a run folder that can be resumed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import typer

from msc.compiler.cli import output
from msc.compiler.cli import parameters as p
from msc.compiler.cli import search_parameters as s
from msc.compiler.cli.guarding import INTERRUPTED

if TYPE_CHECKING:
    from msc.compiler.cli.search_settings import Prepared
    from msc.search.evolution.searching import Outcome
    from msc.search.evolution.settings import SearchSettings

NOTHING_FEASIBLE = 1
_LARGE = 100_000
# measures that every network has, with titles
_ALSO = {"params": "parameters", "synops": "synops a sample", "rate": "firing rate"}


def search(
    data: p.DataOption = None,
    space: p.SpaceOption = None,
    kind: p.KindOfDataOption = None,
    input_shape: p.ShapeOfDataOption = None,
    classes: p.ClassesOfDataOption = None,
    channels: p.ChannelsOption = None,
    layers: p.LayersOption = None,
    timesteps: p.TimestepsOption = None,
    batch: p.BatchOption = None,
    batches: p.BatchesOption = None,
    fitness: p.FitnessOption = None,
    objectives: p.ObjectivesOption = None,
    strategy: p.StrategyOption = None,
    population: p.PopulationOption = None,
    generations: p.GenerationsOption = None,
    workers: p.WorkersOption = None,
    ray: p.RayOption = None,
    device: p.DeviceOption = None,
    seed: p.SeedOption = None,
    max_params: p.MaxParamsOption = None,
    max_synops: p.MaxSynopsOption = None,
    min_neurons: p.MinNeuronsOption = None,
    max_neurons: p.MaxNeuronsOption = None,
    fit: p.FitOption = None,
    energy_profile: s.EnergyProfileOption = None,
    no_guards: p.NoGuardsOption = False,
    finalists: p.FinalistsOption = None,
    weight_seeds: p.WeightSeedsOption = None,
    check_accuracy: p.CheckAccuracyOption = False,
    epochs: p.EpochsOption = None,
    resume: p.ResumeOption = False,
    out: p.RunFolderOption = None,
    as_json: p.JsonOption = False,
) -> None:
    """Search for a good genome, without training any."""
    given, folder = _called(locals(), out, resume)
    prepared = _prepare(given, folder, resume)
    _answer(_run(prepared, workers, ray, folder, resume), prepared.settings, folder, as_json)


def _called(values: Mapping[str, Any], out: str | None, resume: bool) -> tuple[dict[str, Any], Path]:
    """Pick the options that a call gives, and the run's folder: named by -o, else after the data."""
    from msc.compiler.cli.failures import UsageError
    from msc.compiler.cli.search_options import given_options

    given = given_options(values)
    if out is None and resume and "data" not in given:
        raise UsageError.of("-o", "is missing", "name the folder of the run to --resume")
    return given, Path(out) if out is not None else Path(f"search-{Path(given.get('data', '')).stem}")


def _prepare(given: Mapping[str, Any], folder: Path, resume: bool) -> Prepared:
    """Check the folder before any work, then make the settings."""
    from msc.compiler.cli.failures import UsageError
    from msc.compiler.cli.search_resuming import stored_settings
    from msc.compiler.cli.search_settings import prepare
    from msc.search.evolution.runfolder import check_folder

    if resume or folder.exists():
        check_folder(folder, resume)
    stored = stored_settings(folder) if resume else None
    if resume and stored is None and "data" not in given:
        what = "the search stopped before its settings were written"
        raise UsageError.of(str(folder), what, "give its options again, --resume included")
    prepared = prepare(given, stored, folder)
    for note in prepared.notes:
        output.note(note)
    return prepared


def check_cluster(ray: str | None, device: str) -> None:
    """Refuse a GPU on Ray, whose tasks ask for CPUs only and are shown no GPU; raises UsageError."""
    from msc.compiler.cli.devices import CPU
    from msc.compiler.cli.failures import UsageError

    if ray is not None and device != CPU:
        what = f"workers on Ray have no GPU, and --device is {device}"
        fix = "use --workers, whose processes share this machine's GPU, or --device cpu"
        raise UsageError.of(f"--ray {ray}", what, fix)


def _run(prepared: Prepared, workers: int | None, ray: str | None, folder: Path, resume: bool) -> Outcome:
    """Search and write the report; a Ctrl-C finishes what is in hand and ends with exit 130."""
    from msc.compiler.cli.live import watch
    from msc.compiler.cli.stopping import stoppable
    from msc.search.evolution.pools.opening import open_pool
    from msc.search.evolution.report import write_report
    from msc.search.evolution.searching import search

    check_cluster(ray, prepared.settings.device)
    watcher = watch(prepared.settings)
    try:
        with (
            open_pool(prepared.evaluator, workers, ray) as pool,
            watcher,
            stoppable(watcher.stopping) as stop,
        ):
            outcome = search(prepared.settings, pool, folder, watcher, stop, resume)
        write_report(folder)
    except KeyboardInterrupt as error:
        if not (folder / "history.jsonl").exists():
            raise
        output.note(f"interrupted {watcher.place}; go on with: msc search --resume -o {quote(str(folder))}")
        raise typer.Exit(INTERRUPTED) from error
    return outcome


def _answer(outcome: Outcome, settings: SearchSettings, folder: Path, as_json: bool) -> None:
    """Print what was found; exits 1 where no network is feasible."""
    if as_json:
        output.answer_json(_to_json(outcome, settings, folder))
    elif outcome.best is not None:
        output.answer("\n".join(_lines(outcome, settings, folder)))
    if outcome.best is None:
        output.note(f"no network is feasible: {_excluded(outcome)}; {_advice(outcome)}")
        raise typer.Exit(NOTHING_FEASIBLE)


def _to_json(outcome: Outcome, settings: SearchSettings, folder: Path) -> dict[str, Any]:
    from msc.search.canonical import genome_hash

    return {
        "best": None if outcome.record is None else outcome.record.to_json(),
        "objectives": [str(objective) for objective in settings.objectives],
        "front": [genome_hash(genome) for genome in outcome.front],
        "evaluations": outcome.evaluations,
        "cached": outcome.cached,
        "infeasible": dict(outcome.infeasible),
        "failed": outcome.failed,
        "folder": str(folder),
        "files": _files(folder),
    }


def _lines(outcome: Outcome, settings: SearchSettings, folder: Path) -> Iterator[str]:
    record = outcome.record
    assert record is not None
    values = {f"{o.measure} ({o.better.value})": o.value(record) for o in settings.objectives}
    values["neurons"] = record.neurons
    named = {o.measure for o in settings.objectives}
    values |= {title: record.values.get(name) for name, title in _ALSO.items() if name not in named}
    rows = [("best genome", str(folder / "best.json")), ("hash", record.hash[:12])]
    rows += [(title, _number(value)) for title, value in values.items()]
    candidates = outcome.evaluations + outcome.cached
    rows += [("candidates", f"{candidates}, {outcome.evaluations} different networks")]
    if outcome.infeasible or outcome.failed:
        rows += [("not feasible", _excluded(outcome))]
    width = max(len(title) for title, _ in rows)
    for title, text in rows:
        wrapped = wrap(text, output.WIDTH - width - 2) or [""]
        yield f"{title:{width}}  {wrapped[0]}"
        yield from (" " * (width + 2) + more for more in wrapped[1:])
    yield "files"
    yield from (f"  {path}" for path in _files(folder))
    best = quote(str(folder / "best.json"))
    yield "next"
    yield f"  msc show {best}"
    yield f"  msc compile {best} --target pytorch"


def _number(value: float | None) -> str:
    """Write counts and large values whole, others with six digits."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= _LARGE else f"{value:.6g}"


def _files(folder: Path) -> list[str]:
    names = ("best.json", "front", "history.jsonl", "report.html", "timings.jsonl")
    return [str(folder / name) for name in names if (folder / name).exists()]


def _excluded(outcome: Outcome) -> str:
    """Count the networks that a guard or a limit keeps out, by reason, the most frequent first."""
    ranked = sorted(outcome.infeasible.items(), key=lambda reason: (-reason[1], reason[0]))
    reasons = [f"{count} {name}" for name, count in ranked]
    reasons += [f"{outcome.failed} failed"] if outcome.failed else []
    return f"{', '.join(reasons) or 'none'} of {outcome.evaluations}"


def _advice(outcome: Outcome) -> str:
    from msc.search.scoring.fitting import FIT

    limits = [name for name in outcome.infeasible if name.startswith(("max-", "min-")) or name == FIT]
    if limits:
        return f"loosen {', '.join(f'--{name}' for name in sorted(limits))}"
    return "use more --channels, --timesteps or --generations, or see what --no-guards finds"
