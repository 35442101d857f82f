"""Tests of msc.search.strategies."""
