"""Opens a report: what was searched, how it ended in one sentence, and the settings."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean, stdev
from typing import Any

from msc.ir.describe import shape_text, short_number
from msc.search.evolution.history import StoredEvaluation
from msc.search.evolution.report.study import Goal, Study, mean_rate
from msc.search.reporting.markup import (
    brief,
    code,
    facts,
    listed,
    number,
    paragraph,
    percent,
    plural,
    short_hash,
    spread,
    text,
    tiles,
    warning,
)


def opening(study: Study) -> str:
    """Write the header of the page."""
    settings = study.settings
    what = f"{settings['space']} on {settings['data']}"
    return "\n".join(
        (
            "<header>",
            '<p class="kicker">msc search</p>',
            f"<h1>{text(what)}</h1>",
            *_state(study),
            paragraph(_outcome(study), kind="lead"),
            _tiles(study),
            _table_of_contents(study),
            "</header>",
        )
    )


def _state(study: Study) -> Iterator[str]:
    """Warn of what a reader must know before any figure: no end, no feasible network, no guards."""
    done, planned = len(study.history.generations), study.settings["generations"] + 1
    if not study.finished:
        yield warning(
            "This search has not ended.",
            f"{done:,} of {planned:,} generations are done; what follows is the state it was left in.",
            f"Continue it with {code('msc search --resume')}.",
        )
    if study.settings["guards"] is None:
        yield warning(
            "The guards were off.",
            "Nothing kept silent, saturated or collapsed networks from winning:",
            "look at the rates of the best network before you believe its score.",
        )


def _outcome(study: Study) -> str:
    """Say in one sentence what came of it."""
    best = study.best
    scored = len(study.scored)
    if best is None:
        return (
            f"No feasible network was found: none of the {plural(scored, 'network')} that were scored passes "
            "every guard and limit."
        )
    goal, record = study.goal, best.record
    so_far = "" if study.finished else " so far"
    score = f"<strong>{text(goal.measure)} {number(goal.value(record))}</strong>{_over_seeds(study, best)}"
    sizes = [f"{record.neurons:,} neurons", f"{record.params:,} parameters"]
    rate, synops = mean_rate(record), record.values.get("synops")
    if rate is not None:
        sizes.append(f"a mean firing rate of {percent(rate)} a step")
    if synops is not None:
        sizes.append(f"{number(synops)} synaptic operations a sample")
    return f"The best network{so_far}, {short_hash(record.hash)}, scores {score}; it has {listed(sizes)}."


def _over_seeds(study: Study, best: StoredEvaluation) -> str:
    values = study.final_values(best.record.hash)
    if len(values) < 2:
        return ""
    return f" ({number(fmean(values))} ± {spread(stdev(values))} over {len(values)} weight seeds)"


def _tiles(study: Study) -> str:
    """Set the best network's figures large."""
    best = study.best
    found: list[tuple[str, str, str]] = []
    if best is not None:
        goal, record = study.goal, best.record
        values = study.final_values(record.hash)
        under = f"{goal.preferred} is better"
        found.append((goal.measure, brief(goal.value(record) or 0.0), under))
        if len(values) > 1:
            around = f"± {spread(stdev(values))}, {len(values)} weight seeds"
            found.append(("mean over seeds", brief(fmean(values)), around))
        found.append(("neurons", short_number(record.neurons), "live, without the input"))
        found.append(("parameters", short_number(record.params), "weights and biases"))
        rate, synops = mean_rate(record), record.values.get("synops")
        if rate is not None:
            found.append(("firing rate", percent(rate), "per neuron and step"))
        if synops is not None:
            found.append(("synaptic ops", short_number(round(synops)), "per sample, all steps"))
    share = len(study.feasible) / len(study.scored) if study.scored else 0.0
    found.append(("networks scored", f"{len(study.scored):,}", f"{percent(share)} feasible"))
    return tiles(found)


def _table_of_contents(study: Study) -> str:
    names = [("settings", "Settings"), ("fitness", "Fitness")]
    names += [("front", "Pareto front")] if len(study.goals) > 1 else []
    names += [("mix", "Structure"), ("best", "Best network"), ("meter", "Rate meter?")]
    names += [("finalists", "Finalists"), ("infeasible", "Infeasible"), ("guards", "Guards")]
    return "<nav>" + " ".join(f'<a href="#{name}">{text(title)}</a>' for name, title in names) + "</nav>"


