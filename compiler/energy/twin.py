"""The dense network of the same topology, with ReLU in one pass, which a spiking network has to beat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod

from msc.compiler.energy.energies import ACCUMULATE, MULTIPLY_ACCUMULATE, energy
from msc.compiler.energy.footprint import weight_count
from msc.compiler.energy.memory import WEIGHT_BITS, Holds, buffer
from msc.compiler.energy.prices import MEMORY, NOTHING, PJ_PER_NJ, SYNAPTIC, UPDATES, Range, Term
from msc.compiler.energy.profile import EnergyProfile
from msc.compiler.energy.report import Twin
from msc.compiler.timing import latency, relay_of
from msc.ir.activity import Column
from msc.ir.network import Projection
from msc.ir.synapses import Wiring

FLOAT, INTEGER = "cmos45-fp32", "cmos45-int8"
TWIN_PROFILES = (FLOAT, INTEGER)
_INTEGER_BITS = 8
_OPERATIONS = (SYNAPTIC, UPDATES)


@dataclass(frozen=True)
class Spiking:
    """What the spiking network spends on a twin's profile, per sample in nanojoules."""

    profile: EnergyProfile
    operations: Range
    memory: Range


def spiking(profile: EnergyProfile, terms: tuple[Term, ...], counts: Mapping[Column, float]) -> Spiking:
    """Add up what the terms of a twin's profile price of mean counts per sample."""

    def spent(*names: str) -> Range:
        prices = [term.price for term in terms if term.name in names and term.price is not None]
        return sum((price.total(counts) for price in prices), start=NOTHING).times(1 / PJ_PER_NJ)

    return Spiking(profile, spent(*_OPERATIONS), spent(MEMORY))


def twins(wiring: Wiring, steps: int, price: Callable[[str], Spiking]) -> tuple[Twin, ...]:
    """Make the twins of 32-bit floats, of 8-bit integers, and with as many levels as T steps can count.

    The last is the fair one of Yan et al. 2024 (arXiv 2409.08290): T binary steps tell T + 1 levels apart,
    so its activations have ceil(log2(T + 1)) bits. `price` gives what the spiking network spends on one of
    `TWIN_PROFILES`.
    """
    bits = max(steps - latency(wiring.network), 1).bit_length()
    fp32, int8 = price(FLOAT), price(INTEGER)
    return (
        _twin("fp32", wiring, fp32, 32, _mac(fp32.profile)),
        _twin("int8", wiring, int8, _INTEGER_BITS, _mac(int8.profile)),
        _twin(f"{bits}-bit", wiring, int8, bits, _narrow_mac(int8.profile, bits)),
    )


def _twin(name: str, wiring: Wiring, found: Spiking, activation_bits: int, mac: Range) -> Twin:
    macs = sum(wiring.synapses[projection.name].structural for projection in _projections(wiring))
    operations = mac.times(macs / PJ_PER_NJ)
    memory = _memory(wiring, found.profile, activation_bits)
    return Twin(
        name,
        found.profile.name,
        macs,
        activation_bits,
        operations,
        memory,
        found.operations,
        found.memory,
    )


def _mac(profile: EnergyProfile) -> Range:
    found = energy(profile, MULTIPLY_ACCUMULATE)
    assert found is not None  # the 45 nm profiles have one
    return found


def _narrow_mac(profile: EnergyProfile, bits: int) -> Range:
    """Price a MAC of an 8-bit weight and a narrower activation, in picojoules.

    Low: one shifted addition for each bit of the activation. High: as many whole MACs as it fills words.
    """
    add, whole = energy(profile, ACCUMULATE), _mac(profile).times(-(-bits // _INTEGER_BITS))
    assert add is not None  # the 45 nm profiles have one
    return Range(min(bits * add.low, whole.low), whole.high)


def _projections(wiring: Wiring) -> Iterator[Projection]:
    """List what a dense network has, too: all but what repeats spikes in the relays of a placed network."""
    return (p for p in wiring.network.projections if relay_of(p.target) is None)


def _memory(wiring: Wiring, profile: EnergyProfile, activation_bits: int) -> Range:
    """Price the twin's accesses: nanojoules, from each operand read once to one read per MAC.

    Low: every weight is read once, every activation, the input too, written once and read once. High: every
    MAC reads a weight and an activation, outputs are written once. Accumulators are registers: no access.
    """
    found = list(_accesses(wiring, profile, activation_bits))
    once, each = (sum((pair[end] for pair in found), start=NOTHING) for end in (0, 1))
    ends = (once.low, once.high, each.low, each.high)
    return Range(min(ends), max(ends)).times(1 / PJ_PER_NJ)


def _accesses(wiring: Wiring, profile: EnergyProfile, activation_bits: int) -> Iterator[tuple[Range, Range]]:
    """Price the accesses of each projection and population, each operand read once and read by every MAC."""
    weight_bits = profile.numbers[WEIGHT_BITS].whole
    neurons = {name: prod(shape) for name, shape in wiring.shapes.items()}
    activations = {
        name: buffer(profile, name, Holds.SPIKES, count * activation_bits) for name, count in neurons.items()
    }
    for population in wiring.network.populations:
        if relay_of(population.name) is None:
            moved = activations[population.name].access(neurons[population.name] * activation_bits)
            yield moved.times(2), NOTHING if population.is_source else moved
    for projection in _projections(wiring):
        macs = wiring.synapses[projection.name].structural
        yield NOTHING, activations[projection.source].access(macs * activation_bits)
        count = weight_count(projection, wiring.shapes[projection.source])
        if count:
            weights = buffer(profile, projection.name, Holds.WEIGHTS, count * weight_bits)
            yield weights.access(count * weight_bits), weights.access(macs * weight_bits)
