"""What msc wrote to NIR is read back: the same spikes and names, and the same bytes when written again."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest

from msc.backends.nir import FILE_NAME, TARGET
from msc.backends.nir.reading.network import Imported, NirMeaningError, read_network
from msc.compiler.driver import compile_model
from msc.compiler.initialise import dyadic_model
from msc.ir.network import Model, Population
from msc.ir.neurons import IF, LI, LIF, CubaLIF, InputKind, Source
from msc.ir.ops import AvgPool2d, Conv1d, Conv2d, Flatten, Linear, SumPool2d
from msc.ir.simulate import simulate
from tests.backends.nir.reading.graphs import affine, analog, chain, conv, lif, read, wired
from tests.conformance.genomes import drawn, network_of
from tests.dyadic import dyadic, run, sample_input
from tests.networks import NETWORKS, NORMED, PIXELS, edge, net

PROFILES = ("rt", "r1")
EXPRESSIBLE = [name for name, model in NETWORKS.items() if not TARGET.refusals(model, {})]


def written(model: Model, profile: str = "rt") -> bytes:
    return TARGET.emit(model, {"profile": profile}).files[FILE_NAME]


def opened(data: bytes) -> Imported:
    """What is read back, without the process that guards the reading of files."""
    return read(nir.read(io.BytesIO(data), type_check=False))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", EXPRESSIBLE)
def test_fixtures_come_back_and_are_written_the_same(name: str, profile: str) -> None:
    model = NETWORKS[name]
    data = written(model, profile)
    found = opened(data).model
    assert written(found, profile) == data
    expected, got = run(model, sample_input(model.network)), run(found, sample_input(model.network))
    assert set(got.spikes) == set(expected.spikes)
    for population, spikes in expected.spikes.items():
        np.testing.assert_array_equal(got.spikes[population], spikes, err_msg=population)
    assert found.network.source.neuron == model.network.source.neuron
    assert found.network.timesteps == model.network.timesteps
    assert {p.name for p in found.network.projections} == {p.name for p in model.network.projections}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", [n for n in NORMED if n != "scale_delays"])
def test_what_was_compiled_compiles_to_itself(name: str, profile: str) -> None:
    options = {"profile": profile}
    data = compile_model(lambda: NORMED[name], TARGET, options).files[FILE_NAME]
    found = opened(data).model
    assert compile_model(lambda: found, TARGET, options).files[FILE_NAME] == data


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("space", ["mse-nas", "snasnet"])
def test_genomes_come_back_and_are_written_the_same(space: str, seed: int) -> None:
    model = dyadic_model(network_of(space, seed), seed)
    inputs, steps = drawn(model.network, seed)
    for profile in PROFILES:
        data = compile_model(lambda: model, TARGET, {"profile": profile}).files[FILE_NAME]
        found = opened(data).model
        assert written(found, profile) == data
        np.testing.assert_array_equal(
            simulate(found, inputs, steps).outputs, simulate(model, inputs, steps).outputs
        )


def test_other_time_constants_and_neurons_are_written_the_same() -> None:
    """4/3 is no float32: the resistance that the file holds is a float32 of it."""
    neurons = {
        "a": LIF(4 / 3, 1.0, 1.0, -0.125, 0.25),
        "b": CubaLIF(1.7, 3.3, 0.7, 1.1, 0.4, -0.5, 0.1),
        "c": IF(0.3, 0.7, 0.1),
        "d": LIF(7.1, 7.1, 0.3),
        "out": LI(5.3, 2.1, 0.05),
    }
    names = ["input", *neurons]
    ends = [edge(a, b, Conv2d(2, (3, 3), padding=(1, 1))) for a, b in pairwise(names)]
    model = dyadic(net(PIXELS, neurons, *ends[:-1], edge("d", "out", Flatten(), Linear(5)), timesteps=4))
    for profile in PROFILES:
        data = written(model, profile)
        found = opened(data).model
        assert written(found, profile) == data
        for name, neuron in neurons.items():
            got = found.network.population(name).neuron
            assert type(got) is type(neuron)
            for parameter in ("v_threshold", "v_reset", "v_leak"):
                assert getattr(got, parameter, None) == getattr(neuron, parameter, None)


@pytest.mark.parametrize("profile", PROFILES)
def test_groups_and_lone_pools_come_back_as_groups(profile: str, tmp_path: Path) -> None:
    """NIR's own shapes of grouped kernels are wrong, so they are written dense, with a note."""
    ends = (
        edge("input", "a", Conv2d(4, (3, 3), padding=(1, 1), groups=2)),
        edge("a", "b", AvgPool2d((3, 3), (1, 1), (1, 1))),
        edge("b", "c", SumPool2d((2, 2), (2, 2))),
        edge("c", "out", Flatten(), Linear(5)),
    )
    neurons = {"a": LIF(), "b": LIF(), "c": LIF(v_threshold=1.0), "out": LIF()}
    model = dyadic(net(PIXELS, neurons, *ends, timesteps=4))
    data = written(model, profile)
    (tmp_path / FILE_NAME).write_bytes(data)
    found = read_network(tmp_path / FILE_NAME).model
    groups = [p.ops[0].groups for p in found.network.projections if isinstance(p.ops[0], Conv2d)]
    assert groups == [2, 4, 4]
    assert written(found, profile) == data
    with h5py.File(tmp_path / FILE_NAME, "r+") as file:
        (node,) = (n for n in file["node/nodes"] if n.endswith("conv2d_input_to_a"))
        file[f"node/nodes/{node}/weight"][0, 1, 0, 0] = 1.0
    spoilt = read_network(tmp_path / FILE_NAME).model.network
    assert spoilt.projections[0].ops[0] == Conv2d(4, (3, 3), padding=(1, 1)), "the weights deny the note"


