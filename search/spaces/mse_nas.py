"""The MSE-NAS space: layers of circuit motifs with searched kernels and cross-layer projections.

Source: Pan et al., Multi-scale Evolutionary NAS for Deep SNNs (arXiv 2304.10749), Eq. 2 and Table I; design,
section 4, for what is built here and where it departs from the authors' code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from msc.ir.errors import Problem
from msc.ir.neurons import LIF
from msc.ir.ops import Conv2d, Flatten, Linear, Op, Scale, SumPool2d
from msc.search.genome import Genome
from msc.search.motifs import IN, Motif, Slot, motifs
from msc.search.reading import Reader
from msc.search.skeleton import MOST_LAYERS, Dale, Recurrence, Skeleton
from msc.search.spaces import Blueprint, PlannedPopulation, PlannedProjection

SLOTS = 9
KERNELS = {1: 3, 2: 5}
_OP = "use 0 (no connection), 1 (3x3) or 2 (5x5)"


@dataclass(frozen=True)
class LayerGenes:
    """One layer: its motif (0 empty) and nine ops in the order of the motif's slots."""

    motif: int
    ops: tuple[int, ...]


@dataclass(frozen=True)
class MseNasGenes:
    """[X, M, G] of Eq. 2: `g1` + 1 preceding layers feed a layer, the older ones with kernel `g2`."""

    layers: tuple[LayerGenes, ...]
    g1: int
    g2: int


@dataclass(frozen=True)
class _Layer:
    """A layer that exists: its index in the genes, its motif, and how often the map was halved before it."""

    index: int
    motif: Motif | None
    ops: tuple[int, ...]
    level: int

    @property
    def group(self) -> str:
        return "stem" if self.motif is None else f"layer{self.index + 1}"

    @property
    def outputs(self) -> tuple[str, ...]:
        if self.motif is None:
            return ("stem",)
        return tuple(f"{self.group}.{name}" for name in self.motif.outputs)


