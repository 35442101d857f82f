"""The mistakes that only a command line can see."""

from __future__ import annotations

from msc.ir.errors import MscError


class UsageError(MscError):
    """The call of a command is wrong: a value, a name or a combination that it does not take."""


class OutputError(MscError):
    """The answer cannot be written where it should go."""
