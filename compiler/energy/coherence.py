"""Finds figures of an energy profile that need others, exclude others or contradict them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from msc.compiler.energy.prices import MEMORY, MESSAGES, STATIC, SYNAPTIC, UPDATES
from msc.compiler.figures import Figure
from msc.ir.errors import Problem

_INACTIVE, _ACTIVE = "neuron_update_inactive", "neuron_update_active"
_OPERATION, _CONVOLUTION = "synaptic_operation", "synaptic_operation_convolution"
_HOPS = ("hop_east_west", "hop_north_south")
_OF_MESSAGES = ("message", "message_within_tile", *_HOPS)
_MESH = ("cores_per_tile", "tiles_across", "tiles_down")
_BITS = ("weight_bits", "state_bits")

_TOGETHER = (
    (_INACTIVE, _ACTIVE),
    (_ACTIVE, _INACTIVE),
    (_CONVOLUTION, _OPERATION),
    _HOPS,
    _HOPS[::-1],
    ("static_power", "step_time"),
    ("step_time", "static_power"),
)
_APART = (("neuron_update", _INACTIVE), ("accumulate", _OPERATION))
_OF_TERM: Mapping[str, tuple[str, ...]] = {
    SYNAPTIC: ("accumulate", "multiply_accumulate", _OPERATION, _CONVOLUTION),
    UPDATES: ("neuron_update", _INACTIVE, _ACTIVE),
    MESSAGES: _OF_MESSAGES,
    STATIC: ("static_power", "step_time"),
}


def contradictions(
    energies: Mapping[str, Figure],
    numbers: Mapping[str, Figure],
    sizes: Sequence[int],
    included: Mapping[str, str],
    where: str,
) -> Iterator[Problem]:
    """List what of a profile does not go together; `sizes` are those of its memories, as they are listed."""
    for name, needed in _TOGETHER:
        if name in energies and needed not in energies:
            fix = f"write [energies.{needed}], or leave {name} out"
            yield Problem(f"{where}, energies.{needed}", f"is missing, {name} is of no use without it", fix)
    for name, other in _APART:
        if name in energies and other in energies:
            fix = "leave one of them out: both would count the same"
            yield Problem(f"{where}, energies.{name}", f"is given beside {other}", fix)
    if _INACTIVE in energies and _ACTIVE in energies:
        yield from _updates(energies[_INACTIVE], energies[_ACTIVE], f"{where}, energies.{_ACTIVE}")
    yield from _needed(numbers, _MESH, [name for name in _OF_MESSAGES if name in energies], where)
    yield from _needed(numbers, _BITS, ["memories"] if sizes else [], where)
    for index, (smaller, larger) in enumerate(pairwise(sizes)):
        if larger <= smaller:
            what = f"is {larger}, of the memory before it {smaller}"
            yield Problem(f"{where}, memories[{index + 1}].size", what, "list memories from small to large")
    for term in included:
        own = [name for name in _OF_TERM.get(term, ()) if name in energies]
        own += ["memories"] if term == MEMORY and sizes else []
        if own:
            fix = "leave one of them out: both would count the same"
            yield Problem(f"{where}, included.{term}", f"is said beside {', '.join(own)}", fix)


def _updates(inactive: Figure, active: Figure, where: str) -> Iterator[Problem]:
    """An active update does all that an inactive one does."""
    ends = ("value", "least", "most")
    if any(getattr(active, end) < getattr(inactive, end) for end in ends):
        what = f"is {_told(active)}, less than {_INACTIVE}, {_told(inactive)}"
        yield Problem(where, what, "give what a whole active update takes, the inactive part with it")


def _needed(
    numbers: Mapping[str, Figure], needed: Sequence[str], by: list[str], where: str
) -> Iterator[Problem]:
    for name in needed if by else ():
        if name not in numbers:
            what = f"is missing, {', '.join(by)} cannot be counted without it"
            yield Problem(f"{where}, numbers.{name}", what, f"write [numbers.{name}]")


def _told(figure: Figure) -> str:
    bounds = "" if figure.low is None else f" ({figure.low} to {figure.high})"
    return f"{figure.value}{bounds} {figure.unit}"