@dataclass(frozen=True)
class MseNas:
    """Reads, draws and lays out MSE-NAS genes."""

    name: str = "mse-nas"
    neuron: LIF = field(default_factory=lambda: LIF(2.0, 2.0, 0.5))
    dale: Dale = Dale.INHIBITORY
    recurrence: Recurrence = Recurrence.SYNAPTIC

    def layer_count(self, genes: MseNasGenes) -> int:
        """Count the layers, empty ones included."""
        return len(genes.layers)

    def read_genes(self, reader: Reader) -> MseNasGenes:
        """Read layers, g1 and g2."""
        most = max(motifs())
        layers: list[LayerGenes] = []
        for layer in reader.children("layers", MOST_LAYERS):
            motif = layer.integer("motif", 0, most)
            layers.append(LayerGenes(motif, layer.integers("ops", SLOTS, SLOTS, 0, 2, _OP)))
            layer.finish()
        genes = MseNasGenes(tuple(layers), reader.integer("g1", 1, 3), reader.integer("g2", 1, 2))
        reader.finish()
        return genes

    def write_genes(self, genes: MseNasGenes) -> dict[str, Any]:
        """Make the JSON object of the genes."""
        layers = [{"motif": layer.motif, "ops": list(layer.ops)} for layer in genes.layers]
        return {"layers": layers, "g1": genes.g1, "g2": genes.g2}

    def draw(self, rng: np.random.Generator, layers: int) -> MseNasGenes:
        """Draw every gene uniformly from its range."""
        drawn = tuple(
            LayerGenes(
                int(rng.integers(0, max(motifs()) + 1)), tuple(int(op) for op in rng.integers(0, 3, SLOTS))
            )
            for _ in range(layers)
        )
        return MseNasGenes(drawn, int(rng.integers(1, 4)), int(rng.integers(1, 3)))

    def misfits(self, genes: MseNasGenes, skeleton: Skeleton) -> tuple[Problem, ...]:
        """Find nothing: every list of layers fits every skeleton that is valid by itself."""
        return ()

    def blueprint(self, genome: Genome) -> Blueprint:
        """Lay out stem, the layers that exist and the head."""
        layers = _existing(genome.genes, genome.skeleton)
        populations = [PlannedPopulation("stem", "stem")]
        channels = genome.skeleton.channels
        projections = [PlannedProjection("input", "stem", _conv(channels, 3, 0), normed=True)]
        for place, layer in enumerate(layers[1:], start=1):
            assert layer.motif is not None
            populations += [
                PlannedPopulation(f"{layer.group}.{name}", layer.group, name in layer.motif.inhibitory)
                for name in layer.motif.populations
            ]
            feeders = layers[max(0, place - genome.genes.g1 - 1) : place]
            projections += _feed(layer, feeders, genome.genes.g2, channels)
            projections += _inside(layer, channels)
        populations.append(PlannedPopulation("head", "head"))
        projections += _read_out(layers[-1], genome.skeleton)
        groups = {layer.group: _title(layer) for layer in layers} | {"head": "head"}
        return Blueprint(tuple(populations), tuple(projections), groups)

    def arranged(self, genome: Genome, dropped: frozenset[str]) -> Genome:
        """Exchange twins where that makes the layer's live genes greater."""
        recurrence = genome.skeleton.recurrence
        layers = tuple(
            _mirrored(layer) if _reversed(_zeroed(layer, i, dropped), recurrence) else layer
            for i, layer in enumerate(genome.genes.layers)
        )
        return replace(genome, genes=replace(genome.genes, layers=layers))

    def without(self, genome: Genome, dropped: frozenset[str]) -> Genome:
        """Zero unread and dropped genes; order twins (not those that a delay under `loop` tells apart)."""
        recurrence = genome.skeleton.recurrence
        zeroed = (_zeroed(layer, i, dropped) for i, layer in enumerate(genome.genes.layers))
        layers = tuple(_mirrored(layer) if _reversed(layer, recurrence) else layer for layer in zeroed)
        return replace(genome, genes=replace(genome.genes, layers=layers))

    def simpler(self, genome: Genome) -> Iterator[Genome]:
        """Propose for each layer the smaller motifs that have its slots, then smaller g1 and g2."""
        genes: MseNasGenes = genome.genes
        for i, layer in enumerate(genes.layers):
            for number in range(layer.motif):
                carried = _carried_over(layer, number)
                if carried is not None:
                    layers = (*genes.layers[:i], carried, *genes.layers[i + 1 :])
                    yield replace(genome, genes=replace(genes, layers=layers))
        for g1 in range(1, genes.g1):
            yield replace(genome, genes=replace(genes, g1=g1))
        for g2 in range(1, genes.g2):
            yield replace(genome, genes=replace(genes, g2=g2))

    def bounds(self, layers: int) -> tuple[tuple[int, int], ...]:
        """Each layer's motif and its nine ops; then g1 and g2."""
        return (*((0, max(motifs())), *[(0, 2)] * SLOTS) * layers, (1, 3), (1, 2))

    def encode(self, genes: MseNasGenes) -> tuple[int, ...]:
        """List the genes in the order of `bounds`."""
        return (*(gene for layer in genes.layers for gene in (layer.motif, *layer.ops)), genes.g1, genes.g2)

    def decode(self, vector: tuple[int, ...]) -> MseNasGenes:
        """Cut a vector into layers, g1 and g2."""
        *genes, g1, g2 = vector
        cut = (genes[at : at + SLOTS + 1] for at in range(0, len(genes), SLOTS + 1))
        return MseNasGenes(tuple(LayerGenes(motif, tuple(ops)) for motif, *ops in cut), g1, g2)

    def read(self, genes: MseNasGenes) -> tuple[bool, ...]:
        """Motifs and the ops in their slots; g2 where a layer has older feeders, g1 where it may have two."""
        ops = (i < _slot_count(layer) for layer in genes.layers for i in range(-1, SLOTS))
        existing = sum(layer.motif > 0 for layer in genes.layers)
        return (*ops, existing > 2, existing > 1)


def _existing(genes: MseNasGenes, skeleton: Skeleton) -> list[_Layer]:
    """List the stem and the layers that are not empty; a reduction at an empty layer still counts."""
    layers = [_Layer(-1, None, (), 0)]
    for index, layer in enumerate(genes.layers):
        if layer.motif:
            level = sum(reduction <= index for reduction in skeleton.reductions)
            layers.append(_Layer(index, motifs()[layer.motif], layer.ops, level))
    return layers


