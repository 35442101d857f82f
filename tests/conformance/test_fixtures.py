"""Every simulator on every fixture network: the same spikes, or a refusal that says why."""

from __future__ import annotations

import pytest

from msc.backends.verification import Verdict
from msc.ir.neurons import InputKind, Source
from tests.conformance.checking import PEERS, require_simulator, verify
from tests.dyadic import sample_input, steps_of
from tests.networks import NETWORKS, NORMED

LATE = "no simulator reads delays from NIR"
LOOP = "snnTorch rewrites such a pair into another network"
NO_LI = "Unknown node type <class 'nir.ir.neuron.LI'>"
# The only networks a simulator may refuse, with its reason.
REFUSED = {
    **{(name, peer): LATE for name in ("delays", "delayed_chain", "parallel_feedback") for peer in PEERS},
    **{("scale_delays", peer): LATE for peer in PEERS},
    **{("membrane", peer): NO_LI for peer in PEERS if peer != "nirtorch"},
    ("loop", "snntorch"): LOOP,
    ("cuba", "snntorch"): LOOP,
    ("batch_cuba", "snntorch"): LOOP,
    ("if", "snntorch"): "r != 1 not supported",
    ("tau", "spikingjelly"): "nir.LIF.tau / dt must be finite and greater than 1",
}


@pytest.mark.parametrize("simulator", ["pytorch", *PEERS])
@pytest.mark.parametrize("name", [*NETWORKS, *NORMED])
def test_same_spikes_or_a_known_refusal(name: str, simulator: str, workers) -> None:
    """Dyadic weights: not one value differs. Weights that round: nothing beyond rounding."""
    require_simulator(simulator)
    model = {**NETWORKS, **NORMED}[name]
    source = model.network.source.neuron
    assert isinstance(source, Source)
    steps = steps_of(model.network) if source.kind is InputKind.STATIC else None
    verification = verify(model, sample_input(model.network), steps, workers, simulator)
    (result,) = verification.results
    assert verification.alive
    if (name, simulator) in REFUSED:
        assert result.verdict is Verdict.CANNOT
        assert REFUSED[name, simulator] in str(result.reason)
    elif name in NETWORKS and name != "membrane":
        assert result.verdict is Verdict.EQUAL, str(result)
    else:
        assert result.verdict is not Verdict.CANNOT, str(result)
        assert result.ok, str(result)
