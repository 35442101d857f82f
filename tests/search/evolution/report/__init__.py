"""Tests of the report of a search."""
