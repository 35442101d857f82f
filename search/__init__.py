"""Which network: genomes, the spaces they come from, their lowering to the IR, training and data."""
