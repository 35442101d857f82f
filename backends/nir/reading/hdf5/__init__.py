"""Reading the HDF5 of a NIR file, which anyone may have written: a graph, or an error that says why not."""

from msc.backends.nir.reading.hdf5.reader import NirFileError, read_raw

__all__ = ["NirFileError", "read_raw"]
