"""A canvas for SVG that is readable on light and dark paper and takes nothing from outside the file."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from textwrap import wrap
from xml.sax.saxutils import escape

# by class: colour on light paper, colour on dark paper
_PAINTS = {
    "pl-paper": ("#fefefe", "#12181f"),
    "pl-ink": ("#1c2733", "#e4eaf0"),
    "pl-quiet": ("#5a6774", "#9ba8b5"),
    "pl-alarm": ("#b3341a", "#f08462"),
    "pl-chip": ("#eef1f5", "#1b232c"),
    "pl-core": ("#d8dfe7", "#2e3a46"),
    "pl-bar": ("#7b8997", "#75838f"),
    "pl-mark": ("#1c2733", "#e4eaf0"),
}
_FONT = "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
_WIDTH_OF_LETTER = 0.5  # of the font's size, on average


class Canvas:
    """Collects pieces in the order they are drawn; colours are a paint's class or #rrggbb."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        paint: str,
        radius: float = 0,
        opacity: float = 1,
    ) -> None:
        """Draw a rectangle."""
        more = f' rx="{radius:g}"' if radius else ""
        more += f' opacity="{opacity:g}"' if opacity < 1 else ""
        self._parts.append(
            f'<rect x="{x:.6g}" y="{y:.6g}" width="{width:.5g}" height="{height:.5g}"{more} {_fill(paint)}/>'
        )

    def text(
        self, x: float, y: float, size: float, content: str, paint: str = "pl-ink", style: str = ""
    ) -> None:
        """Write a line of text whose baseline starts at x, y; `style` holds further attributes."""
        at = f'x="{x:.6g}" y="{y:.6g}" font-size="{size:g}"'
        self._parts.append(f"<text {at} {_fill(paint)}{style}>{clean(content)}</text>")

    @contextmanager
    def group(self, told: str) -> Generator[None]:
        """Hold together what is drawn meanwhile, under a text that browsers show for it."""
        self._parts.append(f"<g><title>{clean(told)}</title>")
        yield
        self._parts.append("</g>")

    def document(self, width: float, height: float, title: str) -> str:
        """Make a whole file, on its own paper."""
        dark = " ".join(f".{name} {{ fill: {colour}; }}" for name, (_, colour) in _PAINTS.items())
        size = f'width="{width:g}" height="{height:g}"'
        opened = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" {size} role="img"'
        )
        hatching = 'id="pl-relay" width="5" height="5" patternUnits="userSpaceOnUse"'
        return "\n".join(
            (
                f'{opened} font-family="{_FONT}">',
                f"<title>{clean(title)}</title>",
                f"<style>@media (prefers-color-scheme: dark) {{ {dark} }}</style>",
                f'<defs><pattern {hatching} patternTransform="rotate(45)">',
                f'<rect width="2.2" height="5" {_fill("pl-chip")}/></pattern></defs>',
                f"<rect {size} {_fill('pl-paper')}/>",
                *self._parts,
                "</svg>",
                "",
            )
        )


def lines_of(content: str, size: float, width: float) -> list[str]:
    """Break text into lines of at most about `width`."""
    return wrap(content, max(10, int(width / (size * _WIDTH_OF_LETTER))))


def clean(content: str) -> str:
    """Make any text content of an XML element."""
    return escape("".join(letter if letter.isprintable() else "?" for letter in content))


def _fill(paint: str) -> str:
    if paint not in _PAINTS:
        return f'fill="{paint}"'
    return f'class="{paint}" fill="{_PAINTS[paint][0]}"'
