"""Problems, and where they are told to lie."""

from __future__ import annotations

import pytest

from msc.ir.errors import Problem


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("node a", "x.nir, node a"),
        ("x.nir", "x.nir"),
        ("x.nir, node a", "x.nir, node a"),
        ("x.nirvana", "x.nir, x.nirvana"),  # only begins like the file
    ],
)
def test_a_problem_inside_a_file_names_the_file_once(where: str, told: str) -> None:
    assert Problem(where, "is wrong", "mend it").inside("x.nir") == Problem(told, "is wrong", "mend it")
