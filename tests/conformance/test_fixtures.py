"""Every simulator on every fixture network: the same spikes, or a refusal that says why."""

from __future__ import annotations

import pytest

from msc.backends.verification import Standard, Verdict
from msc.ir.neurons import InputKind, Source
from tests.conformance.checking import EVERYWHERE, INFEASIBLE, PEERS, require_simulator, verify
from tests.dyadic import sample_input, steps_of
from tests.networks import NETWORKS, NORMED

LATE = "no simulator reads delays from NIR"
LOOP = "snnTorch rewrites such a pair into another network"
PADDED = "SumPool2d > Conv2d is no single kernel: the zero padding between its maps"
CURRENT_BIAS = "has a bias in its synaptic current, Loihi has one on the membrane only"
NO_LI = "Unknown node type <class 'nir.ir.neuron.LI'>"
# The only networks a simulator may refuse, with its reason.
REFUSED = {
    **{(name, peer): LATE for name in ("delays", "delayed_chain", "parallel_feedback") for peer in PEERS},
    **{("scale_delays", peer): LATE for peer in PEERS},
    **{("membrane", peer): NO_LI for peer in PEERS if peer != "nirtorch"},
    ("loop", "snntorch"): LOOP,
    ("cuba", "snntorch"): LOOP,
    ("batch_cuba", "snntorch"): LOOP,
    ("if", "snntorch"): "snnTorch makes a leaky neuron of an IF",
    ("tau", "spikingjelly"): "nir.LIF.tau / dt must be finite and greater than 1",
    ("loop", "loihi"): f"cycle a -> b -> a: has 2 {INFEASIBLE} 1",
    ("parallel_feedback", "loihi"): f"cycle a -> out -> a: has 2 {INFEASIBLE} 1",
    ("analog", "loihi"): f"cycle layer1.A -> layer1.I -> layer1.A: has 2 {INFEASIBLE} 1",
    ("sum_pool", "loihi"): PADDED,
    ("membrane", "loihi"): "emits its membrane (LI), fixed-point populations emit spikes",
    ("batch_cuba", "loihi"): CURRENT_BIAS,
}


@pytest.mark.parametrize("simulator", EVERYWHERE)
@pytest.mark.parametrize("name", [*NETWORKS, *NORMED])
def test_same_spikes_or_a_known_refusal(name: str, simulator: str, workers) -> None:
    """Dyadic weights: not one value differs. Weights that round: nothing beyond rounding.

    On Loihi: not one value differs from the quantised network, whatever the weights.
    """
    require_simulator(simulator)
    model = {**NETWORKS, **NORMED}[name]
    source = model.network.source.neuron
    assert isinstance(source, Source)
    steps = steps_of(model.network) if source.kind is InputKind.STATIC else None
    verification = verify(model, sample_input(model.network), steps, workers, simulator)
    (result,) = verification.results
    assert verification.alive
    assert result.reference is (Standard.QUANTISED if simulator == "loihi" else Standard.FLOAT)
    if (name, simulator) in REFUSED:
        assert result.verdict is Verdict.CANNOT
        assert REFUSED[name, simulator] in str(result.reason)
    elif simulator == "loihi" or (name in NETWORKS and name != "membrane"):
        assert result.verdict is Verdict.EQUAL, str(result)
    else:
        assert result.verdict is not Verdict.CANNOT, str(result)
        assert result.ok, str(result)
