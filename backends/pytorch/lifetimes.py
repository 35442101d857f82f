"""How long what a population emits is needed, while a network runs."""

from __future__ import annotations

from msc.ir.network import Network


def spent(network: Network, order: tuple[tuple[str, ...], ...]) -> list[list[str]]:
    """List, for each component, the populations that nothing after it reads (never the source)."""
    place = {name: index for index, members in enumerate(order) for name in members}
    last_read: list[list[str]] = [[] for _ in order]
    for name, own in place.items():
        if name != network.source.name:
            last_read[max([own, *(place[p.target] for p in network.out_of(name))])].append(name)
    return last_read
