"""From a genome file to a model, with the weights that a command names, and the input that is shown to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from msc.compiler.cli import output
from msc.compiler.cli.failures import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from msc.ir.network import Model, Network
    from msc.search.genome import Genome

SEED_LIMIT = 2**63
GENERATED = ("random", "dyadic")


@dataclass(frozen=True)
class Loaded:
    """A genome, its hash and network, where its weights come from, and how to get its model.

    `weights_from` is a file's name or a spec.
    """

    genome: Genome
    genome_hash: str
    network: Network
    weights_from: str
    make_model: Callable[[], Model]

    def model(self) -> Model:
        """Make the model and verify it; raises InvalidNetworkError with all that is wrong."""
        from msc.ir.verify import verify_model

        model = self.make_model()
        verify_model(model)
        return model


def load_genome(path: str) -> Genome:
    """Read a genome file; refuses folders and other artefacts by name."""
    from msc.compiler.cli.kinds import genome_only
    from msc.search import genome

    genome_only(path)
    return genome.load_genome(path)


def load(path: str, weights: str | None) -> Loaded:
    """Read a genome and lower it; its weights are read or drawn when its model is asked for.

    Notes on stderr which weights are used where none were named.

    Raises GenomeError and the like, one problem per offender; a disconnected genome is refused.
    """
    from msc.search.canonical import genome_hash
    from msc.search.lower import require_connected

    genome = load_genome(path)
    network = require_connected(genome).network
    assert network is not None
    identity = genome_hash(genome)
    if weights is None:
        weights = f"random:{genome.seed}"
        output.note(f"no --weights: using {weights}, untrained weights drawn from the genome's seed")
    spec = _spec(weights, genome.seed)
    if spec is None:
        return Loaded(genome, identity, network, weights, partial(_read_weights, weights, network, identity))
    kind, seed = spec
    return Loaded(genome, identity, network, f"{kind}:{seed}", partial(_generate, kind, seed, network))


def load_input(path: str, model: Model) -> NDArray[Any]:
    """Read the input of a model from a .npy file, checked against its source."""
    from msc.compiler.cli.arrays import read_array
    from msc.ir.errors import Problem
    from msc.ir.neurons import Source
    from msc.ir.simulate import InputError, input_frames

    inputs = read_array(path)
    source = model.network.source.neuron
    assert isinstance(source, Source)
    try:
        input_frames(source, inputs, timesteps_of(model))
    except InputError as error:
        raise InputError(Problem(path, p.what, p.fix) for p in error.problems) from error
    return inputs


def timesteps_of(model: Model) -> int | None:
    """The steps a static input is shown for; None where the input itself has a time axis."""
    from msc.ir.neurons import Source

    source = model.network.source.neuron
    assert isinstance(source, Source)
    return model.network.timesteps if source.kind.value == "static" else None


def _spec(weights: str, default_seed: int) -> tuple[str, int] | None:
    """Parse `random[:SEED]` or `dyadic[:SEED]`; None where the text names a file."""
    kind, colon, seed = weights.partition(":")
    if kind not in GENERATED:
        return None
    if not colon:
        return kind, default_seed
    if not (seed.isascii() and seed.isdigit() and int(seed[:20]) < SEED_LIMIT):
        raise UsageError.of(
            f"--weights {weights}", f"the seed {seed!r} is no integer from 0 to 2^63 - 1", f"write {kind}:0"
        )
    return kind, int(seed)


def _generate(kind: str, seed: int, network: Network) -> Model:
    from msc.compiler.initialise import dyadic_model, random_model

    return random_model(network, seed) if kind == "random" else dyadic_model(network, seed)


def _read_weights(path: str, network: Network, genome_hash: str) -> Model:
    """Read a weights file that belongs to the genome; raises naming both hashes where it does not."""
    from msc.backends.weights import read_weights
    from msc.ir.network import Model

    weights, metadata = read_weights(path)
    found = metadata.get("genome")
    if found != genome_hash:
        other = f"belongs to genome {found[:12]}" if found else "does not say which genome it belongs to"
        raise UsageError.of(
            path,
            f"{other}, this genome is {genome_hash[:12]}",
            "give weights that were trained for this genome",
        )
    return Model(network, weights)
