"""Warns of what a reader must know of a training before any figure."""

from __future__ import annotations

from collections.abc import Iterator

from msc.search.reporting.markup import accurate, code, listed, percent, plural, text, warning
from msc.search.training.report.run import Run
from msc.search.training.report.tested import commonest_share, overall
from msc.search.training.report.wilson import wilson

SILENT, SATURATED = 0.005, 0.9
GAP = 0.05
_RESUME = "msc train --resume -o RUN"


def cautions(run: Run) -> Iterator[str]:
    """Write one warning for each thing that is wrong."""
    yield from _end(run)
    yield from _rates(run)
    yield from _chance(run)
    yield from _overfitting(run)
    yield from _in_vain(run)


def _end(run: Run) -> Iterator[str]:
    metrics = run.metrics
    done, planned = len(metrics.epochs), metrics.settings.epochs
    state = f"{done:,} of {plural(planned, 'epoch')} {'is' if done == 1 else 'are'} done"
    if metrics.stopped is not None:
        left = "The weights that are kept are from before." if done else "There are no weights to keep."
        yield warning(
            "This training broke down.", f"{text(metrics.stopped)}.", f"{state}, the test is not. {left}"
        )
    elif metrics.test is None:
        yield warning(
            "This training has not ended.",
            f"{state}, the test is not; what follows is the state it was left in.",
            f"Continue it with {code(_RESUME)}.",
        )


def _rates(run: Run) -> Iterator[str]:
    """Name the populations that carry next to nothing, being silent or always on.

    The head may be nearly silent: of its neurons only those of one class should fire.
    """
    rates = [(m, run.rates[m.name]) for m in run.members if m.name in run.rates]
    silent = [f"{text(m.name)} ({percent(rate)})" for m, rate in rates if rate < SILENT and not m.is_output]
    saturated = [f"{text(m.name)} ({percent(rate)})" for m, rate in rates if rate > SATURATED]
    if silent:
        yield warning(
            "Populations are nearly silent.",
            f"They fire in less than {percent(SILENT)} of neurons and steps: {listed(silent)}.",
            "What they pass on is next to nothing: a network without them may do as well.",
        )
    if saturated:
        yield warning(
            "Populations are saturated.",
            f"They fire in more than {percent(SATURATED)} of neurons and steps: {listed(saturated)}.",
            "They cost the most spikes and tell the least.",
        )


def _chance(run: Run) -> Iterator[str]:
    test = run.metrics.test
    if test is None:
        return
    count, commonest = overall(test), commonest_share(test)
    if count.interval[0] <= commonest:
        yield warning(
            "The network is not better than a guess.",
            f"Always naming the most frequent class would give {accurate(commonest)}, which the 95 %",
            f"interval of its {accurate(test.accuracy)} does not exclude.",
        )


def _overfitting(run: Run) -> Iterator[str]:
    """Compare the last epoch on both parts, for the one that is kept may be from before they parted."""
    if not run.metrics.epochs:
        return
    last = run.metrics.epochs[-1]
    if last.validation_accuracy is None:
        return
    count = run.metrics.samples["validation"]
    _, high = wilson(round(last.validation_accuracy * count), count)
    if last.accuracy - last.validation_accuracy > GAP and last.accuracy > high:
        yield warning(
            "It knows its training samples better than others.",
            f"In the last epoch it classified {accurate(last.accuracy)} of the training samples correctly,",
            f"but {accurate(last.validation_accuracy)} of the {plural(count, 'validation sample')}:",
            "more data, augmentation or a smaller network may help.",
        )


def _in_vain(run: Run) -> Iterator[str]:
    """Say where a fine-tuning left the weights worse than they were, by the samples that chose them."""
    finetuned, kept = run.metrics.finetuned, run.kept
    if finetuned is None or finetuned.validation is None or kept is None or kept.validation_accuracy is None:
        return
    before, count = finetuned.validation.quantised, run.metrics.samples["validation"]
    _, high = wilson(round(kept.validation_accuracy * count), count)
    if before > high:
        yield warning(
            "Fine-tuning made it worse.",
            f"Quantised, the weights it started from classified {accurate(before)} of the validation samples",
            f"correctly, those it kept {accurate(kept.validation_accuracy)}:",
            f"lower the learning rate, or compile {code('start.safetensors')}.",
        )
