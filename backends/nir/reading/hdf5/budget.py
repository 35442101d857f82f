"""What one file may still take of the limits while it is read."""

from __future__ import annotations

from msc.backends.nir.reading.hdf5 import limits

SMALLER = "split the network or write a smaller one"


class RefusedError(Exception):
    """A group or dataset that is refused: what is wrong, what to do."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


class Budget:
    """What is left of the limits for a file of so many bytes; raises RefusedError where nothing is."""

    def __init__(self, file_bytes: int) -> None:
        self.objects = limits.OBJECTS
        self.declared_bytes = limits.declared_bytes(file_bytes)
        self.varied_bytes = limits.varied_bytes(file_bytes)
        self.text_bytes = limits.TEXTS_BYTES

    def take_declared(self, count: int) -> None:
        """Count the bytes an array is said to have."""
        if count > self.declared_bytes:
            what = f"declares {count} bytes; all arrays together may declare {self.declared_bytes} more"
            raise RefusedError(what, SMALLER)
        self.declared_bytes -= count

    def take_varied(self, count: int) -> None:
        """Count the bytes of an array that must be held in memory."""
        if count > self.varied_bytes:
            what = f"has {count} bytes; for a file of this size {self.varied_bytes} more are allowed"
            raise RefusedError(what, SMALLER)
        self.varied_bytes -= count

    def take_text(self, count: int) -> None:
        """Count the bytes of a text."""
        if count > limits.TEXT_BYTES:
            what = f"is a text of {count} bytes; {limits.TEXT_BYTES} are allowed"
            raise RefusedError(what, "shorten it")
        if count > self.text_bytes:
            what = f"takes all texts together over the {limits.TEXTS_BYTES} bytes allowed"
            raise RefusedError(what, "shorten the texts")
        self.text_bytes -= count
