"""What an ONNX file says of the network in it: its text, hashes, labels, and a checksum of the whole file."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from msc.backends.onnx.parameters import parameter_text
from msc.compiler.contracts import Labels
from msc.ir.hashing import network_hash, weights_hash
from msc.ir.network import Model
from msc.ir.neurons import in_floating_point
from msc.ir.text import print_network

FORMAT, VERSION = "msc.onnx", "1"
CHECKSUM = "checksum"

_UNKNOWN = "0" * 64
_MARK = b"\x0a\x08checksum\x12\x40"  # how protobuf writes the entry, up to its value


def describe(model: Model, options: Mapping[str, str], labels: Labels) -> dict[str, str]:
    """Say what an artefact of `model` holds, by sorted name; the checksum is not known yet.

    format, version, text (`msc.ir.text`), network and weights (hashes of both), mode and record (how the
    file was made), neuron.NAME (a population's neuron and parameters), every label.
    """
    neurons = {
        f"neuron.{p.name}": parameter_text(in_floating_point(p.neuron))
        for p in model.network.populations
        if not p.is_source
    }
    said = {
        "format": FORMAT,
        "version": VERSION,
        "text": print_network(model.network, comments=False),
        "network": network_hash(model.network),
        "weights": weights_hash(model.weights),
        CHECKSUM: _UNKNOWN,
        **options,
        **neurons,
    }
    assert not said.keys() & labels.keys(), "a label has the name of something the file says itself"
    return dict(sorted({**said, **labels}.items()))


def sealed(data: bytes) -> bytes:
    """Write the file's checksum into it: the sha256 of the file with zeros in the checksum's place."""
    assert data.count(_MARK) == 1
    start = data.index(_MARK) + len(_MARK)
    view = memoryview(data)
    return b"".join((view[:start], sha256(data).hexdigest().encode(), view[start + len(_UNKNOWN) :]))


def is_sealed(data: bytes) -> bool:
    """Whether the file is, byte by byte, the one that its checksum was made for."""
    start = data.find(_MARK) + len(_MARK)
    end = start + len(_UNKNOWN)
    view = memoryview(data)
    digest = sha256(view[:start])
    digest.update(_UNKNOWN.encode())
    digest.update(view[end:])
    return data.count(_MARK) == 1 and view[start:end] == digest.hexdigest().encode()