LINES = (
    edge("input", "a", Conv1d(4, 3, 1, 1)),
    edge("a", "b", Conv1d(4, 3, 2, 2, 2, 2)),
    edge("b", "b", Conv1d(4, 1), delay=1),
    edge("b", "out", Flatten(), Linear(5)),
)


@pytest.mark.parametrize("profile", PROFILES)
def test_one_dimension_is_written_and_read(profile: str) -> None:
    neurons = {"a": LIF(), "b": LIF(v_threshold=1.0), "out": LIF()}
    model = dyadic(net(Source((2, 9)), neurons, *LINES, timesteps=5))
    data = written(model, profile)
    found = opened(data).model
    assert written(found, profile) == data
    inputs = sample_input(model.network)
    np.testing.assert_array_equal(run(found, inputs).outputs, run(model, inputs).outputs)


def test_delays_between_lines_are_closed_and_anchored() -> None:
    ends = (
        edge("input", "a", Conv1d(4, 3, 1, 1)),
        edge("a", "b", Conv1d(3, 3, 2, 1), delay=1),
        edge("b", "out", Flatten(), Linear(5)),
    )
    model = dyadic(net(Source((2, 9)), {"a": LIF(), "b": LIF(), "out": LIF()}, *ends, timesteps=5))
    data = written(model)
    found = opened(data)
    assert [p.name for p in found.model.network.projections] == ["input>a", "b>out", "a>b"]
    assert written(found.model) == data
    inputs = sample_input(model.network)
    np.testing.assert_array_equal(run(found.model, inputs).outputs, run(model, inputs).outputs)


def test_an_identity_and_a_bias_on_lines() -> None:
    ends = (edge("input", "a"), edge("a", "out", Flatten(), Linear(5)))
    model = dyadic(net(Source((2, 3)), {"a": LIF(tau=2, r=1), "out": LIF()}, *ends, timesteps=3))
    found = opened(written(model)).model
    inputs = sample_input(model.network)
    np.testing.assert_array_equal(run(found, inputs).outputs, run(model, inputs).outputs)


def test_labels_and_steps_are_kept_for_who_knows_to_look(tmp_path: Path) -> None:
    files = TARGET.emit(NETWORKS["chain"], {}, {"genome": "abc"}).files
    (tmp_path / FILE_NAME).write_bytes(files[FILE_NAME])
    with h5py.File(tmp_path / FILE_NAME) as file:
        metadata = file["node/metadata"]
        assert metadata["labels/genome"][()] == b"abc"
        assert metadata["timesteps"][()] == 4
    assert TARGET.read(str(tmp_path)).network.timesteps == 4


