"""Tests of passes, driver and initialisation."""
