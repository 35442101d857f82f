"""Draws a genome as one self-contained SVG: panels left to right, excitation, inhibition, feedback."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap

from msc.ir.describe import short_number
from msc.search.describe import cut_text, describe
from msc.search.draw_layout import Column, Frame, columns
from msc.search.draw_routes import MARGIN, Label, Plan, label_width, plan
from msc.search.draw_scene import Box, Scene, Stroke, scene
from msc.search.genome import Genome
from msc.search.lower import Lowered, lower

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
INK, QUIET, _ALARM = "#1f2933", "#5f6b7a", "#b42318"
_PAPER, _PANEL, _RIM = "#ffffff", "#f6f7f9", "#d9dee5"
_LEAST_WIDTH = 780.0
_LEGEND = 46.0


@dataclass(frozen=True)
class _Look:
    """The colours of one role: its strokes, and the fill and text of its boxes."""

    name: str
    line: str
    fill: str
    text: str


_EXCITATORY = _Look("excitatory", "#1f6fb2", "#e3f0fa", "#123f66")
_INHIBITORY = _Look("inhibitory", "#c8401f", "#fde8e1", "#7a2410")
_DROPPED = _Look("dropped", "#b3bac4", "#fafbfc", "#98a1ad")


def draw_svg(genome: Genome) -> str:
    """Draw a genome, the dropped parts faded; a disconnected one too, its title saying where it is cut."""
    lowered = lower(genome)
    return paint(scene(lowered), _heading(genome, lowered))


def paint(shown: Scene, heading: Sequence[tuple[str, str]], blue: str = "excitation") -> str:
    """Lay a scene out and write it, below `heading`: its lines with their colours, the first as title.

    `blue` is what the legend says of strokes that do not inhibit. The same scene gives the same text. Every
    live population is one `<g class="population">`, every live projection one `<path class="projection">`,
    both with the network's name in `data-name`.
    """
    placed = columns(shown)
    top = 28.0 + 20 * len(heading)
    where = plan(placed, shown.strokes, top)
    width, height = max(where.width, _LEAST_WIDTH), where.height + _LEGEND
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}"'
        f' width="{width:.0f}" height="{height:.0f}" role="img" font-family="{_FONT}" fill="{INK}">',
        f"<title>{escape(heading[0][0])}</title>",
        _definitions(),
        f'<rect width="100%" height="100%" fill="{_PAPER}"/>',
        *(
            _text(text, MARGIN, 34 + 20 * i, size=18 if i == 0 else 12.5, fill=colour, bold=i == 0)
            for i, (text, colour) in enumerate(heading)
        ),
        *(_panel(column, frame) for column, frame in zip(placed, where.panels, strict=True)),
        *_strokes(where),
        *(_box(box, where.boxes[box.key]) for column in placed for box in column.order),
        *(_label(label) for label in where.labels),
        *_legend(shown, where.height + 22, blue),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _heading(genome: Genome, lowered: Lowered) -> list[tuple[str, str]]:
    """Make the lines above the drawing, with their colours."""
    description = describe(genome)
    skeleton, totals = genome.skeleton, description["totals"]
    lines = [(f"{genome.space} genome {description['hash'][:12]}", INK)]
    facts = [f"{skeleton.timesteps} time steps", f"signs {skeleton.dale.value}"]
    facts.append(f"recurrence {skeleton.recurrence.value}")
    if lowered.network is None:
        lines = [(lines[0][0] + " is disconnected", _ALARM)]
        lines += [(line, _ALARM) for line in wrap(cut_text(lowered), 110)]
    else:
        counts = (("neurons", "neurons"), ("synapses", "synapses"), ("weights", "weights"))
        sizes = [f"{short_number(totals[key])} {name}" for key, name in counts]
        facts = [*sizes, f"{short_number(totals['macs_per_step'])} MACs per step", *facts]
    lines.append((" · ".join(facts), QUIET))
    if description["empty_layers"]:
        lines.append((f"empty in the genome: {', '.join(description['empty_layers'])}", QUIET))
    return lines


def _definitions() -> str:
    """The heads of strokes: an arrow for excitation, a flat bar for inhibition."""
    heads: list[str] = []
    for look in (_EXCITATORY, _INHIBITORY, _DROPPED):
        for kind, reference, shape in (
            ("arrow", 7.5, f'<path d="M0 0.8L8 4L0 7.2Z" fill="{look.line}"/>'),
            ("bar", 4, f'<path d="M4 0V8" stroke="{look.line}" stroke-width="2.6"/>'),
        ):
            size = 8 if kind == "arrow" else 11
            heads.append(
                f'<marker id="msc-{kind}-{look.name}" viewBox="0 0 8 8" refX="{reference}" refY="4"'
                f' markerWidth="{size}" markerHeight="{size}" markerUnits="userSpaceOnUse"'
                f' orient="auto">{shape}</marker>'
            )
    return f"<defs>{''.join(heads)}</defs>"


def _panel(column: Column, frame: Frame) -> str:
    panel = column.panel
    middle = frame.x + frame.width / 2
    alive = any(box.alive for box in column.order)
    lines = (
        _text(line, middle, frame.y + 35 + 13 * i, size=10.5, fill=QUIET, anchor="middle")
        for i, line in enumerate(panel.lines)
    )
    return (
        f'<g class="panel"><rect x="{frame.x:.1f}" y="{frame.y:.1f}" width="{frame.width:.1f}"'
        f' height="{frame.height:.1f}" rx="9" fill="{_PANEL}" stroke="{_RIM}"'
        f"{'' if alive else _DASHES}/>"
        + _text(
            panel.title,
            middle,
            frame.y + 20,
            size=13.5,
            fill=INK if alive else _DROPPED.text,
            bold=True,
            anchor="middle",
        )
        + "".join(lines)
        + "</g>"
    )


_DASHES = ' stroke-dasharray="5 4"'


def _box(box: Box, frame: Frame) -> str:
    look = _look(box.inhibitory, box.alive)
    kind = "population" if box.alive else "dropped"
    role = "inhibitory" if box.inhibitory else "excitatory"
    note = f"{box.name}, {box.shape or 'no shape'}" + (f": {box.note}" if box.note else "")
    middle = frame.x + frame.width / 2
    return (
        f'<g class="{kind}" data-name="{escape(box.name)}" data-role="{role}"><title>{escape(note)}</title>'
        f'<rect x="{frame.x:.1f}" y="{frame.y:.1f}" width="{frame.width:.1f}" height="{frame.height:.1f}"'
        f' rx="7" fill="{look.fill}" stroke="{look.line}" stroke-width="1.4"{"" if box.alive else _DASHES}/>'
        + _text(
            box.label,
            middle,
            frame.y + (17 if box.shape else 25),
            size=13,
            fill=look.text,
            bold=True,
            anchor="middle",
        )
        + _text(box.shape, middle, frame.y + 32, size=10.5, fill=look.text, anchor="middle")
        + "</g>"
    )


def _strokes(where: Plan) -> Iterator[str]:
    """Dropped strokes first, so that they lie beneath, inhibition last."""
    for stroke, path in sorted(where.paths, key=lambda pair: (pair[0].alive, pair[0].inhibitory)):
        yield _stroke(stroke, path)


def _stroke(stroke: Stroke, path: str) -> str:
    look = _look(stroke.inhibitory, stroke.alive)
    kind = "projection" if stroke.alive else "dropped"
    head = "bar" if stroke.inhibitory else "arrow"
    dashes = _DASHES if stroke.dashed else ""
    return (
        f'<path class="{kind}" data-name="{escape(stroke.name)}" d="{path}" fill="none" stroke="{look.line}"'
        f' stroke-width="1.5"{dashes} marker-end="url(#msc-{head}-{look.name})">'
        f"<title>{escape(f'{stroke.name}: {stroke.label}')}</title></path>"
    )


def _label(label: Label) -> str:
    colour = _look(label.stroke.inhibitory, label.stroke.alive).text
    width = label_width(label.text)
    shift = {"start": 0.0, "middle": width / 2, "end": width}[label.anchor]
    return (
        f'<rect x="{label.x - shift:.1f}" y="{label.y - 5.5:.1f}" width="{width:.1f}" height="11" rx="3"'
        f' fill="{_PAPER}" fill-opacity="0.92"/>'
        + _text(
            label.text, label.x - shift + width / 2, label.y + 3.4, size=9.5, fill=colour, anchor="middle"
        )
    )


def _look(inhibitory: bool, alive: bool) -> _Look:
    if not alive:
        return _DROPPED
    return _INHIBITORY if inhibitory else _EXCITATORY


def _legend(shown: Scene, y: float, blue: str) -> Iterator[str]:
    """Explain the strokes in a row below the drawing."""
    one = all(stroke.delay <= 1 for stroke in shown.strokes)
    samples = [
        (blue, False, False, True),
        ("inhibition", True, False, True),
        ("one step later (@1)" if one else "@ steps later", False, True, True),
    ]
    if not all(stroke.alive for stroke in shown.strokes) or not all(
        box.alive for panel in shown.panels for box in panel.boxes
    ):
        samples.append(("dropped", False, True, False))
    x = MARGIN
    for text, inhibitory, dashed, alive in samples:
        look = _look(inhibitory, alive)
        head = "bar" if inhibitory else "arrow"
        yield (
            f'<path d="M{x:.1f} {y:.1f}h34" stroke="{look.line}" stroke-width="1.5"'
            f'{_DASHES if dashed else ""} marker-end="url(#msc-{head}-{look.name})"/>'
        )
        yield _text(text, x + 42, y + 4, size=11.5, fill=QUIET)
        x += 42 + 6.4 * len(text) + 24
    yield _text("5x5/2: kernel 5x5, stride 2", x, y + 4, size=11.5, fill=QUIET)


def _text(
    text: str,
    x: float,
    y: float,
    *,
    size: float,
    fill: str,
    bold: bool = False,
    anchor: str = "start",
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{fill}" text-anchor="{anchor}"'
        f"{weight}>{escape(text)}</text>"
    )