def settings_table(study: Study) -> str:
    """List all settings that the history depends on, and the versions."""
    settings = study.settings
    history = study.history
    candidates = sum(len(generation.candidates) for generation in history.generations)
    met = sum(generation.cached for generation in history.generations)
    pairs = [
        ("space", _space(settings)),
        ("skeleton", text(_skeleton(settings["skeleton"]))),
        ("neuron", text(_neuron(settings["skeleton"]))),
        *((name, _goal_text(goal)) for name, goal in _objectives(study)),
        *_energy_profile(settings),
        ("strategy", _strategy(settings)),
        (
            "candidates",
            f"{candidates:,} drawn; {plural(len(study.scored), 'network')} scored, {met:,} met again",
        ),
        ("data", _data(settings)),
        ("finalists", _finalists(settings)),
        ("seed", text(settings["seed"])),
        ("device", text(settings["device"])),
        ("versions", text(", ".join(f"{name} {version}" for name, version in history.versions.items()))),
    ]
    return facts(pairs)


def _objectives(study: Study) -> Iterator[tuple[str, Goal]]:
    """Number the objectives where there are several."""
    for place, goal in enumerate(study.goals, start=1):
        yield (f"objective {place}" if len(study.goals) > 1 else "objective"), goal


def _energy_profile(settings: Any) -> Iterator[tuple[str, str]]:
    """Say what energy was measured with; runs without it have no such setting."""
    if "energy_profile" in settings:
        profile, hash = settings["energy_profile"], settings["energy_profile_hash"]
        yield "energy profile", f"{text(profile)}, sha256 {short_hash(hash)}"


def _goal_text(goal: Goal) -> str:
    """Write an objective with its direction, what it is and where it comes from."""
    verb = "minimised" if goal.lower else "maximised"
    if goal.fitness is None:
        return f"{code(goal.measure)}, {verb}"
    usual = "" if goal.objective.better is goal.fitness.better else ", against the measure's usual direction"
    return f"{code(goal.measure)}, {verb}{usual}: {text(goal.title)} ({text(goal.fitness.source)})"


def _space(settings: Any) -> str:
    layers = f", {plural(settings['layers'], 'layer')}" if settings["space"] == "mse-nas" else ""
    return f"{code(settings['space'])}{layers}"


def _skeleton(skeleton: Any) -> str:
    shape = shape_text(skeleton["input_shape"])
    parts = [f"{skeleton['input']} input {shape}"]
    parts.append(f"{skeleton['classes']} classes x {skeleton['votes']} votes")
    parts.append(f"{skeleton['channels']} channels")
    parts.append(f"{skeleton['timesteps']} time steps")
    if skeleton["reductions"]:
        parts.append(f"reductions at layers {', '.join(map(str, skeleton['reductions']))}")
    parts += [f"{name} {skeleton[name]}" for name in ("hidden", "pool") if name in skeleton]
    parts += [f"sign rule {skeleton['dale']}", f"recurrence {skeleton['recurrence']}"]
    return ", ".join(parts)


def _neuron(skeleton: Any) -> str:
    neuron = skeleton["neuron"]
    return (
        f"LIF, tau {number(neuron['tau'])} steps, r {number(neuron['r'])}, "
        f"threshold {number(neuron['v_threshold'])}"
    )


def _strategy(settings: Any) -> str:
    return (
        f"{code(settings['strategy'])}, population {settings['population']:,}, "
        f"{plural(settings['generations'], 'generation')} after the first draw"
    )


def _data(settings: Any) -> str:
    batches = "1 batch" if settings["batches"] == 1 else f"{settings['batches']:,} batches"
    return (
        f"{text(settings['data'])}: {batches} of {plural(settings['batch'], 'sample')} shown to every "
        f"candidate, sha256 {short_hash(settings['data_hash'])}"
    )


def _finalists(settings: Any) -> str:
    seeds = plural(settings["weight_seeds"], "weight seed")
    trained = (
        f", then trained for {plural(settings['epochs'], 'epoch')}" if settings["check_accuracy"] else ""
    )
    return f"the best {settings['finalists']:,}, measured again under {seeds}{trained}"
