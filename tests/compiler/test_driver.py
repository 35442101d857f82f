"""The driver: planning passes, options, refusals, the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest

from msc.compiler.contracts import CompileError, Emission, Option, Property
from msc.compiler.driver import compile_model, find_target, plan, target_names
from msc.compiler.registry import UnknownPartError
from msc.ir.errors import Problem, raise_all
from msc.ir.network import Model, Network, Norm, Population, Projection
from msc.ir.neurons import LIF, Source
from msc.ir.ops import Linear
from msc.ir.shapes import weight_shapes
from msc.ir.verify import InvalidNetworkError


@dataclass(frozen=True)
class Recorder:
    """A target that emits the names of what it is given."""

    requires: frozenset[Property] = frozenset(Property)
    name: str = "recorder"
    options: Mapping[str, Option] = field(default_factory=lambda: {"mode": Option(("plain", "fancy"), "how")})
    refused: tuple[Problem, ...] = ()

    def refusals(self, model, options):
        return self.refused

    def emit(self, model, options, labels):
        raise_all(CompileError, self.refused)
        files = {
            "names.txt": ",".join(p.name for p in model.network.populations).encode(),
            "mode": options["mode"].encode(),
        }
        return Emission(files, {"described": options["mode"]})


def small() -> Model:
    network = Network(
        (Population("input", Source((3,))), Population("a", LIF()), Population("dead", LIF())),
        (
            Projection("input>a", "input", "a", (Linear(2),), norm=Norm()),
            Projection("input>dead", "input", "dead", (Linear(2),)),
        ),
        "a",
        timesteps=2,
    )
    weights = {name: np.ones(shape, np.float32) for name, shape in weight_shapes(network).items()}
    return Model(network, weights)


def test_passes_run_after_what_they_require():
    planned = plan(Recorder())
    promised: set[Property] = set()
    for step in planned:
        assert step.requires <= promised
        promised |= step.promises
    assert promised == set(Property)
    assert plan(Recorder(requires=frozenset())) == ()


def test_the_report_says_what_was_done():
    seen = []
    artefact = compile_model(small, Recorder(), {}, lambda name, model: seen.append(name))
    assert artefact.files == {"names.txt": b"input,a", "mode": b"plain"}
    folding = ["fold_norms", "live_network", "fold_pooling", "merge_parallel", "single_kernels"]
    assert seen == ["input", *folding, "quantise", "retime"]
    by_name = {step["name"]: step for step in artefact.report["passes"]}
    assert by_name["live_network"]["changes"] == ["dead: dropped, it is dead"]
    assert by_name["fold_norms"]["errors"]["largest_relative_weight_error"] < 2**-23
    assert artefact.report["sizes"]["populations"] == 1
    assert artefact.report["sizes"]["weights"] == 10
    assert artefact.report["described"] == "plain"
    assert (artefact.report["energy"]["neurons"], artefact.report["energy"]["steps"]) == (2, 3)  # retimed
    assert compile_model(small, Recorder(), {}).report == artefact.report


def test_unknown_options_and_values_are_all_listed():
    with pytest.raises(CompileError) as error:
        compile_model(small, Recorder(), {"colour": "red", "mode": "odd"})
    assert str(error.value).splitlines() == [
        "option colour: target recorder has no such option; use one of: mode",
        "option mode: unknown value 'odd'; use one of: plain, fancy",
    ]


def test_refusals_are_raised_before_anything_is_emitted():
    refused = tuple(Problem(f"projection p{i}", "delay 2", "use 1") for i in range(2))
    with pytest.raises(CompileError, match="projection p0: delay 2; use 1\nprojection p1: delay 2; use 1"):
        compile_model(small, Recorder(refused=refused), {})


def test_broken_weights_are_refused():
    def broken() -> Model:
        model = small()
        return Model(model.network, {**model.weights, "a/bias": np.array([np.nan, 0], np.float32)})

    with pytest.raises(InvalidNetworkError, match="weights a/bias: holds values that are not finite"):
        compile_model(broken, Recorder(), {})


def test_targets_are_found_by_name():
    assert {"nir", "pytorch"} <= set(target_names())
    assert find_target("nir").name == "nir"
    with pytest.raises(UnknownPartError, match=r"target chip: unknown; use one of: .*nir"):
        find_target("chip")
