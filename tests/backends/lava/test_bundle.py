"""A bundle holds the network it was made of, says so to people, and is not believed once it was changed."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from msc.backends.lava.arrays import pack
from msc.backends.lava.bundle import NETWORK, SUMS, WEIGHTS, BundleError, bundle_files, read_bundle
from msc.backends.lava.limits import lava_problems
from msc.compiler.timing import latency
from msc.ir.files import FileError
from msc.ir.hashing import network_hash, weights_hash
from msc.ir.network import Model, Network
from msc.ir.neurons import FixedLIF
from msc.ir.ops import Conv2d, Flatten, Linear
from tests.backends.lava.bundles import forge, forge_network, machine_model, write
from tests.fixed_networks import FIXED, LEAKY, fixed
from tests.networks import EVENTS, PIXELS, conv, edge, net

AGAIN = "compile the genome again"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle on disk."""
    return write(tmp_path, machine_model("everything"))


@pytest.mark.parametrize("name", FIXED)
def test_a_bundle_is_read_back_as_the_network_it_was_made_of(name: str, tmp_path: Path) -> None:
    machine = machine_model(name)
    found = read_bundle(write(tmp_path, machine))
    assert found.network == machine.network
    assert network_hash(found.network) == network_hash(machine.network)
    assert weights_hash(found.weights) == weights_hash(machine.weights)


def test_the_same_network_makes_the_same_bytes() -> None:
    assert bundle_files(machine_model("delays")) == bundle_files(machine_model("delays"))


def test_the_description_is_json_that_says_when_and_how_populations_run() -> None:
    machine = machine_model("everything")
    text = bundle_files(machine)[NETWORK].decode()
    content = json.loads(text)
    assert content["format"], content["version"] == ("msc.lava", 1)
    assert (content["latency"], content["timesteps"]) == (latency(machine.network), None)
    assert content["input"] == {"name": "input", "kind": "events", "shape": [2, 6, 6]}
    by_name = {p["name"]: p for p in content["populations"]}
    assert by_name["a.relay1"]["relay_of"] == "a"
    assert by_name["c"]["shape"] == [4, 3, 3]
    assert by_name["c"]["start"] == 3
    assert by_name["c"]["initial_voltage"] < 0  # its bias would fire it before step 3
    rows = [line for line in text.splitlines() if line.startswith("    {")]
    assert len(rows) == len(content["populations"]) + len(content["projections"])


def test_static_networks_say_their_logical_steps() -> None:
    machine = machine_model("chain")
    assert machine.network.timesteps is not None
    content = json.loads(bundle_files(machine)[NETWORK])
    assert content["timesteps"] + content["latency"] == machine.network.timesteps


def test_weights_are_stored_in_as_few_bytes_as_hold_them() -> None:
    with np.load(io.BytesIO(bundle_files(machine_model("everything"))[WEIGHTS])) as arrays:
        kinds = {name: array.dtype.str for name, array in arrays.items()}
    assert kinds["a>e/0/weight"] == "|u1"  # excitatory
    assert kinds["i>e/0/weight"] == "<i2"
    assert set(kinds.values()) <= {"|u1", "<i2", "<i4"}


@pytest.mark.parametrize("name", [NETWORK, WEIGHTS, "run_lava.py"])
def test_a_file_that_was_edited_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes() + b"\n")
    with pytest.raises(BundleError) as caught:
        read_bundle(folder)
    assert str(caught.value) == f"{folder / name}: was changed after msc wrote it; {AGAIN}"


