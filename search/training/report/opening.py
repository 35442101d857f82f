"""Opens the report of a training: what was trained on what, and how it ended, in one sentence."""

from __future__ import annotations

from collections.abc import Iterator

from msc.ir.describe import short_number
from msc.search.reporting.markup import (
    accurate,
    code,
    duration,
    number,
    paragraph,
    percent,
    plural,
    short_hash,
    text,
    tiles,
)
from msc.search.training.report.cautions import cautions
from msc.search.training.report.run import Run
from msc.search.training.report.tested import Count, overall

_SECTIONS = (
    ("curves", "Curves"),
    ("firing", "Firing"),
    ("confusion", "Classes"),
    ("network", "Network"),
    ("settings", "Settings"),
)


def opening(run: Run) -> str:
    """Write the header of the page."""
    links = " ".join(f'<a href="#{name}">{text(title)}</a>' for name, title in _SECTIONS)
    return "\n".join(
        (
            "<header>",
            '<p class="kicker">msc train</p>',
            f"<h1>{text(run.what)}</h1>",
            *cautions(run),
            paragraph(_outcome(run), kind="lead"),
            paragraph(_effort(run), _choice(run)),
            *_compared(run),
            tiles(_tiles(run)),
            f"<nav>{links}</nav>",
            "</header>",
        )
    )


def _outcome(run: Run) -> str:
    """Say in one sentence what came of it."""
    genome = short_hash(run.metrics.genome)
    test, kept = run.metrics.test, run.kept
    if test is not None:
        count = overall(test)
        return (
            f"Network {genome} classifies <strong>{accurate(test.accuracy)}</strong> of "
            f"{plural(count.samples, 'test sample')} correctly (95 % interval {_interval(count)})."
        )
    if kept is None:
        return f"No epoch of network {genome} is finished."
    share, part = kept.validation_accuracy, "validation"
    if share is None:
        share, part = kept.accuracy, "training"
    count = run.metrics.samples[part]
    return (
        f"Network {genome} classifies <strong>{accurate(share)}</strong> of "
        f"{plural(count, f'{part} sample')} correctly so far, in epoch {kept.number}; it is not tested yet."
    )


def _interval(count: Count) -> str:
    low, high = count.interval
    return f"{100 * low:.2f} to {accurate(high)}"


def _effort(run: Run) -> str:
    metrics = run.metrics
    done = len(metrics.epochs)
    if not done:
        return ""
    of = "" if done == metrics.settings.epochs else f" of {metrics.settings.epochs:,}"
    together = f" on {metrics.processes} processes" if metrics.processes > 1 else ""
    finetuned = metrics.finetuned
    how = "Trained from scratch" if finetuned is None else f"Fine-tuned for {text(finetuned.kind)}"
    return (
        f"{how} on {plural(metrics.samples['training'], 'sample')} for "
        f"{done:,}{of} {'epoch' if metrics.settings.epochs == 1 else 'epochs'}, {duration(run.seconds)} on "
        f"{text(metrics.device)}{together}, by recipe {code(metrics.recipe)}."
    )


def _choice(run: Run) -> str:
    """Say which epoch is kept, why, and what the test samples were used for."""
    kept = run.kept
    if kept is None:
        return ""
    if kept.validation_accuracy is None:
        chosen = f"Nothing was held out: the weights are those of the last epoch, {kept.number}."
    else:
        count = plural(run.metrics.samples["validation"], "held-out training sample")
        chosen = (
            f"The weights are those of epoch {kept.number}, the best on {count} "
            f"({accurate(kept.validation_accuracy)})."
        )
    used = "The test samples were used once, after the last epoch, and chose nothing."
    return f"{chosen} {used}" if run.metrics.test is not None else chosen


def _compared(run: Run) -> Iterator[str]:
    """Compare a fine-tuned network with the weights it started from."""
    finetuned, test = run.metrics.finetuned, run.metrics.test
    if finetuned is None:
        return
    after, part = None if run.kept is None else run.kept.validation_accuracy, "validation"
    before = finetuned.validation
    if test is not None and finetuned.test is not None:
        after, part, before = test.accuracy, "test", finetuned.test
    sentences = [
        "Test and validation figures are of the quantised network, emulated as the chip computes it."
    ]
    if before is not None:
        now = "" if after is None else f" and {accurate(after)} since"
        sentences.append(
            f"Of the {part} samples, the first weights classify {accurate(before.floating)} correctly in "
            f"floating point; quantised, {accurate(before.quantised)} before fine-tuning{now}."
        )
    yield paragraph(*sentences)


def _tiles(run: Run) -> Iterator[tuple[str, str, str]]:
    test, kept = run.metrics.test, run.kept
    if test is not None:
        count = overall(test)
        yield "test accuracy", accurate(test.accuracy), f"{count.hits:,} of {count.samples:,}"
        finetuned = run.metrics.finetuned
        if finetuned is not None and finetuned.test is not None:
            floating = f"{accurate(finetuned.test.floating)} in floating point"
            yield "before fine-tuning", accurate(finetuned.test.quantised), floating
    if kept is not None:
        if kept.validation_accuracy is not None:
            under = f"of {plural(run.metrics.samples['validation'], 'sample')}"
            yield "validation accuracy", accurate(kept.validation_accuracy), under
        yield "kept epoch", f"{kept.number:,}", f"of {len(run.metrics.epochs):,} finished"
    totals = run.description["totals"]
    spikes = run.spikes_per_sample
    if spikes is not None:
        where = "on test samples" if test is not None else "in training"
        rate = spikes / (totals["neurons"] * run.genome.skeleton.timesteps)
        yield "firing rate", percent(rate), "per neuron and step"
        yield "spikes per sample", short_number(round(spikes)), where
    yield "neurons", short_number(totals["neurons"]), "without the input"
    yield "parameters", short_number(totals["weights"] + totals["biases"]), "weights and biases"
    yield "time steps", number(run.genome.skeleton.timesteps), "per sample"
