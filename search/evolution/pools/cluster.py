"""Connects to a Ray cluster, or starts one on this machine, and refuses an address that does not answer."""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any

from msc.search.evolution.pools import PoolError
from msc.search.evolution.pools.evaluation import ONE_THREAD

LOCAL = "local"
AUTO = "auto"
_SECONDS_TO_ANSWER = 5.0
_LONGEST_FOLDER = 40  # Ray puts sockets below, whose paths have at most 107 bytes
_HTTP2_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"  # RFC 9113, section 3.4
_HTTP2_SETTINGS = 4
_USE_ANOTHER = "start a cluster with ray start --head, or use --ray local"


def check_address(address: str) -> None:
    """Refuse what is no address, and any address where Ray is not installed; raises PoolError."""
    if address not in (LOCAL, AUTO) and _host_and_port(address) is None:
        what = "is no address of a Ray cluster"
        raise PoolError.of(f"--ray {address}", what, "use HOST:PORT, ray://HOST:PORT, auto or local")
    if find_spec("ray") is None:
        fix = 'install it with: pip install "msc-snn[ray]"'
        raise PoolError.of(f"--ray {address}", "Ray is not installed", fix)


@contextmanager
def connected(address: str, cpus: int | None) -> Iterator[None]:
    """Connect this process to Ray for a while; `local` starts a Ray of `cpus` CPUs and ends it afterwards.

    Worker processes get one thread each. Raises PoolError where Ray does not answer or refuses.
    """
    with _environment(address), _folder(address) as folder:
        import ray

        options: dict[str, Any] = {"address": address}
        if address == LOCAL:
            options |= {"num_cpus": cpus, "include_dashboard": False, "_temp_dir": folder}
        else:
            _check_answer(address)
        with _quiet():
            try:
                _start(address, options)
                yield
            finally:
                ray.shutdown()


def _start(address: str, options: dict[str, Any]) -> None:
    import ray
    from ray.exceptions import RayError

    handler = signal.getsignal(signal.SIGTERM)
    environment = {"env_vars": ONE_THREAD}
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, runtime_env=environment, **options)
    except (OSError, RuntimeError, ValueError, ImportError, RayError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        fix = "use the cluster's versions of Python and Ray here, and its RAY_AUTH_TOKEN if it has one"
        if address == LOCAL:
            fix = "use --workers, which needs no Ray"
        raise PoolError.of(f"--ray {address}", f"Ray cannot be used: {reason}", fix) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)  # Ray has put its own in its place


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Ray from printing what it does about lost workers to stdout, where the answer goes."""
    from ray._private import worker

    before = worker._worker_logs_enabled
    worker._worker_logs_enabled = False
    try:
        yield
    finally:
        worker._worker_logs_enabled = before


def _host_and_port(address: str) -> tuple[str, int] | None:
    """Read `HOST:PORT`, `[HOST]:PORT` or either after `ray://`; returns None where it is neither."""
    match = re.fullmatch(r"(?:ray://)?(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+)):(\d{1,5})", address)
    if match is None or not 1 <= int(match[3]) <= 65535:
        return None
    host = match[1] or match[2]
    try:
        host.encode("idna")
    except UnicodeError:  # an empty or overlong part, at which every look-up fails in this way
        return None
    return host, int(match[3])


def _check_answer(address: str) -> None:
    """Refuse an address where nobody speaks HTTP/2, as Ray does: it would try again for minutes."""
    where, target = f"--ray {address}", address
    if address == AUTO:
        target = _found_address()
        where += f" ({target})"
    place = _host_and_port(target)
    if place is None:
        return
    try:
        with socket.create_connection(place, _SECONDS_TO_ANSWER) as talk:
            talk.sendall(_HTTP2_HELLO)
            answer = talk.recv(len(_HTTP2_HELLO))
    except TimeoutError as error:
        raise PoolError.of(where, "nobody answers (timed out)", _USE_ANOTHER) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PoolError.of(where, f"nobody answers ({reason})", _USE_ANOTHER) from error
    if os.environ.get("RAY_USE_TLS") != "1" and (len(answer) < 4 or answer[3] != _HTTP2_SETTINGS):
        raise PoolError.of(where, "whoever answers there is not Ray", _USE_ANOTHER)


def _found_address() -> str:
    """Find the cluster that `auto` means; raises PoolError where none runs on this machine."""
    from ray._private.services import canonicalize_bootstrap_address

    try:
        return os.environ.get("RAY_ADDRESS") or canonicalize_bootstrap_address(AUTO) or AUTO
    except ConnectionError as error:
        raise PoolError.of(f"--ray {AUTO}", "no cluster runs on this machine", _USE_ANOTHER) from error


@contextmanager
def _environment(address: str) -> Iterator[None]:
    """Have Ray say little, to nobody else, and take back what it changes in the environment."""
    before = {name: value for name, value in os.environ.items() if _is_of_ray(name)}
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address == LOCAL:
        os.environ.setdefault("RAY_AUTH_TOKEN", _token())
        os.environ.setdefault("RAY_prestart_worker_first_driver", "0")  # they would lack ONE_THREAD
    try:
        yield
    finally:
        for name in filter(_is_of_ray, list(os.environ)):
            del os.environ[name]
        os.environ.update(before)


def _is_of_ray(variable: str) -> bool:
    return variable.startswith("RAY_") or variable == "PYTHONBREAKPOINT"


@cache
def _token() -> str:
    """Make up the secret of this process's clusters, which Ray would else write into the home folder."""
    return secrets.token_hex(32)


@contextmanager
def _folder(address: str) -> Iterator[str | None]:
    """Make a folder for the files of a Ray of our own, and remove it afterwards."""
    if address != LOCAL:
        yield None
        return
    usual = tempfile.gettempdir()
    folder = tempfile.mkdtemp(prefix="msc-ray-", dir=usual if len(usual) <= _LONGEST_FOLDER else "/tmp")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
