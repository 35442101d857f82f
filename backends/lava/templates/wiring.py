"""Part of run_lava.py: builds the network from Lava's processes and runs it for one sample."""

# pyright: reportMissingImports=false
from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import numpy as np

from .encoding import biases, is_from_source, is_host_bias, stream
from .reading import Bundle, UserError

NEVER_AGAIN = 2**31 - 1  # machine steps between two resets of a population: there is one
HOLD_WEIGHT = -255
MESSAGE_BITS = 8  # of a graded spike
LARGEST_GROUPS = 127  # Lava's Conv keeps its groups in a signed byte


def prepare_lava() -> None:
    """Check that Lava 0.10 is here, and make it work on Python 3.11 and later and on NumPy 2."""
    try:
        found = version("lava-nc")
    except PackageNotFoundError as error:
        raise UserError(
            f"{sys.executable}: has no lava-nc; run the script with a Python that has lava-nc 0.10"
        ) from error
    if not f"{found}.".startswith("0.10."):
        raise UserError(f"{sys.executable}: has lava-nc {found}; run the script with one that has 0.10")
    _import_variable_models()
    ports: Any = importlib.import_module("lava.magma.core.process.ports.ports")
    # Lava names numpy.reshape's argument `newshape`, which NumPy 2.4 does not know any more.
    ports.ReshapePort.get_transform_func_fwd = lambda port: functools.partial(_reshape, shape=port.shape)
    ports.ReshapePort.get_transform_func_bwd = lambda port: functools.partial(_reshape, shape=port.old_shape)
    # Its convolution mixes sizes with signed bytes, and NumPy 2 does not widen those for a size of 128.
    utils: Any = importlib.import_module("lava.proc.conv.utils")
    utils.conv = functools.partial(_convolve, utils.conv)


def _import_variable_models() -> None:
    """Import Lava's variable models, whose ByteEncoder is a default value: Python 3.11 wants it hashable."""
    original = dataclasses.dataclass

    def hashable(cls: Any = None, **options: Any) -> Any:
        if getattr(cls, "__name__", "") == "ByteEncoder":
            options["unsafe_hash"] = True
        return original(cls, **options)

    dataclasses.dataclass = hashable
    try:
        importlib.import_module("lava.magma.compiler.var_model")
    finally:
        dataclasses.dataclass = original


def _convolve(convolve: Any, values: np.ndarray, weight: np.ndarray, *numbers: Any) -> np.ndarray:
    return convolve(values, weight, *(np.asarray(n).tolist() for n in numbers))


def _reshape(data: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.reshape(data, shape)


def run_sample(
    bundle: Bundle, sample: np.ndarray, steps: int, sinks: Mapping[str, Path], voltages: bool
) -> dict[str, np.ndarray]:
    """Run one sample for `steps` machine steps in a new network; `sinks` are the files for spikes.

    Returns, on request, every population's voltage after the last step, [*shape] in Lava's order of axes.
    """
    from lava.magma.core.process.process import ProcessServer
    from lava.magma.core.process.variable import VarServer
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.sink import RingBuffer

    neurons = wire(bundle, sample, steps)
    for name, path in sinks.items():
        sink = RingBuffer(shape=neurons[name].s_out.shape, buffer=1)
        sink.proc_params["path"] = str(path)
        neurons[name].s_out.connect(sink.a_in)
    output = neurons[bundle.network["output"]]
    models = {RingBuffer: file_sink()}
    try:
        output.run(RunSteps(steps), Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map=models))
        found = {name: process.v.get().astype(np.int32) for name, process in neurons.items() if voltages}
        output.stop()
    except BaseException:
        tell_failures(output.runtime)
        end_children()  # Lava waits for processes that never end once one of them has failed
        raise
    ProcessServer().reset_server()  # or they keep the processes and arrays of every sample
    VarServer().reset_server()
    return found


def tell_failures(runtime: Any) -> None:
    """Print what went wrong in Lava's processes, which Lava itself keeps to itself."""
    for actor in runtime._messaging_infrastructure.actors if runtime else ():
        if actor.exception:
            print(actor.exception[1], file=sys.stderr)


def end_children() -> None:
    """Kill what this process has started, but for the one that removes shared memory when all are gone."""
    found = {child.pid for child in multiprocessing.active_children() if child.pid}
    for path in Path("/proc/self/task").glob("*/children"):  # those, too, that were forked a moment ago
        found |= {int(number) for number in path.read_text().split()}
    for number in found - {resource_tracker._resource_tracker._pid}:  # type: ignore[attr-defined]
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


@functools.cache
def file_sink() -> Any:
    """Make a model of Lava's sink that appends the spikes of each step to a file, one byte per neuron.

    Lava's own model keeps them, to be read one number per message. A model given to the run configuration
    needs no search: Lava searches the folder of a new process's class, and runs what Python files it finds.
    """
    from lava.magma.core.decorator import implements, requires, tag
    from lava.magma.core.model.py.model import PyLoihiProcessModel
    from lava.magma.core.model.py.ports import PyInPort
    from lava.magma.core.model.py.type import LavaPyType
    from lava.magma.core.resources import CPU
    from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
    from lava.proc.io.sink import RingBuffer

    @implements(proc=RingBuffer, protocol=LoihiProtocol)
    @requires(CPU)
    @tag("fixed_pt")
    class FileSink(PyLoihiProcessModel):
        a_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int32)
        data: Any = LavaPyType(np.ndarray, np.int32)

        def run_spk(self) -> None:
            spikes = self.a_in.recv().astype(np.uint8)
            with open(self.proc_params["path"], "ab") as file:
                file.write(spikes.tobytes())

    return FileSink


