"""Where networks go: targets that emit artefacts, simulators that run them, the check that both agree."""
