"""Networks built of snnTorch's neurons and torch's layers, exported by its own `export_to_nir`.

Its exporter (1.0 with nir 1.0.8) needs beta and threshold as tensors of the neurons' full shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.backends.nir.foreign.exports import Export, Values, fill

ZERO: dict[str, Any] = {"reset_mechanism": "zero", "reset_delay": False, "init_hidden": True}


def leaky(*shape: int, beta: float = 0.5, threshold: float = 1.0, **changed: Any) -> Any:
    """Make a Leaky that resets to 0 at once, as NIR's LIF does."""
    import snntorch
    import torch

    return snntorch.Leaky(torch.full(shape, beta), threshold=torch.full(shape, threshold), **ZERO | changed)


def synaptic(*shape: int, alpha: float = 0.5, beta: float = 0.5, **changed: Any) -> Any:
    """Make a Synaptic that resets its membrane to 0 at once, as NIR's CubaLIF does."""
    import snntorch
    import torch

    values = {"alpha": torch.full(shape, alpha), "beta": torch.full(shape, beta)}
    return snntorch.Synaptic(**values, threshold=torch.ones(shape), **ZERO | changed)


def exported(net: Any, shape: tuple[int, ...], seed: int, recurrent_bias: bool = False) -> Export:
    """Export a network; its native run starts from rest and goes step by step."""
    import torch
    from snntorch.export_nir import export_to_nir

    fill(net, seed)
    for name, parameter in net.named_parameters():
        if name.endswith("recurrent.bias") and not recurrent_bias:
            parameter.data.zero_()
    hidden = [module for module in net.modules() if hasattr(module, "reset_mem")]
    with torch.no_grad():
        graph = export_to_nir(net, torch.zeros(1, *shape), ignore_dims=[0])

    def native(frames: np.ndarray) -> Values:
        for module in hidden:
            module.reset_mem()
        with torch.no_grad(), torch.backends.nnpack.flags(enabled=False):
            steps = [net(torch.from_numpy(frame)) for frame in frames]
        return np.stack([(step[0] if isinstance(step, tuple) else step).numpy() for step in steps])

    return Export(graph, native, shape)


def dense(seed: int) -> Export:
    """Two time constants, one of which no binary number holds, and a threshold that rounds."""
    from torch import nn

    net = nn.Sequential(
        nn.Linear(12, 20),
        leaky(20, threshold=0.7),
        nn.Linear(20, 6, bias=False),
        leaky(6, beta=0.9, output=True),
    )
    return exported(net, (12,), seed)


def convolutions(seed: int) -> Export:
    from torch import nn

    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding="same"),
        leaky(4, 8, 8),
        nn.AvgPool2d(2),
        nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False),
        leaky(6, 2, 2, beta=0.75),
        nn.Flatten(),
        nn.Linear(24, 5),
        leaky(5, beta=0.9, output=True),
    )
    return exported(net, (2, 8, 8), seed)


def groups(seed: int) -> Export:
    """A grouped convolution, whose file nir reads back without its type check only."""
    from torch import nn

    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, groups=2), leaky(4, 4, 4), nn.Flatten(), nn.Linear(64, 5), leaky(5, output=True)
    )
    return exported(net, (2, 6, 6), seed)


def currents(seed: int) -> Export:
    """Neurons with synaptic currents."""
    from torch import nn

    net = nn.Sequential(
        nn.Linear(12, 20), synaptic(20, beta=0.75), nn.Linear(20, 6), synaptic(6, alpha=0.9, output=True)
    )
    return exported(net, (12,), seed)


def deep(seed: int) -> Export:
    """Twelve nodes, whose names in order are not the order they are in."""
    from torch import nn

    layers = [module for _ in range(6) for module in (nn.Linear(24, 24, bias=False), leaky(24))]
    return exported(nn.Sequential(*layers), (24,), seed)


def recurrent(seed: int, one_to_one: bool = False, bias: bool = False) -> Export:
    """A population that feeds itself, one step late."""
    import snntorch
    import torch
    from torch import nn

    loop: dict[str, Any] = {"linear_features": 10}
    if one_to_one:
        loop = {"all_to_all": False, "V": torch.linspace(-0.6, 0.6, 10)}
    rleaky = snntorch.RLeaky(0.5, **loop, **ZERO)
    net = nn.Sequential(nn.Linear(6, 10), rleaky, nn.Linear(10, 5), leaky(5, beta=0.75, output=True))
    return exported(net, (6,), seed, bias)


EXPORTS: dict[str, Callable[[int], Export]] = {
    "dense": dense,
    "convolutions": convolutions,
    "groups": groups,
    "currents": currents,
    "deep": deep,
    "recurrent": recurrent,
    "recurrent_one_to_one": lambda seed: recurrent(seed, one_to_one=True),
}
