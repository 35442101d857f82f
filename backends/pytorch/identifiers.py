"""Python identifiers for the parts of a generated module."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

from msc.backends.pytorch.parts import template
from msc.ir.network import Network

_MODULE_NAMES = """
T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double
dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu
load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters
register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to
to_empty train training type xpu zero_grad
"""
MODULE_NAMES = frozenset(_MODULE_NAMES.split())
"""What torch.nn.Module already has: no part may take these names."""

_OWN_NAMES = """
self x frame timesteps state new fed synapses output outputs rest feed step update n shapes name shape
torch nn Any Path Tensor load_file HERE Network load
"""


class Identifiers:
    """Hands out identifiers, each once: what Python does not allow becomes `_`, a taken one gets a number."""

    def __init__(self, reserved: frozenset[str]) -> None:
        self._taken = set(reserved)

    def claim(self, wanted: str) -> str:
        """Turn a wanted name into a free identifier that starts with a letter."""
        base = re.sub(r"\W", "_", wanted, flags=re.ASCII).lstrip("_") or "part"
        base = base if base[0].isalpha() else f"n{base}"
        name, number = base, 2
        while name in self._taken or keyword.iskeyword(name):
            name, number = f"{base}_{number}", number + 1
        self._taken.add(name)
        return name


@dataclass(frozen=True)
class Names:
    """The identifier of each population and projection, by its name in the IR."""

    populations: dict[str, str]
    projections: dict[str, str]


def identifiers(network: Network) -> Names:
    """Choose the identifiers: layers keep their names, projections are called source_to_target."""
    taken = Identifiers(MODULE_NAMES | set(_OWN_NAMES.split()) | set(template()))
    populations = {p.name: taken.claim(p.name) for p in network.populations}
    return Names(
        populations,
        {
            p.name: taken.claim(f"{populations[p.source]}_to_{populations[p.target]}")
            for p in network.projections
        },
    )
