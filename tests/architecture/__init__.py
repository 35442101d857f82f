"""Tests of the rules that hold for every module."""
