"""The simulators that run artefacts, one file each, found by their `SIMULATOR`."""
