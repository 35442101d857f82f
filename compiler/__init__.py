"""How a network is changed on its way to an artefact: passes, the contracts of targets, the driver."""
