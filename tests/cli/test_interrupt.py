"""Ctrl-C ends a command with exit 130, without a traceback, leaving nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.calling import MSC, environment, msc

INTERRUPTED = 130
STOP_WRITING = """
import os, signal
from msc.ir import files
write = files._write_all
def stop_in_the_middle(descriptor, data):
    write(descriptor, bytes(data)[:10])
    os.kill(os.getpid(), signal.SIGINT)
    write(descriptor, bytes(data)[10:])
files._write_all = stop_in_the_middle
from msc.compiler.cli import main
main()
"""


def interrupted_in_write(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run msc with a SIGINT that arrives after the first bytes of the first file."""
    return subprocess.run(
        [sys.executable, "-c", STOP_WRITING, *map(str, arguments)],
        capture_output=True, text=True, cwd=folder, env=environment(), timeout=120,
    )  # fmt: skip


@pytest.fixture(scope="module")
def large_genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genome that takes a few seconds to draw weights for."""
    folder = tmp_path_factory.mktemp("large")
    shape = ("--input-shape", "3,32,32", "--channels", "16", "--layers", "5")
    assert msc("new", *shape, "-o", "large.json", folder=folder).returncode == 0
    return folder / "large.json"


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6])
@pytest.mark.parametrize("command", ["compile", "verify"])
def test_ctrl_c_at_any_time(large_genome: Path, tmp_path: Path, command: str, seconds: float) -> None:
    """The signal goes to the whole process group, simulators included, as from a terminal."""
    arguments = ["compile", "--target", "nir", "-o", "out"] if command == "compile" else ["verify"]
    process = subprocess.Popen(
        [*MSC, arguments[0], str(large_genome), *arguments[1:]],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    _wait_for_main(process.pid)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode in (INTERRUPTED, 0), stderr
    assert "Traceback" not in stderr
    if process.returncode == INTERRUPTED:
        assert stderr.splitlines()[-1] == "interrupted"
        assert not os.listdir(tmp_path)


def _wait_for_main(pid: int) -> None:
    """Wait until the process has loaded numpy: then a command is running and main holds the signal."""
    maps = Path(f"/proc/{pid}/maps")
    if not maps.exists():
        time.sleep(0.5)
        return
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and "_multiarray_umath" not in maps.read_text():
        time.sleep(0.01)


def test_ctrl_c_while_a_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "g.json").write_text("old")
    result = interrupted_in_write("new", "-o", "g.json", folder=tmp_path)
    assert result.returncode == INTERRUPTED, result.stderr
    assert result.stderr.splitlines()[-1] == "interrupted"
    assert (tmp_path / "g.json").read_text() == "old"
    assert os.listdir(tmp_path) == ["g.json"]


def test_ctrl_c_while_a_folder_is_written(genome: Path, tmp_path: Path) -> None:
    result = interrupted_in_write("compile", genome, "--target", "nir", "-o", "out", folder=tmp_path)
    assert result.returncode == INTERRUPTED, result.stderr
    assert not os.listdir(tmp_path)


def test_ctrl_c_while_a_folder_is_overwritten(genome: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "network.nir").write_text("old")
    call = ("compile", genome, "--target", "nir", "-o", "out", "--force")
    result = interrupted_in_write(*call, folder=tmp_path)
    assert result.returncode == INTERRUPTED, result.stderr
    assert os.listdir(tmp_path / "out") == ["network.nir"]
    assert (tmp_path / "out" / "network.nir").read_text() == "old"


def test_ctrl_c_in_a_finaliser_is_not_lost(tmp_path: Path) -> None:
    """Python prints a KeyboardInterrupt raised in `__del__` and goes on; the command must still end."""
    code = (
        "import os, signal, time\n"
        "from msc.ir import files\n"
        "class Dying:\n"
        "    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        time.sleep(1)\n"
        "def slow(path, data):\n"
        "    Dying()\n"
        "    time.sleep(30)\n"
        "files.write_atomic = slow\n"
        "from msc.compiler.cli import main\nmain()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, "new", "-o", "g.json"],
        capture_output=True, text=True, cwd=tmp_path, env=environment(), timeout=25,
    )  # fmt: skip
    assert result.returncode == INTERRUPTED
    assert result.stderr.splitlines() == ["interrupted"]


def test_ctrl_c_while_python_shuts_down_changes_nothing(tmp_path: Path) -> None:
    """A process whose answer was out was once seen to die by the signal instead of ending with its code.

    Late in its shutdown Python puts the deadly default back, unless the signal is ignored by then.
    """
    ended = "import signal, sys; sys.argv = ['msc', '--version']\n"
    ended += "from msc.compiler.cli import main\n"
    ended += "try:\n    main()\nexcept SystemExit as end:\n"
    ended += "    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN\n    sys.exit(end.code)"
    result = subprocess.run([sys.executable, "-c", ended], cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
