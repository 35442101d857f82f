"""The text form prints for people, parses back equal, and names every bad line."""

# ruff: noqa: E501

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msc.ir.errors import MscError
from msc.ir.network import Network, Norm, NormKind, Population
from msc.ir.neurons import CubaLIF, Source
from msc.ir.ops import AvgPool2d, Flatten, Linear, Scale
from msc.ir.text import TextError, parse_network, print_network
from msc.ir.verify import verify
from tests.networks import INHIBITORY, NETWORKS, NORMED, conv, edge, net
from tests.strategies import networks

SMALL = net(
    Source((2, 4, 4)),
    {"layer1.A": CubaLIF(tau_syn=4 / 3, v_threshold=0.1), "out": CubaLIF()},
    edge("input", "layer1.A", conv(3), norm=Norm()),
    edge("layer1.A", "out", AvgPool2d((2, 2), (2, 2)), Scale(0.3), Flatten(), Linear(5)),
    edge("out", "out", Linear(5), sign=INHIBITORY, delay=1, norm=Norm(NormKind.SCALE, 1e-3)),
    timesteps=4,
)
SMALL_TEXT = """\
msc.network 1
output out
timesteps 4

population input Source shape=2x4x4 kind=static  # 2x4x4
population layer1.A CubaLIF tau_syn=1.3333333333333333 tau_mem=2.0 r=2.0 w_in=2.0 v_threshold=0.1 v_reset=0.0 v_leak=0.0 bias=yes  # 3x4x4
population out CubaLIF tau_syn=2.0 tau_mem=2.0 r=2.0 w_in=2.0 v_threshold=1.0 v_reset=0.0 v_leak=0.0 bias=no  # 5

projection input>layer1.A source=input target=layer1.A sign=free delay=0
    Conv2d out_channels=3 kernel=3x3 stride=1x1 padding=1x1 dilation=1x1 groups=1
    norm batch eps=1e-05

projection layer1.A>out source=layer1.A target=out sign=free delay=0
    AvgPool2d kernel=2x2 stride=2x2 padding=0x0
    Scale factor=0.3
    Flatten
    Linear out_features=5

projection out>out source=out target=out sign=inhibitory delay=1
    Linear out_features=5
    norm scale eps=0.001
"""
SMALL = replace(SMALL, populations=(*SMALL.populations[:2], replace(SMALL.populations[2], bias=False)))


def complaints(text: str, name: str = "") -> list[str]:
    with pytest.raises(TextError) as caught:
        parse_network(text, name)
    return str(caught.value).split("\n")


def test_prints_what_a_person_reads() -> None:
    assert print_network(SMALL) == SMALL_TEXT


def test_fills_in_what_has_a_default() -> None:
    text = "msc.network 1\noutput b\npopulation a Source shape=3\npopulation b LIF\nprojection p source=a target=b\n"
    network = parse_network(text + "Linear out_features=2\n")
    verify(network)
    assert parse_network(print_network(network)) == network


@pytest.mark.parametrize("name", NETWORKS | NORMED)
def test_fixtures_parse_back_equal(name: str) -> None:
    network = (NETWORKS | NORMED)[name].network
    assert parse_network(print_network(network)) == network
    assert parse_network(print_network(network, comments=False)) == network


@given(networks())
@settings(max_examples=60)
def test_parses_back_equal(network: Network) -> None:
    assert parse_network(print_network(network)) == network


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.floats(1, 1e9))
def test_numbers_keep_every_bit_in_few_digits(value: float, tau: float) -> None:
    neuron = CubaLIF(tau, tau, value, -value, 1.0)
    network = Network((Population("a", neuron),), (), "a")
    text = print_network(network)
    assert parse_network(text) == network
    assert f" r={np.float32(value)!s} " in text


def test_reads_windows_line_ends_and_comments() -> None:
    text = "# mine\r\n\r\n" + SMALL_TEXT.replace("\n", "   # a comment\r\n")
    assert parse_network(text) == SMALL


