"""`msc search` refuses what is wrong with exit 2, a line per offender, and no folder left behind."""

from __future__ import annotations

import json
import os
import resource
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msc.compiler.cli.failures import UsageError
from msc.compiler.registry import discover
from msc.search.data.digits import digits
from tests.cli.calling import msc
from tests.cli.searching import SMALL, Caller, contents
from tests.requires import require

ALL_DATA = sorted(str(part.name) for part in discover("msc.search.data", "DATASET").values())  # type: ignore[attr-defined]
ALL_FITNESSES = "accuracy, bie, bie-binary, bie-norm, energy, hd, params, rate, sahd, synops"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    return Caller(monkeypatch, capsys)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small search that has ended."""
    folder = tmp_path_factory.mktemp("bad")
    result = msc("search", *SMALL, "-o", "run", folder=folder)
    assert result.returncode == 0, result.stderr
    return folder / "run"


CALLS: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "no data": ((), ["--data: is missing; name a data set, such as digits, or an .npz file"]),
    "data of another kind, shape and classes": (
        ("--data", "digits", "--input", "events", "--input-shape", "3,32,32", "--classes", "4"),
        [
            "--input events: digits holds static data; leave it out, or give other --data",
            "--input-shape 3,32,32: samples of digits are 1,8,8; leave it out, or give other --data",
            "--classes 4: digits has 10 classes; leave it out, or give other --data",
        ],
    ),
    "a shape that is none": (
        ("--data", "digits", "--input-shape", "8,8"),
        ["--input-shape 8,8: is not three positive integers; write it as C,H,W, for example 3,32,32"],
    ),
    "frames larger than the images": (
        ("--data", "saccades:digits", "--timesteps", "5", "--input-shape", "2,9,8"),
        [
            "--data saccades:digits: frames of 9x8 are asked for, its images have 8x8; "
            "use input_shape 2,8,8 or a smaller one"
        ],
    ),
    "frames of no steps": (
        ("--data", "saccades:digits", "--timesteps", "0"),
        ["--timesteps 0: is out of range; give 1 to 1024"],
    ),
    "frames of three channels": (
        ("--data", "saccades:digits", "--timesteps", "5", "--input-shape", "3,4,4"),
        [
            "--input-shape 3,4,4: samples of saccades:digits are 2,8,8; leave it out, or give other --data"
        ],
    ),
    "unknown fitness": (
        ("--data", "digits", "--fitness", "bee"),
        [f"--fitness bee: 'bee' is unknown; use one of: {ALL_FITNESSES}"],
    ),
    "unknown direction": (
        ("--data", "digits", "--fitness", "bie:up"),
        ["--fitness bie:up: 'up' is no direction; write :min or :max"],
    ),
    "unknown objectives": (
        ("--data", "digits", "--objectives", "fitness,speed,hd,size"),
        [
            f"--objectives speed: 'speed' is unknown; use one of: {ALL_FITNESSES}",
            f"--objectives size: 'size' is unknown; use one of: {ALL_FITNESSES}",
        ],
    ),
    "an objective twice": (
        ("--data", "digits", "--objectives", "fitness,sahd"),
        ["--objectives fitness,sahd: sahd is named twice; name it once"],
    ),
    "a fitness that is not used": (
        ("--data", "digits", "--fitness", "hd", "--objectives", "rate,params"),
        [
            "--fitness hd: is not used, --objectives rate,params leaves it out; "
            "add fitness to --objectives, or leave --fitness out"
        ],
    ),
    "unknown strategy": (
        ("--data", "digits", "--strategy", "anneal"),
        ["strategy anneal: unknown; use one of: evolve, random"],
    ),
    "unknown device": (
        ("--data", "digits", "--device", "tpu"),
        ["--device tpu: there is no such device; use auto, cpu or cuda"],
    ),
    "too few samples": (
        ("--data", "digits", "--batch", "500", "--batches", "3"),
        [
            "--data digits: has 1437 training samples, 3 batches of 500 need 1500; "
            "use a smaller --batch or fewer --batches"
        ],
    ),
    "layers of cells": (
        ("--data", "digits", "--space", "snasnet", "--layers", "3"),
        ["--layers 3: space snasnet has two cells and no layers; leave it out"],
    ),
    "limits that exclude all": (
        ("--data", "digits", "--min-neurons", "20", "--max-neurons", "10"),
        ["--min-neurons 20: is more than --max-neurons 10; give a smaller one"],
    ),
    "a limit below the floor": (
        (*SMALL, "--fitness", "bie", "--max-neurons", "10"),
        [
            "--max-neurons 10: is below 612, the floor that keeps bie:min from shrinking networks to "
            "nothing; raise it, or give --min-neurons"
        ],
    ),
    "resuming without a folder": (
        ("--resume",),
        ["-o: is missing; name the folder of the run to --resume"],
    ),
    "resuming without a run": (
        ("--resume", "--data", "digits"),
        ["search-digits: there is no search to resume; leave out --resume to start one, or name its folder"],
    ),
    "a folder that is nowhere": (
        (*SMALL, "-o", "no/where"),
        [
            "no/where: cannot use the folder (no such file or directory); "
            "create the folder it lies in first, or choose another one"
        ],
    ),
    "everything at once": (
        (
            "--data", "x.npz", "--fitness", "bee", "--objectives", "fitness,speed", "--strategy", "anneal",
            "--device", "tpu", "--population", "1", "--generations", "-1", "--batch", "1", "--batches", "0",
            "--finalists", "0", "--weight-seeds", "0", "--epochs", "0", "--workers", "0", "--channels", "0",
            "--layers", "129", "--timesteps", "2000", "--max-params", "0", "--max-synops", "-3",
            "--max-neurons", "0", "--min-neurons", "-1",
        ),
        [
            "--channels 0: is out of range; give 1 to 4096",
            "--layers 129: is out of range; give 0 to 128",
            "--timesteps 2000: is out of range; give 1 to 1024",
            "--batch 1: is out of range; give 2 or more",
            "--batches 0: is out of range; give 1 or more",
            "--population 1: is out of range; give 2 or more",
            "--generations -1: is out of range; give 0 or more",
            "--max-params 0: is out of range; give 1 or more",
            "--max-synops -3: is out of range; give 1 or more",
            "--min-neurons -1: is out of range; give 1 or more",
            "--max-neurons 0: is out of range; give 1 or more",
            "--finalists 0: is out of range; give 1 or more",
            "--weight-seeds 0: is out of range; give 1 or more",
            "--epochs 0: is out of range; give 1 or more",
            "--workers 0: is out of range; give 1 or more",
            f"--fitness bee: 'bee' is unknown; use one of: {ALL_FITNESSES}",
            f"--objectives speed: 'speed' is unknown; use one of: {ALL_FITNESSES}",
            "strategy anneal: unknown; use one of: evolve, random",
            "--device tpu: there is no such device; use auto, cpu or cuda",
            "x.npz: cannot read the data file (no such file or directory); check the path",
        ],
    ),
}  # fmt: skip


def test_unknown_data_names_all_there_are(call: Caller) -> None:
    (told,) = call.refused("--data", "nothing")
    start = "--data nothing: there is no such data set or file; use one of: "
    assert told.startswith(f"{start}{', '.join(ALL_DATA)}, ")
    assert "digits" in ALL_DATA


@pytest.mark.parametrize("name", CALLS)
def test_wrong_calls_list_every_offender_and_leave_nothing(call: Caller, name: str) -> None:
    arguments, expected = CALLS[name]
    assert call.refused(*arguments) == expected
    assert not os.listdir()


def test_cuda_that_is_not_there(call: Caller) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device; to run the test, hide it with: CUDA_VISIBLE_DEVICES=")
    assert call.refused("--data", "digits", "--device", "cuda") == [
        f"--device cuda: torch {torch.__version__} finds no CUDA device; "
        "use --device cpu, or install a driver and a CUDA build of torch"
    ]


FILES: dict[str, tuple[dict[str, Any], tuple[str, ...], str]] = {
    "unlabelled": ({"inputs": np.zeros((9, 1, 8, 8), np.float32)}, (), "d.npz, labels: is missing; "),
    "flat": (
        {"inputs": np.zeros((9, 64), np.float32), "labels": np.arange(9) % 2},
        (),
        "d.npz, inputs: has shape [9, 64]; give an array of shape [N,C,H,W] (static frames) or",
    ),
    "not a number": (
        {"inputs": np.full((9, 1, 8, 8), np.nan), "labels": np.arange(9) % 2},
        (),
        "d.npz, inputs: holds values that are not finite in float32; remove or replace them",
    ),
    "events of another length": (
        {"inputs": np.zeros((5, 60, 1, 8, 8), np.uint8), "labels": np.arange(60) % 2},
        ("--timesteps", "8", "--batch", "4"),
        "--timesteps 8: the events of d.npz have 5 time steps; leave it out",
    ),
    "events of another size": (
        {"inputs": np.zeros((5, 60, 2, 8, 8), np.uint8), "labels": np.arange(60) % 2},
        ("--input-shape", "2,4,4", "--batch", "4"),
        "--input-shape 2,4,4: samples of d.npz are 2,8,8; leave it out, or give other --data",
    ),
    "a map too small for the cells": (
        {"inputs": np.zeros((60, 1, 3, 3), np.float32), "labels": np.arange(60) % 2},
        ("--space", "snasnet", "--batch", "4"),
        "a map 3 wide cannot be pooled by 2 and then by 2",
    ),
    "too few samples": (
        {"inputs": np.zeros((60, 1, 8, 8), np.float32), "labels": np.arange(60) % 2},
        (),
        "--data d.npz: has 48 training samples, 2 batches of 32 need 64; use a smaller --batch or",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_data_that_cannot_be_searched_on(call: Caller, name: str) -> None:
    arrays, options, text = FILES[name]
    np.savez("d.npz", **arrays)
    (line,) = call.refused("--data", "d.npz", *options, "-o", "out")
    assert text in line
    assert os.listdir() == ["d.npz"]


def test_a_folder_in_use(run: Path, call: Caller) -> None:
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("kept")
    assert call.refused(*SMALL, "-o", "mine") == ["mine: the folder is not empty; choose another one"]
    assert call.refused("--resume", "-o", "mine") == [
        "mine: holds no search to resume, but other files; "
        "name the folder of a search, or start one in an empty folder"
    ]
    Path("file").write_text("kept")
    assert call.refused(*SMALL, "-o", "file") == ["file: is a file, a folder is needed; choose another path"]
    shutil.copytree(run, "search-digits")
    before = contents(Path())
    assert call.refused(*SMALL) == [
        "search-digits: holds a search already; add --resume to go on with it, or choose another folder"
    ]
    assert contents(Path()) == before


def test_resuming_with_other_settings_lists_the_differences(run: Path, call: Caller) -> None:
    shutil.copytree(run, "run")
    before = contents(Path("run"))
    changes = (
        *("--population", "5", "--fitness", "hd", "--objectives", "fitness,rate", "--channels", "3"),
        *("--max-params", "9", "--no-guards", "--check-accuracy", "--weight-seeds", "4", "--seed", "1"),
    )
    lines = call.refused("--resume", "-o", "run", *changes)
    told = "\n".join(lines)
    for name, was, now in (
        ("--population", "4", "5"),
        ("--channels", "4", "3"),
        ("--max-params", "null", "9"),
        ("--check-accuracy", "false", "true"),
        ("--weight-seeds", "3", "4"),
        ("--seed", "0", "1"),
        ("--objectives", '["sahd:max"]', '["hd:max", "rate:min"]'),
    ):
        assert f"{name}: was {was}, now is {now}; " in told
    assert "--guards: was {" in told
    assert "--generations" not in told
    assert contents(Path("run")) == before


def test_resuming_on_other_data(run: Path, call: Caller) -> None:
    shutil.copytree(run, "run")
    split = digits()
    np.savez("other.npz", inputs=split.train_inputs[::-1], labels=split.train_labels[::-1])
    lines = call.refused("--resume", "-o", "run", "--data", "other.npz")
    assert lines[0].startswith("--data: was digits, now is other.npz; ")
    assert any(line.startswith("--data, sha256 of its samples: was ") for line in lines)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"no JSON\n", "run/history.jsonl, line 1: is not JSON"),
        (b'{"kind":"end"}\n', "run/history.jsonl, line 1: "),
        (
            b'{"kind":"search","format":"msc.search","version":1,"settings":{},"versions":{}}\n',
            "run: holds settings that cannot be read (KeyError: 'skeleton'); search anew with another -o",
        ),
    ],
)
def test_resuming_what_is_no_history(call: Caller, line: bytes, text: str) -> None:
    Path("run").mkdir()
    Path("run/history.jsonl").write_bytes(line)
    (told,) = call.refused("--resume", "-o", "run")
    assert text in told
    assert contents(Path("run")) == {"history.jsonl": line}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("population",), "many"),
        (("skeleton", "channels"), "4"),
        (("skeleton",), 3),
        (("limits", "max_params"), 1.5),
        (("limits",), []),
        (("objectives",), []),
        (("objectives",), 7),
        (("seed",), True),
    ],
)
def test_settings_of_another_type_are_refused(
    run: Path, call: Caller, path: tuple[str, ...], value: object
) -> None:
    header, *rest = (run / "history.jsonl").read_bytes().splitlines(keepends=True)
    content = json.loads(header)
    place = content["settings"]
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    Path("run").mkdir()
    Path("run/history.jsonl").write_bytes(json.dumps(content).encode() + b"\n" + b"".join(rest))
    (told,) = call.refused("--resume", "-o", "run")
    assert told.startswith("run: holds settings that cannot be read (")


def test_a_search_that_died_before_its_settings_needs_its_options_again(call: Caller) -> None:
    Path("run").mkdir()
    for data in (b"", b'{"kind":"sea'):
        Path("run/history.jsonl").write_bytes(data)
        assert call.refused("--resume", "-o", "run") == [
            "run: the search stopped before its settings were written; "
            "give its options again, --resume included"
        ]


@pytest.mark.parametrize("workers", [(), ("--workers", "2")])
def test_a_ray_address_nobody_answers(call: Caller, workers: tuple[str, ...]) -> None:
    require("ray", "msc-snn[ray]")
    (line,) = call.refused(*SMALL, "--ray", "127.0.0.1:1", *workers, "-o", "run")
    assert line.startswith("--ray 127.0.0.1:1: ")
    assert not os.listdir()


def test_what_is_no_ray_address(call: Caller) -> None:
    (line,) = call.refused(*SMALL, "--ray", "somewhere", "-o", "run")
    assert line.startswith("--ray somewhere: ")
    assert not os.listdir()


def test_a_full_device_loses_nothing_that_was_written(run: Path, call: Caller) -> None:
    """A limit on file sizes stands for a full device; with room again the search ends as if undisturbed."""
    room = (run / "history.jsonl").stat().st_size // 2

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    result = msc("search", *SMALL, "-o", "run", folder=Path(), preexec_fn=limit)
    lines = [line for line in result.stderr.splitlines() if not line.startswith("generation ")]
    assert result.returncode == 2, result.stderr
    (line,) = lines
    assert line.startswith("run/history.jsonl: cannot write the file (file too large); ")
    written = Path("run/history.jsonl").read_bytes()
    assert written
    assert (run / "history.jsonl").read_bytes().startswith(written)
    assert written.endswith(b"\n")
    assert call.search("--resume", "-o", "run").code == 0
    assert contents(Path("run"), "timings.jsonl") == contents(run, "timings.jsonl")


def test_wrong_types_are_told_by_the_option(tmp_path: Path) -> None:
    result = msc("search", "--data", "digits", "--population", "many", folder=tmp_path)
    assert result.returncode == 2
    assert "Invalid value for '--population'" in result.stderr
    assert not os.listdir(tmp_path)


def test_a_gpu_on_ray_is_refused() -> None:
    """Ray shows tasks that ask for no GPU none: they would run on the CPU, or fail one by one."""
    from msc.compiler.cli.search import check_cluster

    check_cluster(None, "cuda")
    check_cluster("local", "cpu")
    with pytest.raises(UsageError) as caught:
        check_cluster("local", "cuda")
    assert str(caught.value) == (
        "--ray local: workers on Ray have no GPU, and --device is cuda; "
        "use --workers, whose processes share this machine's GPU, or --device cpu"
    )
