"""Evolution's parts for pymoo: how vectors are drawn, mutated, told apart and survive.

Source: Pan et al. (arXiv 2304.10749) and its released code: two-point crossover always, binary tournaments,
(mu + lambda) survival, no duplicates. Departures: mutation is uniform over the genes that are read where the
code's is polynomial (eta 3) over all; duplicates are equal networks where the code's are equal genes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymoo.algorithms.base.genetic import GeneticAlgorithm
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.algorithms.soo.nonconvex.ga import GA, FitnessSurvival
from pymoo.config import Config
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.mutation import Mutation
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.sampling import Sampling
from pymoo.core.termination import NoTermination
from pymoo.functions import FunctionLoader
from pymoo.operators.crossover.pntx import TwoPointCrossover
from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

from msc.search.evolution.encoding import Encoding, Vector
from msc.search.evolution.strategies import SearchProblem


class Drawn(Sampling):
    """Vectors drawn at random, each of another network; fewer where no others are found."""

    def __init__(self, encoding: Encoding) -> None:
        super().__init__()
        self._encoding = encoding

    def _do(
        self, problem: Problem, n_samples: int, *args: Any, random_state: Any = None, **kwargs: Any
    ) -> Any:
        vector = self._encoding.draw(random_state)
        drawn: dict[str, Vector] = {}
        while vector is not None and len(drawn) < n_samples:
            drawn[str(self._encoding.network(vector))] = vector
            vector = self._encoding.find(random_state, drawn)
        return np.array(list(drawn.values()))


class Varied(Mutation):
    """Vectors mutated where they are read (`Encoding.vary`)."""

    def __init__(self, encoding: Encoding) -> None:
        super().__init__(prob=1.0)
        self._encoding = encoding

    def _do(
        self, problem: Problem, vectors: Any, *args: Any, random_state: Any = None, **kwargs: Any
    ) -> NDArray[np.int64]:
        return np.array([self._encoding.vary(vector, random_state) for vector in vectors])


class OneOfEach(DuplicateElimination):
    """Of equal networks the first stays; what makes no network goes."""

    def __init__(self, encoding: Encoding) -> None:
        super().__init__()
        self._encoding = encoding

    def _do(
        self, pop: Population, other: Population | None, is_duplicate: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        known: set[str | None] = {None}
        known.update(self._encoding.network(one.X) for one in (() if other is None else other))
        for i, one in enumerate(pop):
            network = self._encoding.network(one.X)
            is_duplicate[i] = network in known
            if other is None:
                known.add(network)
        return is_duplicate


class RankedAndCrowded(RankAndCrowding):
    """NSGA-II's survival: feasible by rank, then by crowding distance; infeasible by violation.

    pymoo's own sorts by numpy's unstable sort, whose order of equals depends on the processor: a search
    resumed on another machine might go another way. Here equals are shuffled by the search's own seed.
    """

    def do(
        self,
        problem: Problem,
        pop: Any,
        *args: Any,
        n_survive: int | None = None,
        random_state: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Keep `n_survive` of a population, best first, and note rank and crowding on the feasible."""
        violations, costs = pop.get("cv", "F")
        survivors: list[int] = []
        feasible = np.flatnonzero(violations <= 0)
        for rank, front in enumerate(self.nds.do(costs[feasible])):
            members = feasible[random_state.permutation(np.sort(front))]
            crowding: Any = self.crowding_func.do(costs[members])
            pop[members].set("rank", np.full(len(members), rank), "crowding", crowding)
            survivors += members[np.argsort(-crowding, kind="stable")].tolist()
        infeasible = np.flatnonzero(violations > 0)
        survivors += infeasible[np.argsort(violations[infeasible], kind="stable")].tolist()
        return pop[survivors[:n_survive]]


def algorithm_for(problem: SearchProblem, encoding: Encoding) -> GeneticAlgorithm:
    """Set up pymoo's genetic algorithm for one objective, NSGA-II for several; neither ever terminates."""
    _load_quietly()
    parts: dict[str, Any] = {
        "pop_size": problem.population,
        "sampling": Drawn(encoding),
        "crossover": TwoPointCrossover(prob=1.0),
        "mutation": Varied(encoding),
        "eliminate_duplicates": OneOfEach(encoding),
        "seed": problem.seed,
    }
    if len(problem.objectives) > 1:
        algorithm = NSGA2(survival=RankedAndCrowded(), **parts)
    else:
        algorithm = GA(survival=FitnessSurvival(), advance_after_initial_infill=True, **parts)
    vectors = Problem(
        n_var=len(encoding.least),
        n_obj=len(problem.objectives),
        n_ieq_constr=1,
        xl=encoding.least,
        xu=encoding.greatest,
        vtype=int,
    )
    algorithm.setup(vectors, termination=NoTermination())
    return algorithm


def _load_quietly() -> None:
    """Load pymoo's functions without the hint that it prints to stdout where they are not compiled."""
    before = Config.warnings["not_compiled"]
    Config.warnings["not_compiled"] = False
    try:
        FunctionLoader.get_instance()
    finally:
        Config.warnings["not_compiled"] = before
