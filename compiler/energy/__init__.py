"""What a run costs: exact counts priced with the published energies of hardware, as ranges."""
