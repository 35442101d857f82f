"""Places the boxes of a drawing: a row of panels, each a column of boxes with arcs beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

from msc.search.draw_scene import Box, Panel, Scene, Stroke

BOX_WIDTH, BOX_HEIGHT, ROW = 88.0, 40.0, 78.0
_SIDE, _ARC, _ARC_STEP = 18.0, 34.0, 20.0
_BELOW = 18.0  # between the lowest box and the edge of the panel
_TURN = 0.3  # what one pair of boxes out of the blueprint's order costs, in boxes that a stroke passes
_MOST_ORDERED = 6


@dataclass(frozen=True)
class Frame:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of the right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of the lower edge."""
        return self.y + self.height

    @property
    def middle(self) -> float:
        """The y of the middle."""
        return self.y + self.height / 2


@dataclass(frozen=True)
class Arc:
    """A stroke between boxes of one panel that are not neighbours: on which side, how far out."""

    stroke: Stroke
    right: bool
    level: int


@dataclass(frozen=True)
class Column:
    """A panel whose boxes have an order from top to bottom, and its size."""

    panel: Panel
    order: tuple[Box, ...]
    direct: tuple[Stroke, ...]
    arcs: tuple[Arc, ...]

    @property
    def left_margin(self) -> float:
        """The room left of the boxes."""
        return _margin([arc.level for arc in self.arcs if not arc.right])

    @property
    def boxes_width(self) -> float:
        """The width that boxes and arcs take."""
        return self.left_margin + BOX_WIDTH + _margin([arc.level for arc in self.arcs if arc.right])

    @property
    def width(self) -> float:
        """The width of the panel: that of its boxes and arcs, or of the title above them."""
        text = max([8.2 * len(self.panel.title), *(5.9 * len(line) for line in self.panel.lines)])
        return max(self.boxes_width, text + 20)

    @property
    def above(self) -> float:
        """The height from the panel's upper edge to the middle of its boxes."""
        return 36 + 13 * len(self.panel.lines) + self._half

    @property
    def below(self) -> float:
        """The height from the middle of its boxes to the panel's lower edge."""
        return self._half + _BELOW

    @property
    def first(self) -> float:
        """The y of the first box, from the middle of the boxes."""
        return -self._half

    @property
    def _half(self) -> float:
        return (ROW * (len(self.order) - 1) + BOX_HEIGHT) / 2


def reach(level: int) -> float:
    """How far beside the boxes an arc of `level` swings."""
    return _ARC + _ARC_STEP * level


def columns(scene: Scene) -> tuple[Column, ...]:
    """Order the boxes of every panel and put its inner strokes between or beside them."""
    return tuple(_column(panel, scene.strokes) for panel in scene.panels)


def _margin(levels: Sequence[int]) -> float:
    return _SIDE + (reach(max(levels)) if levels else 0.0)


def _column(panel: Panel, strokes: Sequence[Stroke]) -> Column:
    place = {box.key: i for i, box in enumerate(panel.boxes)}
    inner = [s for s in strokes if s.source in place and s.target in place]
    links = tuple(sorted((place[s.source], place[s.target]) for s in inner))
    order = tuple(panel.boxes[i] for i in _order(len(panel.boxes), links))
    row = {box.key: i for i, box in enumerate(order)}
    direct = tuple(s for s in inner if abs(row[s.source] - row[s.target]) == 1)
    return Column(panel, order, direct, _arcs([s for s in inner if s not in direct], row))


@lru_cache(maxsize=256)
def _order(count: int, links: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    """Order boxes so that strokes pass few of them, keeping the given order where it costs nothing."""
    if count > _MOST_ORDERED:
        return tuple(range(count))

    def cost(order: tuple[int, ...]) -> float:
        row = {box: i for i, box in enumerate(order)}
        passed = sum(max(abs(row[a] - row[b]) - 1, 0) for a, b in links)
        turned = sum(order[i] > order[j] for j in range(count) for i in range(j))
        return passed + _TURN * turned

    return min(permutations(range(count)), key=cost)


def _arcs(strokes: list[Stroke], row: dict[str, int]) -> tuple[Arc, ...]:
    """Share arcs out between the sides, short ones inside.

    Delayed ones go to the left where both are free, but for those that return to their own box.
    """
    taken: dict[bool, list[tuple[int, int, int]]] = {True: [], False: []}
    arcs: list[Arc] = []
    for stroke in sorted(strokes, key=lambda s: abs(row[s.source] - row[s.target])):
        low, high = sorted((row[stroke.source], row[stroke.target]))
        level = {
            side: max((k + 1 for a, b, k in used if a < high and low < b), default=0)
            for side, used in taken.items()
        }
        rightward = not stroke.dashed or low == high
        side = level[True] < level[False] or (level[True] == level[False] and rightward)
        taken[side].append((low, max(high, low + 1), level[side]))
        arcs.append(Arc(stroke, side, level[side]))
    return tuple(arcs)
