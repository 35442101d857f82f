"""The rewrites a target can ask for, one per file, found by name."""
