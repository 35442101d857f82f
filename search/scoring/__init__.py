"""Scoring: what one pass of spikes through an untrained network says of it."""
