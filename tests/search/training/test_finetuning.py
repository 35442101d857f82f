"""A kind of fine-tuning quantises as its target's passes do, and asks the target itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from msc.compiler.contracts import CompileError, Property
from msc.compiler.driver import find_target, lower
from msc.compiler.initialise import draw_input, random_model
from msc.compiler.registry import UnknownPartError
from msc.ir.neurons import Source
from msc.ir.simulate import simulate
from msc.search.generate import new_genome
from msc.search.lower import require_connected
from msc.search.training.checking import check_settings
from msc.search.training.finetuning import find_finetuning, finetuning_names
from msc.search.training.recipe import find_recipe, recipe_names
from tests.networks import NORMED, STRUCTURES, rounding

LOIHI = find_finetuning("loihi")
SMALL = {"input_shape": (2, 8, 8), "classes": 3, "votes": 2, "channels": 4, "timesteps": 4}


def test_kinds_are_found_by_their_files() -> None:
    assert finetuning_names() == ("loihi",)
    assert [find_finetuning(name).name for name in finetuning_names()] == list(finetuning_names())
    with pytest.raises(UnknownPartError, match="fine-tuning tpu: unknown; use one of: loihi"):
        find_finetuning("tpu")


@pytest.mark.parametrize("recipe", recipe_names())
@pytest.mark.parametrize("kind", finetuning_names())
def test_its_changes_fit_every_recipe(kind: str, recipe: str) -> None:
    changes = find_finetuning(kind).changes
    settings = replace(find_recipe(recipe).settings, **changes)
    check_settings(settings)
    assert settings.epochs < find_recipe(recipe).settings.epochs
    assert settings.learning_rate < find_recipe(recipe).settings.learning_rate


@pytest.mark.parametrize("options", [{}, {"thresholds": "population"}, {"input": "bias"}], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_it_quantises_as_the_targets_passes(seed: int, options: dict[str, str]) -> None:
    """Network and integers are those of the compiler, and an integer 1 is worth one unit of current."""
    network = require_connected(new_genome("mse-nas", seed, layers=4, **SMALL)).network
    assert network is not None
    model, target = random_model(network, seed), find_target("lava")
    made = LOIHI.quantised(model, options)
    compiled = lower(model, target, options, until=Property.FIXED_POINT)
    assert made.model.network == compiled.network
    assert made.model.weights.keys() == compiled.weights.keys()
    for name, integers in compiled.weights.items():
        np.testing.assert_array_equal(made.model.weights[name], integers, err_msg=name)
    floating = lower(model, target, options, until=Property.ONE_KERNEL)
    for projection in floating.network.projections:
        if projection.source != network.source.name:
            (key,) = (k for k in floating.weights if k.startswith(f"{projection.name}/"))
            weight, integers = floating.weights[key].astype(float), made.model.weights[key]
            unit = made.units[projection.target].reshape(-1, *([1] * (weight.ndim - 1)))
            step = 2 if integers.min() < 0 < integers.max() else 1
            assert np.abs(weight - integers * unit).max() <= 0.5001 * step * unit.max()
            held = (np.abs(weight - integers * unit) <= 0.5001 * step * unit).mean()
            assert held > 0.999


def test_it_runs_what_the_definition_says() -> None:
    model = NORMED["batch"]
    made = LOIHI.quantised(model, {})
    source = model.network.source.neuron
    assert isinstance(source, Source)
    x = draw_input(source, 0, 5, 4)
    expected = simulate(made.model, x).spikes
    found = LOIHI.run(made.model, x)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_what_fixed_point_cannot_hold_is_refused() -> None:
    with pytest.raises(CompileError, match=r"population out: emits its membrane \(LI\), fixed-point populat"):
        LOIHI.quantised(rounding(STRUCTURES["membrane"]), {})


def test_what_the_target_refuses_is_refused() -> None:
    """A cycle of two synapses has a fixed-point form, and no place in machine time."""
    made = LOIHI.quantised(rounding(STRUCTURES["loop"]), {})
    with pytest.raises(
        CompileError, match="cycle a -> b -> a: has 2 synapses, each of which takes a machine"
    ):
        LOIHI.check(made, {})
    LOIHI.check(LOIHI.quantised(rounding(STRUCTURES["delays"]), {}), {})
    graded = LOIHI.quantised(rounding(STRUCTURES["chain"]), {})
    with pytest.raises(CompileError, match="input>a: sends graded spikes, which loihi1 does not have"):
        LOIHI.check(graded, {"profile": "loihi1"})
