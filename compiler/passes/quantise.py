"""Rounds a model to the integers that Loihi holds."""

from __future__ import annotations

from dataclasses import dataclass

from msc.compiler.contracts import NO_OPTIONS, Exactness, Options, PassResult, Property
from msc.compiler.fixed.inputs import calibration
from msc.compiler.fixed.measuring import measure
from msc.compiler.fixed.model import fixed_model
from msc.compiler.fixed.scales import choose_scales
from msc.compiler.fixed.telling import tell
from msc.ir.fixed import is_fixed_point
from msc.ir.network import Model


@dataclass(frozen=True)
class Quantise:
    """w -> rint(w / unit_c), v_threshold -> threshold_c, b -> m 2^e;  v = (64 threshold_c / v_threshold) V.

    Per channel c, which hard reset makes invariant to a common factor, the largest scale that eight bits of
    weights, the bias, the threshold and the 24-bit current hold; time constants become decays of 12 bits.
    Approximate: reports errors of the weights and of the spikes, measured on `calibrate` or a drawn input.
    """

    name: str = "quantise"
    exactness: Exactness = Exactness.APPROXIMATE
    requires: frozenset[Property] = frozenset({Property.LIVE, Property.ONE_KERNEL})
    promises: frozenset[Property] = frozenset({Property.FIXED_POINT})

    def run(self, model: Model, options: Options = NO_OPTIONS) -> PassResult:
        """Quantise; a fixed-point model is returned unchanged.

        Raises CompileError listing every neuron, input and weight range that fixed point cannot hold.
        """
        if is_fixed_point(model.network):
            return PassResult(model)
        scales = choose_scales(model, options)
        fixed = fixed_model(model, options, scales)
        given = calibration(model.network, options)
        measured = measure(model, fixed, scales, given)
        changes = (*tell(fixed, scales, given), measured.line)
        return PassResult(fixed, changes, measured.errors)


PASS = Quantise()
