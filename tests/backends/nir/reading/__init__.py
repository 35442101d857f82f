"""Tests of reading NIR."""
