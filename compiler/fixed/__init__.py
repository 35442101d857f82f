"""Fixed point: how float populations, weights and inputs become the integers that Loihi holds."""
