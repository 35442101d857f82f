"""Verification names every offender at once: where, what is wrong, what to do."""

# ruff: noqa: E501

from dataclasses import replace

import numpy as np
import pytest

from msc.ir.network import Model, Network, Norm, Population, Projection, Sign
from msc.ir.neurons import IF, LIF, CubaLIF, Source
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Scale
from msc.ir.verify import InvalidNetworkError, verify, verify_model
from tests.networks import NETWORKS, NORMED, conv, edge, net

GOOD = NETWORKS["chain"].network


def complaints(network: Network) -> list[str]:
    with pytest.raises(InvalidNetworkError) as caught:
        verify(network)
    assert caught.value.exit_code == 2
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return str(caught.value).split("\n")


def weight_complaints(model: Model, **changed: np.ndarray | None) -> list[str]:
    weights = {k: v for k, v in {**model.weights, **changed}.items() if v is not None}
    with pytest.raises(InvalidNetworkError) as caught:
        verify_model(Model(model.network, weights))
    return str(caught.value).split("\n")


def changed(**changes: object) -> Network:
    return replace(GOOD, **changes)  # type: ignore[arg-type]


def test_every_offender_is_listed_at_once() -> None:
    network = Network(
        (
            Population("input", Source((2, 0, 6))),
            Population("a b", LIF(tau=0.5, v_reset=0.5)),
            Population("out", CubaLIF(tau_syn=0.0, r=float("nan"))),
            Population("out", IF(v_threshold=float("inf"))),
        ),
        (
            Projection("x", "input", "nowhere", (conv(4),), delay=-1),
            Projection("y", "a b", "input", (Conv2d(0, (3, 0), padding=(-1, 0)), Scale(float("inf"))), norm=Norm(eps=-1)),
        ),
        "gone",
        0,
    )  # fmt: skip
    assert set(complaints(network)) == {
        "population out: the name is used 2 times; give each its own name",
        "population 'a b': the name has characters outside letters, digits, _ and .; rename it",
        "network: the output gone is no population; name an existing one",
        "network: timesteps is 0; give at least 1",
        "projection x: its target nowhere is no population; name an existing one",
        "projection x: delay is -1; give a delay of 0 to 1000 steps",
        "projection y: ends in the source input; remove it",
        "population input: shape is (2, 0, 6), every axis must be at least 1; change it",
        "population a b: tau is 0.5, a time constant is at least 1 step; change it",
        "population a b: v_reset is 0.5, not below v_threshold 0.5; change it",
        "population out: tau_syn is 0.0, a time constant is at least 1 step; change it",
        "population out: r is nan, not a finite float32; change it",
        "population out: v_threshold is inf, not a finite float32; change it",
        "projection y, op 0: out_channels is 0; change it",
        "projection y, op 0: kernel is (3, 0), at least 1 is needed; change it",
        "projection y, op 0: padding is (-1, 0), at least 0 is needed; change it",
        "projection y, op 1: factor is inf; change it",
        "projection y: norm eps is -1; give a finite eps >= 0",
    }


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (
            changed(populations=GOOD.populations[1:], projections=GOOD.projections[1:]),
            "network: has 0 sources (none); give it exactly one",
        ),
        (
            changed(populations=(*GOOD.populations, Population("second", Source((1,))))),
            "network: has 2 sources (input, second); give it exactly one",
        ),
        (changed(output="input"), "network: the output input is the source; name a population of neurons"),
        (
            changed(populations=(*GOOD.populations, Population("lonely", LIF()))),
            "population lonely: no projection from the source reaches it; connect it or remove it",
        ),
        (
            changed(populations=(*GOOD.populations, Population("output", LIF()))),
            "population output: the name is reserved; rename it",
        ),
        (
            changed(projections=(*GOOD.projections, edge("b", "a", conv(4)))),
            "cycle a -> b -> a: no projection on it has a delay; give at least one projection of the cycle a delay >= 1",
        ),
        (
            changed(projections=(*GOOD.projections, edge("a", "a", conv(4)))),
            "cycle a -> a: no projection on it has a delay; give at least one projection of the cycle a delay >= 1",
        ),
        (
            changed(projections=(*GOOD.projections, edge("a", "b", conv(3), delay=1, number=2))),
            "projection a>b#2: delivers shape (3, 6, 6) to b, which has shape (4, 6, 6); "
            "make all projections into one population agree",
        ),
        (
            net(Source((2, 4, 4)), {"out": LIF()}, edge("input", "out", Linear(3))),
            "projection input>out: Linear needs 1 axes, got shape (2, 4, 4); change its ops or the source shape",
        ),
        (
            net(Source((2, 4, 4)), {"out": LIF()}, edge("input", "out", Flatten(), conv(3))),
            "projection input>out: Conv2d needs 3 axes, got shape (32,); change its ops or the source shape",
        ),
        (
            net(Source((2, 4, 4)), {"out": LIF()}, edge("input", "out", conv(4, groups=3))),
            "projection input>out: groups=3 does not divide 2 -> 4 channels; change its ops or the source shape",
        ),
        (
            net(Source((2, 4, 4)), {"out": LIF()}, edge("input", "out", AvgPool2d((5, 5), (1, 1)))),
            "projection input>out: AvgPool2d of kernel (5, 5), stride (1, 1) does not fit shape (2, 4, 4); "
            "change its ops or the source shape",
        ),
        (
            net(Source((2, 4, 4)), {"out": LIF()}, edge("input", "out", AvgPool2d((2, 2), (2, 2), (2, 2)))),
            "projection input>out, op 0: padding (2, 2) is more than half the kernel (2, 2); change it",
        ),
        (
            net(Source((2, 4, 4)), {"out": LIF()}, edge("input", "out", delay=10**9)),
            "projection input>out: delay is 1000000000; give a delay of 0 to 1000 steps",
        ),
    ],
)  # fmt: skip
def test_a_single_offender(network: Network, expected: str) -> None:
    assert complaints(network) == [expected]


