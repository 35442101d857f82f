"""Reads the model back from the files of a `pytorch` artefact, without running them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from msc.backends.pytorch.source import inexpressible
from msc.backends.pytorch.stored import stored_weights
from msc.backends.weights import parse_weights, read_weights
from msc.ir.errors import MscError, Problem, raise_all
from msc.ir.files import read_limited
from msc.ir.hashing import network_hash, weights_hash
from msc.ir.network import Array, Model, Network
from msc.ir.text import parse_network, print_network
from msc.ir.verify import verify, verify_model

FORMAT, VERSION = "msc.pytorch", "1"
CODE, WEIGHTS = "network.py", "weights.safetensors"
MAX_CODE_BYTES = 64 << 20
_AGAIN = "compile the network again"
_KEYS = ("text", "network", "weights", "code")


class ArtefactError(MscError):
    """Files are no PyTorch artefact, a damaged one, or one that was changed after msc made it."""


def metadata_of(model: Model, code: bytes) -> dict[str, str]:
    """Say, beside the weights, what network they belong to: text form, hashes, that of network.py too."""
    stored = stored_weights(model.network)
    return {
        "format": FORMAT,
        "version": VERSION,
        "text": print_network(model.network, comments=False),
        "network": network_hash(model.network),
        "weights": weights_hash({key: model.weights[key] for key in stored}),
        "code": sha256(code).hexdigest(),
    }


def read_folder(folder: str | os.PathLike[str]) -> Model:
    """Read the model of an artefact's folder; raises ArtefactError listing everything that is wrong."""
    code_at, weights_at = Path(folder, CODE), Path(folder, WEIGHTS)
    problems: list[Problem] = []
    code, read = b"", None
    try:
        code = read_limited(code_at, MAX_CODE_BYTES, "PyTorch artefact")
    except MscError as error:
        problems += error.problems
    try:
        read = read_weights(weights_at, FORMAT, _AGAIN)
    except MscError as error:
        problems += error.problems
    raise_all(ArtefactError, problems)
    assert read is not None
    return _model(str(code_at), code, str(weights_at), *read)


def read_files(files: Mapping[str, bytes]) -> Model:
    """Read the model of an artefact's files, given as bytes by name; raises as `read_folder`."""
    missing = [name for name in (CODE, WEIGHTS) if name not in files]
    raise_all(ArtefactError, (Problem(name, "is missing", _AGAIN) for name in missing))
    try:
        read = parse_weights(files[WEIGHTS], WEIGHTS, FORMAT, _AGAIN)
    except MscError as error:
        raise ArtefactError(error.problems) from error
    return _model(CODE, files[CODE], WEIGHTS, *read)


def _model(
    code_at: str, code: bytes, weights_at: str, arrays: Mapping[str, Array], metadata: Mapping[str, str]
) -> Model:
    """Put the model together and check all that the files say of it."""
    absent = [key for key in _KEYS if key not in metadata]
    raise_all(ArtefactError, (Problem(weights_at, f"its metadata have no {key!r}", _AGAIN) for key in absent))
    network = _network(weights_at, metadata["text"])
    stored = stored_weights(network)
    problems = [*_changed_code(code_at, code, metadata)]
    if network_hash(network) != metadata["network"]:
        problems.append(Problem(weights_at, "its network is not the one whose hash it has", _AGAIN))
    expected = {entry.name: entry.shape for entry in stored.values()}
    misfits = list(_misfits(weights_at, {name: array.shape for name, array in arrays.items()}, expected))
    raise_all(ArtefactError, [*problems, *misfits] if misfits else ())
    model = Model(network, {key: arrays[entry.name].reshape(entry.in_ir) for key, entry in stored.items()})
    try:
        verify_model(model)
    except MscError as error:
        problems += [p.inside(weights_at) for p in error.problems]
    if weights_hash(model.weights) != metadata["weights"]:
        problems.append(Problem(weights_at, "its weights were changed after msc made it", _AGAIN))
    raise_all(ArtefactError, problems)
    return model


def _network(where: str, text: str) -> Network:
    """Parse and verify the text form."""
    try:
        network = parse_network(text, f"{where}, network")
        verify(network)
    except MscError as error:
        raise ArtefactError(p.inside(where) for p in error.problems) from error
    raise_all(ArtefactError, (p.inside(where) for p in inexpressible(network)))
    return network


def _changed_code(where: str, code: bytes, metadata: Mapping[str, str]) -> Iterator[Problem]:
    if sha256(code).hexdigest() != metadata["code"]:
        yield Problem(
            where,
            "was changed after msc made it, and msc reads and runs only what it wrote itself",
            f"import it yourself, or {_AGAIN}",
        )


def _misfits(
    where: str, found: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]
) -> Iterator[Problem]:
    """Find arrays that are missing, of the wrong shape, or belong to no part of the network."""
    for name, shape in expected.items():
        if name not in found:
            yield Problem(f"{where}, array {name}", "is missing", _AGAIN)
        elif found[name] != shape:
            what = f"has shape {list(found[name])}, its network needs {list(shape)}"
            yield Problem(f"{where}, array {name}", what, _AGAIN)
    for name in found.keys() - expected.keys():
        yield Problem(f"{where}, array {name}", "belongs to no part of the network", _AGAIN)
