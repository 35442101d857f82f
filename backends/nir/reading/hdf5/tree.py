"""Walks a group of an HDF5 file without leaving it, and sends what is there as messages."""

from __future__ import annotations

import math
from typing import IO, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from msc.backends.nir.reading.hdf5 import limits
from msc.backends.nir.reading.hdf5.budget import SMALLER, Budget, RefusedError
from msc.backends.nir.reading.hdf5.datasets import Box, Dataset
from msc.backends.nir.reading.hdf5.restrictions import lock_out_files, start_step
from msc.backends.nir.reading.hdf5.wire import send

_H5: Any = h5py  # its low level has no types
h5d, h5g, h5l, h5o = _H5.h5d, _H5.h5g, _H5.h5l, _H5.h5o

LIBRARY_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, OverflowError)
"""What h5py raises where HDF5 reports an error."""

_DAMAGED_FIX = "get the file anew: it is damaged, or made so"
_STORE_FIX = "store the array or group itself"
_SHOWN = 80


class _EnoughError(Exception):
    """So much is wrong that the rest does not matter."""


def send_tree(stream: IO[bytes], path: str, file_bytes: int) -> None:
    """Open a file and send its group `node`; then ["done"], or ["enough"] where it is not worth going on."""
    _announce(stream, "")
    walker = _Walker(stream, file_bytes)
    try:
        file = h5py.File(path, "r", locking=False, rdcc_nbytes=2 * limits.CHUNK_BYTES)
        lock_out_files()
        root = h5g.open(file.id, b"/")
        if not root.links.exists(b"node"):
            what = "has no group 'node': it is an HDF5 file, but not a NIR file"
            walker.problem("", what, "give a NIR file")
            raise _EnoughError
        walker.walk(root, b"node")
    except LIBRARY_ERRORS as error:
        walker.problem("", f"cannot be read ({_reason(error)})", _DAMAGED_FIX)
        send(stream, ["enough"])
    except _EnoughError:
        send(stream, ["enough"])
    else:
        send(stream, ["done"])


def _announce(stream: IO[bytes], name: str) -> None:
    """Send what comes next, with all before it; until the next such call the computing is limited."""
    send(stream, ["at", name])
    stream.flush()
    start_step()


