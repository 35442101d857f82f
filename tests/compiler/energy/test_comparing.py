"""Who needs less, under which model of the memory, and whether the models agree."""

from __future__ import annotations

import pytest

from msc.compiler.energy.comparing import Comparison, Winner, comparisons, flips, verdict
from msc.compiler.energy.prices import Range
from msc.compiler.energy.report import Twin


def nj(low: float, high: float | None = None) -> Range:
    return Range(low, low if high is None else high)


def twin(ours: Range, ours_memory: Range, theirs: Range, theirs_memory: Range) -> Twin:
    return Twin("int8", "cmos45-int8", 147_132, 8, theirs, theirs_memory, ours, ours_memory)


A7 = twin(nj(15.3), nj(300, 310), nj(33.8), nj(31.6, 367.8))


def compared(spiking: Range, dense: Range) -> Comparison:
    return Comparison("arithmetic alone", "By arithmetic alone", spiking, dense)


def test_the_model_decides() -> None:
    """33.8 against 15.3; 65.4 and 401.6 against 315.3 to 325.3."""
    found = comparisons(A7)
    assert [each.winner for each in found] == [Winner.SPIKING, Winner.DENSE, Winner.SPIKING]
    assert found[1].dense == nj(33.8 + 31.6)
    assert found[2].dense == nj(33.8 + 367.8)
    assert found[1].factor == Range(315.3 / 65.4, 325.3 / 65.4)
    assert flips(A7)
    assert not flips(twin(nj(15.3), nj(300, 310), nj(33.8), nj(900)))


def test_ranges_that_overlap_decide_nothing() -> None:
    found = compared(nj(10, 30), nj(20))
    assert found.winner is Winner.EITHER
    assert found.ratio == Range(0.5, 1.5)
    assert found.factor is None
    assert found.sentence == "By arithmetic alone either may need less (10 to 30 nJ against 20 nJ)."


def test_the_factor_spans_what_the_ranges_allow() -> None:
    found = compared(nj(10, 20), nj(40, 80))
    assert found.ratio == Range(0.125, 0.5)
    assert found.factor == Range(2, 8)
    assert found.sentence == (
        "By arithmetic alone the spiking one needs 2 to 8 times less (10 to 20 nJ against 40 to 80 nJ)."
    )


def test_nothing_has_no_ratio() -> None:
    found = compared(nj(0), nj(1))
    assert found.ratio is None
    assert found.sentence == "By arithmetic alone the spiking one needs less (0 nJ against 1 nJ)."


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            twin(nj(1), nj(1), nj(10), nj(10, 20)),
            "The spiking network is the cheaper one under every memory model.",
        ),
        (
            twin(nj(100), nj(1), nj(10), nj(10, 20)),
            "The dense network is the cheaper one under every memory model.",
        ),
        (
            twin(nj(1), nj(50), nj(10), nj(10, 200)),
            "The sign flips with what is reused: which is cheaper depends on the memory model.",
        ),
        (
            twin(nj(1), nj(500), nj(10), nj(10, 200)),
            "The sign flips once memory is counted: which is cheaper depends on the memory model.",
        ),
        (twin(nj(5, 15), nj(1), nj(10), nj(1, 2)), "Which is cheaper cannot be told."),
        (
            twin(nj(5), nj(1, 9), nj(10), nj(1, 2)),
            "No memory model makes the dense network the cheaper one for certain.",
        ),
    ],
    ids=["spiking", "dense", "reuse", "memory", "neither", "perhaps"],
)
def test_the_verdict_ends_with_whether_the_models_agree(found: Twin, said: str) -> None:
    assert verdict(found).endswith(said)


def test_the_verdict_names_every_model_with_its_energies() -> None:
    text = verdict(twin(nj(1), nj(50), nj(10), nj(10, 200)))
    assert text.startswith("By arithmetic alone the spiking one needs 10 times less (1 nJ against 10 nJ). ")
    assert "if the dense network reads each operand once, the dense one needs 2.5 times less" in text
    assert "if it reads both operands for every MAC, the spiking one needs 4.1 times less" in text
