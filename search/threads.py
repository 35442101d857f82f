"""Computing on one thread: the same sums on any machine, and no stall where a core is busy."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Generator[None]:
    """Let torch compute on one thread for a while.

    Sums over several round differently, and the threads of a small operation wait for each other, which
    costs more than they save.
    """
    import torch

    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)
