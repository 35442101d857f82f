"""Drives a model through the passes a target requires and has the target emit its files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

import numpy as np

from msc.compiler.contracts import CompileError, Pass, Property, Target
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


def check_options(target: Target, options: Mapping[str, str]) -> dict[str, str]:
    """Fill in the defaults; raises CompileError listing every unknown option and value."""
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
        if name in options and options[name] not in option.values
    ]
    raise_all(CompileError, problems)
    return {name: options.get(name, option.values[0]) for name, option in target.options.items()}


def compile_model(
    load: Callable[[], Model],
    target: Target,
    options: Mapping[str, str],
    on_pass: Callable[[str, Model], None] | None = None,
) -> Artefact:
    """Verify a model, run the target's passes, refuse what it cannot express, emit its files.

    `load` gives the model: called here so that no one else holds its weights, which are let go as passes
    replace them (large networks fit once, not three times). `on_pass(name, model)` sees the model after
    each pass, and first as "input". Raises CompileError with everything the target refuses.
    """
    chosen = check_options(target, options)
    model = load()
    verify_model(model)
    report: dict[str, Any] = {
        "format": "msc.report",
        "version": 1,
        "target": target.name,
        "options": chosen,
        "network_hash": network_hash(model.network),
        "weights_hash": weights_hash(model.weights),
        "passes": [],
    }
    if on_pass:
        on_pass("input", model)
    for step in plan(target):
        result = step.run(model)
        model = result.model
        report["passes"].append(
            {
                "name": step.name,
                "exactness": step.exactness.value,
                "changes": list(result.changes),
                "errors": dict(result.errors),
            }
        )
        del result
        if on_pass:
            on_pass(step.name, model)
    raise_all(CompileError, target.refusals(model, chosen))
    files = target.emit(model, chosen)
    report["sizes"] = _sizes(model, files)
    return Artefact(files, report)


def _sizes(model: Model, files: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "populations": len(model.network.populations) - 1,
        "projections": len(model.network.projections),
        "neurons": neuron_count(model.network),
        "weights": int(sum(np.size(array) for array in model.weights.values())),
        "files": {name: len(data) for name, data in sorted(files.items())},
    }
