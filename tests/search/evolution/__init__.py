"""Tests of the search itself."""
