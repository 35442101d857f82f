"""Rounds the figures of a benchmark to what they are worth."""

from __future__ import annotations

from typing import Any


def rounded(value: Any) -> Any:
    """Keep four digits of every decimal in plain data: more would be noise."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
