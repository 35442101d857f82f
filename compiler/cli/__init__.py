"""The `msc` command line: the one place that composes search, compiler and backends."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run `msc` with the process's arguments and exit with its code."""
    try:
        from msc.compiler.cli.app import run_app
        from msc.compiler.cli.interrupts import keep_interrupts

        keep_interrupts()
        code = run_app()
        # The outcome stands: a Ctrl-C while Python shuts down must not turn it into a death by signal.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("interrupted", file=sys.stderr)
        code = 130
    sys.exit(code)
