"""Random and dyadic weights: alive, reproducible, signed, and, if dyadic, exact in float32."""

from __future__ import annotations

import numpy as np
import pytest

from msc.compiler.initialise import draw_input, dyadic_model, random_model
from msc.compiler.initialise.dyadic import DyadicError
from msc.compiler.initialise.exactness import BUDGET_BITS, array_grid, bits_needed, is_exact
from msc.ir.network import Model, Network, Norm, NormKind, Population, Projection, Sign
from msc.ir.neurons import IF, LI, LIF, CubaLIF, InputKind, Source
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Op, Scale, SumPool2d
from msc.ir.simulate import simulate
from msc.ir.verify import verify_model

KINDS = (random_model, dyadic_model)


def conv(channels: int, kernel: int = 3, stride: int = 1) -> tuple[Op, ...]:
    return (Conv2d(channels, (kernel, kernel), (stride, stride), (kernel // 2, kernel // 2)),)


def network(kind: InputKind = InputKind.STATIC, neuron=LIF, timesteps: int = 5) -> Network:
    """Feedback with inhibition, a skip, a lone average pool, an identity and a pooled head."""

    def link(source, target, ops, sign=Sign.FREE, delay=0, norm=None):
        return Projection(f"{source}>{target}", source, target, ops, sign, delay, norm)

    scale = Norm(NormKind.SCALE)
    return Network(
        (
            Population("input", Source((2, 8, 8), kind)),
            *(Population(name, neuron()) for name in ("stem", "a", "i", "b", "head")),
        ),
        (
            link("input", "stem", conv(6), norm=Norm()),
            link("stem", "a", conv(6, 5), norm=Norm()),
            link("a", "i", conv(6), delay=1, norm=Norm()),
            link("i", "a", conv(6), Sign.INHIBITORY, delay=1, norm=scale),
            link("a", "b", (AvgPool2d((3, 3), (1, 1), (1, 1)),)),
            link("stem", "b", ()),
            link("b", "head", (SumPool2d((8, 8), (8, 8)), Scale(1 / 64), Flatten(), Linear(12))),
        ),
        "head",
        timesteps,
    )


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("kind", list(InputKind))
@pytest.mark.parametrize("neuron", [LIF, IF, CubaLIF, lambda: LIF(4 / 3, 1.0, 1.0)])
def test_every_population_is_alive_on_other_inputs_too(make, kind, neuron):
    model = make(network(kind, neuron), seed=1)
    verify_model(model)
    x = draw_input(model.network.source.neuron, seed=99, batch=8, timesteps=5)
    trace = simulate(model, x)
    rates = {name: float(spikes.mean()) for name, spikes in trace.spikes.items()}
    assert all(0.01 <= rate <= 0.8 for rate in rates.values()), rates
    assert (trace.outputs != trace.outputs[:, :1]).any()


@pytest.mark.parametrize("make", KINDS)
def test_the_same_seed_gives_the_same_arrays_and_another_seed_others(make):
    first, second, other = (make(network(), seed) for seed in (3, 3, 4))
    assert all(np.array_equal(first.weights[name], second.weights[name]) for name in first.weights)
    assert not np.array_equal(first.weights["input>stem/0/weight"], other.weights["input>stem/0/weight"])


def test_a_part_draws_the_same_in_another_network():
    whole = network()
    fewer = tuple(p for p in whole.projections if p.name != "stem>b")
    a, b = random_model(whole, 0), random_model(Network(whole.populations, fewer, "head", 5), 0)
    assert np.array_equal(a.weights["stem>a/0/weight"], b.weights["stem>a/0/weight"])


@pytest.mark.parametrize("timesteps", [1, 4, 12, 16])
def test_dyadic_weights_fit_float32_for_any_number_of_steps(timesteps):
    model = dyadic_model(network(timesteps=timesteps), seed=0)
    assert max(bits_needed(model).values()) <= BUDGET_BITS
    for name, array in model.weights.items():
        grid = array_grid(array)
        assert grid.units < 2**15, name
        if name.endswith("weight"):
            assert grid.units <= 15, name
    assert all(p.norm is None for p in model.network.projections)


def test_dyadic_float32_arithmetic_is_exact():
    """The same network in float32, summed in another order: every membrane equal to the float64 reference."""
    model = dyadic_model(network(InputKind.EVENTS, timesteps=12), seed=0)
    x = draw_input(model.network.source.neuron, 5, 3, 12)
    reference = simulate(model, x, membranes=True)
    weight = model.weights["input>stem/0/weight"]
    padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (1, 1), (1, 1))).astype(np.float32)
    v = np.zeros(reference.membranes["stem"].shape[1:], np.float32)
    neuron = model.network.population("stem").neuron
    assert isinstance(neuron, LIF)
    for t in range(len(x)):
        current = np.zeros_like(v)
        for dy, dx, c in reversed(list(np.ndindex(3, 3, 2))):
            current += (
                weight[None, :, c, dy, dx, None, None] * padded[t, :, c, None, dy : dy + 8, dx : dx + 8]
            )
        current += model.weights["stem/bias"][None, :, None, None]
        v = v + (np.float32(neuron.v_leak) - v + np.float32(neuron.r) * current) / np.float32(neuron.tau)
        assert np.array_equal(v, reference.membranes["stem"][t])
        v = np.where(v >= np.float32(neuron.v_threshold), np.float32(neuron.v_reset), v)


def test_too_many_steps_and_feeding_integrators_are_refused():
    with pytest.raises(
        DyadicError, match="population stem: 30 time steps need 31 of float32's 24 bits; verify with fewer"
    ):
        dyadic_model(network(timesteps=30), seed=0)
    with pytest.raises(DyadicError, match="population a: a leaky integrator feeds other populations"):
        dyadic_model(network(neuron=LI), seed=0)


@pytest.mark.parametrize("kind", list(InputKind))
def test_inputs_are_dyadic_reproducible_and_differ_between_samples(kind):
    source = Source((3, 9, 7), kind)
    x = draw_input(source, 1, 4, 3)
    assert x.shape == ((4, 3, 9, 7) if kind is InputKind.STATIC else (3, 4, 3, 9, 7))
    assert np.array_equal(x, draw_input(source, 1, 4, 3))
    assert np.array_equal(x * 16, np.round(x * 16))
    assert 0 <= x.min() < x.max() <= 1
    batch = 0 if kind is InputKind.STATIC else 1
    assert not np.array_equal(np.take(x, 0, batch), np.take(x, 1, batch))


def test_exactness_is_recognised_and_withdrawn():
    model = dyadic_model(network(InputKind.EVENTS), seed=0)
    x = draw_input(model.network.source.neuron, 5, 3, 5)
    assert is_exact(model, x, 5)
    assert not is_exact(model, x, 40)
    third = {**model.weights, "stem/bias": np.full(6, 1 / 3, np.float32)}
    assert not is_exact(Model(model.network, third), x, 5)
    assert not is_exact(random_model(network(InputKind.EVENTS), seed=0), x, 5)
    still = dyadic_model(network(), seed=0)
    pixels = draw_input(still.network.source.neuron, 5, 3, 5)
    assert is_exact(still, pixels, 5)
    assert not is_exact(still, pixels * np.float32(0.3), 5)
    assert not is_exact(still, pixels * 2, 5)


@pytest.mark.parametrize("make", KINDS)
def test_neurons_that_no_current_moves_get_weights_too(make):
    verify_model(make(network(neuron=lambda: LIF(2.0, 0.0, 0.5)), seed=0))
