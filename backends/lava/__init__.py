"""The Lava backend: fixed-point networks for Loihi, run by lava-nc."""