@pytest.mark.parametrize("name", [NETWORK, WEIGHTS, SUMS, "run_lava.py"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(FileError) as caught:
        read_bundle(folder)
    assert str(folder / name) in str(caught.value)
    assert "no such file" in str(caught.value)


def test_checksums_that_say_nothing_are_no_proof(folder: Path) -> None:
    (folder / SUMS).write_bytes(b"\xff\x00 nothing\n")
    with pytest.raises(BundleError, match=r"network\.json: was changed after msc wrote it"):
        read_bundle(folder)


def test_other_files_in_the_folder_do_not_matter(folder: Path) -> None:
    (folder / "evil.py").write_text("raise SystemExit(7)")
    assert read_bundle(folder).network.output == "out"


def change(**values: Any) -> Callable[[dict[str, Any]], None]:
    """A change of fields of network.json."""
    return lambda content: content.update(values)


def in_population(**values: Any) -> Callable[[dict[str, Any]], None]:
    """A change of fields of the first population."""
    return lambda content: content["populations"][0].update(values)


def in_projection(**values: Any) -> Callable[[dict[str, Any]], None]:
    """A change of fields of the first projection."""
    return lambda content: content["projections"][0].update(values)


FORGERIES = {
    "foreign format": (change(format="nir"), "expected format 'msc.lava' 1, found 'nir' 1"),
    "future version": (change(version=2), "expected format 'msc.lava' 1, found 'msc.lava' 2"),
    "version of text": (change(version="1"), "is no description of a network"),
    "unknown field": (change(surprise=1), "unknown field `surprise`"),
    "huge number": (in_population(start=10**400), "is no description of a network"),
    "not a number": (in_population(decay_v=float("nan")), "is no description of a network"),
    "wrong latency": (change(latency=9), "says latency 9, its starts 4"),
    "wrong shape": (in_population(shape=[4, 6, 7]), "has shape [4, 6, 7], its input [4, 6, 6]"),
    "large decay": (in_population(decay_v=5000), "decay_v is 5000, a 12-bit decay is 0 to 4095"),
    "early input": (in_projection(delay=0), "is not in machine time"),
    "unknown source": (in_projection(source="x"), "its source x is no population"),
    "unknown op": (in_projection(ops=[{"op": "Exec"}]), "Invalid value 'Exec'"),
    "other sizes": (
        in_projection(ops=[{"op": "Flatten"}, {"op": "Linear", "out_features": 4}]),
        "Conv2d needs 3 axes, got shape (4,)",
    ),
    "no populations": (change(populations=[]), "the output out is no population"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_what_a_forged_description_says_is_checked(folder: Path, name: str) -> None:
    forgery, expected = FORGERIES[name]
    forge_network(folder, forgery)
    with pytest.raises(BundleError) as caught:
        read_bundle(folder)
    assert str(folder / NETWORK) in str(caught.value)
    assert expected in str(caught.value)


HOSTILE = {
    "empty": b"",
    "binary": b"\xff\xfe\x00",
    "list": b"[]",
    "deep": b'{"format": "msc.lava", "version": 1, "populations": ' + b"[" * 100_000,
    "cut off": b'{"format": "msc.lava", "version": 1, ',
    "exponent": b'{"format": "msc.lava", "version": 1e999}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_description_that_is_none_is_one_clear_error(folder: Path, name: str) -> None:
    forge(folder, NETWORK, HOSTILE[name])
    with pytest.raises(BundleError, match="is no description of a network"):
        read_bundle(folder)


def arrays_of(folder: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a bundle."""
    with np.load(folder / WEIGHTS) as arrays:
        return dict(arrays)


def test_arrays_of_another_shape_are_refused(folder: Path) -> None:
    forge(folder, WEIGHTS, pack(arrays_of(folder) | {"a/threshold": np.ones(5, np.int32)}))
    with pytest.raises(BundleError, match=r"array a/threshold has shape \[5\] and 5 bytes, shape \[4\]"):
        read_bundle(folder)


def test_missing_and_unknown_arrays_are_all_listed(folder: Path) -> None:
    arrays = arrays_of(folder)
    del arrays["a/threshold"]
    forge(folder, WEIGHTS, pack(arrays | {"evil": np.ones(1)}))
    with pytest.raises(BundleError) as caught:
        read_bundle(folder)
    assert [problem.what for problem in caught.value.problems] == [
        "holds no array a/threshold",
        "holds an array 'evil' that belongs to no part of the network",
    ]


@pytest.mark.parametrize("kind", ["<f4", ">i4", "|b1", "<i8"])
def test_arrays_of_another_type_are_refused(folder: Path, kind: str) -> None:
    buffer = io.BytesIO()
    arrays = arrays_of(folder)
    np.savez(buffer, **arrays | {"a/threshold": arrays["a/threshold"].astype(kind)})
    forge(folder, WEIGHTS, buffer.getvalue())
    with pytest.raises(BundleError, match=r"array a/threshold holds .*, not rows of integers"):
        read_bundle(folder)


def test_nothing_is_unpickled(folder: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays_of(folder).items():
            with archive.open(f"{name}.npy", "w") as entry:
                pickled = np.array([print] * 4, dtype=object) if name == "a/threshold" else array
                np.lib.format.write_array(entry, pickled, allow_pickle=True)
    forge(folder, WEIGHTS, buffer.getvalue())
    with pytest.raises(BundleError, match="array a/threshold holds object, not rows of integers"):
        read_bundle(folder)


def test_an_entry_that_unpacks_to_more_than_it_should_is_not_read(folder: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in arrays_of(folder):
            archive.writestr(f"{name}.npy", bytes(10**6))
    forge(folder, WEIGHTS, buffer.getvalue())
    with pytest.raises(BundleError, match="is larger than its part of the network"):
        read_bundle(folder)


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04 no zip", b"PK\x05\x06" + bytes(18)], ids=["empty", "bad", "none"]
)
def test_weights_that_are_no_arrays_are_one_clear_error(folder: Path, data: bytes) -> None:
    forge(folder, WEIGHTS, data)
    with pytest.raises(
        BundleError, match=r"weights\.npz: (is no \.npz file, or a damaged one|holds no array)"
    ):
        read_bundle(folder)


def test_damaged_entries_are_one_clear_error(folder: Path) -> None:
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[100] ^= 0xFF  # in the first array: its checksum in the zip does not fit any more
    forge(folder, WEIGHTS, bytes(data))
    with pytest.raises(BundleError, match=r"weights\.npz"):
        read_bundle(folder)


def test_weights_that_no_synapse_holds_are_refused(folder: Path) -> None:
    arrays = arrays_of(folder)
    forge(folder, WEIGHTS, pack(arrays | {"a>c/0/weight": arrays["a>c/0/weight"] | 1}))
    with pytest.raises(BundleError, match=r"that are no 8-bit synapses \(mixed signs: even, -256 to 254\)"):
        read_bundle(folder)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "network.nir").write_bytes(b"x")
    with pytest.raises(FileError, match=r"network\.json"):
        read_bundle(tmp_path)
    shutil.rmtree(tmp_path)
    with pytest.raises(FileError, match=r"network\.json"):
        read_bundle(tmp_path)


def problems_of(machine: Model) -> list[str]:
    return [str(problem) for problem in lava_problems(machine)]


def replaced(machine: Model, key: str, values: NDArray[Any]) -> Model:
    return Model(machine.network, {**machine.weights, key: values.astype(np.float32)})


def test_networks_as_retimed_have_no_problems() -> None:
    assert not any(problems_of(machine_model(name)) for name in FIXED)


def test_logical_time_is_a_problem() -> None:
    assert problems_of(FIXED["everything"]) == [
        "network: is not in machine time; retime it: one machine step per synapse"
    ]


def test_chains_of_ops_are_problems() -> None:
    network = net(
        EVENTS, {"a": LEAKY, "out": LEAKY}, edge("input", "a", conv(3)), edge("a", "out", conv(3), conv(3))
    )
    assert problems_of(fixed(network, 1)) == [
        "projection a>out: is a chain of Conv2d, Conv2d, no Lava process is; make it one kernel"
    ]


def test_analog_input_without_a_quantiser_is_a_problem() -> None:
    network = net(PIXELS, {"out": FixedLIF()}, edge("input", "out", Flatten(), Linear(3)), timesteps=3)
    assert "is a chain of Flatten, Linear" in problems_of(fixed(network, 1))[0]


def test_kernels_that_a_byte_does_not_hold_are_problems() -> None:
    wide = Conv2d(2, (1, 1), (128, 128))
    network = net(EVENTS, {"out": FixedLIF()}, edge("input", "out", wide))
    assert problems_of(fixed(network, 1)) == [
        "projection input>out: has a kernel, stride, padding or dilation above 127; make it smaller"
    ]


@pytest.mark.parametrize(
    ("biases", "fits"),
    [
        ([4095, -4095, 1, 0], True),
        ([4096, 1, 0, 0], False),
        ([4096, 2, 0, 0], True),
        ([4095 << 7, 0, 0, 0], True),
        ([4096 << 7, 0, 0, 0], False),
    ],
)
def test_biases_need_a_mantissa_and_one_exponent(biases: list[int], fits: bool) -> None:
    machine = replaced(machine_model("everything"), "a/bias", np.array(biases))
    expected = [
        "population a: its biases are no mantissas up to 4095 times one power of two up to 2^7; "
        "quantise the network"
    ]
    assert problems_of(machine) == ([] if fits else expected)


def test_a_current_given_as_bias_shares_the_exponent() -> None:
    machine = machine_model("bias_input")
    assert not problems_of(machine)
    for bias, fits in ((1595 * 4, True), (1596 * 4, False), (1, False)):  # beside up to 2500 * 4
        found = problems_of(replaced(machine, "a/bias", np.array([bias, 0, 0, 0])))
        assert bool(found) != fits


def test_a_current_given_as_bias_must_not_be_remembered() -> None:
    machine = machine_model("bias_input")
    populations = tuple(
        replace(p, neuron=replace(p.neuron, decay_u=4000)) if p.name == "a" else p
        for p in machine.network.populations
    )
    network: Network = replace(machine.network, populations=populations)
    assert problems_of(Model(network, machine.weights)) == [
        "population a: gets its input as a bias, but remembers its current; give it decay_u 4095"
    ]
