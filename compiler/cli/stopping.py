"""Stopping a long command in an orderly way: the first Ctrl-C asks, the second one interrupts."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stoppable(tell: Callable[[], None]) -> Generator[Callable[[], bool]]:
    """Yield what says whether to stop: true once SIGINT or SIGTERM came, which `tell` then is told of.

    The next one raises KeyboardInterrupt. The handlers there were before come back at the end.
    """
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        tell()

    before = {number: signal.signal(number, ask) for number in _SIGNALS}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
