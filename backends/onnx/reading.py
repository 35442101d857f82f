"""The model in an ONNX file that msc wrote, read without running anything."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from msc.backends.onnx.metadata import FORMAT, VERSION, is_sealed
from msc.backends.onnx.naming import weight_names
from msc.ir.errors import MscError, Problem, raise_all
from msc.ir.files import read_limited
from msc.ir.hashing import network_hash, weights_hash
from msc.ir.network import Array, Model, Network
from msc.ir.ops import Shape
from msc.ir.shapes import weight_shapes
from msc.ir.text import parse_network
from msc.ir.textvalues import quoted
from msc.ir.verify import verify, verify_model

MAX_FILE_BYTES = 2**31 - 1  # protobuf's own limit
_AGAIN = "compile the network again"


class OnnxFileError(MscError):
    """A file is no ONNX file of msc's, or one that msc did not write so."""


def read_model(path: str | os.PathLike[str]) -> Model:
    """Read the network and its weights from a file.

    Raises FileError where it cannot be read, OnnxFileError with every contradiction found in it.
    """
    where = os.fspath(Path(path))
    data = read_limited(path, MAX_FILE_BYTES, "ONNX file")
    proto = _parsed(where, data)
    said = _said(where, proto)
    problems: list[Problem] = []
    try:
        network = parse_network(said.get("text", ""))
        verify(network)
        weights = _weights(where, proto, network)
        model = Model(network, weights)
        verify_model(model)
    except MscError as error:
        raise OnnxFileError(p.inside(where) for p in error.problems) from error
    for name, found in (("network", network_hash(network)), ("weights", weights_hash(weights))):
        if said.get(name) != found:
            problems.append(Problem(f"{where}, {name}", "has another hash than the file says", _AGAIN))
    if not problems and not is_sealed(data):
        problems.append(Problem(where, "was changed after msc wrote it", _AGAIN))
    raise_all(OnnxFileError, problems)
    return model


def _parsed(where: str, data: bytes) -> onnx.ModelProto:
    try:
        proto = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise OnnxFileError.of(where, f"is no ONNX file ({error})", _AGAIN) from error
    if not proto.HasField("graph"):
        raise OnnxFileError.of(where, "is no ONNX file (it holds no graph)", _AGAIN)
    return proto


def _said(where: str, proto: onnx.ModelProto) -> dict[str, str]:
    """Return the file's metadata, if it is msc's, of a version known here."""
    said = {entry.key: entry.value for entry in proto.metadata_props}
    if "format" not in said:
        made = f"{proto.producer_name} {proto.producer_version}".strip()[:60] or "an unknown program"
        what = f"was made by {made}, not by msc: it does not hold a network that can be read back"
        raise OnnxFileError.of(where, what, "run it with ONNX Runtime, or compile the network with msc")
    if (said["format"], said.get("version")) != (FORMAT, VERSION):
        found = f"{quoted(said['format'])} {said.get('version', 'none')[:10]}"
        what = f"expected format {FORMAT!r} {VERSION}, found {found}"
        raise OnnxFileError.of(where, what, "read it with the msc that wrote it")
    return said


def _weights(where: str, proto: onnx.ModelProto, network: Network) -> dict[str, Array]:
    """Take the weights from the tensors of the graph; raises OnnxFileError for all that do not fit."""
    stored = list(_tensors(proto.graph))
    tensors = {tensor.name: tensor for tensor in stored}
    shapes = weight_shapes(network)
    if len(tensors) < len(stored):
        raise OnnxFileError.of(where, "has several tensors of one name", _AGAIN)
    raise_all(OnnxFileError, _tensor_problems(where, tensors, shapes, weight_names(network)))
    return {
        key: np.frombuffer(tensors[name].raw_data, "<f4").reshape(shapes[key]).astype(np.float32, copy=False)
        for key, name in weight_names(network).items()
    }


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """List the tensors of a graph and of the graphs inside its nodes."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _tensors(attribute.g)


def _tensor_problems(
    where: str, tensors: Mapping[str, onnx.TensorProto], shapes: Mapping[str, Shape], names: Mapping[str, str]
) -> Iterator[Problem]:
    for name, tensor in tensors.items():
        if tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL:
            yield Problem(f"{where}, tensor {name}", "lies in another file", "give a file that holds all")
    for key, name in names.items():
        tensor = tensors.get(name)
        if tensor is None:
            yield Problem(f"{where}, tensor {name}", "missing", _AGAIN)
        elif tensor.data_type != onnx.TensorProto.FLOAT or tuple(tensor.dims) != shapes[key]:
            what = f"is no float32 array of shape {list(shapes[key])}"
            yield Problem(f"{where}, tensor {name}", what, _AGAIN)
        elif not tensor.external_data and len(tensor.raw_data) != 4 * prod(shapes[key]):
            yield Problem(f"{where}, tensor {name}", "does not hold as many values as its shape says", _AGAIN)
