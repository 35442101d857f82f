"""The options of `msc energy` as they are given, and what is wrong with them before anything is read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from msc.compiler.cli.inputs import SEED_LIMIT
from msc.compiler.energy.report import Stage, StaticInput
from msc.ir.errors import Problem

SAMPLES = 1000
PROFILES = ("loihi1", "cmos45-int8")
PAGE, JSON = ".html", ".json"
UNUSED = "labels"  # an option of target lava that says what a compilation's accuracy is measured on


@dataclass(frozen=True)
class Options:
    """What a call gives; None where nothing is said. `events` and `download` are as for other commands."""

    subject: str
    weights: str | None = None
    dt: str | None = None
    events: bool = False
    data: str | None = None
    input: str | None = None
    samples: int | None = None
    seed: int | None = None
    stages: tuple[str, ...] = ()
    on: str | None = None
    profiles: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    static_input: str | None = None
    fail_above: str | None = None
    json: bool = False
    html: bool = False
    out: str | None = None
    download: bool = False

    @property
    def stem(self) -> str:
        """The name of what is run, without its folder and ending."""
        return Path(os.path.abspath(self.subject)).stem

    @property
    def known_stages(self) -> tuple[Stage, ...]:
        """The stages asked for that there are, in the order of their making."""
        return tuple(stage for stage in Stage if stage.value in self.stages)

    @property
    def is_page(self) -> bool:
        """Whether a page is written."""
        return self.html or self._ends(PAGE)

    @property
    def is_json_file(self) -> bool:
        """Whether the file named is written as JSON."""
        return not self.is_page and (self.json or self._ends(JSON))

    def _ends(self, ending: str) -> bool:
        return self.out is not None and self.out.lower().endswith(ending)


def malformed(options: Options) -> Iterator[Problem]:
    """List the options that are missing, out of range, unknown, or do not go together."""
    yield from _wrong_source(options)
    if options.samples is not None and options.samples < 1:
        yield Problem(f"--samples {options.samples}", "is no number of samples", "give 1 or more")
    if options.seed is not None and not 0 <= options.seed < SEED_LIMIT:
        yield Problem(f"--seed {options.seed}", "is out of range", "give an integer from 0 to 2^63 - 1")
    yield from _wrong_stages(options)
    known = [when.value for when in StaticInput]
    if options.static_input is not None and options.static_input not in known:
        what = "is no time to compute it"
        yield Problem(f"--static-input {options.static_input}", what, f"use {' or '.join(known)}")
    yield from _wrong_file(options)


def _wrong_source(options: Options) -> Iterator[Problem]:
    if options.data is None and options.input is None:
        fix = "name a data set, such as digits, with --data, or an array with --input"
        yield Problem("--data", "is missing, and so is --input", fix)
    elif options.data is not None and options.input is not None:
        yield Problem("--input", "is given beside --data", "give one of the two")
    if options.download and options.data is None:
        yield Problem("--download", "is given without --data", "leave it out")


def _wrong_stages(options: Options) -> Iterator[Problem]:
    known = [stage.value for stage in Stage]
    for name in dict.fromkeys(options.stages):
        if name not in known:
            fix = f"use {', '.join(known[:-1])} or {known[-1]}, --stage once for each"
            yield Problem(f"--stage {name}", "there is no such stage", fix)
        elif options.stages.count(name) > 1:
            yield Problem(f"--stage {name}", "is given twice", "give it once")
    for text in options.target:
        if text.partition("=")[0] == UNUSED:
            fix = "leave it out: --data brings its own"
            yield Problem(f"option {UNUSED}", "is for msc compile", fix)


def _wrong_file(options: Options) -> Iterator[Problem]:
    out = options.out
    if options.json and options.html:
        yield Problem("--json", "is given beside --html", "give one of the two, or --json with -o FILE.html")
    if options.html and out is not None and out.lower().endswith(JSON):
        yield Problem(f"-o {out}", "names a JSON file, --html asks for a page", f"end it in {PAGE}")
    if out is None:
        return
    folder = Path(out).parent
    if not out:
        yield Problem("-o", "names no file", "give the name of a file")
    elif os.path.isdir(out):
        yield Problem(out, "is a folder, a file is needed", "name a file in it")
    elif not folder.is_dir():
        yield Problem(out, f"there is no folder {folder}", "create it first or choose another path")
    for read in (options.subject, options.weights, options.input, options.data, *options.profiles):
        if read is not None and _same(out, read):
            yield Problem(out, "is what is read", "choose another file with -o")


def _same(one: str, other: str) -> bool:
    return os.path.isfile(one) and os.path.isfile(other) and os.path.samefile(one, other)
