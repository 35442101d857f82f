"""A bundle's script stands alone, encodes as the IR says, and makes of real Lava what the reference is."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from multiprocessing import shared_memory
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from msc.backends.lava.bundle import bundle_files
from msc.backends.lava.processes import supervised
from msc.backends.lava.runner import run_on_lava
from msc.backends.lava.script import PARTS, run_script
from msc.backends.lava.warm_up import warm_up
from msc.compiler.passes.retime import PASS as RETIME
from msc.compiler.timing import machine_input
from msc.ir.linear import apply_ops
from msc.ir.network import Model, Projection
from msc.ir.neurons import FixedLIF, InputKind, Source
from msc.ir.ops import Conv2d, Flatten, Linear, Op
from msc.ir.simulate import simulate
from tests.backends.lava.bundles import machine_model, script, write
from tests.fixed_networks import FIXED, LEAKY, as_bias, fixed, graded, sample
from tests.networks import PIXELS, conv, edge, net
from tests.requires import require_lava

SECONDS = 240.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle on disk."""
    return write(tmp_path, machine_model("vectors"))


@pytest.fixture
def module(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A bundle's script, imported."""
    return script(folder, monkeypatch)


def test_the_script_is_one_file_that_needs_nothing_of_msc() -> None:
    tree = ast.parse(run_script(), feature_version=(3, 10))
    names = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    names += [alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names]
    others = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names)
    assert others == {"numpy", "lava", "scipy"}  # scipy is Lava's own requirement
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level]
    assert ast.get_docstring(tree, clean=False) is not None


