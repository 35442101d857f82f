"""Tests of msc.search.evolution.strategies."""