def wire(bundle: Bundle, sample: np.ndarray, steps: int) -> dict[str, Any]:
    """Build the network for one sample, its input included; returns the neurons' processes by population."""
    from lava.proc.io.source import RingBuffer

    network = bundle.network
    static = network["input"]["kind"] == "static"
    neurons = {p["name"]: lif(bundle, p, sample) for p in network["populations"]}
    for population in network["populations"]:
        if population["hold"]:
            hold(population, neurons[population["name"]], steps)
    shapes = {p["name"]: tuple(p["shape"]) for p in (network["input"], *network["populations"])}
    senders: dict[bytes, Any] = {}
    for projection in network["projections"]:
        shape = shapes[projection["source"]]
        if is_from_source(projection, network):
            if is_host_bias(projection):
                continue
            sent = stream(projection, sample, static, steps)
            key = repr(sent.shape).encode() + sent.tobytes()
            if key not in senders:
                senders[key] = RingBuffer(data=sent.T)  # Lava's axes are ours backwards, its time is the last
            port, shape = senders[key].s_out, sent.shape[1:]
        else:
            port = neurons[projection["source"]].s_out
            if any(op["op"] == "Flatten" for op in projection["ops"]) and len(shape) > 1:
                port, shape = port.transpose(list(range(len(shape)))[::-1]).flatten(), (int(np.prod(shape)),)
        synapses = connection(bundle, projection, shape)
        port.connect(synapses.s_in)
        synapses.a_out.connect(neurons[projection["target"]].a_in)
    return neurons


def lif(bundle: Bundle, population: dict[str, Any], sample: np.ndarray) -> Any:
    """Make a population's neurons, which wait for their first step in a state in which they cannot fire."""
    from lava.proc.lif.process import LIF, LIFReset

    shape = tuple(population["shape"])[::-1]
    parameters: dict[str, Any] = {
        "shape": shape,
        "du": population["decay_u"],
        "dv": population["decay_v"],
        "vth": np.broadcast_to(bundle.weights[f"{population['name']}/threshold"].astype(np.int64), shape),
        "bias_mant": biases(bundle, population, sample).T,
        "bias_exp": population["bias_exponent"],
        "v": population["initial_voltage"],
    }
    if population["start"] == 0:
        return LIF(**parameters)
    # Lava's first step is number 1; the reset comes before the update of the step with this number.
    return LIFReset(**parameters, reset_interval=NEVER_AGAIN, reset_offset=population["start"] + 1)


def hold(population: dict[str, Any], neurons: Any, steps: int) -> None:
    """Inhibit a population at every step from 1 until it starts: its bias would fire it before."""
    from lava.proc.dense.process import Dense
    from lava.proc.io.source import RingBuffer

    spikes = np.zeros((population["hold"], steps), np.int32)
    spikes[:, : population["start"] - 1] = 1  # each arrives one step after it is sent
    sender = RingBuffer(data=spikes)
    weights = np.full((int(np.prod(population["shape"])), population["hold"]), HOLD_WEIGHT, np.int32)
    synapses = Dense(weights=weights)
    sender.s_out.connect(synapses.s_in)
    synapses.a_out.reshape(tuple(population["shape"])[::-1]).connect(neurons.a_in)


def connection(bundle: Bundle, projection: dict[str, Any], shape: tuple[int, ...]) -> Any:
    """Make the synapses of a projection, from what is sent in `shape`."""
    from lava.proc.conv.process import Conv
    from lava.proc.dense.process import Dense
    from lava.proc.sparse.process import Sparse
    from scipy.sparse import identity

    ops = projection["ops"]
    bits = MESSAGE_BITS if ops and ops[0]["op"] == "Quantise" else 0
    if not ops:
        if len(shape) == 1:
            return Sparse(weights=identity(*shape, dtype="int32", format="csr"))
        op = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": shape[0]}
        weight = np.ones((shape[0], 1, 1, 1), np.int32)
    else:
        op = ops[-1]
        weight = bundle.weights[f"{projection['name']}/{len(ops) - 1}/weight"].astype(np.int32)
        if op["op"] == "Linear":
            return Dense(weights=weight, num_message_bits=bits)
    weight, groups = with_fewer_groups(weight, op["groups"])
    return Conv(
        weight=weight[:, :, ::-1, ::-1].transpose(0, 3, 2, 1).copy(),  # Lava flips kernels and swaps axes
        input_shape=shape[::-1],
        stride=tuple(op["stride"])[::-1],
        padding=tuple(op["padding"])[::-1],
        dilation=tuple(op["dilation"])[::-1],
        groups=groups,
        num_message_bits=bits,
    )


def with_fewer_groups(weight: np.ndarray, groups: int) -> tuple[np.ndarray, int]:
    """Write a kernel [O, C / groups, kh, kw] with no more groups than Lava holds, zeros filling the rest."""
    fewer = max(n for n in range(1, LARGEST_GROUPS + 1) if groups % n == 0)
    joined = groups // fewer
    parts = weight.reshape(groups, -1, *weight.shape[1:])
    wide = np.zeros((fewer, joined, parts.shape[1], joined, *parts.shape[2:]), weight.dtype)
    for index in range(joined):
        wide[:, index, :, index] = parts[index::joined]
    return wide.reshape(len(weight), joined * weight.shape[1], *weight.shape[2:]), fewer