def test_lists_every_bad_line() -> None:
    lines = [
        "msc.network 1",
        "output",
        "timesteps many",
        "timesteps 3",
        "timesteps 4",
        "Flatten",
        "norm batch",
        "population a",
        "population a Spike",
        "population a LIF tau=2 tau=3",
        "population a LIF tau = 2",
        "population a LIF speed=2",
        "population a LIF tau=nan",
        "population a LIF bias=maybe",
        "population a Source",
        "population a Source shape=3y4",
        "population a Source shape=3 kind=loud",
        "projection",
        "projection p source=a",
        "projection p source=a target=b sign=both",
        "projection p source=a target=b delay=-1",
        "    Conv2d kernel=3x3",
        "    Conv2d out_channels=3 kernel=3",
        "    Linear out_features=1e3",
        "    Linear out_features=99999999999999999999",
        "    Flatten axis=1",
        "    norm batch",
        "    norm batch",
        "    norm layer",
        "neuron x",
    ]
    assert complaints("\n".join(lines), "net.txt") == [
        "net.txt, line 2: output takes one word, found 0; write 'output NAME'",
        "net.txt, line 3: timesteps is 'many'; give a whole number below 1000000000",
        "net.txt, line 5: timesteps a second time; keep one",
        "net.txt, line 6: an op before any projection; put it below its projection's line",
        "net.txt, line 7: a norm before any projection; put it below its projection's line",
        "net.txt, line 8: a name or kind is missing; write 'population NAME KIND key=value ..'",
        "net.txt, line 9: unknown neuron kind 'Spike'; use one of Source, LIF, IF, CubaLIF, LI, FixedLIF",
        "net.txt, line 10: 'tau' is given twice; keep one",
        "net.txt, line 11: 'tau' is no key=value; write key=value without spaces",
        "net.txt, line 12: unknown key 'speed'; known here: tau, r, v_threshold, v_reset, v_leak",
        "net.txt, line 13: tau is 'nan'; give a finite decimal number",
        "net.txt, line 14: bias is 'maybe'; give yes or no",
        "net.txt, line 15: shape is missing; add it as key=value",
        "net.txt, line 16: shape is '3y4'; give whole numbers joined by x, as in 3x32x32",
        "net.txt, line 17: kind is 'loud'; give one of static, analog, events",
        "net.txt, line 18: a projection needs a name; write 'projection NAME source=.. target=..'",
        "net.txt, line 19: target is missing; add it as key=value",
        "net.txt, line 20: sign is 'both'; give one of excitatory, inhibitory, free",
        "net.txt, line 21: delay is '-1'; give a whole number below 1000000000",
        "net.txt, line 22: out_channels is missing; add it as key=value",
        "net.txt, line 23: kernel is '3'; give two whole numbers, as in 3x3",
        "net.txt, line 24: out_features is '1e3'; give a whole number below 1000000000",
        "net.txt, line 25: out_features is '99999999999999999999'; give a whole number below 1000000000",
        "net.txt, line 26: unknown key 'axis'; this takes none",
        "net.txt, line 28: a second norm of one projection; keep one",
        "net.txt, line 29: norm is 'layer'; give one of batch, scale",
        "net.txt, line 30: unknown word 'neuron'; use one of output, timesteps, population, projection, norm, "
        "Conv2d, Conv1d, Linear, AvgPool2d, SumPool2d, Flatten, Scale, Quantise",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "network text: is empty; start with 'msc.network 1'"),
        ("# only a comment", "network text: is empty; start with 'msc.network 1'"),
        ("msc.network 1", "network text: names no output; add a line 'output NAME'"),
        ("msc.network 2", "line 1: expected 'msc.network 1', found 'msc.network 2'; start with the header"),
        ("{" * 200, f"line 1: expected 'msc.network 1', found '{'{' * 40}..'; start with the header"),
    ],
)
def test_a_single_complaint(text: str, expected: str) -> None:
    assert complaints(text) == [expected]


@pytest.mark.parametrize("text", ["x" * 4_000_001, "\n" * 100_000])
def test_refuses_what_is_too_long(text: str) -> None:
    assert complaints(text) == [
        "network text: has more than 4000000 characters or 100000 lines; give a smaller network"
    ]


def test_stops_complaining_after_a_hundred_lines() -> None:
    found = complaints("msc.network 1\n" + "wrong\n" * 500)
    assert len(found) == 101
    assert found[-1] == "line 101: the last line read; repair the lines above first"


WORDS = [
    *SMALL_TEXT.split(),
    "-1",
    "1e999",
    "=",
    "nan",
    "0x0",
    "x",
    "#",
    "\x00",
    "٣",
    "9" * 5000,
    "1" * 400 + ".",
    "\u2028",
]


@given(st.data())
@settings(max_examples=300)
def test_mutated_text_is_a_network_or_a_told_mistake(data: st.DataObject) -> None:
    """Whatever is swapped in, the parser and verification end in a network or an MscError."""
    lines: list[list[str]] = [[*line.split(" ")] for line in SMALL_TEXT.split("\n")]
    for _ in range(data.draw(st.integers(1, 3))):
        line = data.draw(st.sampled_from(lines))
        at = data.draw(st.integers(0, len(line) - 1))
        word = data.draw(st.sampled_from(WORDS) | st.text(max_size=5))
        action = data.draw(st.sampled_from(["swap", "drop", "add", "inside"]))
        if action == "inside":
            cut = data.draw(st.integers(0, len(line[at])))
            line[at] = line[at][:cut] + word + line[at][cut:]
        else:
            line[at : at + (action != "add")] = [] if action == "drop" else [word]
        if not line:
            line.append("")
    try:
        network = parse_network("\n".join(" ".join(line) for line in lines))
        assert parse_network(print_network(network)) == network
        verify(network)
    except MscError:
        return


@given(st.text(max_size=200))
def test_any_text_is_a_told_mistake(text: str) -> None:
    with pytest.raises(TextError):
        parse_network(text)
