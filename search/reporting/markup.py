"""Writes the parts of a page: text that is safe, numbers that are short, tables, figures and notes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from html import escape

from msc.ir.describe import short_number


def text(value: object) -> str:
    """Write plain text, safe in an element or a quoted attribute."""
    return escape(str(value))


def capital(words: str) -> str:
    """Write plain text that begins a sentence."""
    return escape(words[:1].upper() + words[1:])


def code(value: object) -> str:
    """Write a name or a value as the command line spells it."""
    return f"<code>{escape(str(value))}</code>"


def number(value: float | None) -> str:
    """Write four digits of a number: 0.4512, 12,346, 1.235e+11; a dash where there is none."""
    if value is None:
        return "–"
    whole = abs(value) < 1e9 and (abs(value) >= 1000 or value == int(value))
    mantissa, e, exponent = (f"{value:,.0f}" if whole else f"{value:.4g}").partition("e")
    return mantissa.replace("-", "−") + e + exponent


def brief(value: float) -> str:
    """Write three or four digits of a number: 0.4512, 12.3k, 97M."""
    return short_number(round(value)) if abs(value) >= 10_000 else number(value)


def spread(value: float) -> str:
    """Write what follows a ±: two digits, but whole numbers whole."""
    return number(value) if value >= 100 else f"{value:.2g}"


def percent(share: float) -> str:
    """Write a share in per cent: 0.042 %, 7.3 %, 46 %."""
    hundredths = 100 * share
    if hundredths >= 10 or hundredths == 0:
        return f"{hundredths:.0f}\N{NO-BREAK SPACE}%"
    return (
        f"{hundredths:.1f}\N{NO-BREAK SPACE}%" if hundredths >= 1 else f"{hundredths:.2g}\N{NO-BREAK SPACE}%"
    )


def accurate(share: float) -> str:
    """Write an accuracy as papers do, in per cent with two decimals: 97.22 %."""
    return f"{100 * share:.2f}\N{NO-BREAK SPACE}%"


def duration(seconds: float) -> str:
    """Write a time in its two largest units: 0.4 s, 52 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 9.95:
        return f"{seconds:.1f}\N{NO-BREAK SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    first = next((i for i, (value, _) in enumerate(parts) if value), 2)
    return " ".join(f"{value}\N{NO-BREAK SPACE}{unit}" for value, unit in parts[first : first + 2] if value)


def plural(count: int, word: str) -> str:
    """Write a count with its noun, in the plural where it takes one."""
    return f"{count:,} {word if count == 1 else word + 's'}"


def listed(words: Sequence[str]) -> str:
    """Join words as a sentence does: a, b and c."""
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else "".join(words)


def short_hash(name: str) -> str:
    """Write the first twelve digits of a hash, whole on hover."""
    return f'<code title="{escape(name)}">{escape(name[:12])}</code>'


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, numeric: Iterable[int] = (), kind: str = "plain"
) -> str:
    """Write a table whose head and cells are markup; `numeric` columns stand to the right."""
    right = set(numeric)
    body = "\n".join(f"<tr>{_cells('td', row, right)}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table class="{kind}">\n<thead><tr>{_cells("th", head, right)}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _cells(tag: str, row: Sequence[str], right: Collection[int]) -> str:
    classes = (' class="n"' if i in right else "" for i in range(len(row)))
    return "".join(f"<{tag}{kind}>{cell}</{tag}>" for cell, kind in zip(row, classes, strict=True))


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Write names (text) with their values (markup)."""
    items = "\n".join(f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>" for name, value in pairs)
    return f'<dl class="facts">\n{items}\n</dl>'


def tiles(entries: Iterable[tuple[str, str, str]], kind: str = "tiles") -> str:
    """Set figures large, each as its name, its value and what it is of (all text); `tiles wide` has room."""
    items = "\n".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(under)}</small></dd></div>"
        for name, value, under in entries
    )
    return f'<dl class="{kind}">\n{items}\n</dl>'


def figure(drawing: str, caption: str) -> str:
    """Write a drawing over its caption (markup)."""
    return f"<figure>\n{drawing}\n<figcaption>{caption}</figcaption>\n</figure>"


def figures(*parts: str) -> str:
    """Set figures side by side where there is room."""
    return '<div class="figures">\n' + "\n".join(parts) + "\n</div>"


def paragraph(*sentences: str, kind: str = "") -> str:
    """Write sentences (markup) as one paragraph."""
    opened = f'<p class="{kind}">' if kind else "<p>"
    return f"{opened}{' '.join(sentence for sentence in sentences if sentence)}</p>"


def bullets(items: Iterable[str]) -> str:
    """List sentences (markup) one below the other."""
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"


def warning(title: str, *sentences: str) -> str:
    """Write a warning that is seen: a title (text) and sentences (markup)."""
    return f'<aside class="warning"><strong>{escape(title)}</strong> {" ".join(sentences)}</aside>'


def note(title: str, *sentences: str) -> str:
    """Write a remark beside the text: a title (text) and sentences (markup)."""
    return f'<aside class="note"><strong>{escape(title)}</strong> {" ".join(sentences)}</aside>'


def section(name: str, title: str, *parts: str) -> str:
    """Write a section with its heading (text)."""
    body = "\n".join(part for part in parts if part)
    return f'<section id="{name}">\n<h2>{escape(title)}</h2>\n{body}\n</section>'


def key(*entries: tuple[str, str]) -> str:
    """Explain the colours (or the `ring`) of points."""
    parts = (f'<span><span class="key {colour}"></span> {escape(words)}</span>' for colour, words in entries)
    return f'<p class="keys">{" ".join(parts)}</p>'


def bar(share: float, colour: str) -> str:
    """Draw a share of a table cell's width as a bar."""
    width = 100 * min(max(share, 0.0), 1.0)
    return f'<span class="bar"><span style="width:{width:.1f}%;background:var(--{colour})"></span></span>'
