"""Sparsity-aware Hamming distance of SNASNet (Kim et al., ECCV 2022, arXiv 2201.10355)."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from msc.search.scoring.fitness import Better, Evidence, Fitness
from msc.search.scoring.kernels import calls, log_determinant, mean_hamming
from msc.search.scoring.responses import Response

ALPHA = 0.5
_EPSILON = 1e-3  # neurons, as in the authors' code: keeps 0 / 0 of two silent samples at 0


def sahd(evidence: Evidence) -> float:
    """Scores how diverse the spikes of samples are, whatever the rates: ln |det K|, mean over batches.

    For each call, a population of N neurons at a step, with r[i] the share that fires for sample i:
    d_SAH[i, j] = alpha d_H[i, j] / (N (r[i] (1 - r[j]) + (1 - r[i]) r[j])), alpha = 0.5,
    and K = the mean over calls of N - d_SAH. Each population counts alike, and N enters ln |det K| by about
    one ln N only.

    Alpha, and 1e-3 neurons added to the denominator, are those of the authors' code since July 2022. Before,
    and in copies, it left the N out, which is alpha = 0.5 N: there K scales with N and the score with B ln N,
    and large populations drown the others. The paper adds calls up, the code averages them, as here. Minus
    infinity where two samples are answered alike by every neuron.
    """
    return fmean(_score(responses) for responses in evidence.batches)


def _score(responses: Sequence[Response]) -> float:
    neurons = sum(r.neurons * r.steps for r in responses)
    penalty = np.sum([_normalised(r) for r in responses], axis=0)
    return log_determinant((neurons - penalty) / calls(responses), mean_hamming(responses))


def _normalised(response: Response) -> NDArray[np.float64]:
    """Sum d_SAH [B, B] over steps."""
    fired = response.fired
    silent = response.neurons - fired
    one_way = fired[:, :, None] * silent[:, None, :] / response.neurons
    return (ALPHA * response.hamming / (one_way + one_way.transpose(0, 2, 1) + _EPSILON)).sum(axis=0)


FITNESS = Fitness(
    name="sahd",
    title="sparsity-aware Hamming diversity (SAHD)",
    better=Better.HIGHER,
    source="Kim et al., SNASNet, ECCV 2022, arXiv 2201.10355",
    measure=sahd,
)