def test_a_network_takes_any_kind_of_input_its_reader_wants(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(written(NETWORKS["chain"]))
    assert read_network(tmp_path / FILE_NAME).model.network.source.neuron.kind is InputKind.STATIC
    found = read_network(tmp_path / FILE_NAME, kind=InputKind.EVENTS)
    assert found.model.network.source.neuron.kind is InputKind.EVENTS


def test_projections_named_as_helpers_stay_where_their_weights_count() -> None:
    """A stranger may call anything #closing."""
    named = affine(3, 3)
    named.metadata = {"projection": "a>b#closing"}
    imported = read(chain((3,), (3,), a=lif((3,)), w=named, b=lif((3,))))
    assert [p.name for p in imported.model.network.projections] == ["input>a", "a>b#closing"]
    named.weight[:] = 0
    imported = read(chain((3,), (3,), a=lif((3,)), w=named, b=lif((3,))))
    assert [p.name for p in imported.model.network.projections] == ["input>a", "a>b#closing"]
    edges = [("input", "a"), ("a", "w"), ("w", "b"), ("a", "b"), ("b", "output")]
    imported = read(wired((3,), (3,), edges, a=lif((3,)), w=named, b=lif((3,))))
    assert [p.name for p in imported.model.network.projections] == ["input>a", "a>b"]
    assert imported.model.weights["b/bias"].any(), "its bias counts"


FOREIGN = {
    "late bias": wired(
        (3,),
        (3,),
        [("input", "l"), ("l", "w"), ("w", "l"), ("l", "output")],
        l=lif((3,), 0.75),
        w=affine(3, 3),
    ),
    "padded bias": chain(
        (2, 5, 6), (2, 5, 6), a=conv(2, (2, 5, 6)), b=conv(2, (2, 5, 6), seed=1), l=lif((2, 5, 6), 0.75)
    ),
    "readout": chain((3,), (4,), a=lif((3,)), w=affine(4, 3)),
    "unreached": wired(
        (3,),
        (3,),
        [("input", "l"), ("x", "x"), ("y", "x"), ("x", "y"), ("y", "l"), ("l", "output")],
        x=lif((3,), v_leak=1.5),
        y=lif((3,), v_leak=1.0),
        l=lif((3,)),
    ),
}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", FOREIGN)
def test_networks_of_others_are_written_read_and_written_the_same(name, profile) -> None:
    model = read(FOREIGN[name]).model
    data = compile_model(lambda: model, TARGET, {"profile": profile}).files[FILE_NAME]
    found = opened(data).model
    assert written(found, profile) == data
    inputs = analog(model.network.source.neuron.shape)
    np.testing.assert_array_equal(simulate(found, inputs).outputs, simulate(model, inputs).outputs)


def test_a_damaged_artefact_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(written(NETWORKS["chain"]))
    with h5py.File(tmp_path / FILE_NAME, "r+") as file:
        (node,) = (n for n in file["node/nodes"] if n.endswith("_lif_b"))
        file[f"node/nodes/{node}/v_threshold"][0, 0, 0] = 9
    with pytest.raises(
        NirMeaningError, match=f"network.nir, node {node}: v_threshold varies inside the population, from "
    ):
        TARGET.read(str(tmp_path))


def test_every_population_of_a_file_is_named_as_before() -> None:
    populations = [Population(f"layer{i}.A", LIF()) for i in range(12)]
    ends = [edge("input", "layer0.A", Conv2d(2, (3, 3), padding=(1, 1)))]
    ends += [edge(f"layer{i}.A", f"layer{i + 1}.A", Conv2d(2, (3, 3), padding=(1, 1))) for i in range(11)]
    network = net(PIXELS, {p.name: p.neuron for p in populations}, *ends, output="layer11.A", timesteps=4)
    found = opened(written(dyadic(network))).model.network
    assert [p.name for p in found.populations] == [p.name for p in network.populations]
    assert found.output == "layer11.A"
