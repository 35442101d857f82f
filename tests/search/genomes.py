"""Genomes for tests: written briefly by hand, drawn at random over all a file may hold, and mutated."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

from msc.ir.network import Network
from msc.search.genome import Genome, parse_genome
from msc.search.lower import Lowered, require_connected

SKELETON: dict[str, Any] = {
    "input": "static",
    "input_shape": [1, 8, 8],
    "classes": 3,
    "votes": 2,
    "channels": 2,
    "timesteps": 4,
    "reductions": [],
}


def data_of(space: str, genes: dict[str, Any], **skeleton: Any) -> dict[str, Any]:
    """Make the content of a genome file, on a small skeleton with changes."""
    mount = copy.deepcopy(SKELETON) | skeleton
    return {"format": "msc.genome", "version": 1, "space": space, "genes": genes, "skeleton": mount}


def parsed(data: Any) -> Genome:
    """Parse a genome from the content of its file."""
    return parse_genome(json.dumps(data).encode(), "g.json")


def layer(text: str) -> dict[str, Any]:
    """Make a layer's genes from its motif and ops, like `3: 1 2 1`; what is left out is 0."""
    motif, _, ops = text.partition(":")
    given = [int(op) for op in ops.split()]
    return {"motif": int(motif), "ops": given + [0] * (9 - len(given))}


def mse(*layers: str, g1: int = 1, g2: int = 1, seed: int = 0, **skeleton: Any) -> Genome:
    """Make an MSE-NAS genome from layers like `3: 1 2 1 1`."""
    genes = {"layers": [layer(text) for text in layers], "g1": g1, "g2": g2}
    return parsed(data_of("mse-nas", genes, **skeleton) | {"seed": seed})


def snasnet(rows: str, **skeleton: Any) -> Genome:
    """Make a SNASNet genome from rows like `0303 0030 2002 0200`."""
    cell = [[int(op) for op in row] for row in rows.split()]
    return parsed(data_of("snasnet", {"cell": cell}, **({"hidden": 5} | skeleton)))


def network_of(genome: Genome) -> Network:
    """Lower a genome that must be connected."""
    network = require_connected(genome).network
    assert network is not None
    return network


def names(network: Network) -> list[str]:
    """List a network's populations."""
    return [p.name for p in network.populations]


def dropped(lowered: Lowered) -> dict[str, str]:
    """Map what lowering dropped to why."""
    return {d.name: d.reason for d in lowered.dropped}


def random_data(space: str, seed: int) -> dict[str, Any]:
    """Draw a valid genome file, connected or not, with every gene and every rule of the skeleton open."""
    rng = random.Random(f"{space} {seed}")
    layers = rng.randint(0, 6) if space == "mse-nas" else 0
    skeleton: dict[str, Any] = {
        "input": rng.choice(["static", "events"]),
        "input_shape": [rng.randint(1, 3), rng.randint(5, 9), rng.randint(5, 9)],
        "classes": rng.randint(2, 4),
        "votes": rng.randint(1, 3),
        "channels": rng.randint(1, 3),
        "timesteps": rng.randint(1, 6),
        "reductions": sorted(rng.sample(range(layers), rng.randint(0, min(layers, 3)))),
        "neuron": {
            "tau": rng.uniform(1, 4),
            "r": rng.choice([1, 2.5]),
            "v_threshold": rng.choice([0.5, 0.1]),
        },
        "dale": rng.choice(["inhibitory", "motif", "strict", "none"]),
        "recurrence": rng.choice(["synaptic", "loop"]),
    }
    if space == "snasnet":
        skeleton |= {"hidden": rng.randint(1, 6), "pool": rng.randint(1, 2)}
        cell = [[0 if i == j else rng.choice([0, 0, 1, 2, 3, 4]) for j in range(4)] for i in range(4)]
        return data_of(space, {"cell": cell}, **skeleton) | {"seed": seed}
    dense = rng.random() < 0.5
    drawn = [
        {
            "motif": rng.randint(0, 5),
            "ops": [rng.randint(int(dense and rng.random() < 0.8), 2) for _ in range(9)],
        }
        for _ in range(layers)
    ]
    genes = {"layers": drawn, "g1": rng.randint(1, 3), "g2": rng.randint(1, 2)}
    return data_of(space, genes, **skeleton) | {"seed": seed}


def random_genome(space: str, seed: int) -> Genome:
    """Draw a genome, connected or not."""
    return parsed(random_data(space, seed))


def mutated(data: dict[str, Any], rng: random.Random) -> bytes:
    """Spoil a genome file in one to three places: its values, its structure or its bytes."""
    content = copy.deepcopy(data)
    for _ in range(rng.randint(0, 2)):
        _spoil(content, rng)
    text = bytearray(json.dumps(content), "utf-8")
    match rng.randint(0, 7):
        case 0:
            text[rng.randrange(len(text))] ^= 1 << rng.randrange(8)
        case 1:
            del text[rng.randrange(len(text)) :]
        case 2:
            text[rng.randrange(len(text))] = rng.randrange(256)
        case 3:
            start = rng.randrange(len(text))
            del text[start : start + rng.randint(1, 9)]
        case 4:
            place = rng.randrange(len(text))
            text[place:place] = rng.choice(FRAGMENTS)
        case _:
            pass
    return bytes(text)


FRAGMENTS = (
    b"9" * 400,
    b"9" * 5000,
    b"1e999",
    b"-0",
    b"NaN",
    b"-Infinity",
    b"[" * 3000,
    b'["]",' * 3000,
    b'{"a":' * 3000,
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf",
    b'"\\ud800"',
    b'"seed": 1, "seed": 2,',
    b"\\u0000",
    b"// comment",
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    -1,
    0,
    7,
    2**31,
    2**63,
    10**400,
    -(10**400),
    0.5,
    -0.0,
    1e300,
    float("inf"),
    float("nan"),
    "",
    "3",
    "\ud800",
    "\u202eمرحبا\n\x00",
    [],
    [[]],
    {},
    {"": 1},
    [1] * 200,
    [0, 1, 2],
    {"motif": 1, "ops": [1] * 9},
)


def _spoil(content: Any, rng: random.Random) -> None:
    """Replace, delete, duplicate or add one entry somewhere inside `content`."""
    place = content
    while True:
        inner = list(place.values()) if isinstance(place, dict) else place
        deeper = [value for value in inner if isinstance(value, dict | list) and value]
        if not deeper or rng.random() < 0.2:
            break
        place = rng.choice(deeper)
    keys = list(place) if isinstance(place, dict) else range(len(place))
    key = rng.choice(keys) if keys else None
    value = copy.deepcopy(rng.choice(VALUES))
    kind = rng.randint(0, 3)
    if key is None or kind == 0:
        if isinstance(place, dict):
            place[rng.choice(["", "extra", "\ud800", "tau", "a\nb", "layers"])] = value
        else:
            place.append(value)
    elif kind == 1:
        del place[key]
    else:
        place[key] = value
