"""The history of a search is whole lines, held by one process, and compared when it is written again."""

from __future__ import annotations

import errno
import json
import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from msc.ir.errors import MscError
from msc.ir.files import FileError
from msc.search.evolution import linefile
from msc.search.evolution.history import (
    History,
    HistoryError,
    SettingsError,
    StoredEvaluation,
    StoredFinalist,
    StoredGeneration,
    StoredHistory,
    header_of,
    read_history,
)
from msc.search.scoring.guards import Limits
from msc.search.scoring.records import Record, Violation
from tests.search.evolution.fake_pool import files, settings

HASH = "a" * 64
RECORD = Record(HASH, 1, {"bie": 1.5, "rate": None}, 3, 4, {"stem": 0.1})
FINAL = Record(HASH, 2, {"bie": 0.1}, 3, 4, {}, {"stem": (0.5, -0.25)}, (Violation("silent", 0.5, "é"),))
EVALUATION = {"kind": "evaluation", "generation": 0, "candidate": 2, "genes": {"cell": [[0]]}}
GENERATION = {"kind": "generation", "generation": 0, "candidates": [HASH], "population": [HASH], "cached": 0}
LINES: tuple[dict[str, Any], ...] = (
    {**EVALUATION, "record": RECORD.to_json()},
    GENERATION,
    {"kind": "finalist", "genes": {"cell": [[0]]}, "record": FINAL.to_json()},
    {"kind": "end", "best": HASH, "front": [HASH]},
)


def opened(
    folder: Path, resume: bool = False, note: Callable[[str], None] = lambda text: None, **changes: Any
) -> History:
    return History(folder, settings(**changes), resume, note)


def write_all(folder: Path, lines: tuple[dict[str, Any], ...] = LINES, resume: bool = False) -> bytes:
    with opened(folder, resume) as history:
        for line in lines:
            history.write(line)
    return (folder / "history.jsonl").read_bytes()


def refusal(folder: Path, resume: bool = False, **changes: Any) -> str:
    with pytest.raises(MscError) as caught:
        opened(folder, resume, **changes)
    return str(caught.value)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


