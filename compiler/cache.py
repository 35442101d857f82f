"""Where msc keeps what can be made or fetched again (no numpy here: `msc doctor` works without)."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "MSC_CACHE"


def cache_folder() -> Path:
    """The cache: $MSC_CACHE, else $XDG_CACHE_HOME/msc, else ~/.cache/msc."""
    given = os.environ.get(CACHE_VARIABLE, "")
    if given:
        return Path(given).absolute()
    shared = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(shared) if os.path.isabs(shared) else Path.home() / ".cache") / "msc"
