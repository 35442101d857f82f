"""Reads HDF5 datasets of numbers or texts in blocks, and refuses whatever is unusual about them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from msc.backends.nir.reading.hdf5 import limits
from msc.backends.nir.reading.hdf5.budget import SMALLER, Budget, RefusedError

_H5: Any = h5py  # its low level has no types
h5d, h5s, h5t, h5z = _H5.h5d, _H5.h5s, _H5.h5t, _H5.h5z

Box: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]
"""Where a block starts along each axis, and how many elements it has there."""

# Their decoders are part of HDF5 and h5py, and nir.write uses no others.
_FILTERS = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32, h5z.FILTER_SZIP, h5z.FILTER_LZF}
_FILTERS_FIX = "write the file with nir.write, which compresses by gzip"
_NUMBERS_FIX = "write it as floats of 16, 32 or 64 bits or as integers"
_CLASSES = {
    h5t.TIME: "times",
    h5t.BITFIELD: "bit fields",
    h5t.OPAQUE: "opaque data",
    h5t.COMPOUND: "compound data",
    h5t.REFERENCE: "references",
    h5t.ENUM: "an enumeration",
    h5t.VLEN: "sequences of varying length",
    h5t.ARRAY: "arrays in each element",
}
_ROWS = 4096


class Dataset:
    """A dataset whose values lie in the file itself, as a plain array.

    Raises RefusedError for storage that leads out of the file, for filters we do not run and for a
    dataset without a shape.
    """

    def __init__(self, identifier: Any) -> None:
        self._id = identifier
        made = identifier.get_create_plist()
        layout = made.get_layout()
        if layout not in (h5d.COMPACT, h5d.CONTIGUOUS, h5d.CHUNKED):
            raise RefusedError(
                "is a virtual dataset, whose values lie elsewhere", "store the values themselves"
            )
        if layout == h5d.CONTIGUOUS and made.get_external_count():
            raise RefusedError("keeps its values in another file", "store them in the NIR file itself")
        for index in range(made.get_nfilters()):
            code = made.get_filter(index)[0]
            if code not in _FILTERS or not h5z.filter_avail(code):
                raise RefusedError(f"is stored with filter {code}, which is not supported", _FILTERS_FIX)
        self._space = identifier.get_space()
        if self._space.get_simple_extent_type() not in (h5s.SCALAR, h5s.SIMPLE):
            raise RefusedError("is empty and has no shape", "leave it out or give it values")
        self.shape = tuple(int(size) for size in self._space.get_simple_extent_dims())
        self._kind = identifier.get_type()
        self._chunk = made.get_chunk() if layout == h5d.CHUNKED else None
        self.is_text = self._kind.get_class() == h5t.STRING

    def dtype(self) -> np.dtype[Any]:
        """Return the type, in this machine's byte order, as which numbers are read; raises RefusedError."""
        name, size = self._kind.get_class(), self._kind.get_size()
        if name == h5t.ENUM and _is_bool(self._kind):
            return np.dtype(np.bool_)
        if name not in (h5t.FLOAT, h5t.INTEGER):
            what = f"holds {_CLASSES.get(name, 'data of an unknown type')}, not numbers"
            raise RefusedError(what, _NUMBERS_FIX)
        letter = "f" if name == h5t.FLOAT else "i" if self._kind.get_sign() == h5t.SGN_2 else "u"
        order = "BE" if self._kind.get_order() == h5t.ORDER_BE else "LE"
        family = "IEEE" if letter == "f" else "STD"
        standard = getattr(h5t, f"{family}_{letter.upper()}{8 * size}{order}", None)
        if standard is None or not self._kind.equal(standard):
            raise RefusedError(f"has numbers of {8 * size} bits in an unusual layout", _NUMBERS_FIX)
        return np.dtype(f"{letter}{size}")

    def is_unwritten(self) -> bool:
        """Whether nothing was ever stored, so that every value is the fill value."""
        return self._id.get_storage_size() == 0

    def boxes(self, itemsize: int) -> Iterator[Box]:
        """Cut the array into blocks of whole chunks, its last axes first; raises RefusedError."""
        whole = math.prod(self.shape) * itemsize
        if self._chunk is None and whole <= limits.BLOCK_BYTES:
            yield (0,) * len(self.shape), self.shape
            return
        if self._chunk is None:
            yield from boxes(self.shape, (1,) * len(self.shape), itemsize, limits.BLOCK_BYTES)
            return
        chunk = tuple(int(size) for size in self._chunk)
        size = math.prod(chunk) * itemsize
        if size > limits.CHUNK_BYTES:
            what = f"is stored in chunks of {size} bytes; {limits.CHUNK_BYTES} are allowed"
            raise RefusedError(what, _FILTERS_FIX)
        count = math.prod(-(-total // part) for total, part in zip(self.shape, chunk, strict=True))
        if count > limits.CHUNKS:
            raise RefusedError(f"is stored in {count} chunks; {limits.CHUNKS} are allowed", _FILTERS_FIX)
        yield from boxes(self.shape, chunk, itemsize, min(limits.BLOCK_BYTES, limits.BLOCK_CHUNKS * size))

    def read(self, box: Box, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Read one block of numbers."""
        if dtype.kind == "b":
            return self._block(box, np.dtype(np.int8), self._kind) != 0
        return self._block(box, dtype, _number_type(dtype))

    def _block(self, box: Box, dtype: np.dtype[Any], memory: Any) -> NDArray[Any]:
        starts, counts = box
        block = np.empty(counts, dtype)
        if counts == self.shape:
            self._id.read(h5s.ALL, h5s.ALL, block, memory)
        else:
            self._space.select_hyperslab(starts, counts)
            self._id.read(h5s.create_simple(counts), self._space, block, memory)
        return block

    def texts(self, budget: Budget) -> list[str]:
        """Read all texts; raises RefusedError where they are too many, too long or no UTF-8."""
        count = math.prod(self.shape)
        if count > limits.TEXTS:
            raise RefusedError(f"has {count} texts; {limits.TEXTS} are allowed", SMALLER)
        fixed = 0 if self._kind.is_variable_str() else self._kind.get_size()
        if fixed > limits.TEXT_BYTES or fixed * count > budget.text_bytes:
            raise RefusedError(f"has {count} texts of {fixed} bytes", "shorten the texts")
        if count == 0:
            return []
        dtype, memory = _text_types(fixed, self._kind.get_cset() == h5t.CSET_ASCII)
        found: list[str] = []
        for box in boxes(self.shape, (1,) * len(self.shape), 1, _ROWS):
            block = self._block(box, dtype, memory)
            found += [_text(value, budget) for value in block.ravel().tolist()]
        return found


def boxes(shape: tuple[int, ...], unit: tuple[int, ...], itemsize: int, most: int) -> Iterator[Box]:
    """Cut an array into blocks of whole units, of at most so many bytes if a unit is, its last axes first."""
    block = list(unit)
    for axis in reversed(range(len(shape))):
        fitting = max(1, most // (math.prod(block) * itemsize))
        needed = -(-shape[axis] // block[axis])
        block[axis] *= min(fitting, needed)
        if fitting < needed:
            break
    grid = [range(0, size, part) for size, part in zip(shape, block, strict=True)]
    for index in np.ndindex(*map(len, grid)):
        starts = tuple(axis[place] for axis, place in zip(grid, index, strict=True))
        ends = (min(start + part, size) for start, part, size in zip(starts, block, shape, strict=True))
        yield starts, tuple(end - start for start, end in zip(starts, ends, strict=True))


@cache
def _number_type(dtype: np.dtype[Any]) -> Any:
    """HDF5's description of numbers in memory."""
    return h5t.py_create(dtype)


@cache
def _text_types(fixed: int, ascii_only: bool) -> tuple[np.dtype[Any], Any]:
    """The type of an array of texts, of so many bytes each or of any length, and HDF5's description of it."""
    dtype = h5py.string_dtype("ascii" if ascii_only else "utf-8", fixed or None)
    return dtype, h5t.py_create(dtype)


def _is_bool(kind: Any) -> bool:
    """Whether this is how h5py writes booleans."""
    if kind.get_size() != 1 or kind.get_nmembers() != 2:
        return False
    members = {kind.get_member_name(index): kind.get_member_value(index) for index in range(2)}
    return members == {b"FALSE": 0, b"TRUE": 1}


def _text(data: object, budget: Budget) -> str:
    """Decode one text; HDF5's null pointer, where a text was never written, is an empty one."""
    if not isinstance(data, bytes):
        return ""
    budget.take_text(len(data))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise RefusedError("has a text that is no UTF-8", "write texts as UTF-8") from None