class TestLines:
    def test_are_compact_json_in_the_order_of_their_keys(self, run: Path) -> None:
        lines = write_all(run).decode().splitlines()
        assert json.loads(lines[0]) == header_of(settings())
        assert list(json.loads(lines[0])) == ["kind", "format", "version", "settings", "versions"]
        assert list(json.loads(lines[0])["versions"]) == ["msc", "numpy", "pymoo", "torch"]
        assert lines[1] == (
            '{"kind":"evaluation","generation":0,"candidate":2,"genes":{"cell":[[0]]},"record":{"hash":"'
            + HASH
            + '","seed":1,"values":{"bie":1.5,"rate":null},"neurons":3,"params":4,"rates":{"stem":0.1}}}'
        )

    def test_are_the_same_bytes_when_written_again(self, run: Path) -> None:
        before = write_all(run)
        assert write_all(run, resume=True) == before

    def test_come_after_those_that_are_stored(self, run: Path) -> None:
        whole = write_all(run.with_name("whole"))
        write_all(run, LINES[:2])
        with opened(run, resume=True) as history:
            for line in LINES:
                history.write(line)
        assert (run / "history.jsonl").read_bytes() == whole

    def test_give_back_the_records_of_their_kind(self, run: Path) -> None:
        write_all(run)
        with opened(run, resume=True) as history:
            assert history.evaluation(HASH, 1) == RECORD
            assert history.finalist(HASH, 2) == FINAL
            assert history.evaluation(HASH, 2) is None
            assert history.finalist("b" * 64, 2) is None

    def test_are_replayed_until_the_last(self, run: Path) -> None:
        write_all(run, LINES[:1])
        with opened(run, resume=True) as history:
            assert history.replaying
            history.write(LINES[0])
            assert not history.replaying

    def test_that_hold_no_number_are_a_bug(self, run: Path) -> None:
        with opened(run) as history, pytest.raises(ValueError, match="Out of range float"):
            history.write({"kind": "evaluation", "value": float("nan")})
        assert (run / "history.jsonl").read_bytes().count(b"\n") == 1

    def test_of_any_length_that_can_be_read_can_be_written(
        self, run: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(linefile, "LINE_LIMIT_BYTES", 2000)
        with opened(run) as history, pytest.raises(FileError) as caught:
            history.write({"kind": "end", "best": None, "front": ["x" * 2000]})
        assert str(caught.value) == (
            f"{run}/history.jsonl: a line would be longer than 2000 bytes; search with a smaller population"
        )


class TestFolder:
    def test_of_a_search_is_refused_without_resume(self, run: Path) -> None:
        before = write_all(run)
        fix = "add --resume to go on with it, or choose another folder"
        assert refusal(run) == f"{run}: holds a search already; {fix}"
        assert (run / "history.jsonl").read_bytes() == before

    @pytest.mark.parametrize("name", ["mine", ".msc-0.tmp", "best.json"])
    def test_that_holds_something_is_refused(self, run: Path, name: str) -> None:
        run.mkdir()
        (run / name).write_bytes(b"mine")
        assert refusal(run) == f"{run}: the folder is not empty; choose another one"
        assert files(run) == {name: b"mine"}

    def test_that_is_a_file_is_refused(self, run: Path) -> None:
        run.write_bytes(b"mine")
        for resume in (False, True):
            assert refusal(run, resume) == f"{run}: is a file, a folder is needed; choose another path"

    def test_needs_the_folder_it_lies_in(self, run: Path) -> None:
        fix = "create the folder it lies in first, or choose another one"
        wrong = "cannot use the folder (no such file or directory)"
        assert refusal(run / "inner") == f"{run}/inner: {wrong}; {fix}"

    def test_that_is_missing_cannot_be_resumed(self, run: Path) -> None:
        fix = "leave out --resume to start one, or name its folder"
        assert refusal(run, resume=True) == f"{run}: there is no search to resume; {fix}"
        assert not run.exists()

    @pytest.mark.parametrize("empty_history", [True, False])
    def test_of_something_else_cannot_be_resumed(self, run: Path, empty_history: bool) -> None:
        run.mkdir()
        (run / "best.json").write_bytes(b"mine")
        if empty_history:
            (run / "history.jsonl").touch()
        fix = "name the folder of a search, or start one in an empty folder"
        assert refusal(run, resume=True) == f"{run}: holds no search to resume, but other files; {fix}"
        assert files(run)["best.json"] == b"mine"

    def test_where_history_is_a_folder_is_refused(self, run: Path) -> None:
        (run / "history.jsonl").mkdir(parents=True)
        for resume in (False, True):
            expected = f"{run}/history.jsonl: is no ordinary file; choose another folder"
            assert refusal(run, resume) == expected

    @pytest.mark.parametrize("content", [None, b"", b'{"kind":"sea'])
    def test_of_a_process_that_died_at_once_is_begun_anew(self, run: Path, content: bytes | None) -> None:
        run.mkdir()
        (run / ".msc-0123.tmp").write_bytes(b"half")
        if content is not None:
            (run / "history.jsonl").write_bytes(content)
        notes: list[str] = []
        with opened(run, resume=True, note=notes.append) as history:
            assert not history.replaying
        expected = write_all(run.with_name("fresh"), ())
        assert files(run) == {"history.jsonl": expected}
        torn = "history.jsonl: the last line was torn and is dropped"
        anew = f"{run} holds nothing of a search yet: it starts from the beginning"
        assert notes == ([torn, anew] if content else [anew])

    def test_loses_what_was_half_written(self, run: Path) -> None:
        write_all(run)
        (run / "front").mkdir()
        for name in (".msc-1.tmp", "front/.msc-2.tmp", "mine.tmp"):
            (run / name).write_bytes(b"half")
        opened(run, resume=True).close()
        assert set(files(run)) == {"history.jsonl", "mine.tmp"}

    def test_is_held_by_one_search(self, run: Path) -> None:
        fix = "wait until it ends, or choose another folder"
        with opened(run) as history:
            history.write(LINES[0])
            for resume in (False, True):
                assert refusal(run, resume) == f"{run}: another search is writing here; {fix}"
            history.write(LINES[1])
        before = (run / "history.jsonl").read_bytes()
        assert before.count(b"\n") == 3
        opened(run, resume=True).close()
        assert (run / "history.jsonl").read_bytes() == before

    def test_is_free_again_after_a_refusal(self, run: Path) -> None:
        write_all(run)
        refusal(run, resume=True, population=30)
        opened(run, resume=True).close()


class TestTornLine:
    def test_is_dropped_wherever_it_was_cut(self, run: Path) -> None:
        whole = write_all(run)
        last = whole.rstrip(b"\n").rindex(b"\n") + 1
        for size in range(last, len(whole)):
            (run / "history.jsonl").write_bytes(whole[:size])
            notes: list[str] = []
            with opened(run, resume=True, note=notes.append) as history:
                for line in LINES:
                    history.write(line)
            torn = ["history.jsonl: the last line was torn and is dropped"] if size > last else []
            assert notes == torn
            assert (run / "history.jsonl").read_bytes() == whole

    def test_is_left_out_by_readers(self, run: Path) -> None:
        whole = write_all(run)
        (run / "history.jsonl").write_bytes(whole[:-1])
        found = read_history(run)
        assert found.torn
        assert found.end is None
        assert len(found.finalists) == 1
        assert (run / "history.jsonl").read_bytes() == whole[:-1]

    def test_of_timings_is_dropped(self, run: Path) -> None:
        with opened(run) as history:
            history.timing("evaluation", RECORD, 0.25)
        path = run / "timings.jsonl"
        line = path.read_bytes()
        assert json.loads(line) == {"kind": "evaluation", "hash": HASH, "seed": 1, "seconds": 0.25}
        path.write_bytes(line + line[:9])
        with opened(run, resume=True) as history:
            history.timing("evaluation", RECORD, 0.25)
        assert path.read_bytes() == line * 2


class TestSettings:
    def test_that_differ_are_listed_all(self, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = write_all(run)
        monkeypatch.setattr("msc.search.evolution.history.version", lambda package: "9.9")
        with pytest.raises(SettingsError) as caught:
            opened(
                run, resume=True, population=30, data_hash="e" * 64, limits=Limits(max_params=5), guards=None
            )
        fix = "resume with the settings the run was started with, or choose another folder"
        versions = "resume with the version the run was started with, or choose another folder"
        told = str(caught.value).splitlines()
        known = header_of(settings())["settings"]["guards"]
        assert told[:3] == [
            f"--data, sha256 of its samples: was {'d' * 60}..., now is {'e' * 60}...; {fix}",
            f"--population: was 8, now is 30; {fix}",
            f"--max-params: was null, now is 5; {fix}",
        ]
        assert told[3].startswith(f"--guards: was {json.dumps(known)[:20]}")
        assert told[3].endswith(f"now is null; {fix}")
        installed = json.loads(before.splitlines()[0])["versions"]
        assert told[4:] == [
            f"version of {name}: was {was}, now is 9.9; {versions}" for name, was in installed.items()
        ]
        assert (run / "history.jsonl").read_bytes() == before

    def test_that_differ_leave_a_torn_line_alone(self, run: Path) -> None:
        whole = write_all(run)
        (run / "history.jsonl").write_bytes(whole[:-3])
        assert refusal(run, resume=True, seed=5).startswith("--seed: was 1, now is 5; resume with")
        assert (run / "history.jsonl").read_bytes() == whole[:-3]


class TestComparison:
    def changed(self, run: Path, old: bytes, new: bytes) -> str:
        whole = write_all(run)
        assert whole.count(old) == 1
        (run / "history.jsonl").write_bytes(whole.replace(old, new))
        with pytest.raises(HistoryError) as caught:
            write_all(run, resume=True)
        return str(caught.value)

    def test_names_the_line_and_what_differs(self, run: Path) -> None:
        wrong = "is not the line that this search writes (record.values.bie was 2.5, now is 1.5)"
        fix = "restore the file from a copy, or search again in another folder"
        expected = f"{run}/history.jsonl, line 2: {wrong}; {fix}"
        assert self.changed(run, b'"bie":1.5', b'"bie":2.5') == expected

    def test_lists_a_few_differences(self, run: Path) -> None:
        told = self.changed(run, b'"candidate":2,"genes":{"cell":[[0]]}', b'"candidate":3,"genes":{"a":1}')
        wrong = "candidate was 3, now is 2; genes.a was 1, now is null; genes.cell was null, now is [[0]]"
        assert f"line 2: is not the line that this search writes ({wrong});" in told

    def test_counts_the_differences_it_does_not_list(self, run: Path) -> None:
        write_all(run, LINES[:1])
        with opened(run, resume=True) as history, pytest.raises(HistoryError) as caught:
            history.write(LINES[1])
        assert "(kind was evaluation, now is generation; candidate was 2, now is null; genes was " in str(
            caught.value
        )
        assert "; 4 more); restore" in str(caught.value)

    def test_is_of_bytes(self, run: Path) -> None:
        """A line that says the same in other words was not written by a search."""
        assert "line 3: is not the line that this search writes (was not written by msc);" in self.changed(
            run, b'"cached":0', b'"cached": 0'
        )


MALFORMED = {
    "text": (b"nonsense", "is not JSON"),
    "empty": (b"", "is not JSON"),
    "zeros": (b"\0" * 40, "is not JSON"),
    "not-a-number": (b'{"kind":"end","best":NaN,"front":[]}', "is not JSON"),
    "huge": (b'{"kind":"end","best":1e999,"front":[]}', "is not JSON"),
    "latin": (b'{"kind":"\xe9"}', "is not JSON"),
    "deep": (b"[" * 100_000, "is not JSON"),
    "list": (b"[1]", "is none of a search's lines: search, evaluation, generation, finalist, end"),
    "kind": (b'{"kind":"en"}', "is none of a search's lines: search,"),
    "kind-list": (b'{"kind":[]}', "is none of a search's lines: search,"),
    "missing": (b'{"kind":"end","best":null}', "is malformed (Object missing required field `front`)"),
    "type": (
        b'{"kind":"generation","generation":"0","candidates":[],"population":[],"cached":0}',
        "is malformed (Expected `int`, got `str` - at `$.generation`)",
    ),
    "negative": (
        b'{"kind":"generation","generation":-1,"candidates":[],"population":[],"cached":0}',
        "is malformed (Expected `int` >= 0 - at `$.generation`)",
    ),
    "path": (b'{"kind":"end","best":"../x","front":[]}', "is malformed (Expected `str` matching regex"),
    "unknown": (b'{"kind":"end","best":null,"front":[],"x":1}', "is malformed (Object contains unknown"),
    "value": (
        b'{"kind":"finalist","genes":{},"record":{"hash":"a","seed":1,"values":{"bie":"1"}}}',
        "is malformed (Expected `float | null`, got `str` - at `$.record.values[...]`)",
    ),
}


class TestMalformed:
    @pytest.mark.parametrize("name", MALFORMED)
    def test_line_in_the_middle_is_named(self, run: Path, name: str) -> None:
        line, expected = MALFORMED[name]
        lines = write_all(run).splitlines(keepends=True)
        content = b"".join((*lines[:2], line + b"\n", *lines[2:]))
        (run / "history.jsonl").write_bytes(content)
        with pytest.raises(HistoryError) as caught:
            read_history(run)
        told = str(caught.value)
        assert told.startswith(f"{run}/history.jsonl, line 3: {expected}")
        assert told.endswith("; restore the file from a copy, or search again in another folder")
        assert refusal(run, resume=True) == told
        assert (run / "history.jsonl").read_bytes() == content

    def test_order_is_refused(self, run: Path) -> None:
        lines = write_all(run).splitlines(keepends=True)
        for order, number, kind in (
            ((0, 0), 2, "search"),
            ((1, 0), 1, "evaluation"),
            ((0, 4, 3), 3, "finalist"),
        ):
            (run / "history.jsonl").write_bytes(b"".join(lines[place] for place in order))
            with pytest.raises(HistoryError, match=f"line {number}: {kind} stands out of place; restore"):
                read_history(run)

    def test_format_is_told(self, run: Path) -> None:
        whole = write_all(run)
        (run / "history.jsonl").write_bytes(whole.replace(b'"version":1', b'"version":2', 1))
        expected = "line 1: has format msc.search version 2; give a folder of format msc.search version 1"
        assert refusal(run, resume=True).endswith(expected)

    def test_history_without_a_whole_line(self, run: Path) -> None:
        run.mkdir()
        (run / "history.jsonl").write_bytes(b'{"kind"')
        with pytest.raises(HistoryError) as caught:
            read_history(run)
        expected = f"{run}/history.jsonl: holds no whole line; search again with --resume"
        assert str(caught.value) == expected

    def test_missing_history(self, run: Path) -> None:
        with pytest.raises(FileError, match=r"cannot read the search history \(no such file or directory\)"):
            read_history(run)

    def test_long_line(self, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_all(run)
        monkeypatch.setattr(linefile, "LINE_LIMIT_BYTES", 100)
        assert refusal(run, resume=True) == (
            f"{run}/history.jsonl, line 1: is longer than 100 bytes; "
            "restore the file from a copy, or choose another folder"
        )

    def test_large_file(self, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_all(run)
        monkeypatch.setattr(linefile, "LIMIT_BYTES", 100)
        assert "is larger than 100 bytes, the limit for a search history" in refusal(run, resume=True)

    @pytest.mark.parametrize("seed", range(60))
    def test_bytes_never_crash(self, run: Path, seed: int) -> None:
        """Whatever is spoilt, a reader gives a history or says what is wrong."""
        rng = random.Random(seed)
        spoilt = bytearray(write_all(run))
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(spoilt))
            piece = rng.choice([b"", b"\n", b"9" * 500, b"null", b'"', b"}", b"-1", b"\xff", b"1e999"])
            spoilt[place : place + rng.randint(0, 9)] = piece
        (run / "history.jsonl").write_bytes(spoilt)
        for read in (lambda: read_history(run), lambda: opened(run, resume=True).close()):
            with suppress(MscError):
                read()


class TestFullDisk:
    FIX = "free some space, then add --resume to go on"

    @pytest.mark.parametrize("step", ["write", "half", "fsync"])
    def test_leaves_whole_lines(self, run: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
        with opened(run) as history:
            history.write(LINES[0])
            before = (run / "history.jsonl").read_bytes()
            fill(monkeypatch, step)
            with pytest.raises(FileError) as caught:
                history.write(LINES[1])
            monkeypatch.undo()
        wrong = "cannot write the file (no space left on device)"
        assert str(caught.value) == f"{run}/history.jsonl: {wrong}; {self.FIX}"
        assert (run / "history.jsonl").read_bytes() == before
        assert write_all(run, resume=True) == write_all(run.with_name("whole"))

    def test_that_cannot_even_shorten_a_file_leaves_a_torn_line(
        self, run: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise OSError(errno.EIO, "Input/output error")

        with opened(run) as history:
            before = (run / "history.jsonl").read_bytes()
            fill(monkeypatch, "half")
            monkeypatch.setattr(linefile.os, "ftruncate", refuse)
            with pytest.raises(FileError, match="no space left on device"):
                history.write(LINES[0])
            monkeypatch.undo()
        assert len((run / "history.jsonl").read_bytes()) > len(before)
        assert write_all(run, resume=True) == write_all(run.with_name("whole"))

    def test_ends_timings_but_not_the_search(self, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        notes: list[str] = []
        with opened(run, note=notes.append) as history:
            fill(monkeypatch, "half")
            history.timing("evaluation", RECORD, 1.0)
            history.timing("evaluation", RECORD, 1.0)
            monkeypatch.undo()
            history.write(LINES[0])
        assert notes == [
            f"{run}/timings.jsonl: cannot write the file (no space left on device); "
            "timings are no longer noted"
        ]
        assert (run / "timings.jsonl").read_bytes() == b""

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
    def test_of_a_real_device(self, run: Path) -> None:
        file = linefile.LineFile(Path("/dev/full"), durable=True)
        with file, pytest.raises(FileError) as caught:
            file.append(b"{}\n")
        wrong = "cannot write the file (no space left on device)"
        assert str(caught.value) == f"/dev/full: {wrong}; {self.FIX}"


def fill(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Let the disk be full: at once, after the first half of a write, or when it is flushed."""
    real = os.write

    def refuse(descriptor: int, data: bytes = b"") -> int:
        if step == "half" and len(data) > 20:
            return real(descriptor, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(linefile.os, "fsync" if step == "fsync" else "write", refuse)


class TestReading:
    def test_gives_all_that_was_written(self, run: Path) -> None:
        write_all(run)
        header = header_of(settings())
        assert read_history(run) == StoredHistory(
            header["settings"],
            header["versions"],
            (StoredEvaluation(0, 2, {"cell": [[0]]}, RECORD),),
            (StoredGeneration(0, (HASH,), (HASH,), 0),),
            (StoredFinalist({"cell": [[0]]}, FINAL),),
            LINES[3],
            False,
        )

    def test_of_a_search_under_way(self, run: Path) -> None:
        with opened(run) as history:
            history.write(LINES[0])
            found = read_history(run)
            assert (len(found.evaluations), found.end, found.torn) == (1, None, False)
            history.write(LINES[1])
        assert len(read_history(run).generations) == 1
