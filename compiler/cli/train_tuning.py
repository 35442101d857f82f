"""From --finetune, --weights and --option of `msc train` to what a fine-tuning starts from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from msc.compiler.cli.attempts import Attempts
from msc.compiler.cli.failures import UsageError
from msc.compiler.cli.train_options import Options
from msc.ir.errors import MscError, Problem, raise_all

if TYPE_CHECKING:
    from msc.ir.network import Weights
    from msc.search.genome import Genome
    from msc.search.training.finetuning import FineTuning
    from msc.search.training.settings import Settings
    from msc.search.training.start import Start

_SAME = "leave it out to go on as before, or start a new run with another -o"


def find_kind(options: Options) -> FineTuning | None:
    """Find the kind of fine-tuning that is asked for; raises UsageError naming those there are."""
    from msc.compiler.registry import UnknownPartError
    from msc.search.training.finetuning import find_finetuning

    if options.finetune is None:
        return None
    try:
        return find_finetuning(options.finetune)
    except UnknownPartError as error:
        raise UsageError(
            replace(p, where=f"--finetune {options.finetune}", what="there is no such fine-tuning")
            for p in error.problems
        ) from error


def tuned(settings: Settings, kind: FineTuning | None) -> Settings:
    """Change a recipe's settings as a fine-tuning does."""
    return settings if kind is None else replace(settings, **kind.changes)


def find_start(options: Options, kind: FineTuning | None, genome: Genome | None) -> Start | None:
    """Read the weights to start from and the target's options; None where nothing is fine-tuned.

    The file of weights is left alone where the genome they should belong to could not be read. Raises
    UsageError listing all that is missing, malformed or not for this call, and what is wrong with the file.
    """
    from msc.search.training.start import Start

    if kind is None:
        raise_all(UsageError, () if options.finetune else _without_kind(options))
        return None
    attempt = Attempts()
    weights = attempt(lambda: _weights(options, genome))
    chosen = attempt(lambda: _target_options(options, kind))
    raise_all(UsageError, attempt.problems)
    assert weights is not None
    assert chosen is not None
    return Start(kind.name, chosen, weights)


def other_start(options: Options, start: Start | None) -> Iterator[Problem]:
    """Find what a call that resumes a run gives otherwise than the run was started with."""
    kind = None if start is None else start.kind
    if options.finetune not in (None, kind):
        what = f"the run was started with --finetune {kind}" if kind else "the run trains from scratch"
        yield Problem(f"--finetune {options.finetune}", what, _SAME)
    elif start is None:
        yield from _without_kind(options)
    else:
        yield from _other_options(options, start)
        if options.weights is not None and not _are_same(options.weights, start):
            yield Problem(f"--weights {options.weights}", "holds other weights than the run's", _SAME)


def _without_kind(options: Options) -> Iterator[Problem]:
    fix = "add --finetune KIND, or leave it out: training starts from random weights"
    if options.weights is not None:
        yield Problem(f"--weights {options.weights}", "is for fine-tuning alone", fix)
    for text in options.target:
        yield Problem(f"--option {text}", "is for fine-tuning alone", "add --finetune KIND, or leave it out")


def _weights(options: Options, genome: Genome | None) -> Weights:
    from msc.compiler.cli.inputs import GENERATED, load

    spec = options.weights
    if spec is None:
        fix = "add --weights RUN/weights.safetensors of a training of this genome"
        raise UsageError.of(f"--finetune {options.finetune}", "needs weights to start from", fix)
    if spec.partition(":")[0] in GENERATED:
        what = "are untrained weights: there is nothing to fine-tune"
        raise UsageError.of(
            f"--weights {spec}", what, "train first, and name the weights.safetensors of that"
        )
    if options.genome is None or genome is None:
        return {}
    return load(options.genome, spec).model().weights


def _target_options(options: Options, kind: FineTuning) -> Mapping[str, str]:
    from msc.compiler.cli.targets import target_with_options
    from msc.compiler.driver import find_target

    known = find_target(kind.target).options
    arrays = [text for text in options.target if (o := known.get(text.partition("=")[0])) and o.is_array]
    attempt = Attempts(
        Problem(f"--option {text}", "is for msc compile alone", "leave it out") for text in arrays
    )
    others = [text for text in options.target if text not in arrays]
    found = attempt(lambda: target_with_options(kind.target, others))
    raise_all(UsageError, attempt.problems)
    assert found is not None
    return {name: str(value) for name, value in found[1].items()}


def _other_options(options: Options, start: Start) -> Iterator[Problem]:
    for text in options.target:
        key, _, value = text.partition("=")
        if start.options.get(key) != value:
            before = f"{key}={start.options[key]}" if key in start.options else f"no {key}"
            yield Problem(f"--option {text}", f"the run was started with {before}", _SAME)


def _are_same(path: str, start: Start) -> bool:
    from msc.backends.weights import read_weights
    from msc.ir.hashing import weights_hash

    try:
        return weights_hash(read_weights(path)[0]) == start.told.weights
    except MscError as error:
        raise UsageError(error.problems) from error
