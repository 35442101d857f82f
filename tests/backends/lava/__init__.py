"""Tests of the Lava backend."""