def test_weights_are_checked_by_name_shape_dtype_and_value() -> None:
    model = NORMED["batch"]
    assert set(
        weight_complaints(
            model,
            **{
                "a/bias": None,
                "input>a/0/weight": np.zeros((4, 2, 3, 1), np.float32),
                "input>a/norm/var": np.array([1, -1, 1, 1], np.float32),
                "b/bias": np.array([1, np.nan, 1, 1], np.float32),
                "out/bias": np.zeros(5),
                "extra": np.zeros(1, np.float32),
            },
        )
    ) == {
        "weights a/bias: missing; add an array of shape [4]",
        "weights input>a/0/weight: has shape [4, 2, 3, 1]; give it shape [4, 2, 3, 3]",
        "weights input>a/norm/var: holds a negative variance; repair the file",
        "weights b/bias: holds values that are not finite; train again or repair the file",
        "weights out/bias: has dtype float64; store it as float32",
        "weights extra: belongs to no part of the network; remove it",
    }


def test_a_norm_never_divides_by_zero() -> None:
    network = net(Source((2,)), {"out": LIF()}, edge("input", "out", norm=Norm(eps=0.0)))
    ones = {
        name: np.ones(2, np.float32) for name in ("out/bias", "input>out/norm/gamma", "input>out/norm/mean")
    }
    verify_model(Model(network, ones | {"input>out/norm/var": np.ones(2, np.float32)}))
    assert weight_complaints(Model(network, ones), **{"input>out/norm/var": np.zeros(2, np.float32)}) == [
        "weights input>out/norm/var: holds a variance of 0 beside an eps of 0; give the norm an eps > 0"
    ]


def test_signs_bind_the_effective_weights() -> None:
    model = NETWORKS["inhibition"]
    flipped = {name: -model.weights[name] for name in ("a>out/0/weight", "i>out/0/weight")}
    assert weight_complaints(model, **flipped) == [
        "weights a>out/0/weight: breaks the excitatory sign of projection a>out; train with the sign rule or clip it",
        "weights i>out/0/weight: breaks the inhibitory sign of projection i>out; train with the sign rule or clip it",
    ]  # fmt: skip


def test_gamma_may_not_turn_a_sign_around() -> None:
    model = NORMED["scale"]
    gamma = np.array([1, 1, -1, 1], np.float32)
    assert weight_complaints(model, **{"i>out/norm/gamma": gamma}) == [
        "weights i>out/norm/gamma: breaks the inhibitory sign of projection i>out; train with the sign rule or clip it"
    ]
    free = next(p for p in NORMED["batch"].network.projections if p.sign is Sign.FREE)
    verify_model(Model(NORMED["batch"].network, {**NORMED["batch"].weights, free.norm_key("gamma"): gamma}))
