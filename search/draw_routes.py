"""Routes the strokes between panels along trunks and lanes, so that none runs through a box."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from msc.search.draw_layout import BOX_HEIGHT, BOX_WIDTH, ROW, Arc, Column, Frame, reach
from msc.search.draw_paths import number, rounded
from msc.search.draw_scene import Stroke

MARGIN = 24.0
_TRUNK, _LANE, _PORT = 9.0, 15.0, 9.0  # distances of trunks in a gap, of lanes, of arrivals at a box
_GAP_LEFT, _GAP_RIGHT = 14.0, 18.0
_LABEL_INSET = 12.0  # how far the label of a near stroke reaches into the panel where the stroke ends
_LABELLED_AT = 0.32  # of an arc's way: between two boxes, where no other stroke enters or leaves
_BAR_GAP = 3.5  # between the bar of an inhibitory stroke and its box
_OFF_CENTRE = 11.0  # of an arc's ends, so that it leaves the middle of the side to strokes of other panels


@dataclass(frozen=True)
class Label:
    """A small text on or beside a stroke; `anchor` is SVG's (`start`, `middle`, `end`)."""

    text: str
    x: float
    y: float
    anchor: str
    stroke: Stroke


@dataclass(frozen=True)
class Plan:
    """Where everything is: frames of panels and of boxes by key, the path of every stroke, labels, size."""

    panels: tuple[Frame, ...]
    boxes: dict[str, Frame]
    paths: tuple[tuple[Stroke, str], ...]
    labels: tuple[Label, ...]
    width: float
    height: float


@dataclass(frozen=True)
class _Bundle:
    """Strokes alike from every one of `sources` to every one of `targets`, drawn over each other as a bus.

    `start` and `end` are the columns they join.
    """

    start: int
    end: int
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    strokes: tuple[Stroke, ...]

    @property
    def near(self) -> bool:
        """Whether it joins a column to the next one and needs no lane."""
        return self.end == self.start + 1


def plan(columns: Sequence[Column], strokes: Sequence[Stroke], top: float) -> Plan:
    """Place panels below `top`, left to right, and route every stroke."""
    bundles = _bundles(columns, strokes)
    lanes = _lanes(bundles)
    above, below = (
        max([level + 1 for side, level in lanes.values() if side == s], default=0) for s in (0, 1)
    )
    gaps = _gaps(bundles, len(columns))
    lefts = _lefts(columns, gaps)
    ceiling = top + above * _LANE + 6
    middle = ceiling + max(column.above for column in columns)
    floor = middle + max(column.below for column in columns)
    panels = tuple(
        Frame(x, middle - column.above, column.width, column.above + column.below)
        for x, column in zip(lefts, columns, strict=True)
    )
    boxes = {k: f for c, p in zip(columns, panels, strict=True) for k, f in _boxes(c, p).items()}
    trunks = {
        (gap, bundle): panels[gap].right + _GAP_LEFT + _TRUNK * i
        for gap, members in gaps.items()
        for i, bundle in enumerate(members)
    }
    heights = {
        b: ceiling - 8 - _LANE * level if side == 0 else floor + 8 + _LANE * level
        for b, (side, level) in lanes.items()
    }
    paths, labels = _between(bundles, columns, panels, boxes, trunks, heights)
    for column in columns:
        for stroke, path, label in _within(column, boxes):
            paths.append((stroke, path))
            labels.append(label)
    right = max([panels[-1].right, *trunks.values()])
    return Plan(panels, boxes, tuple(paths), tuple(labels), right + MARGIN, floor + below * _LANE + 6)


def _bundles(columns: Sequence[Column], strokes: Sequence[Stroke]) -> tuple[_Bundle, ...]:
    """Gather strokes so that a bus says all: the same sources reach each of its targets in the same way."""
    column_of = {box.key: i for i, column in enumerate(columns) for box in column.order}
    by_target: dict[tuple[object, ...], list[Stroke]] = defaultdict(list)
    for s in strokes:
        ends = column_of[s.source], column_of[s.target]
        if ends[0] != ends[1]:
            by_target[(*ends, s.label, s.inhibitory, s.dashed, s.alive, s.target)].append(s)
    alike: dict[tuple[object, ...], list[Stroke]] = defaultdict(list)
    for key, members in by_target.items():
        alike[(*key[:-1], tuple(s.source for s in members))] += members
    return tuple(
        _Bundle(
            column_of[members[0].source],
            column_of[members[0].target],
            tuple(dict.fromkeys(s.source for s in members)),
            tuple(dict.fromkeys(s.target for s in members)),
            tuple(members),
        )
        for members in alike.values()
    )


