"""Norse's neurons, wired by NIRTorch's interpreter (norse's own importer loses re-converging branches)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from msc.backends.nir.neurons import DT_S
from msc.backends.simulators.contracts import Requirements
from msc.backends.simulators.nodes import every_node, first_nonzero, padded_sum_pool, spell_out

_REQUIREMENTS = Requirements(
    ("nir", "nirtorch", "norse", "torch"),
    'python -m pip install "norse>=1.1,<1.2" "nirtorch>=2.6,<2.7"',
)


@dataclass
class Norse:
    """Runs NIR files with norse's mapping of nodes; it ignores a LIF's r, so it reads the profile r = 1."""

    name: str = "norse"
    target: str = "nir"
    requirements: Requirements = _REQUIREMENTS
    profile: str = "r1"

    def cannot(self, graph: Any) -> str | None:
        """Refuse what norse ignores: resets, r of LIF and IF, padding of sums; and leaks, where it starts."""
        shifted = first_nonzero(graph, "v_reset", "v_leak")
        if shifted is not None:
            return f"{shifted} is not 0, which norse does not import faithfully"
        for name, node in every_node(graph):
            wanted = {"LIF": 1.0, "IF": 1 / DT_S}.get(type(node).__name__)
            if wanted is not None and not np.allclose(node.r, wanted, rtol=1e-6, atol=0):
                return f"{name}: r is not {wanted:g}, and norse ignores it"
        pool = padded_sum_pool(graph)
        return f"{pool}: norse ignores the padding of a SumPool2d" if pool is not None else None

    def load(self, graph: Any) -> Any:
        """Import the graph node by node with norse's mapping."""
        import nir
        import nirtorch
        from norse.torch.utils.import_nir import _import_norse_module

        kinds = (nir.LIF, nir.IF, nir.CubaLIF, nir.Affine, nir.Conv2d, nir.Linear, nir.Flatten, nir.SumPool2d)
        spell_out(graph)
        convert = partial(_import_norse_module, dt=DT_S, ignore_warnings=True)
        mapping: Any = dict.fromkeys(kinds, convert)
        return nirtorch.nir_to_torch(graph, mapping)


SIMULATOR = Norse()
