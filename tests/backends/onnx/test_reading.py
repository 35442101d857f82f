"""A file gives back the model it was made of, and is not believed once it was changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msc.backends.onnx import FILE_NAME
from msc.backends.onnx.metadata import is_sealed, sealed
from msc.backends.onnx.reading import OnnxFileError
from msc.backends.onnx.target import TARGET
from msc.compiler.driver import lower
from msc.ir.files import FileError
from msc.ir.hashing import weights_hash
from msc.ir.network import Model
from tests.backends.onnx.running import MODES, file_of, graphs_of, nodes_of, parsed
from tests.networks import NETWORKS, NORMED

AGAIN = "compile the network again"


def read(data: bytes) -> Model:
    """Read a file that lies in this test's folder."""
    Path(FILE_NAME).write_bytes(data)
    return TARGET.read(".")


def refusal(data: bytes) -> str:
    """Read a file that is refused; returns what is told."""
    with pytest.raises(OnnxFileError) as caught:
        read(data)
    return str(caught.value)


def forged(change: Callable[[Any], None], seal: bool = False) -> bytes:
    """A file that somebody changed, its checksum too if `seal`: what a careful vandal does."""
    proto = parsed(file_of(NETWORKS["loop"]))
    change(proto)
    if not seal:
        return proto.SerializeToString()
    entry_of(proto, "checksum").value = "0" * 64
    return sealed(proto.SerializeToString())


def entry_of(proto: Any, key: str) -> Any:
    return next(entry for entry in proto.metadata_props if entry.key == key)


def tensor_of(proto: Any, name: str) -> Any:
    return next(t for graph in graphs_of(proto.graph) for t in graph.initializer if t.name == name)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", [*NETWORKS, *NORMED])
def test_the_model_that_was_emitted_is_read_back(name: str, mode: str) -> None:
    model = {**NETWORKS, **NORMED}[name]
    lowered = lower(model, TARGET, {})
    found = read(file_of(model, {"genome": "abc"}, **MODES[mode]))
    assert found.network == lowered.network
    assert weights_hash(found.weights) == weights_hash(lowered.weights)


def test_it_is_emitted_again_byte_for_byte() -> None:
    file = file_of(NETWORKS["delays"])
    assert TARGET.emit(read(file), {}).files[FILE_NAME] == file


def test_a_missing_file_is_named() -> None:
    with pytest.raises(
        FileError, match=f"^{FILE_NAME}: cannot read the ONNX file \\(no such file or directory\\)"
    ):
        TARGET.read(".")


def test_what_is_no_protobuf_of_onnx_is_refused() -> None:
    for data in (b"\x89HDF\r\n\x1a\n" * 9, b"PK\x03\x04", file_of(NETWORKS["chain"])[:-100]):
        told = refusal(data)
        assert told.startswith(f"{FILE_NAME}: is no ONNX file (")
        assert told.endswith(f"; {AGAIN}")


def test_an_empty_file_is_refused() -> None:
    assert refusal(b"") == f"{FILE_NAME}: is no ONNX file (it holds no graph); {AGAIN}"


def test_a_file_of_another_program_is_refused_by_its_name(onnx: Any) -> None:
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([], "g", [value], [value])
    proto = onnx.helper.make_model(graph, producer_name="pytorch", producer_version="2.13")
    assert refusal(proto.SerializeToString()) == (
        f"{FILE_NAME}: was made by pytorch 2.13, not by msc: it does not hold a network that can be read "
        "back; run it with ONNX Runtime, or compile the network with msc"
    )


def test_another_version_is_refused() -> None:
    def change(proto: Any) -> None:
        entry_of(proto, "version").value = "2"

    assert refusal(forged(change)) == (
        f"{FILE_NAME}: expected format 'msc.onnx' 1, found 'msc.onnx' 2; read it with the msc that wrote it"
    )


