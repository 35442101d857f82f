"""A folder of images as a data set: one folder a class, PNG and JPEG files in it."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from msc.ir.errors import Problem, raise_all
from msc.ir.neurons import InputKind
from msc.search.data import DataError, Split
from msc.search.data.archive import LIMIT_BYTES
from msc.search.data.holdout import held_out
from msc.search.data.vision import LARGEST_BYTE

_SUFFIXES = (".png", ".jpg", ".jpeg")
_MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB"}  # what loses nothing where it is converted
_CHANNELS = {"L": 1, "RGB": 3}
_MOST_TOLD = 10
_BROKEN = (OSError, SyntaxError, ValueError, struct.error, EOFError, zlib.error)


def load_folder(path: str) -> Split:
    """Load images [N, C, H, W], value / 255 in [0, 1]; C is 1 where all are grey, else 3.

    The folders in it are the classes, numbered in the order of their names; files beside them are left
    alone. 20 % of each class are held out to test on, by one fixed seed.
    Raises DataError listing files that are no images, of another size, with an alpha channel or of more
    than 8 bits.
    """
    folders = [entry for entry in _entries(Path(path)) if entry.is_dir()]
    if len(folders) < 2:
        what = f"holds {len(folders)} folders, a data set of images has one for each of 2 or more classes"
        raise DataError.of(path, what, "put the images of each class into a folder of its own")
    files = [_entries(folder) for folder in folders]
    empty = [folder for folder, inside in zip(folders, files, strict=True) if not inside]
    _refuse([Problem(str(folder), "is empty", "add images or remove it") for folder in empty])
    images = _read([file for inside in files for file in inside])
    labels = np.repeat(np.arange(len(files)), [len(inside) for inside in files]).astype(np.int64)
    testing = held_out(path, labels, "give 3 or more of a class")
    return Split(
        path,
        InputKind.STATIC,
        len(folders),
        images[~testing],
        labels[~testing],
        images[testing],
        labels[testing],
    )


def _entries(folder: Path) -> list[Path]:
    """List what is in a folder, hidden entries left out, by name."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        what = f"cannot be listed ({(error.strerror or str(error)).lower()})"
        raise DataError.of(str(folder), what, "change the permissions or choose another path") from error


def _refuse(problems: Sequence[Problem]) -> None:
    """Raise the problems, the first of them only where they are many."""
    more = len(problems) - _MOST_TOLD
    rest = [Problem(f"{more} more files", "have such problems", "see above")] if more > 0 else []
    raise_all(DataError, [*problems[:_MOST_TOLD], *rest])


def _read(files: Sequence[Path]) -> NDArray[np.float32]:
    kinds, problems = _kinds(files)
    sizes = Counter(size for _, size in kinds.values())
    usual = sizes.most_common(1)[0][0] if sizes else (0, 0)
    for file, (_, size) in kinds.items():
        if size != usual:
            what = f"is {size[0]}x{size[1]}, most images are {usual[0]}x{usual[1]}"
            problems.append(Problem(str(file), what, "bring all to one size"))
    _refuse(problems)
    mode = "RGB" if any(_MODES[mode] == "RGB" for mode, _ in kinds.values()) else "L"
    shape = (len(files), _CHANNELS[mode], usual[1], usual[0])
    if prod(shape) * 4 > LIMIT_BYTES:
        what = f"{len(files)} images of {usual[0]}x{usual[1]} take more than {LIMIT_BYTES} bytes"
        raise DataError.of(str(files[0].parent.parent), what, "give fewer or smaller images")
    images = np.empty(shape, np.float32)
    for index, file in enumerate(files):
        try:
            images[index] = _pixels(file, mode)
        except _BROKEN as error:
            problems.append(_broken(file, error))
    _refuse(problems)
    images /= LARGEST_BYTE
    return images


def _kinds(files: Sequence[Path]) -> tuple[dict[Path, tuple[str, tuple[int, int]]], list[Problem]]:
    """Look at the heads of files: mode and size (columns, rows) of images, and what is wrong with others."""
    from PIL import Image

    kinds: dict[Path, tuple[str, tuple[int, int]]] = {}
    problems: list[Problem] = []
    for file in files:
        if not file.is_file() or file.suffix.lower() not in _SUFFIXES:
            problems.append(Problem(str(file), "is no PNG or JPEG file", "remove it"))
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                with Image.open(file, formats=("PNG", "JPEG")) as image:
                    mode, size = image.mode, image.size
                    seen_through = "transparency" in image.info
        except (*_BROKEN, Image.DecompressionBombError) as error:
            problems.append(_broken(file, error))
            continue
        if mode not in _MODES or seen_through:
            what = f"is of mode {mode}{' with transparency' if seen_through else ''}"
            problems.append(Problem(str(file), what, "save it as 8-bit grey or RGB without alpha"))
            continue
        kinds[file] = (mode, size)
    return kinds, problems


def _pixels(file: Path, mode: str) -> NDArray[np.uint8]:
    """Decode an image, [C, H, W]."""
    from PIL import Image

    with Image.open(file, formats=("PNG", "JPEG")) as image:
        values = np.asarray(image.convert(mode), np.uint8)
    return values[None] if mode == "L" else values.transpose(2, 0, 1)


def _broken(file: Path, error: Exception) -> Problem:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    told = " ".join(reason.split())[:80].replace(os.fspath(file), "").strip()
    return Problem(str(file), f"cannot be decoded ({told})", "remove it or save it again")
