"""Tests of msc: what they need is told by `tests/requires.py`."""
