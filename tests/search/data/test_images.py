"""Folders of images as data sets."""

from __future__ import annotations

import errno
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from msc.ir.neurons import InputKind
from msc.search.data import find_data
from tests.search.data.formats import refused


def folder(
    count: int = 5, mode: str = "L", classes: tuple[str, ...] = ("b", "a"), suffix: str = ".png"
) -> Path:
    """A folder of 6x4 images, whose first pixel is their number."""
    for label, name in enumerate(classes):
        Path("set", name).mkdir(parents=True)
        for number in range(count):
            pixels = np.full((4, 6, 3), 7, np.uint8)
            pixels[0, 0] = 100 * label + number
            Image.fromarray(pixels).convert(mode).save(Path("set", name, f"{number}{suffix}"))
    return Path("set")


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """A grey 8-bit PNG by its chunks."""
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", data),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def test_folders_are_classes_and_a_share_of_each_is_held_out() -> None:
    split = find_data(str(folder()))
    assert (split.name, split.kind, split.classes, split.shape) == ("set", InputKind.STATIC, 2, (1, 4, 6))
    assert (split.train_inputs.dtype, split.train_labels.dtype) == (np.float32, np.int64)
    np.testing.assert_array_equal(np.bincount(split.train_labels), [4, 4])
    np.testing.assert_array_equal(np.bincount(split.test_labels), [1, 1])
    firsts = np.concatenate([split.train_inputs, split.test_inputs])[:, 0, 0, 0] * 255
    assert sorted(np.rint(firsts).astype(int)) == [0, 1, 2, 3, 4, 100, 101, 102, 103, 104]
    assert (split.train_inputs[:, 0, 1:] == np.float32(7 / 255)).all()
    numbers = np.rint(split.train_inputs[:, 0, 0, 0] * 255).astype(int)
    np.testing.assert_array_equal(split.train_labels, (numbers < 100).astype(int))  # "a" comes first


def test_the_split_is_the_same_every_time() -> None:
    folder()
    np.testing.assert_array_equal(find_data("set").test_inputs, find_data("set").test_inputs)


@pytest.mark.parametrize(("mode", "suffix"), [("RGB", ".png"), ("RGB", ".JPG"), ("P", ".png")])
def test_colour_images_have_three_channels(mode: str, suffix: str) -> None:
    folder(mode=mode, suffix=suffix)
    assert find_data("set").shape == (3, 4, 6)


def test_channels_are_red_green_blue() -> None:
    folder()
    Image.new("RGB", (6, 4), (10, 20, 30)).save("set/a/0.png")
    split = find_data("set")
    everything = np.concatenate([split.train_inputs, split.test_inputs])
    found = [image for image in everything if np.rint(image[0, 0, 0] * 255) == 10]
    np.testing.assert_allclose(found[0].mean((1, 2)) * 255, [10, 20, 30], rtol=1e-5)


def test_black_and_white_images_are_grey() -> None:
    folder(mode="1")
    split = find_data("set")
    assert split.shape == (1, 4, 6)
    assert set(np.unique(split.train_inputs)) <= {0, 1}


def test_hidden_files_and_files_beside_the_classes_are_left_alone() -> None:
    folder()
    for name in ("set/README.txt", "set/a/.DS_Store"):
        Path(name).write_text("x")
    Path("set/.git").mkdir()
    assert len(find_data("set").train_labels) == 8


def test_all_files_that_do_not_fit_are_named() -> None:
    folder()
    Image.new("L", (3, 3)).save("set/a/small.png")
    Image.new("RGBA", (6, 4)).save("set/a/clear.png")
    Image.fromarray(np.zeros((4, 6), np.uint16)).save("set/a/deep.png")
    Path("set/b/notes.txt").write_text("x")
    Path("set/b/text.png").write_text("no image")
    Path("set/b/inner").mkdir()
    assert refused(lambda: find_data("set")) == [
        "set/a/clear.png: is of mode RGBA; save it as 8-bit grey or RGB without alpha",
        "set/a/deep.png: is of mode I;16; save it as 8-bit grey or RGB without alpha",
        "set/b/inner: is no PNG or JPEG file; remove it",
        "set/b/notes.txt: is no PNG or JPEG file; remove it",
        "set/b/text.png: cannot be decoded (cannot identify image file ''); remove it or save it again",
        "set/a/small.png: is 3x3, most images are 6x4; bring all to one size",
    ]


def test_many_files_that_do_not_fit_are_counted() -> None:
    folder()
    for number in range(14):
        Path(f"set/a/{number:02}.txt").write_text("x")
    lines = refused(lambda: find_data("set"))
    assert len(lines) == 11
    assert lines[-1] == "4 more files: have such problems; see above"


def test_a_transparent_colour_is_refused() -> None:
    folder()
    Image.new("P", (6, 4)).save("set/a/0.png", transparency=0)
    assert refused(lambda: find_data("set")) == [
        "set/a/0.png: is of mode P with transparency; save it as 8-bit grey or RGB without alpha"
    ]


@pytest.mark.parametrize("cut", [40, 60])
def test_a_truncated_image_is_refused(cut: int) -> None:
    folder()
    path = Path("set/a/0.png")
    path.write_bytes(path.read_bytes()[:cut])
    (line,) = refused(lambda: find_data("set"))
    assert line.startswith("set/a/0.png: cannot be decoded (")


def test_pixels_that_are_missing_are_refused() -> None:
    folder()
    Path("set/a/0.png").write_bytes(png(6, 4, zlib.compress(b"\0" * 10)))
    assert refused(lambda: find_data("set"))[0].startswith(
        "set/a/0.png: cannot be decoded (image file is truncated"
    )


@pytest.mark.parametrize("side", [11_000, 60_000])
def test_an_image_that_claims_to_be_huge_takes_no_memory(side: int) -> None:
    folder()
    for number in range(5):
        for name in "ab":
            Path(f"set/{name}/{number}.png").write_bytes(png(side, side))
    lines = refused(lambda: find_data("set"))
    if side == 11_000:
        assert lines == [
            "set: 10 images of 11000x11000 take more than 2147483648 bytes; give fewer or smaller images"
        ]
    else:
        assert "exceeds limit of" in lines[0]


def test_a_folder_that_is_no_data_set_is_told_how() -> None:
    Path("set/only").mkdir(parents=True)
    assert refused(lambda: find_data("set")) == [
        "set: holds 1 folders, a data set of images has one for each of 2 or more classes; "
        "put the images of each class into a folder of its own"
    ]
    Path("set/other").mkdir()
    assert refused(lambda: find_data("set")) == [
        "set/only: is empty; add images or remove it",
        "set/other: is empty; add images or remove it",
    ]


def test_a_folder_that_cannot_be_listed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    folder()

    def forbid(self: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", forbid)
    assert refused(lambda: find_data("set")) == [
        "set: cannot be listed (permission denied); change the permissions or choose another path"
    ]


def test_too_few_images_to_hold_any_out_are_told() -> None:
    folder(count=2)
    assert refused(lambda: find_data("set")) == [
        "set: 4 samples of 2 classes are too few to hold 20% out; give 3 or more of a class"
    ]
