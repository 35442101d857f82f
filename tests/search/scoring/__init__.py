"""Tests of how candidates are scored."""
