"""BIE as the authors' released code reads it: spikes of single steps instead of counts over all steps."""

from __future__ import annotations

from statistics import fmean

from msc.search.scoring.fitness import Better, Evidence, Fitness
from msc.search.scoring.kernels import mean_hamming


def bie_binary(evidence: Evidence) -> float:
    """Sums how far apart the spikes of samples are in single steps, as mean over batches.

    H[c][i, j] = sum over neurons of |s[i] - s[j]| for each call c, a population at a step; the measure is
    the sum of the entries of the mean of H over calls. Equation 5 has spike counts over T in place of s, and
    adds populations up where the code averages calls.

    Left out is what torch's PairwiseDistance adds to each difference, 1e-6. The code's use of it, commented
    out, maximises (1000 - value under minimisation), against equation 7: `bie-binary:max` does that.
    """
    return fmean(float(mean_hamming(responses).sum()) for responses in evidence.batches)


FITNESS = Fitness(
    name="bie-binary",
    title="BIE of single steps",
    better=Better.LOWER,
    source="Pan et al., MSE-NAS, released code (BrainCog, obj.py)",
    measure=bie_binary,
    shrinks=True,
)