def test_edited_weights_are_refused_even_with_a_checksum_of_their_own(onnx: Any) -> None:
    def change(proto: Any) -> None:
        tensor = tensor_of(proto, "b_to_a.weight")
        values = onnx.numpy_helper.to_array(tensor).copy()
        values.flat[0] += 0.5
        tensor.raw_data = values.tobytes()

    for seal in (False, True):
        assert (
            refusal(forged(change, seal))
            == f"{FILE_NAME}, weights: has another hash than the file says; {AGAIN}"
        )


def test_an_edited_network_is_refused() -> None:
    def change(proto: Any) -> None:
        entry_of(proto, "text").value = entry_of(proto, "text").value.replace(
            "v_threshold=0.5", "v_threshold=0.75"
        )

    assert refusal(forged(change, seal=True)) == (
        f"{FILE_NAME}, network: has another hash than the file says; {AGAIN}"
    )


def test_a_text_that_is_no_network_is_refused_by_its_line() -> None:
    def change(proto: Any) -> None:
        entry_of(proto, "text").value = "msc.network 1\nsome nonsense"

    assert refusal(forged(change)).startswith(f"{FILE_NAME}, line 2: unknown word 'some'; use one of output,")


def test_an_edited_graph_is_refused() -> None:
    """A threshold, a wire or a name of another: neither the text nor the weights know."""

    def threshold(proto: Any) -> None:
        node = next(n for n in nodes_of(proto) if n.op_type == "LIF")
        next(a for a in node.attribute if a.name == "v_threshold").f = 0.75

    def label(proto: Any) -> None:
        proto.metadata_props.add(key="genome", value="another")

    for change in (threshold, label):
        assert refusal(forged(change)) == f"{FILE_NAME}: was changed after msc wrote it; {AGAIN}"


def test_tensors_elsewhere_missing_or_of_another_shape_are_all_listed(onnx: Any) -> None:
    def change(proto: Any) -> None:
        outside = tensor_of(proto, "input_to_a.weight")
        outside.data_location = onnx.TensorProto.EXTERNAL
        outside.external_data.add(key="location", value="/etc/passwd")
        del tensor_of(proto, "a_to_b.weight").dims[0]
        tensor_of(proto, "a.bias").data_type = onnx.TensorProto.DOUBLE
        tensor_of(proto, "b.bias").raw_data = b"\0\0\0\0"
        tensor_of(proto, "out.bias").name = "nobody"

    assert refusal(forged(change)).split("\n") == [
        f"{FILE_NAME}, tensor input_to_a.weight: lies in another file; give a file that holds all",
        f"{FILE_NAME}, tensor a.bias: is no float32 array of shape [4]; {AGAIN}",
        f"{FILE_NAME}, tensor b.bias: does not hold as many values as its shape says; {AGAIN}",
        f"{FILE_NAME}, tensor out.bias: missing; {AGAIN}",
        f"{FILE_NAME}, tensor a_to_b.weight: is no float32 array of shape [4, 4, 3, 3]; {AGAIN}",
    ]


def test_two_tensors_of_one_name_are_refused() -> None:
    def change(proto: Any) -> None:
        proto.graph.initializer.add().CopyFrom(tensor_of(proto, "a.bias"))

    assert refusal(forged(change)) == f"{FILE_NAME}: has several tensors of one name; {AGAIN}"


def test_weights_that_are_not_finite_are_refused() -> None:
    def change(proto: Any) -> None:
        tensor_of(proto, "a.bias").raw_data = np.full(4, np.nan, "<f4").tobytes()

    told = refusal(forged(change, seal=True))
    assert told.startswith(f"{FILE_NAME}, weights a/bias: holds values that are not finite;")


def test_a_checksum_fits_one_file_only() -> None:
    file = file_of(NETWORKS["chain"])
    assert is_sealed(file)
    for place in (0, len(file) // 2, len(file) - 1):
        assert not is_sealed(file[:place] + bytes([file[place] ^ 1]) + file[place + 1 :])
    assert not is_sealed(file + b"\0")
    assert not is_sealed(b"")