class _Walker:
    """Sends a group and all below it: ["group", name] .. ["end"], ["text", ..], ["texts", ..], ["array", ..].

    Each object is announced by ["at", name] before HDF5 touches it. What is refused or damaged becomes
    ["problem", name, what, fix]; the walk goes on behind it.
    """

    def __init__(self, stream: IO[bytes], file_bytes: int) -> None:
        self._stream = stream
        self._budget = Budget(file_bytes)
        self._above: list[int] = []
        self._problems = 0

    def problem(self, name: str, what: str, fix: str) -> None:
        """Send what is wrong; raises _EnoughError after the last that is listed."""
        send(self._stream, ["problem", name, what, fix])
        self._problems += 1
        if self._problems == limits.PROBLEMS:
            raise _EnoughError

    def walk(self, group: Any, name: bytes) -> None:
        """Send one member of a group, with everything below it."""
        text = _shown(name)
        _announce(self._stream, text)
        self._budget.objects -= 1
        if self._budget.objects < 0:
            self.problem(text, f"is one of more than {limits.OBJECTS} groups and arrays", SMALLER)
            raise _EnoughError
        try:
            found = _open(group, name)
            if isinstance(found, h5g.GroupID):
                self._group(found, text)
            elif isinstance(found, h5d.DatasetID):
                self._dataset(Dataset(found), text)
            else:
                raise RefusedError("is neither a group nor an array", "write the file with nir.write")
        except RefusedError as error:
            self.problem(text, error.what, error.fix)
        except LIBRARY_ERRORS as error:
            self.problem(text, f"cannot be read ({_reason(error)})", _DAMAGED_FIX)

    def _group(self, group: Any, name: str) -> None:
        place = int(h5o.get_info(group).addr)
        if place in self._above:
            raise RefusedError("contains itself", "write subgraphs out, none inside itself")
        if len(self._above) >= limits.DEPTH:
            raise RefusedError(f"lies in more than {limits.DEPTH} groups", "flatten the subgraphs")
        members = self._members(group, name)
        send(self._stream, ["group", name])
        self._above.append(place)
        try:
            for member in members:
                self.walk(group, member)
        finally:
            self._above.pop()
            send(self._stream, ["end"])

    def _members(self, group: Any, shown: str) -> list[bytes]:
        """List the names in the order in which h5py gives them to every reader of NIR."""
        count = group.get_num_objs()
        if count > self._budget.objects:
            what = f"has {count} members; {self._budget.objects} more groups and arrays are allowed"
            self.problem(shown, what, SMALLER)
            raise _EnoughError
        names: list[bytes] = []
        for name in group:
            names.append(name)
            if len(names) > count:
                raise RefusedError("has more members than it says", _DAMAGED_FIX)
        if len(set(names)) != count:
            raise RefusedError("has fewer members than it says, or two of one name", _DAMAGED_FIX)
        return names

    def _dataset(self, dataset: Dataset, name: str) -> None:
        if dataset.is_text:
            texts = dataset.texts(self._budget)
            shape = dataset.shape
            send(self._stream, ["texts", name, shape, texts] if shape else ["text", name, texts[0]])
            return
        dtype = dataset.dtype()
        declared = math.prod(max(size, 1) for size in dataset.shape) * dtype.itemsize
        self._budget.take_declared(declared)
        send(self._stream, ["array", name, dtype.str, dataset.shape])
        if 0 not in dataset.shape:
            self._values(dataset, dtype, declared)

    def _values(self, dataset: Dataset, dtype: np.dtype[Any], declared: int) -> None:
        """Send the blocks, those of one value as that value alone."""
        if dataset.is_unwritten():
            rank = len(dataset.shape)
            fill = dataset.read(((0,) * rank, (1,) * rank), dtype)
            self._block("fill", ((0,) * rank, dataset.shape), fill)
            return
        seen: bytes | None = None
        varied = False
        for box in dataset.boxes(dtype.itemsize):
            start_step()
            block = dataset.read(box, dtype)
            first = _uniform(block)
            value = None if first is None else first.tobytes()
            if not varied and (value is None or seen not in (None, value)):
                self._budget.take_varied(declared)
                varied = True
            seen = value
            self._block("data" if first is None else "fill", box, block if first is None else first)

    def _block(self, kind: str, box: Box, values: NDArray[Any]) -> None:
        send(self._stream, [kind, *box], values.tobytes())


def _uniform(block: NDArray[Any]) -> NDArray[Any] | None:
    """Return the one value all elements have, to the bit, or None."""
    bits = block.view(f"u{block.dtype.itemsize}")
    first = bits.ravel()[:1]
    return first.view(block.dtype) if bool((bits == first).all()) else None


def _open(group: Any, name: bytes) -> Any:
    """Open a member that lies in the file itself: no link is followed."""
    if name in (b"", b".", b"..") or b"/" in name:
        raise RefusedError("has a name that no member of a group can have", "rename it")
    if _shown(name).encode() != name:
        raise RefusedError(f"has a name that is unprintable or longer than {limits.NAME}", "rename it")
    kind = group.links.get_info(name).type
    if kind == h5l.TYPE_EXTERNAL:
        raise RefusedError("is a link into another file", _STORE_FIX)
    if kind != h5l.TYPE_HARD:
        raise RefusedError("is a link to another place", _STORE_FIX)
    return h5o.open(group, name)


def _shown(name: bytes) -> str:
    """Return a printable name as it is, any other escaped and shortened."""
    text = name[: 4 * limits.NAME + 1].decode("utf-8", "backslashreplace")
    if text.isprintable() and len(text) <= limits.NAME:
        return text
    return ascii(text[:_SHOWN])[1:-1] + ".." * (len(text) > _SHOWN)


def _reason(error: BaseException) -> str:
    """Shorten what HDF5 says to one printable line."""
    if isinstance(error, MemoryError):
        return f"it takes more than {limits.WORKING_BYTES // limits.MIB} MiB beside the arrays"
    said = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    return "".join(character for character in said if character.isprintable())[:200]
