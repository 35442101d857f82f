"""A data set in an .npz file: inputs and labels, and test samples or a share that is held out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msc.ir.errors import Problem, raise_all
from msc.ir.neurons import InputKind
from msc.search.data import DataError, Split
from msc.search.data.archive import read_archive
from msc.search.data.holdout import held_out

_MOST_CLASSES = 100_000  # of a genome's skeleton
_KINDS = {4: InputKind.STATIC, 5: InputKind.EVENTS}
_SHAPES = "[N,C,H,W] (static frames) or [T,N,C,H,W] (events)"


def load_file(path: str) -> Split:
    """Load `inputs` and `labels`, and `test_inputs` and `test_labels` where the file has them.

    Static frames [N, C, H, W] are float (finite, as they are) or uint8 (value / maximum, in [0, 1]); events
    [T, N, C, H, W] are counts, integers from 0. Labels [N] are integers 0 to K - 1, each of them in use.
    Without test samples 20 % are held out: of each class its share, by one fixed seed.
    Raises FileError, or DataError listing what is wrong.
    """
    arrays = read_archive(path, ("inputs", "labels"), ("test_inputs", "test_labels"))
    raise_all(DataError, [p.inside(str(path)) for p in _misshapen(arrays)])
    kind = _KINDS[arrays["inputs"].ndim]
    names = [name for name in ("inputs", "test_inputs") if name in arrays]
    problems = [p for name in names for p in _wrong_values(name, arrays[name], kind)]
    problems += _wrong_labels(arrays)
    raise_all(DataError, [p.inside(str(path)) for p in problems])
    inputs = _converted([arrays[name] for name in names])
    labels = arrays["labels"].astype(np.int64)
    classes = int(labels.max()) + 1
    if "test_inputs" in arrays:
        return Split(
            path, kind, classes, inputs[0], labels, inputs[1], arrays["test_labels"].astype(np.int64)
        )
    fix = "give 3 or more of a class, or test_inputs and test_labels"
    testing = held_out(f"{path}, inputs", labels, fix)
    train, test = np.flatnonzero(~testing), np.flatnonzero(testing)
    axis = sample_axis(kind)
    return Split(
        path,
        kind,
        classes,
        inputs[0].take(train, axis),
        labels[train],
        inputs[0].take(test, axis),
        labels[test],
    )


def sample_axis(kind: InputKind) -> int:
    """The axis of inputs along which samples lie."""
    return 0 if kind is InputKind.STATIC else 1


def _misshapen(arrays: Mapping[str, NDArray[Any]]) -> Iterator[Problem]:
    """Find arrays whose axes do not fit together."""
    inputs = arrays["inputs"]
    if inputs.ndim not in _KINDS:
        yield Problem("inputs", f"has shape {list(inputs.shape)}", f"give an array of shape {_SHAPES}")
    elif inputs.size == 0:
        yield Problem("inputs", f"has shape {list(inputs.shape)}, no values", "give at least one sample")
    elif "test_inputs" in arrays:
        yield from _misshapen_test(inputs, arrays["test_inputs"])
    for name, labels_name in (("inputs", "labels"), ("test_inputs", "test_labels")):
        if (name in arrays) != (labels_name in arrays):
            given, missing = (name, labels_name) if name in arrays else (labels_name, name)
            yield Problem(missing, f"is missing, {given} is there", "give both or neither")
        elif name in arrays:
            yield from _misshapen_labels(name, arrays[name], labels_name, arrays[labels_name])


def _misshapen_test(inputs: NDArray[Any], test: NDArray[Any]) -> Iterator[Problem]:
    axis = sample_axis(_KINDS[inputs.ndim])
    wanted = ["N" if i == axis else size for i, size in enumerate(inputs.shape)]
    found = ["N" if i == axis else size for i, size in enumerate(test.shape)]
    if wanted != found or test.size == 0:
        told = ",".join(map(str, wanted))
        what = f"has shape {list(test.shape)}, inputs {list(inputs.shape)}"
        yield Problem("test_inputs", what, f"give an array of shape [{told}]")
    elif test.dtype != inputs.dtype:
        yield Problem("test_inputs", f"is {test.dtype}, inputs {inputs.dtype}", "save both as one type")


def _misshapen_labels(
    name: str, inputs: NDArray[Any], labels_name: str, labels: NDArray[Any]
) -> Iterator[Problem]:
    samples = inputs.shape[sample_axis(_KINDS[inputs.ndim])] if inputs.ndim in _KINDS else None
    if labels.ndim != 1:
        yield Problem(
            labels_name, f"has shape {list(labels.shape)}", "give one integer per sample, shape [N]"
        )
    elif samples is not None and len(labels) != samples:
        yield Problem(labels_name, f"holds {len(labels)} labels, {name} {samples} samples", "give one each")
    if labels.dtype.kind not in "iu":
        yield Problem(labels_name, f"is {labels.dtype}", "give integers, the numbers of the classes")


def _wrong_values(name: str, inputs: NDArray[Any], kind: InputKind) -> Iterator[Problem]:
    """Find values that are no frames or no counts."""
    if kind is InputKind.STATIC:
        if inputs.dtype.kind != "f" and inputs.dtype != np.uint8:
            yield Problem(name, f"is {inputs.dtype}", "save static frames as float32, float64 or uint8")
        elif not _finite(inputs):
            yield Problem(name, "holds values that are not finite in float32", "remove or replace them")
    elif inputs.dtype.kind not in "bu" and not (
        _finite(inputs) and bool((inputs >= 0).all()) and bool((np.floor(inputs) == inputs).all())
    ):
        yield Problem(name, "holds values that are no event counts", "give integers from 0")


def _finite(inputs: NDArray[Any]) -> bool:
    with np.errstate(over="ignore"):
        return bool(np.isfinite(inputs.astype(np.float32)).all())


def _wrong_labels(arrays: Mapping[str, NDArray[Any]]) -> Iterator[Problem]:
    labels = arrays["labels"]
    used = np.unique(labels)
    if used[0] < 0 or used[-1] >= _MOST_CLASSES or len(used) < 2:
        what = f"runs from {used[0]} to {used[-1]}"
        yield Problem("labels", what, f"number 2 to {_MOST_CLASSES} classes from 0")
        return
    unused = sorted(set(range(int(used[-1]) + 1)) - {int(label) for label in used})
    if unused:
        told = ", ".join(map(str, unused[:5])) + (", .." if len(unused) > 5 else "")
        yield Problem("labels", f"never is {told}, but {used[-1]}", "number the classes from 0 without a gap")
    if "test_labels" in arrays and not np.isin(arrays["test_labels"], used).all():
        yield Problem("test_labels", "names classes that labels do not", "test on the classes trained on")


def _converted(arrays: list[NDArray[Any]]) -> list[NDArray[np.float32]]:
    """Make float32 of frames and counts; bytes of static frames are divided by their maximum."""
    if arrays[0].dtype != np.uint8 or arrays[0].ndim != 4:
        return [array.astype(np.float32) for array in arrays]
    scale = np.float32(max(1, *(int(array.max()) for array in arrays)))
    return [array.astype(np.float32) / scale for array in arrays]
