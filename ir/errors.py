"""The one base class of every error msc raises for a user's mistake."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True)
class Problem:
    """One offender, told as *where: what is wrong; what to do*."""

    where: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.fix}"

    def inside(self, where: str) -> Problem:
        """Tell it as part of `where`, a file say; as it is where it already does."""
        told = self.where == where or self.where.startswith(f"{where}, ")
        return self if told else replace(self, where=f"{where}, {self.where}")


class MscError(Exception):
    """A mistake in the user's input, listing every offender, one line each.

    Raised with one or more `Problem`s. `exit_code` is what the command line returns for it.
    """

    exit_code = 2

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @classmethod
    def of(cls, where: str, what: str, fix: str) -> Self:
        """Build the error for a single offender (of the class it is called on)."""
        return cls(Problem(where, what, fix))


def raise_all(error: type[MscError], problems: Iterable[Problem]) -> None:
    """Raise `error` with all problems, or return where there are none."""
    found = tuple(problems)
    if found:
        raise error(found)


def with_article(noun: str) -> str:
    """Put "a" or "an" before a noun."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
