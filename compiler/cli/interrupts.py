"""Keeps a Ctrl-C from being lost where Python cannot raise it: in finalisers and weak references."""

from __future__ import annotations

import signal
import sys
from threading import Timer, main_thread
from types import TracebackType
from typing import Protocol

AGAIN_SECONDS = 0.02


class Unraisable(Protocol):
    """What `sys.unraisablehook` is given."""

    exc_type: type[BaseException]
    exc_value: BaseException | None
    exc_traceback: TracebackType | None
    err_msg: str | None
    object: object


def keep_interrupts() -> None:
    """Have a KeyboardInterrupt that Python would print and drop raised again in the main thread."""
    sys.unraisablehook = _interrupt_again


def _interrupt_again(unraisable: Unraisable) -> None:
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)  # pyright: ignore[reportArgumentType]
        return
    timer = Timer(AGAIN_SECONDS, _interrupt_main)  # by then the main thread has left the callback
    timer.daemon = True
    timer.start()


def _interrupt_main() -> None:
    """Send the signal itself: it also ends a wait that the main thread may be in."""
    identity = main_thread().ident
    assert identity is not None
    signal.pthread_kill(identity, signal.SIGINT)
