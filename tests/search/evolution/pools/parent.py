"""A program with two worker processes, for tests that interrupt and kill it.

Arguments: FOLDER EVALUATOR MODE. Of the modes `die` leaves the interrupt to Python, `finish` stops at it,
`itself` does too and interrupts its process group as soon as the first worker is started.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from msc.search.evolution.pools.processes import ProcessPool
from tests.search.evolution.pools import evaluators


def main() -> int:
    folder, evaluator, mode = Path(sys.argv[1]), getattr(evaluators, sys.argv[2]), sys.argv[3]
    stopped: list[int] = []
    asked: list[None] = []
    if mode != "die":
        signal.signal(signal.SIGINT, lambda number, frame: stopped.append(number))

    def stop() -> bool:
        asked.append(None)
        if mode == "itself" and len(asked) == 2:
            time.sleep(0.15)  # long enough for Python to have its handler, too short for it to load msc
            os.killpg(0, signal.SIGINT)
        return bool(stopped)

    try:
        with ProcessPool(evaluator(folder), 2) as pool:
            for done in pool.run(evaluators.jobs(9), stop):
                print(done.record.seed, flush=True)
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
