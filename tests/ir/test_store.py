"""One-file models: what is saved loads equal, the bytes are stable, and damage is told, never a traceback."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from msc.ir import store
from msc.ir.errors import MscError
from msc.ir.files import FileError
from msc.ir.network import Model
from msc.ir.store import StoreError, load_model, save_model
from msc.ir.text import TextError
from msc.ir.verify import InvalidNetworkError
from tests.networks import NETWORKS, NORMED
from tests.strategies import models, rounding_models

ALL = NETWORKS | NORMED
in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)


def assert_equal(loaded: Model, saved: Model) -> None:
    assert loaded.network == saved.network
    assert set(loaded.weights) == set(saved.weights)
    for name, array in saved.weights.items():
        assert loaded.weights[name].dtype == np.float32
        assert loaded.weights[name].tobytes() == array.tobytes()
        assert loaded.weights[name].shape == array.shape


def entries(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rezip(path: Path, content: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_model(tmp_path / "model.msc", NORMED["batch"])
    return tmp_path / "model.msc"


def complaint(path: Path, error: type[MscError] = StoreError) -> str:
    with pytest.raises(error) as caught:
        load_model(path)
    assert type(caught.value) is error
    return str(caught.value).replace(str(path), "FILE")


@pytest.mark.parametrize("name", ALL)
def test_fixtures_load_equal(tmp_path: Path, name: str) -> None:
    save_model(tmp_path / "model.msc", ALL[name])
    assert_equal(load_model(tmp_path / "model.msc"), ALL[name])


@given(st.one_of(models(), rounding_models()))
@in_one_folder
def test_loads_equal(tmp_path: Path, model: Model) -> None:
    save_model(tmp_path / "model.msc", model)
    assert_equal(load_model(tmp_path / "model.msc"), model)


def test_equal_models_make_equal_bytes(tmp_path: Path) -> None:
    model = NORMED["batch"]
    turned = Model(model.network, dict(reversed(list(model.weights.items()))))
    for name, saved in (("a", model), ("b", turned)):
        save_model(tmp_path / name, saved)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_numpy_reads_the_arrays(saved: Path) -> None:
    content = entries(saved)
    for name, array in NORMED["batch"].weights.items():
        read = np.load(io.BytesIO(content[f"weights/{name}.npy"]), allow_pickle=False)
        assert np.array_equal(read, array)


def test_loads_a_compressed_copy(saved: Path) -> None:
    rezip(saved, entries(saved), zipfile.ZIP_DEFLATED)
    assert_equal(load_model(saved), NORMED["batch"])


def test_loaded_arrays_can_be_trained_on(saved: Path) -> None:
    assert all(array.flags.writeable for array in load_model(saved).weights.values())


def test_refuses_to_save_what_would_not_load(tmp_path: Path) -> None:
    with pytest.raises(InvalidNetworkError, match="weights out/bias: missing"):
        save_model(tmp_path / "model.msc", Model(NETWORKS["dense"].network, {}))
    assert not (tmp_path / "model.msc").exists()


@pytest.mark.parametrize(
    "content", [b"", b"text", b"\x00" * 1000, b"PK\x05\x06", b"PK\x05\x06" + b"\xff" * 18]
)
def test_refuses_what_is_no_model(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.msc").write_bytes(content)
    assert complaint(tmp_path / "model.msc").startswith(
        ("FILE: is no model file", "FILE: has more than 50000")
    )


def test_refuses_a_missing_file(tmp_path: Path) -> None:
    assert complaint(tmp_path / "model.msc", FileError) == (
        "FILE: cannot read the model file (no such file or directory); check the path"
    )


def test_refuses_another_version(saved: Path) -> None:
    rezip(saved, entries(saved) | {"version": b"msc.model 2\n"})
    assert complaint(saved) == "FILE: expected 'msc.model 1', found 'msc.model 2'; save it with this msc"


def test_lists_missing_and_foreign_entries(saved: Path) -> None:
    content = entries(saved)
    del content["weights/a/bias.npy"], content["weights/b/bias.npy"]
    rezip(saved, content | {"../../etc/passwd": b"", "weights/more.npy": b""})
    assert complaint(saved).split("\n") == [
        "FILE, entry 'weights/a/bias.npy': is missing; save the model again",
        "FILE, entry 'weights/b/bias.npy': is missing; save the model again",
        "FILE, entry '../../etc/passwd': belongs to no part of the network; save the model again",
        "FILE, entry 'weights/more.npy': belongs to no part of the network; save the model again",
    ]


def test_refuses_a_zip_without_a_network(saved: Path) -> None:
    rezip(saved, {"hello": b""})
    assert complaint(saved).split("\n") == [
        "FILE, entry version: is missing; save the model again",
        "FILE, entry network.txt: is missing; save the model again",
    ]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_refuses_an_entry_twice(saved: Path) -> None:
    with zipfile.ZipFile(saved, "a") as archive:
        archive.writestr("version", b"msc.model 1\n")
    assert complaint(saved) == "FILE, entry 'version': is there more than once; save the model again"


def test_names_the_bad_line_of_the_text(saved: Path) -> None:
    content = entries(saved)
    rezip(saved, content | {"network.txt": content["network.txt"].replace(b"tau=2.0", b"tau=fast", 1)})
    assert (
        complaint(saved, TextError)
        == "FILE, network.txt, line 6: tau is 'fast'; give a finite decimal number"
    )


def npy(array: np.ndarray, **options: bool) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        npy(np.zeros(4)),
        npy(np.zeros(4, ">f4")),
        npy(np.array([None] * 4), allow_pickle=True),
        npy(np.zeros((4, 2), np.float32, order="F")),
        b"",
        b"\x93NUMPY\x01\x00\xff\xff{}",
        b"\x93NUMPY\x02\x00",
        npy(np.zeros(4, np.float32)).replace(b"'<f4'", b"__i__"),
    ],
)
def test_refuses_arrays_of_another_kind(saved: Path, data: bytes) -> None:
    rezip(saved, entries(saved) | {"weights/a/bias.npy": data})
    assert complaint(saved) == (
        "FILE, entry 'weights/a/bias.npy': is no float32 array in .npy format 1.0; save the model again"
    )


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (npy(np.zeros(3, np.float32)), "12 bytes for shape [3]"),
        (npy(np.zeros((2, 2), np.float32)), "16 bytes for shape [2, 2]"),
        (npy(np.zeros(4, np.float32))[:-4], "12 bytes for shape [4]"),
        (
            npy(np.zeros(4, np.float32)).replace(b"(4,), }      ", b"(9999999,), }"),
            "16 bytes for shape [9999999]",
        ),
    ],
)
def test_refuses_arrays_of_another_size(saved: Path, data: bytes, found: str) -> None:
    rezip(saved, entries(saved) | {"weights/a/bias.npy": data})
    assert complaint(saved) == (
        f"FILE, entry 'weights/a/bias.npy': holds {found}, not 16 for [4]; save the model again"
    )


def test_refuses_an_entry_larger_than_its_array(saved: Path) -> None:
    """A few kB that unpack to 50 MB are refused by their declared size."""
    rezip(saved, entries(saved) | {"weights/a/bias.npy": b"\0" * 50_000_000}, zipfile.ZIP_DEFLATED)
    assert (
        complaint(saved)
        == "FILE, entry 'weights/a/bias.npy': is larger than 1016 bytes; save the model again"
    )


def test_refuses_a_size_that_lies(saved: Path) -> None:
    """The directory declares 144 bytes where the data unpack to more: the checksum tells."""
    rezip(saved, entries(saved) | {"weights/a/bias.npy": b"\0" * 5_000_000}, zipfile.ZIP_DEFLATED)
    data = saved.read_bytes()
    lie = data.replace((5_000_000).to_bytes(4, "little"), (144).to_bytes(4, "little"))
    assert lie != data
    saved.write_bytes(lie)
    assert complaint(saved).startswith(
        "FILE, entry 'weights/a/bias.npy': is no model file, or a damaged one ("
    )


def test_refuses_too_many_entries(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MAX_ENTRIES", 5)
    assert complaint(saved) == "FILE: has more than 5 entries; give a smaller model"


def test_refuses_weights_that_are_not_finite(saved: Path) -> None:
    rezip(saved, entries(saved) | {"weights/a/bias.npy": npy(np.full(4, np.nan, np.float32))})
    assert "weights a/bias: holds values that are not finite" in complaint(saved, InvalidNetworkError)


@given(st.data())
@settings(in_one_folder, max_examples=200)
def test_damage_is_told_or_harmless(tmp_path: Path, data: st.DataObject) -> None:
    """Truncated, with bytes changed or doubled: an MscError, or the same model where nothing read was hit."""
    path = tmp_path / "model.msc"
    model = NETWORKS["dense"]
    save_model(path, model)
    content = bytearray(path.read_bytes())
    match data.draw(st.sampled_from(["cut", "change", "change", "directory", "insert"])):
        case "cut":
            del content[data.draw(st.integers(0, len(content) - 1)) :]
        case "insert":
            at = data.draw(st.integers(0, len(content)))
            content[at:at] = data.draw(st.binary(min_size=1, max_size=30))
        case where:
            first = content.find(b"PK\x01\x02") if where == "directory" else 0
            for _ in range(data.draw(st.integers(1, 4))):
                content[data.draw(st.integers(first, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        loaded = load_model(path)
    except MscError:
        return
    assert_equal(loaded, model)