def _conv(channels: int, kernel: int, halvings: int) -> tuple[Op, ...]:
    """Make a convolution that halves the map `halvings` times: every path agrees on ceil(n / 2^k)."""
    stride = 2**halvings
    return (Conv2d(channels, (kernel, kernel), (stride, stride), (kernel // 2, kernel // 2)),)


def _feed(layer: _Layer, feeders: list[_Layer], g2: int, channels: int) -> Iterator[PlannedProjection]:
    """Yield what comes from other layers: from the nearest through genes, from older ones through g2."""
    assert layer.motif is not None
    for feeder in feeders:
        for slot_index, slot in enumerate(layer.motif.slots):
            if slot.source != IN:
                continue
            nearest = feeder is feeders[-1]
            op = layer.ops[slot_index] if nearest else g2
            gene = f"genes.layers[{layer.index}].ops[{slot_index}]" if nearest else None
            for source in feeder.outputs if op else ():
                ops = _conv(channels * 2**layer.level, KERNELS[op], layer.level - feeder.level)
                yield PlannedProjection(source, f"{layer.group}.{slot.target}", ops, True, gene)


def _inside(layer: _Layer, channels: int) -> Iterator[PlannedProjection]:
    """Yield the projections between a motif's own populations."""
    assert layer.motif is not None
    place = {name: i for i, name in enumerate(layer.motif.populations)}
    for slot_index, slot in enumerate(layer.motif.slots):
        op = layer.ops[slot_index]
        if slot.source != IN and op:
            yield PlannedProjection(
                f"{layer.group}.{slot.source}",
                f"{layer.group}.{slot.target}",
                _conv(channels * 2**layer.level, KERNELS[op], 0),
                normed=True,
                gene=f"genes.layers[{layer.index}].ops[{slot_index}]",
                inside=True,
                backward=place[slot.target] < place[slot.source],
            )


def _read_out(last: _Layer, skeleton: Skeleton) -> Iterator[PlannedProjection]:
    """Yield the head: the mean over the map of each output population, then a dense map to the votes."""
    height, width = (-(-side // 2**last.level) for side in skeleton.input_shape[1:])
    pool = SumPool2d((height, width), (height, width))
    ops = (pool, Scale(1 / (height * width)), Flatten(), Linear(skeleton.outputs))
    for source in last.outputs:
        yield PlannedProjection(source, "head", ops, normed=False)


def _title(layer: _Layer) -> str:
    return "stem" if layer.motif is None else f"{layer.motif.code}, {layer.motif.title}"


def _slot_count(layer: LayerGenes) -> int:
    return len(motifs()[layer.motif].slots) if layer.motif else 0


def _zeroed(layer: LayerGenes, index: int, dropped: frozenset[str]) -> LayerGenes:
    """Zero the genes that the motif does not read and those whose paths are in `dropped`."""
    read = _slot_count(layer)
    ops = tuple(
        op if i < read and f"genes.layers[{index}].ops[{i}]" not in dropped else 0
        for i, op in enumerate(layer.ops)
    )
    return LayerGenes(layer.motif, ops)


def _mirrored(layer: LayerGenes) -> LayerGenes:
    """Exchange the twins of a layer's motif."""
    read = _slot_count(layer)
    return LayerGenes(layer.motif, (*motifs()[layer.motif].swapped(layer.ops[:read]), *layer.ops[read:]))


def _reversed(live: LayerGenes, recurrence: Recurrence) -> bool:
    """Whether the twins of a layer (its dead genes zeroed) stand in the order that canonical form avoids.

    Twins that excite or inhibit each other differ under `loop`: one of the two directions is delayed.
    """
    motif = motifs().get(live.motif)
    if motif is None or _mirrored(live).ops <= live.ops:
        return False
    joined = {slot for slot, op in zip(motif.slots, live.ops, strict=False) if op}
    mutual = any(Slot(a, b) in joined and Slot(b, a) in joined for a, b in motif.twins)
    return recurrence is Recurrence.SYNAPTIC or not mutual


def _carried_over(layer: LayerGenes, number: int) -> LayerGenes | None:
    """Express a layer's projections in another motif's slots; None where one of them has no slot there.

    `layer` must have been stripped of dead genes: what is left needs its slots.
    """
    target = motifs()[number].slots if number else ()
    genes = dict(zip(motifs()[layer.motif].slots, layer.ops, strict=False))
    used = {slot: op for slot, op in genes.items() if op}
    if not used.keys() <= set(target):
        return None
    ops = tuple(used.get(slot, 0) for slot in target)
    return LayerGenes(number, (*ops, *[0] * (SLOTS - len(ops))))


SPACE = MseNas()
