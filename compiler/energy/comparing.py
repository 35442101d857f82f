"""Compares a spiking network with its dense twin: by arithmetic alone, and with memory at both ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from msc.compiler.energy.prices import Range
from msc.compiler.energy.report import Twin
from msc.compiler.energy.words import span, times


class Winner(Enum):
    """Which network needs less for certain: its most is below the other's least."""

    SPIKING = "spiking"
    DENSE = "dense"
    EITHER = "either"


@dataclass(frozen=True)
class Comparison:
    """Both networks' nanojoules per sample under one model of what is paid for: `model`, or as a clause."""

    model: str
    clause: str
    spiking: Range
    dense: Range

    @property
    def winner(self) -> Winner:
        """Who needs less."""
        if self.spiking.high < self.dense.low:
            return Winner.SPIKING
        return Winner.DENSE if self.dense.high < self.spiking.low else Winner.EITHER

    @property
    def ratio(self) -> Range | None:
        """The spiking network's energy over the dense one's; None where one of them may be nothing."""
        if min(self.spiking.low, self.dense.low) <= 0:
            return None
        return Range(self.spiking.low / self.dense.high, self.spiking.high / self.dense.low)

    @property
    def factor(self) -> Range | None:
        """How many times less the winner needs; None without a winner or a ratio."""
        ratio = self.ratio
        if ratio is None or self.winner is Winner.EITHER:
            return None
        return ratio if self.winner is Winner.DENSE else Range(1 / ratio.high, 1 / ratio.low)

    @property
    def sentence(self) -> str:
        """Say who needs less, how many times, and of what."""
        figures = f"{span(self.spiking)} against {span(self.dense)}"
        if self.winner is Winner.EITHER:
            return f"{self.clause} either may need less ({figures})."
        many = "" if self.factor is None else f"{times(self.factor)} "
        return f"{self.clause} the {self.winner.value} one needs {many}less ({figures})."


def comparisons(twin: Twin) -> tuple[Comparison, Comparison, Comparison]:
    """Compare under three models: no memory, each operand read once, and no reuse at all by the twin."""
    spiking = twin.spiking_operations + twin.spiking_memory
    once, each = (twin.operations + Range(end, end) for end in (twin.memory.low, twin.memory.high))
    return (
        Comparison("arithmetic alone", "By arithmetic alone", twin.spiking_operations, twin.operations),
        Comparison(
            "+ memory, read once",
            "With memory, if the dense network reads each operand once,",
            spiking,
            once,
        ),
        Comparison(
            "+ memory, no reuse", "With memory, if it reads both operands for every MAC,", spiking, each
        ),
    )


def flips(twin: Twin) -> bool:
    """Whether the answer depends on the model."""
    return len({comparison.winner for comparison in comparisons(twin)}) > 1


def verdict(twin: Twin) -> str:
    """Say in words which network needs less, by three models of what is counted, and whether they agree."""
    return " ".join([*(comparison.sentence for comparison in comparisons(twin)), conclusion(twin)])


def conclusion(twin: Twin) -> str:
    """Say whether the three models agree on who needs less."""
    winners = [comparison.winner for comparison in comparisons(twin)]
    certain = {winner for winner in winners if winner is not Winner.EITHER}
    if len(certain) > 1:
        flip = "once memory is counted" if len({*winners[1:]}) == 1 else "with what is reused"
        return f"The sign flips {flip}: which is cheaper depends on the memory model."
    if not certain:
        return "Which is cheaper cannot be told."
    winner = certain.pop()
    if Winner.EITHER not in winners:
        return f"The {winner.value} network is the cheaper one under every memory model."
    other = Winner.DENSE if winner is Winner.SPIKING else Winner.SPIKING
    return f"No memory model makes the {other.value} network the cheaper one for certain."
