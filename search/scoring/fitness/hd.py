"""Hamming kernel score of NASWOT (Mellor et al., ICML 2021, arXiv 2006.04647), on spikes."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from msc.search.scoring.fitness import Better, Evidence, Fitness
from msc.search.scoring.kernels import calls, log_determinant, mean_hamming
from msc.search.scoring.responses import Response


def hd(evidence: Evidence) -> float:
    """Scores how diverse the spikes of samples are: ln |det K|, mean over batches.

    K[i, j] = the mean over calls (a population of N neurons at a step) of N - d_H[i, j], the neurons that
    do the same for both samples. NASWOT has one call per layer of a network without time, and adds calls up
    where SNASNet's code and this average. Unlike `sahd` it follows the firing rate and grows by B ln N.
    Minus infinity where two samples are answered alike by every neuron.
    """
    return fmean(_score(responses) for responses in evidence.batches)


def _score(responses: Sequence[Response]) -> float:
    distances = mean_hamming(responses)
    neurons = sum(r.neurons * r.steps for r in responses) / calls(responses)
    return log_determinant(neurons - distances, distances)


FITNESS = Fitness(
    name="hd",
    title="Hamming diversity (HD)",
    better=Better.HIGHER,
    source="Mellor et al., NASWOT, ICML 2021, arXiv 2006.04647; per step as in SNASNet, arXiv 2201.10355",
    measure=hd,
)
