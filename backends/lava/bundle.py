"""A network in machine time as the files that run on Lava, and those files as the network."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from msc.backends.lava.arrays import pack, unpack
from msc.backends.lava.description import FORMAT, VERSION, Description, describe, encode, network_of
from msc.backends.lava.limits import lava_problems
from msc.backends.lava.script import run_script
from msc.compiler.timing import latency
from msc.ir.errors import MscError, Problem, raise_all
from msc.ir.files import read_limited
from msc.ir.network import Model, Network
from msc.ir.shapes import population_shapes, weight_shapes
from msc.ir.verify import verify, verify_model

NETWORK, WEIGHTS, SCRIPT, SUMS = "network.json", "weights.npz", "run_lava.py", "SHA256SUMS"
_LIMITS = {NETWORK: 1 << 25, WEIGHTS: 1 << 31, SCRIPT: 1 << 20, SUMS: 1 << 12}
_AGAIN = "compile the genome again"


class BundleError(MscError):
    """A folder holds no Lava bundle, or one that msc did not write so."""


class _Header(msgspec.Struct):
    """What tells a bundle's version before anything else of it is believed."""

    format: str
    version: int


def bundle_files(machine: Model) -> dict[str, bytes]:
    """Make the files: the network, its integers, the script that runs them on Lava, and their checksums.

    The same model gives the same bytes. The model must be one that `limits.lava_problems` has nothing
    against. Raises CompileError where a population cannot be kept silent until it starts.
    """
    verify_model(machine)
    problems = lava_problems(machine)
    assert not problems, problems
    files = {
        NETWORK: encode(describe(machine)),
        WEIGHTS: pack(machine.weights),
        SCRIPT: run_script(),
    }
    sums = "".join(f"{sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return {**files, SUMS: sums.encode()}


def read_bundle(folder: str | os.PathLike[str]) -> Model:
    """Read the network in machine time from a bundle's folder; other files in it are left alone.

    Nothing of the bundle is executed. Raises FileError where a file is missing or cannot be read, BundleError
    where one was changed, is of another format or version, or holds no network that Lava could run.
    """
    files = {name: read_limited(Path(folder, name), limit, "bundle") for name, limit in _LIMITS.items()}
    raise_all(BundleError, _changes(folder, files))
    where = os.fspath(Path(folder, NETWORK))
    description = _description(where, files[NETWORK])
    try:
        network = network_of(description)
        verify(network)
        weights = unpack(os.fspath(Path(folder, WEIGHTS)), files[WEIGHTS], weight_shapes(network))
        machine = Model(network, weights)
        verify_model(machine)
    except MscError as error:
        told = [p if p.where.startswith(os.fspath(folder)) else p.inside(where) for p in error.problems]
        raise BundleError(told) from error
    raise_all(BundleError, (p.inside(where) for p in lava_problems(machine)))
    raise_all(BundleError, _contradictions(where, description, network))
    return machine


def _changes(folder: str | os.PathLike[str], files: Mapping[str, bytes]) -> Iterator[Problem]:
    """Find the files whose checksum is not the one in SHA256SUMS."""
    lines = files[SUMS].decode("utf-8", "replace").splitlines()
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    for name, data in files.items():
        if name != SUMS and sums.get(name) != sha256(data).hexdigest():
            yield Problem(os.fspath(Path(folder, name)), "was changed after msc wrote it", _AGAIN)


def _description(where: str, data: bytes) -> Description:
    """Decode network.json, its format and version first."""
    try:
        header = msgspec.json.decode(data, type=_Header)
        if (header.format, header.version) == (FORMAT, VERSION):
            return msgspec.json.decode(data, type=Description)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError.of(where, f"is no description of a network ({error})", _AGAIN) from error
    what = f"expected format {FORMAT!r} {VERSION}, found {header.format!r} {header.version}"
    raise BundleError.of(where, what, "read it with the msc that wrote it")


def _contradictions(where: str, description: Description, network: Network) -> Iterator[Problem]:
    """Find what the file says in two ways, once for people and the script, and says differently."""
    shapes = population_shapes(network)
    if description.latency != latency(network):
        yield Problem(where, f"says latency {description.latency}, its starts {latency(network)}", _AGAIN)
    for population in description.populations:
        if population.shape != shapes[population.name]:
            what = f"has shape {list(population.shape)}, its input {list(shapes[population.name])}"
            yield Problem(f"{where}, population {population.name}", what, _AGAIN)
