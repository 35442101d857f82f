"""Tells a placement: as plain data, and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod
from typing import Any

from msc.compiler.figures import Status
from msc.compiler.placement.capacity import Resource
from msc.compiler.placement.model import MEMORY_MODEL, Core, Placed, Placement

FORMAT, VERSION = "msc.placement", 1
_MOST_POPULATIONS = 40  # that a table lists


def summary(placement: Placement) -> dict[str, Any]:
    """Make a JSON object of what a placement needs, its cores left out."""
    cores, profile, tightest = placement.cores, placement.profile, placement.tightest
    synapses, stored = (sum(getattr(core, name) for core in cores) for name in ("synapses", "stored"))
    bits = placement.capacity.weight_bits
    return {
        "format": FORMAT,
        "version": VERSION,
        "profile": {"name": profile.name, "title": profile.title, "sha256": profile.sha256},
        "fits": not placement.problems,
        "chips": placement.chips,
        "cores": len(cores),
        "neurons": placement.neurons,
        "synapses": synapses,
        "tightest": None if tightest is None else tightest.value,
        "memory": {
            "model": MEMORY_MODEL,
            "weights_are_shared": placement.capacity.shares,
            "bits_if_not_shared": bits * synapses,
            "bits_if_shared": bits * stored,
        },
        "resources": {resource.value: _resource(placement, resource) for resource in Resource},
        "populations": [_population(placement, placed) for placed in placement.populations],
        "doubts": list(doubts(placement)),
        "problems": [str(problem) for problem in placement.problems],
    }


def to_json(placement: Placement) -> dict[str, Any]:
    """Make the JSON object of a placement: the summary, and every core with its blocks."""
    per_chip = placement.cores_per_chip
    listed = [
        {"core": i, "chip": i // per_chip, **_core(placement, core)} for i, core in enumerate(placement.cores)
    ]
    return summary(placement) | {"placed": listed}


def doubts(placement: Placement) -> Iterator[str]:
    """List the limits that sources differ on or that were not read again, and what they change."""
    for name, figure in placement.profile.limits.items():
        words = name.replace("_", " ")
        if figure.status is Status.CONFLICTING:
            more = f": {placement.most_chips} chips" if placement.most_chips > placement.chips else ""
            more = more if name == "cores_per_chip" else ""
            said = f"sources say {figure.low} to {figure.high}{more}"
            yield f"{words}: {said}; {figure.value} is used ({figure.source})"
        if figure.status is Status.UNVERIFIED:
            yield f"{words}: {_value(figure.value)} is recalled, not read again ({figure.source})"


def table(placement: Placement) -> str:
    """Write what is needed and where it goes, for people."""
    return "\n".join(_lines(placement))


def totals(placement: Placement) -> str:
    """Say in one phrase what is needed: cores, chips, neurons."""
    cores, chips = (
        _plural(n, what) for n, what in ((len(placement.cores), "core"), (placement.chips, "chip"))
    )
    return f"{cores} on {chips} of {placement.profile.title}, {placement.neurons:,} neurons"


def _lines(placement: Placement) -> Iterator[str]:
    yield totals(placement)
    if placement.cores:
        yield ""
        yield f"{'a core has':18} {'':>11} {'mean use':>9} {'most':>6}"
    for resource in Resource if placement.cores else ():
        limit = placement.capacity.limits.get(resource)
        name = resource.value.replace("_", " ")
        if limit is None:
            most = max(core.use[resource] for core in placement.cores)
            yield f"{name:18} {'not known':>11} {'':>9} {most:>6,}"
            continue
        mean, most = fractions(placement, resource)
        tightest = "  <- the tightest" if resource is placement.tightest else ""
        yield f"{name:18} {limit:>11,} {mean:>9.0%} {most:>6.0%}{tightest}"
    yield ""
    width = max((len(p.name) for p in placement.populations), default=0)
    yield f"{'population':{max(width, 10)}} {'neurons':>9} {'tile':>12} {'cores':>6}"
    for placed in placement.populations[:_MOST_POPULATIONS]:
        tile = "does not fit" if placed.tile is None else "x".join(map(str, placed.tile))
        cores = len(placement.cores_of(placed.name))
        yield f"{placed.name:{max(width, 10)}} {prod(placed.shape):>9,} {tile:>12} {cores:>6,}"
    if len(placement.populations) > _MOST_POPULATIONS:
        yield f"and {len(placement.populations) - _MOST_POPULATIONS} more populations"
    for title, lines in (("limits in doubt", list(doubts(placement))), ("problems", placement.problems)):
        if lines:
            yield ""
            yield title
            yield from (f"  {line}" for line in lines)


def _resource(placement: Placement, resource: Resource) -> dict[str, Any]:
    used = {"used": sum(core.use[resource] for core in placement.cores)}
    figure = placement.profile.limits.get(resource.limit)
    if figure is None:
        return used | {"limit_per_core": None}
    mean, most = fractions(placement, resource)
    bounds = {} if figure.low is None else {"low": figure.low, "high": figure.high}
    return used | {
        "limit_per_core": figure.value,
        "mean_fraction": mean,
        "largest_fraction": most,
        "unit": figure.unit,
        "source": figure.source,
        "year": figure.year,
        "status": figure.status.value,
        **bounds,
    }


def fractions(placement: Placement, resource: Resource) -> tuple[float, float]:
    """Compute how much of a resource cores use: the mean, and the most."""
    limit = placement.capacity.limits[resource]
    used = [core.use[resource] / limit for core in placement.cores] or [0.0]
    return sum(used) / len(used), max(used)


def _population(placement: Placement, placed: Placed) -> dict[str, Any]:
    return {
        "name": placed.name,
        "relay_of": placed.relays,
        "shape": list(placed.shape),
        "neurons": prod(placed.shape),
        "tile": None if placed.tile is None else list(placed.tile),
        "cores": _ranges(placement.cores_of(placed.name)),
    }


def _core(placement: Placement, core: Core) -> dict[str, Any]:
    fullest, fraction = placement.fullest(core)
    return {
        "blocks": [
            {"population": b.population, "start": list(b.start), "stop": list(b.stop), "neurons": b.neurons}
            for b in core.blocks
        ],
        "use": {resource.value: core.use[resource] for resource in Resource},
        "synapses": core.synapses,
        "stored_if_shared": core.stored,
        "fullest": fullest.value,
        "filled": fraction,
    }


def _ranges(numbers: Iterable[int]) -> list[list[int]]:
    """Write increasing numbers as ranges [first, last]."""
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def _plural(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _value(value: float) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else f"{value:,}"
