"""Tests of msc.ir."""