def _lanes(bundles: Sequence[_Bundle]) -> dict[_Bundle, tuple[int, int]]:
    """Give each far bundle a lane: (0 above or 1 below the panels, level), short ones nearest the panels."""
    taken: list[tuple[int, int, int, int]] = []
    lanes: dict[_Bundle, tuple[int, int]] = {}
    far = (b for b in bundles if not b.near)
    for bundle in sorted(far, key=_rank):
        low, high = sorted((bundle.start, bundle.end - 1))
        meets = [(side, level) for side, level, a, b in taken if a <= high and low <= b]
        free = ((level, side) for level in range(len(taken) + 1) for side in (0, 1))
        level, side = next(place for place in free if place[::-1] not in meets)
        taken.append((side, level, low, high))
        lanes[bundle] = side, level
    return lanes


def _rank(bundle: _Bundle) -> tuple[bool, int, int, int]:
    return not bundle.strokes[0].alive, abs(bundle.end - 1 - bundle.start), bundle.start, bundle.end


def _gaps(bundles: Sequence[_Bundle], count: int) -> dict[int, list[_Bundle]]:
    """List the trunks in the gap right of each column: leaving for a lane, near, arriving from a lane."""
    gaps: dict[int, list[_Bundle]] = {gap: [] for gap in range(count)}
    for bundle in bundles:
        if not bundle.near:
            gaps[bundle.start].append(bundle)
    for bundle in bundles:
        if bundle.near:
            gaps[bundle.start].append(bundle)
    for bundle in bundles:
        if not bundle.near and bundle not in gaps[bundle.end - 1]:
            gaps[bundle.end - 1].append(bundle)
    return gaps


def _lefts(columns: Sequence[Column], gaps: dict[int, list[_Bundle]]) -> list[float]:
    widths = [
        column.width + _GAP_LEFT + _TRUNK * max(len(gaps[i]) - 1, 0) + _room(gaps[i])
        for i, column in enumerate(columns)
    ]
    return list(accumulate(widths[:-1], initial=MARGIN))


def _room(bundles: Sequence[_Bundle]) -> float:
    """The room that labels need between the last trunk of a gap and the next panel."""
    labels = (label_width(b.strokes[0].label) for b in bundles if b.near)
    return max([_GAP_RIGHT, *(width + 4 - _LABEL_INSET for width in labels)])


def label_width(text: str) -> float:
    """About how wide a label is."""
    return 5.1 * len(text) + 7


def _boxes(column: Column, frame: Frame) -> dict[str, Frame]:
    """Place the boxes of a column, arcs and boxes together in the middle of its panel."""
    slack = frame.width - column.boxes_width
    top = frame.y + column.above + column.first
    x = frame.x + slack / 2 + column.left_margin
    return {box.key: Frame(x, top + ROW * i, BOX_WIDTH, BOX_HEIGHT) for i, box in enumerate(column.order)}


def _between(
    bundles: Sequence[_Bundle],
    columns: Sequence[Column],
    panels: Sequence[Frame],
    boxes: dict[str, Frame],
    trunks: dict[tuple[int, _Bundle], float],
    heights: dict[_Bundle, float],
) -> tuple[list[tuple[Stroke, str]], list[Label]]:
    """Route the strokes between panels: box, trunk, (lane, trunk,) box."""
    ports = _ports(bundles, boxes, heights)
    paths: list[tuple[Stroke, str]] = []
    labels: list[Label] = []
    for bundle in bundles:
        out, into = trunks[bundle.start, bundle], trunks[bundle.end - 1, bundle]
        for s in bundle.strokes:
            source, target, y = boxes[s.source], boxes[s.target], ports[bundle, s.target]
            way = [(source.right, source.middle), (out, source.middle)]
            if not bundle.near:
                way += [(out, heights[bundle]), (into, heights[bundle])]
            paths.append((s, rounded([*way, (into, y), (target.x - _gap(s), y)])))
        first = bundle.strokes[0]
        if not first.alive:
            continue
        if bundle.near:
            x = panels[bundle.end].x + _LABEL_INSET - 2
            labels += [Label(first.label, x, ports[bundle, key], "end", first) for key in bundle.targets]
        else:
            titles = (columns[i].panel.title.partition(" · ")[0] for i in (bundle.start, bundle.end))
            text = f"{' to '.join(titles)}: {first.label}"
            labels.append(Label(text, min(out, into) + 14, heights[bundle], "start", first))
    return paths, labels


