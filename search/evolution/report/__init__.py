"""The report of a search: one self-contained page made from its history."""

from __future__ import annotations

from pathlib import Path

REPORT = "report.html"


def write_report(folder: Path) -> Path:
    """Write FOLDER/report.html, whole or not at all, from FOLDER/history.jsonl alone; returns its path.

    The same history gives the same bytes. Raises what `read_history` does, and FileError where the page
    cannot be written.
    """
    from msc.ir.files import write_atomic
    from msc.search.evolution.history import read_history
    from msc.search.evolution.report.page import page
    from msc.search.evolution.report.study import Study

    path = folder / REPORT
    write_atomic(path, page(Study(read_history(folder))).encode())
    return path
