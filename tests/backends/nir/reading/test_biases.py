"""Biases: of a population where they are one for a channel from the first step on, else sent to it."""

from __future__ import annotations

import nir
import numpy as np
import pytest

from msc.backends.nir.reading.network import Imported
from tests.backends.nir.reading.graphs import affine, chain, check, conv, lif, wired

MAP = (2, 5, 6)
NO_BIAS = np.zeros(2, np.float32)


def constants(imported: Imported) -> list[str]:
    return [p.name for p in imported.model.network.populations if p.name.startswith("constant")]


def test_the_last_bias_is_that_of_the_population() -> None:
    node = affine(4, 3)
    imported, _ = check(chain((3,), (4,), a=node, l=lif((4,))))
    np.testing.assert_array_equal(imported.model.weights["l/bias"], node.bias)
    assert not constants(imported)


def test_biases_of_several_inputs_add_up() -> None:
    edges = [("input", "a"), ("input", "b"), ("a", "l"), ("b", "l"), ("l", "output")]
    a, b = affine(4, 3), affine(4, 3, seed=1)
    imported, _ = check(wired((3,), (4,), edges, a=a, b=b, l=lif((4,))))
    np.testing.assert_array_equal(imported.model.weights["l/bias"], a.bias + b.bias)


@pytest.mark.parametrize(
    "behind",
    [
        {"p": nir.SumPool2d(np.array([2, 2]), np.array([1, 1]), np.array([0, 0]))},
        {"p": nir.AvgPool2d(np.array([2, 2]), np.array([1, 1]), np.array([0, 0]))},
        {"p": nir.Scale(np.full(MAP, 0.5))},
        {"p": nir.Scale(np.array([0.5, -2.0]).reshape(2, 1, 1) * np.ones(MAP))},
        {"p": conv(2, MAP, 2, padding=0, bias=NO_BIAS)},
        {"p": conv(2, MAP, 2, padding=0, groups=2, bias=NO_BIAS)},
        {"p": nir.Flatten({"input": np.array(MAP)}, 0, -1)},
        {"p": nir.Flatten({"input": np.array(MAP)}, 0, -1), "q": affine(3, 60, bias=False)},
    ],
)
def test_a_bias_is_carried_through_what_keeps_it_even(behind) -> None:
    first = conv(2, MAP, 3)
    last = {"SumPool2d": (2, 4, 5), "AvgPool2d": (2, 4, 5), "Scale": MAP, "Conv2d": (2, 4, 5)}
    shape = (3,) if "q" in behind else last.get(type(behind["p"]).__name__, (60,))
    imported, _ = check(chain(MAP, shape, c=first, **behind, l=lif(shape, 0.75)))
    assert not constants(imported)
    assert imported.model.weights["l/bias"].any()


@pytest.mark.parametrize(
    ("behind", "shape"),
    [
        ({"p": conv(2, MAP, 3, bias=NO_BIAS)}, MAP),
        ({"p": nir.SumPool2d(np.array([3, 3]), np.array([1, 1]), np.array([1, 1]))}, MAP),
        ({"p": nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([1, 1]))}, (2, 3, 4)),
    ],
)
def test_a_bias_before_padding_is_sent_by_a_population_that_always_fires(behind, shape) -> None:
    imported, trace = check(chain(MAP, shape, c=conv(2, MAP), **behind, l=lif(shape, 0.75)))
    assert constants(imported) == ["constant"]
    assert trace.spikes["constant"].shape[2:] == (1, 5, 6)
    assert trace.spikes["constant"].all()
    assert imported.notes == (
        "c: its bias is not one for a whole channel in l; constant, which fires in every step, sends it",
    )


def test_a_bias_that_float32_cannot_carry_is_sent() -> None:
    first = nir.Affine(np.eye(3, dtype=np.float32), np.full(3, 0.1, np.float32))
    second = nir.Linear(np.full((2, 3), 0.3, np.float32))
    imported, _ = check(chain((3,), (2,), a=first, b=second, l=lif((2,))))
    assert constants(imported) == ["constant"]


def test_the_bias_of_a_late_projection_starts_late() -> None:
    """As in NIRTorch: the value that is read late is 0 at first, its bias included."""
    edges = [("input", "l"), ("l", "w"), ("w", "l"), ("l", "output")]
    imported, trace = check(wired((3,), (3,), edges, l=lif((3,), 0.75), w=affine(3, 3)))
    sent = next(p for p in imported.model.network.projections if p.source == "constant")
    assert (sent.target, sent.delay) == ("l", 1)
    assert trace.spikes["constant"].shape[2:] == (1,)
    assert not imported.model.network.population("l").bias
    assert imported.notes[-1] == (
        "w: its bias starts late, by 1, in l; constant, which fires in every step, sends it"
    )


def test_a_bias_before_a_delay_starts_as_late() -> None:
    nodes = {"a": affine(3, 3), "d": nir.Delay(np.full(3, 2e-4)), "b": affine(3, 3, seed=1)}
    imported, _ = check(chain((3,), (3,), **nodes, l=lif((3,))))
    delays = {(p.source, p.target): p.delay for p in imported.model.network.projections}
    assert delays == {("input", "constant"): 0, ("input", "l"): 2, ("constant", "l"): 2}
    np.testing.assert_array_equal(imported.model.weights["l/bias"], nodes["b"].bias)


@pytest.mark.parametrize("shape", [(3,), (2, 5), MAP])
def test_late_biases_of_all_ranks(shape: tuple[int, ...]) -> None:
    weight = {
        1: affine(3, 3),
        2: nir.Conv1d(5, np.ones((2, 2, 3), np.float32) / 4, 1, 1, 1, 1, np.ones(2, np.float32) / 4),
        3: conv(2, MAP),
    }[len(shape)]
    edges = [("input", "l"), ("l", "w"), ("w", "l"), ("l", "output")]
    imported, trace = check(wired(shape, shape, edges, l=lif(shape, 0.75), w=weight))
    assert trace.spikes["constant"].shape[2:] == (1, *shape[1:])
    assert "constant_2" not in trace.spikes
    assert len(constants(imported)) == 1


def test_zero_biases_are_none() -> None:
    imported, _ = check(chain(MAP, MAP, c=conv(2, MAP, bias=NO_BIAS), l=lif(MAP)))
    assert not imported.model.network.population("l").bias