def test_no_part_of_the_script_hides_another() -> None:
    defined = [n.name for n in ast.parse(run_script()).body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    assert len(defined) == len(set(defined))
    templates = files("msc.backends.lava").joinpath("templates")
    assert {path.name for path in templates.iterdir() if path.is_file()} == set(PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_parts_are_short(part: str) -> None:
    """The rules of modules hold for templates, which the tests of rules do not see."""
    text = files("msc.backends.lava").joinpath("templates", part).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < 40, node.name


def test_the_script_tells_how_it_is_called_without_lava(folder: Path) -> None:
    command = [sys.executable, "-I", "run_lava.py", "--help"]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    for word in (
        "INPUT.npy",
        "--record",
        "--machine",
        "--timesteps",
        "--shared-memory-prefix",
        "numpy and lava-nc",
    ):
        assert word in found.stdout


def refused(module: ModuleType, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the script where it must refuse; returns its one line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["run_lava.py", *arguments])
        with pytest.raises(SystemExit) as caught:
            module.main()
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


WRONG_INPUTS = {
    "shape": (np.zeros((5, 2, 11)), "input: has shape [5, 2, 11]; give an array of shape [T,B,12]"),
    "no samples": (np.zeros((5, 0, 12)), "input: has shape [5, 0, 12]"),
    "nan": (np.full((5, 2, 12), np.nan), "input: holds values that are not finite"),
    "negative": (np.full((5, 2, 12), -1), "input: holds values that are no event counts"),
    "text": (np.full((5, 2, 12), "x"), "is no array of numbers"),
    "complex": (np.zeros((5, 2, 12), complex), "is no array of numbers"),
}


@pytest.mark.parametrize("name", WRONG_INPUTS)
def test_an_input_that_does_not_fit_is_refused_in_one_line(
    name: str, module: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values, expected = WRONG_INPUTS[name]
    np.save(tmp_path / "x.npy", values)
    assert expected in refused(module, capsys, str(tmp_path / "x.npy"), "-o", str(tmp_path / "out.npz"))
    assert not (tmp_path / "out.npz").exists()


def test_wrong_calls_are_refused_in_one_line(
    module: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((5, 2, 12)))
    call = (str(path), "-o", str(tmp_path / "out.npz"))
    assert "no-file.npy: cannot be read" in refused(module, capsys, "no-file.npy", *call[1:])
    assert "is no .npy file" in refused(module, capsys, str(tmp_path / "run_lava.py"), *call[1:])
    unknown = refused(module, capsys, *call, "--record", "a,x,out")
    assert unknown == "record: no population is called x; use a, b, out"
    assert "no population is called a.relay1" in refused(module, capsys, *call, "--record", "a.relay1")
    assert "timesteps: is 0; give 1 or more" in refused(module, capsys, *call, "--timesteps", "0")
    assert "the input has 5 steps, not 6" in refused(module, capsys, *call, "--timesteps", "6")
    assert "use letters, digits" in refused(module, capsys, *call, "--shared-memory-prefix", "a/b")
    monkeypatch.setattr(module, "version", lambda name: "0.11.0")
    assert "has lava-nc 0.11.0; run the script with one that has 0.10" in refused(module, capsys, *call)


def test_a_changed_bundle_is_refused_in_one_line(
    folder: Path, module: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "network.json").write_text((folder / "network.json").read_text().replace("4095", "4094"))
    assert refused(module, capsys, "x.npy", "-o", "out.npz") == (
        "network.json: was changed after msc wrote it; compile the genome again"
    )


def test_segments_of_shared_memory_have_the_name_asked_for(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_SHM_NAME_PREFIX", "_SHM_SAFE_NAME_LENGTH"):
        monkeypatch.setattr(shared_memory, name, getattr(shared_memory, name))
    module.name_segments("msc0123456789abcdef")
    segment = shared_memory.SharedMemory(create=True, size=1)
    segment.close()
    segment.unlink()
    assert segment.name.startswith("msc0123456789abcdef")


def bundle_of(module: ModuleType, machine: Model) -> Any:
    """What the script reads of a bundle."""
    content = json.loads(bundle_files(machine)["network.json"])
    return module.Bundle(content, {name: array.astype(np.int32) for name, array in machine.weights.items()})


def written(bundle: Any, projection: Projection) -> dict[str, Any]:
    """What network.json says of a projection."""
    return next(p for p in bundle.network["projections"] if p["name"] == projection.name)


def from_source(machine: Model) -> tuple[Projection, ...]:
    return machine.network.out_of(machine.network.source.name)


ANALOG = Source((2, 5, 4), InputKind.ANALOG)
STREAMED = {
    **{name: FIXED[name] for name in ("chain", "delays", "vectors")},
    "analog": fixed(
        net(
            ANALOG,
            {"a": LEAKY, "out": LEAKY},
            edge("input", "a", *graded(conv(3))),
            edge("input", "out", *graded(Flatten(), Linear(5)), delay=2),
            edge("a", "out", Flatten(), Linear(5)),
        ),
        3,
    ),
}


@pytest.mark.parametrize("name", STREAMED)
def test_what_is_streamed_arrives_when_the_reference_delivers_it(name: str, module: ModuleType) -> None:
    """A frame sent at machine step m arrives at m + 1; ours arrives `delay` steps after it was shown."""
    machine = RETIME.run(STREAMED[name]).model
    analog = np.random.default_rng(1).normal(size=(4, 1, 2, 5, 4)).astype(np.float32)
    drawn = analog if name == "analog" else sample(machine.network, batch=1)
    inputs, steps = machine_input(machine.network, drawn)
    static = machine.network.timesteps is not None
    frames = np.stack([inputs] * steps) if static else inputs
    shown = frames[:, 0].astype(np.float64)
    bundle = bundle_of(module, machine)
    original = inputs[0] if static else inputs[: steps - bundle.latency, 0]
    for projection in from_source(machine):
        sent = module.stream(written(bundle, projection), original.astype(np.float64), static, steps)
        before = Projection("x", "input", "y", projection.ops[:-1])  # quantiser and flatten, no kernel
        due = [apply_ops(before, {}, frame[None])[0] for frame in shown]
        for step in range(projection.delay, steps):
            np.testing.assert_array_equal(sent[step - 1], due[step - projection.delay])
        assert not sent[: projection.delay - 1].any()


KERNELS: dict[str, tuple[Op, ...]] = {
    "square": (conv(4),),
    "oblong": (Conv2d(3, (3, 2), (2, 1), (0, 1), (1, 2)),),
    "grouped": (Conv2d(4, (2, 3), (1, 2), (2, 0), (2, 1), 2),),
    "matrix": (Flatten(), Linear(12)),
}


@pytest.mark.parametrize("name", KERNELS)
def test_the_host_computes_the_currents_of_the_reference(name: str, module: ModuleType) -> None:
    network = net(PIXELS, {"out": LEAKY}, edge("input", "out", *as_bias(*KERNELS[name])), timesteps=3)
    model = fixed(network, 11)
    weights = {**model.weights, "out/bias": 4 * np.rint(model.weights["out/bias"] / 16)}
    machine = RETIME.run(Model(network, weights)).model
    bundle = bundle_of(module, machine)
    (projection,) = from_source(machine)
    frame = np.random.default_rng(5).normal(size=(2, 6, 6)).astype(np.float32).astype(np.float64)
    current = apply_ops(projection, machine.weights, frame[None])[0]
    np.testing.assert_array_equal(module.evaluate(bundle, written(bundle, projection), frame), current)
    assert len(np.unique(current)) > 10
    bias = machine.weights["out/bias"].reshape(-1, *[1] * (current.ndim - 1))
    population = bundle.population("out")
    found = module.biases(bundle, population, frame) << population["bias_exponent"]
    np.testing.assert_array_equal(found, 64 * current + bias)


@pytest.mark.parametrize("groups", [1, 2, 127, 128, 130, 131, 254])
def test_kernels_of_many_groups_are_written_with_few(groups: int, module: ModuleType) -> None:
    rng = np.random.default_rng(groups)
    weight = rng.integers(-9, 9, (2 * groups, 3, 2, 1))
    wide, fewer = module.with_fewer_groups(weight, groups)
    assert fewer <= 127
    assert groups % fewer == 0
    spikes = rng.integers(0, 2, (1, 3 * groups, 3, 3)).astype(np.float64)

    def convolved(values: NDArray[Any], number: int) -> NDArray[Any]:
        op = Conv2d(2 * groups, (2, 1), groups=number)
        weights = {"x/0/weight": values.astype(np.float32)}
        return apply_ops(Projection("x", "a", "b", (op,)), weights, spikes)

    np.testing.assert_array_equal(convolved(wide, fewer), convolved(weight, groups))


def corners() -> Model:
    """What fixtures have not: more groups than Lava's Conv holds, a hold during warm-up, graded matrices."""
    model = fixed(
        net(
            Source((130, 1, 2)),
            {"a": LEAKY, "b": LEAKY, "c": FixedLIF(1000, 0), "d": LEAKY, "e": LEAKY, "out": LEAKY},
            edge("input", "a", *graded(conv(130, 1, groups=130))),
            edge("a", "b", conv(2, 1)),
            edge("b", "c", conv(3)),
            edge("c", "d", conv(2, 1)),
            edge("d", "e", conv(2, 1)),
            edge("e", "out", Flatten(), Linear(4)),
            edge("input", "out", *graded(Flatten(), Linear(4))),
            edge("a", "b", conv(2, 1), delay=1, number=2),
            timesteps=5,
        ),
        2,
    )
    strong = {"out/bias": np.full(4, 128 * 4000), "out/threshold": np.full(4, 9000)}
    return Model(model.network, {**model.weights, **{k: v.astype(np.float32) for k, v in strong.items()}})


def on_lava(machine: Model, inputs: NDArray[Any]) -> Iterator[str]:
    """Run on real Lava in machine time; yields what differs from the reference."""
    found = run_on_lava(bundle_files(machine), inputs, None, machine=True, seconds=SECONDS)
    shown, steps = machine_input(machine.network, inputs)
    static = machine.network.timesteps is not None
    expected = simulate(machine, shown, steps if static else None, membranes=True)
    for population in machine.network.populations:
        if not isinstance(population.neuron, FixedLIF):
            continue
        name, spikes = population.name, expected.spikes[population.name]
        last = np.where(spikes[-1] > 0, 0, expected.membranes[name][-1])
        assert found[name].dtype == np.uint8
        if not np.array_equal(found[name], spikes):
            yield f"spikes of {name}"
        if not np.array_equal(found[f"{name}/voltage"], last):
            yield f"voltages of {name}"


@pytest.mark.parametrize("name", ["vectors", "corners"])
def test_real_lava_does_what_the_reference_says_in_every_spike_and_voltage(name: str) -> None:
    require_lava()
    machine = RETIME.run(corners() if name == "corners" else FIXED[name]).model
    holds = [warm.hold for warm in warm_up(machine).values()]
    assert any(holds) == (name == "corners")
    assert not list(on_lava(machine, sample(machine.network, batch=1)))


def test_a_record_of_some_populations_is_in_logical_time(folder: Path) -> None:
    python = require_lava()
    model = FIXED["vectors"]
    inputs = sample(model.network, batch=2)
    np.save(folder / "x.npy", inputs)
    with supervised() as run:
        command = [python, folder / "run_lava.py", folder / "x.npy", "-o", folder / "o.npz", "--record", "b"]
        ended = run.call([*command, "--shared-memory-prefix", run.segment_prefix], SECONDS)
    assert ended.code == 0, ended.stderr
    assert ended.stdout.splitlines() == ["sample 1 of 2", "sample 2 of 2"]
    expected = simulate(model, inputs)
    with np.load(folder / "o.npz") as found:
        assert set(found.files) == {"b", "out", "output"}
        np.testing.assert_array_equal(found["b"], expected.spikes["b"])
        np.testing.assert_array_equal(found["output"], expected.outputs)
    assert expected.spikes["b"].any()
