"""Writes lines with rounded corners as SVG paths."""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, float]
_RADIUS = 6.0


def rounded(points: Sequence[Point]) -> str:
    """Draw a line along points at right angles to each other, with rounded corners."""
    way = [points[0]]
    for point in points[1:]:
        if abs(point[0] - way[-1][0]) + abs(point[1] - way[-1][1]) > 0.01:
            way.append(point)
    text = f"M{number(way[0][0])} {number(way[0][1])}"
    for before, corner, after in zip(way, way[1:], way[2:], strict=False):
        radius = min(_RADIUS, _distance(before, corner) / 2, _distance(corner, after) / 2)
        (ax, ay), (bx, by) = _towards(corner, before, radius), _towards(corner, after, radius)
        values = (number(v) for v in (ax, ay, *corner, bx, by))
        text += "L{} {}Q{} {} {} {}".format(*values)
    return text + f"L{number(way[-1][0])} {number(way[-1][1])}"


def _distance(a: Point, b: Point) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _towards(start: Point, end: Point, by: float) -> Point:
    share = by / max(_distance(start, end), 1e-9)
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def number(value: float) -> str:
    """Write a coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")