def _ports(
    bundles: Sequence[_Bundle], boxes: dict[str, Frame], heights: dict[_Bundle, float]
) -> dict[tuple[_Bundle, str], float]:
    """Spread the arrivals over the left side of each box, those from lanes above first."""
    arriving: dict[str, list[_Bundle]] = defaultdict(list)
    for bundle in bundles:
        for key in bundle.targets:
            arriving[key].append(bundle)
    ports: dict[tuple[_Bundle, str], float] = {}
    for key, members in arriving.items():
        box = boxes[key]
        members.sort(key=lambda b: heights.get(b, box.middle))
        step = min(_PORT, (BOX_HEIGHT - 8) / max(len(members) - 1, 1))
        for i, bundle in enumerate(members):
            ports[bundle, key] = box.middle + step * (i - (len(members) - 1) / 2)
    return ports


def _within(column: Column, boxes: dict[str, Frame]) -> list[tuple[Stroke, str, Label]]:
    """Route the strokes inside a panel: straight between neighbours, else as arcs beside the boxes."""
    routed = [_arc(arc, boxes) for arc in column.arcs]
    pairs: dict[frozenset[str], list[Stroke]] = defaultdict(list)
    for stroke in column.direct:
        pairs[frozenset((stroke.source, stroke.target))].append(stroke)
    for members in pairs.values():
        members.sort(key=lambda s: boxes[s.source].y > boxes[s.target].y)
        for i, s in enumerate(members):
            source, target = boxes[s.source], boxes[s.target]
            x = source.x + BOX_WIDTH / 2 + 24 * (i - (len(members) - 1) / 2)
            down = source.y < target.y
            start = source.bottom if down else source.y
            end = target.y - _gap(s) if down else target.bottom + _gap(s)
            first = i == 0 and len(members) > 1
            at, anchor = (x - 5, "end") if first else (x + 5, "start")
            path = f"M{number(x)} {number(start)}V{number(end)}"
            routed.append((s, path, Label(s.label, at, (start + end) / 2, anchor, s)))
    return routed


def _arc(arc: Arc, boxes: dict[str, Frame]) -> tuple[Stroke, str, Label]:
    source, target = boxes[arc.stroke.source], boxes[arc.stroke.target]
    out = _OFF_CENTRE if source.y < target.y else -_OFF_CENTRE
    x = source.right if arc.right else source.x
    peak = x + (reach(arc.level) - 8) * (1 if arc.right else -1)
    bend = x + (peak - x) / 0.75  # a cubic with both controls at `bend` swings three quarters of the way
    y0, y1 = source.middle + out, target.middle - out
    end = x + _gap(arc.stroke) * (1 if arc.right else -1)
    values = " ".join(number(v) for v in (bend, y0, bend, y1, end, y1))
    path = f"M{number(x)} {number(y0)}C{values}"
    if source == target:  # a loop, too small for a label on it
        at, anchor = (x + 3, "start") if arc.right else (x - 3, "end")
        return arc.stroke, path, Label(arc.stroke.label, at, y0 - 7, anchor, arc.stroke)
    t = _LABELLED_AT
    at = x + (bend - x) * 3 * (1 - t) * t, y0 + (y1 - y0) * (3 - 2 * t) * t * t
    return arc.stroke, path, Label(arc.stroke.label, *at, "middle", arc.stroke)


def _gap(stroke: Stroke) -> float:
    return _BAR_GAP if stroke.inhibitory else 0.0
