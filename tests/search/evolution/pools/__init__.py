"""Tests of the pools that evaluate candidates."""
