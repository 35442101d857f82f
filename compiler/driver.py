"""Drives a model through the passes a target requires and has the target emit its files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from msc.compiler.contracts import (
    NO_LABELS,
    CompileError,
    Labels,
    Options,
    Pass,
    PassResult,
    Property,
    Target,
)
from msc.compiler.energy.estimate import estimate
from msc.compiler.registry import choose, discover, folders_with
from msc.ir.errors import Problem, raise_all
from msc.ir.hashing import network_hash, weights_hash
from msc.ir.network import Model
from msc.ir.shapes import neuron_count
from msc.ir.verify import verify_model

_PASSES = "msc.compiler.passes"
_BACKENDS = "msc.backends"


@dataclass(frozen=True)
class Artefact:
    """What a compilation made: the files' bytes by name, and the report (JSON-ready, deterministic)."""

    files: Mapping[str, bytes]
    report: Mapping[str, Any]


def target_names() -> tuple[str, ...]:
    """List the targets there are: the folders under `backends` that hold a `target.py`."""
    return folders_with(_BACKENDS, "target")


def find_target(name: str) -> Target:
    """Import one target; raises UnknownPartError naming those there are."""
    choose("target", name, target_names())
    return cast(Target, import_module(f"{_BACKENDS}.{name}.target").TARGET)


def plan(target: Target) -> tuple[Pass, ...]:
    """Order the passes whose promises the target requires, each after those it requires itself."""
    passes = [cast(Pass, item) for item in discover(_PASSES, "PASS").values()]
    planned: list[Pass] = []

    def establish(wanted: Iterable[Property], behind: tuple[str, ...]) -> None:
        for needed in sorted(wanted, key=lambda item: item.name):
            makers = [p for p in passes if needed in p.promises]
            assert makers, f"no pass promises {needed}"
            for maker in makers:
                assert maker.name not in behind, f"passes require each other: {(*behind, maker.name)}"
                establish(maker.requires, (*behind, maker.name))
                if maker not in planned:
                    planned.append(maker)

    establish(target.requires, ())
    return tuple(planned)


def check_options(target: Target, options: Options) -> dict[str, str | NDArray[Any]]:
    """Fill in the defaults; raises CompileError listing every unknown option and value.

    An option that takes an array and was not given stays absent.
    """
    problems = [
        Problem(
            f"option {name}",
            f"target {target.name} has no such option",
            f"use one of: {', '.join(sorted(target.options)) or 'none'}",
        )
        for name in options
        if name not in target.options
    ]
    problems += [
        Problem(
            f"option {name}",
            f"unknown value {options[name]!r}",
            f"use one of: {', '.join(option.values)}",
        )
        for name, option in target.options.items()
        if not option.is_array and name in options and options[name] not in option.values
    ]
    problems += [
        Problem(f"option {name}", "takes an array", "give the name of a .npy file")
        for name, option in target.options.items()
        if option.is_array and isinstance(options.get(name), str)
    ]
    raise_all(CompileError, problems)
    return {
        name: options[name] if name in options else option.values[0]
        for name, option in target.options.items()
        if name in options or not option.is_array
    }


def lower(
    model: Model,
    target: Target,
    options: Options,
    until: Property | None = None,
) -> Model:
    """Run a target's passes on a verified model; the result is what the target emits.

    `until` stops after the pass that promises it. Raises CompileError where options or passes refuse.
    """
    chosen = check_options(target, options)
    for step in plan(target):
        model = step.run(model, chosen).model
        if until in step.promises:
            break
    return model


def compile_model(
    load: Callable[[], Model],
    target: Target,
    options: Options,
    on_pass: Callable[[str, Model], None] | None = None,
    labels: Labels = NO_LABELS,
) -> Artefact:
    """Verify a model, run the target's passes, refuse what it cannot express, emit its files.

    `load` gives the model: called here so that no one else holds its weights, which are let go as passes
    replace them (large networks fit once, not three times). `on_pass(name, model)` sees the model after
    each pass, and first as "input"; files with room for `labels` carry them. Raises CompileError with
    everything the target refuses.
    """
    chosen = check_options(target, options)
    model = load()
    verify_model(model)
    passes: list[dict[str, Any]] = []
    report: dict[str, Any] = {
        "format": "msc.report",
        "version": 1,
        "target": target.name,
        "options": {name: _named(value) for name, value in chosen.items()},
        "network_hash": network_hash(model.network),
        "weights_hash": weights_hash(model.weights),
        "passes": passes,
    }
    if on_pass:
        on_pass("input", model)
    for step in plan(target):
        result = step.run(model, chosen)
        model = result.model
        passes.append(_told(step, result))
        del result
        if on_pass:
            on_pass(step.name, model)
    emission = target.emit(model, chosen, labels)
    report["sizes"] = _sizes(model, emission.files)
    report["energy"] = estimate(model)
    report.update(emission.facts)
    return Artefact(emission.files, report)


def _told(step: Pass, result: PassResult) -> dict[str, Any]:
    return {
        "name": step.name,
        "exactness": step.exactness.value,
        "changes": list(result.changes),
        "errors": dict(result.errors),
    }


def _named(value: str | NDArray[Any]) -> str:
    """Name an option's value in the report; an array by its shape and hash."""
    if isinstance(value, str):
        return value
    return f"array {'x'.join(map(str, value.shape))} {weights_hash({'array': value})[:12]}"


def _sizes(model: Model, files: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "populations": len(model.network.populations) - 1,
        "projections": len(model.network.projections),
        "neurons": neuron_count(model.network),
        "weights": int(sum(np.size(array) for array in model.weights.values())),
        "files": {name: len(data) for name, data in sorted(files.items())},
    }
