"""Tests of what the README says."""
