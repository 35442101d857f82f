"""What the reading process forbids itself, as far as the platform can: time, memory, other files."""

from __future__ import annotations

import codecs
import signal
from pathlib import Path

from msc.backends.nir.reading.hdf5 import limits

_MAPPED = Path("/proc/self/statm")


def restrict(file_bytes: int) -> None:
    """Limit all computing (SIGXCPU) and the memory beside what is mapped now; leave no core file."""
    _lower("RLIMIT_CPU", limits.cpu_seconds(file_bytes), spare=1)
    _lower("RLIMIT_CORE", 0)
    if _MAPPED.exists():
        import resource

        mapped = int(_MAPPED.read_text().split()[0]) * resource.getpagesize()
        _lower("RLIMIT_AS", mapped + limits.WORKING_BYTES)


def lock_out_files() -> None:
    """Forbid opening files: neither a link, nor a plugin, nor a bug of HDF5 leads anywhere then."""
    codecs.lookup("ascii")  # h5py asks for it later, and it is a file
    _lower("RLIMIT_NOFILE", 0)


def start_step() -> None:
    """Limit the computing until this is called again (SIGPROF)."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, limits.STEP_SECONDS)


def _lower(name: str, most: int, spare: int = 0) -> None:
    """Lower a limit, the hard one to `spare` more; one that is lower already stays."""
    try:
        import resource
    except ImportError:
        return
    kind, wanted = getattr(resource, name), (most, most + spare)
    soft, hard = (
        new if old == resource.RLIM_INFINITY else min(new, old)
        for new, old in zip(wanted, resource.getrlimit(kind), strict=True)
    )
    resource.setrlimit(kind, (soft, hard))
