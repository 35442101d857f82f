"""Runs a .net file beside a bundle with lava-dl's netx: a script for a Python that has Lava."""

from __future__ import annotations

import json
import os
import sys
import types

import numpy as np

TORCH_PARTS = (
    "lava.lib.dl.slayer",
    "lava.lib.dl.slayer.neuron",
    "lava.lib.dl.slayer.neuron.rf",
    "lava.lib.dl.netx.sequential_modules",
)


def main() -> None:
    """Read network.net and sent.npy, [steps, *shape]; write what every layer fired to layer0, layer1, .."""
    folder, settings = sys.argv[1:]
    os.chdir(folder)
    sys.path.insert(0, folder)
    import run_lava

    run_lava.prepare_lava()
    for name in TORCH_PARTS:  # netx imports them, and they torch; reading a .net file needs neither
        sys.modules[name] = types.ModuleType(name)
    sys.modules["lava.lib.dl.slayer.neuron.rf"].neuron_params = None
    from lava.lib.dl.netx import hdf5
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer

    network = hdf5.Network(net_config="network.net", **json.loads(settings))
    sent = np.load("sent.npy")
    sender = RingBuffer(data=sent.T)
    sender.s_out.connect(network.inp)
    for index, layer in enumerate(network.layers):
        sink = Sink(shape=layer.out.shape, buffer=1)
        sink.proc_params["path"] = f"layer{index}"
        (network.out if layer is network.layers[-1] else layer.out).connect(sink.a_in)
    models = {Sink: run_lava.file_sink()}
    sender.run(RunSteps(len(sent)), Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map=models))
    sender.stop()


if __name__ == "__main__":
    main()
