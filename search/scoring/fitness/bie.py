"""Brain-inspired indirect evaluation of MSE-NAS (Pan et al., arXiv 2304.10749, equations 3, 5 and 7)."""

from __future__ import annotations

from statistics import fmean

from msc.search.scoring.fitness import Better, Evidence, Fitness


def bie(evidence: Evidence) -> float:
    """Sums how far apart the firing patterns of samples are, as mean over batches.

    P[i] = the spike counts over T steps of all spiking neurons for sample i (equation 3);
    BIE = the matrix of Manhattan distances d(P[i], P[j]) between the samples of a batch (equation 5);
    the measure is 1/s sum over s batches of the sum of BIE's entries (equation 7), minimised.

    The paper does not say whether entries are added or averaged: the authors' code adds them, so each pair
    counts twice. A silent network scores 0, the best there is: hence guards, and a floor under the size.
    """
    return fmean(sum(int(r.distances.sum()) for r in responses) for responses in evidence.batches)


FITNESS = Fitness(
    name="bie",
    title="brain-inspired indirect evaluation (BIE)",
    better=Better.LOWER,
    source="Pan et al., MSE-NAS, arXiv 2304.10749, equations 3, 5 and 7",
    measure=bie,
    shrinks=True,
)
