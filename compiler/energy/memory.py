"""The energy of memory accesses: which memory holds which buffer, and how often it is read and written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from msc.compiler.energy.footprint import weight_count
from msc.compiler.energy.prices import MEMORY, Charge, Price, Range, Standing, Term
from msc.compiler.energy.profile import EnergyProfile, Memory
from msc.compiler.energy.runs import Run, StaticInput
from msc.compiler.energy.updates import update
from msc.compiler.energy.words import either, size
from msc.ir.activity import Quantity
from msc.ir.network import Projection
from msc.ir.synapses import Operation, Wiring, operation

WEIGHT_BITS, STATE_BITS = "weight_bits", "state_bits"
_NOTE = (
    "each event reads a weight, and reads and writes a state of its target; each neuron reads and writes its"
    " state at every step; each spike's address is written and read"
)
_VALUES = (
    "; what values deliver may be summed before a state is touched (low), or is added event by event (high)"
)
_HELD = "; a current that is computed once is read at every step"


class Holds(Enum):
    """What a buffer holds: the weights of a projection, the states of a population, or its spikes."""

    WEIGHTS = "weights"
    STATES = "states"
    SPIKES = "spikes"


@dataclass(frozen=True)
class Buffer:
    """A buffer of `bytes` in the smallest memory that holds it, else in several banks of the largest."""

    part: str
    holds: Holds
    bytes: int
    memory: Memory
    banks: int

    def access(self, bits: float) -> Range:
        """Price moving `bits` to or from it, in picojoules."""
        energy = self.memory.energy
        return Range(energy.least, energy.most).times(bits / self.memory.access_bits)

    @property
    def label(self) -> str:
        """The size of the memory in words."""
        return size(self.memory.size)


def buffer(profile: EnergyProfile, part: str, holds: Holds, bits: int) -> Buffer:
    """Choose the memory for a buffer of `bits`."""
    number = -(-bits // 8)
    large = [memory for memory in profile.memories if memory.size >= number]
    chosen = large[0] if large else profile.memories[-1]
    return Buffer(part, holds, number, chosen, max(-(-number // chosen.size), 1))


def address_bits(neurons: int) -> int:
    """Count the bits that tell one of so many neurons."""
    return max((neurons - 1).bit_length(), 1)


@dataclass(frozen=True, eq=False)
class Traffic:
    """What a run stores, and moves, on a profile that has memories."""

    run: Run
    profile: EnergyProfile

    @property
    def weight_bits(self) -> int:
        """Bits of a weight, and of a value that a population emits."""
        return self.profile.numbers[WEIGHT_BITS].whole

    @property
    def state_bits(self) -> int:
        """Bits of one word of a neuron's state."""
        return self.profile.numbers[STATE_BITS].whole

    def weights(self, projection: Projection) -> Buffer | None:
        """Place the weights of a projection, zeros too; None where it has none."""
        count = weight_count(projection, self.run.wiring.shapes[projection.source])
        return self._buffer(self.run.part(projection), Holds.WEIGHTS, count * self.weight_bits)

    def states(self, population: str) -> Buffer | None:
        """Place the states of a population; None for a source."""
        words = update(self.run.network.population(population).neuron, False).states
        return self._buffer(population, Holds.STATES, words * self.run.neurons(population) * self.state_bits)

    def spikes(self, population: str) -> Buffer | None:
        """Place what a population emits in one step, if every neuron does."""
        return self._buffer(
            population, Holds.SPIKES, self.run.neurons(population) * self.emission_bits(population)
        )

    def emission_bits(self, population: str) -> int:
        """Count the bits of one emission: a spike is its neuron's address, a value comes with its address."""
        value = self.weight_bits if self.run.sends_values(population) else 0
        return address_bits(self.run.neurons(population)) + value

    def _buffer(self, part: str, holds: Holds, bits: int) -> Buffer | None:
        return buffer(self.profile, part, holds, bits) if bits else None

    def buffers(self) -> tuple[Buffer, ...]:
        """List all buffers, those of projections first."""
        network = self.run.network
        found = [self.weights(projection) for projection in network.projections]
        found += [self.states(population.name) for population in network.populations]
        found += [self.spikes(population.name) for population in network.populations]
        return tuple(each for each in found if each is not None)

    def charges(self) -> Iterator[Charge]:
        """Charge every access."""
        for projection in self.run.network.projections:
            yield from self._events(projection)
        for population in self.run.network.populations:
            yield from self._steps(population.name)
            yield from self._emissions(population.name)

    def _events(self, projection: Projection) -> Iterator[Charge]:
        """Charge each event: its weight, and the state it is added to."""
        column, part = (Quantity.EVENTS, projection.name), self.run.part(projection)
        share = self.run.computed(projection)
        weights, states = self.weights(projection), self.states(projection.target)
        if weights is not None:
            spent = weights.access(self.weight_bits * share)
            yield Charge(part, column, spent.low, spent.high, weights.label)
        assert states is not None  # nothing ends in a source
        spent = states.access(2 * self.state_bits * share)
        is_summed_first = operation(self.run.network, projection) is Operation.MAC
        yield Charge(part, column, 0.0 if is_summed_first else spent.low, spent.high, states.label)

    def _steps(self, population: str) -> Iterator[Charge]:
        """Charge what every neuron moves at every step: its states, and the current that is held for it."""
        states = self.states(population)
        if states is None:
            return
        words = 2 * update(self.run.network.population(population).neuron, False).states
        words += self.run.holds_current(population)
        spent = states.access(words * self.state_bits * self.run.updates(population))
        yield Charge(population, None, spent.low, spent.high, states.label)

    def _emissions(self, population: str) -> Iterator[Charge]:
        """Charge each emission: it is written, and read."""
        spikes = self.spikes(population)
        assert spikes is not None  # an address has one bit at least
        spent = spikes.access(2 * self.emission_bits(population) * self.run.sent(population))
        yield Charge(population, (Quantity.SPIKES, population), spent.low, spent.high, spikes.label)


def buffers(wiring: Wiring, profile: EnergyProfile) -> tuple[Buffer, ...]:
    """List what a network keeps in the memories of a profile, and in which."""
    return Traffic(Run(wiring, 1, StaticInput.EVERY_STEP, ()), profile).buffers()


def memory_term(run: Run, profile: EnergyProfile) -> Term:
    """Price the memory accesses of a run."""
    if MEMORY in profile.included:
        return Term(MEMORY, Standing.INCLUDED, profile.included[MEMORY])
    if not profile.memories:
        return Term(MEMORY, Standing.MISSING, "the profile has no energies of memory accesses")
    traffic = Traffic(run, profile)
    return Term(MEMORY, Standing.KNOWN, _note(traffic), Price(tuple(traffic.charges())))


def _note(traffic: Traffic) -> str:
    run = traffic.run
    network = run.network
    bits = f"weights of {traffic.weight_bits} bits, states of {traffic.state_bits}; "
    values = any(operation(network, p) is Operation.MAC for p in network.projections)
    held = any(run.holds_current(p.name) for p in network.populations)
    sizes = ", ".join(
        f"{either(m.energy.least, m.energy.most)} pJ per {m.access_bits} bits in {size(m.size)}"
        for m in traffic.profile.memories
    )
    large = sum(each.banks > 1 for each in traffic.buffers())
    are = "buffer is" if large == 1 else "buffers are"
    spilt = f"; {large} {are} larger, priced as banks of the largest" if large else ""
    return f"{bits}{_NOTE}{_VALUES * values}{_HELD * held}; {sizes}{spilt}"
