"""Tests of the addresses of Ray clusters: what is refused before Ray itself is asked."""

from __future__ import annotations

import importlib.util
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from msc.search.evolution.pools import PoolError
from msc.search.evolution.pools.cluster import check_address, connected
from msc.search.evolution.pools.opening import open_pool
from tests.requires import require
from tests.search.evolution.pools.evaluators import Steady

START_ONE = "start a cluster with ray start --head, or use --ray local"


@contextmanager
def _listening(answer: bytes | None) -> Iterator[int]:
    """Listen on a port; answers the first who comes, hangs up for b"", stays silent for None."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def speak() -> None:
            talk, _ = server.accept()
            with talk:
                talk.recv(100)
                if answer is not None:
                    talk.sendall(answer)
                else:
                    talk.recv(1)

        speaker = threading.Thread(target=speak, daemon=True)
        speaker.start()
        yield server.getsockname()[1]
        speaker.join()


def _refusal(address: str) -> str:
    """Try to connect; returns why not, having seen that Ray was not asked."""
    ray = require("ray", '"msc-snn[ray]"')
    with pytest.raises(PoolError) as caught, connected(address, None):
        pass
    assert not ray.is_initialized()
    return str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "here",
        "127.0.0.1",
        ":6379",
        "host:",
        "host:0",
        "host:65536",
        "host:port",
        "http://host:1",
        "a b:1",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(PoolError) as caught:
        open_pool(Steady(), ray_address=address)
    assert str(caught.value) == (
        f"--ray {address}: is no address of a Ray cluster; use HOST:PORT, ray://HOST:PORT, auto or local"
    )


@pytest.mark.parametrize(
    "address", ["local", "auto", "10.0.0.1:6379", "head.lan:1", "[::1]:6379", "ray://a-b:1"]
)
def test_addresses_are_known(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "msc.search.evolution.pools.cluster.find_spec", lambda name: importlib.util.find_spec("json")
    )
    check_address(address)


def test_ray_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msc.search.evolution.pools.cluster.find_spec", lambda name: None)
    with pytest.raises(PoolError) as caught:
        open_pool(Steady(), ray_address="local")
    assert str(caught.value) == (
        '--ray local: Ray is not installed; install it with: pip install "msc-snn[ray]"'
    )


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_nobody_answers_is_refused(scheme: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    address = f"{scheme}127.0.0.1:{port}"
    assert _refusal(address) == f"--ray {address}: nobody answers (connection refused); {START_ONE}"


def test_a_host_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    refusal = _refusal("no.such.host:6379")
    assert refusal == f"--ray no.such.host:6379: nobody answers (name or service not known); {START_ONE}"


def test_a_listener_that_stays_silent_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msc.search.evolution.pools.cluster._SECONDS_TO_ANSWER", 0.1)
    with _listening(None) as port:
        assert _refusal(f"127.0.0.1:{port}") == (
            f"--ray 127.0.0.1:{port}: nobody answers (timed out); {START_ONE}"
        )


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"-ERR unknown command\r\n"])
def test_a_listener_that_is_not_ray_is_refused(answer: bytes) -> None:
    with _listening(answer) as port:
        assert _refusal(f"127.0.0.1:{port}") == (
            f"--ray 127.0.0.1:{port}: whoever answers there is not Ray; {START_ONE}"
        )


def test_auto_takes_the_address_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    before = dict(os.environ)
    assert _refusal("auto") == f"--ray auto ({address}): nobody answers (connection refused); {START_ONE}"
    assert dict(os.environ) == before


def test_auto_without_a_cluster_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    require("ray", '"msc-snn[ray]"')

    def nothing(address: str) -> str:
        raise ConnectionError("Could not find any running Ray instance.")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("ray._private.services.canonicalize_bootstrap_address", nothing)
    assert _refusal("auto") == f"--ray auto: no cluster runs on this machine; {START_ONE}"
