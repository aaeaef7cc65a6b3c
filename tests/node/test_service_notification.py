"""What is told to systemd, by a socket as systemd has it."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from svcc.node.service_notification import ServiceNotification


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """The socket of a service manager, and its name as the environment has it."""
    name = f"@svcc-test-{secrets.token_hex(8)}" if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiving:
        receiving.bind("\0" + name[1:] if name.startswith("@") else name)
        receiving.setblocking(False)
        yield receiving, name


def told(receiving: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(receiving.recv(4096).decode())
        except BlockingIOError:
            return found


def test_a_manager_hears_everything(manager: tuple[socket.socket, str]) -> None:
    receiving, name = manager
    notification = ServiceNotification.of_environment({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000000"})
    assert notification.watchdog_interval == 15.0
    notification.ready()
    notification.status("30 Services\nnothing wrong")
    notification.alive()
    notification.stopping()
    assert told(receiving) == ["READY=1", "STATUS=30 Services nothing wrong", "WATCHDOG=1", "STOPPING=1"]


def test_a_reload_is_told_with_its_time(manager: tuple[socket.socket, str]) -> None:
    receiving, name = manager
    before = time.monotonic_ns() // 1000
    ServiceNotification(name).reloading()
    [message] = told(receiving)
    said, _, when = message.partition("\nMONOTONIC_USEC=")
    assert said == "RELOADING=1"
    assert before <= int(when) <= time.monotonic_ns() // 1000


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "³"},
        {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"},
    ],
)
def test_a_manager_without_a_watchdog_is_not_bothered(
    manager: tuple[socket.socket, str], environment: dict[str, str]
) -> None:
    receiving, name = manager
    notification = ServiceNotification.of_environment({"NOTIFY_SOCKET": name, **environment})
    assert notification.watchdog_interval is None
    notification.alive()
    assert told(receiving) == []


def test_the_watchdog_of_this_very_process_is_served(manager: tuple[socket.socket, str]) -> None:
    receiving, name = manager
    environment = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000", "WATCHDOG_PID": str(os.getpid())}
    ServiceNotification.of_environment(environment).alive()
    assert told(receiving) == ["WATCHDOG=1"]


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"WATCHDOG_USEC": "1000"}])
def test_without_a_manager_nothing_happens(environment: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    notification = ServiceNotification.of_environment(environment)
    with caplog.at_level(logging.DEBUG):
        for tell in (notification.ready, notification.alive, notification.stopping):
            tell()
    assert notification.watchdog_interval is None
    assert caplog.records == []


def test_a_manager_that_is_gone_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    notification = ServiceNotification(str(tmp_path / "nobody"))
    with caplog.at_level(logging.WARNING):
        notification.ready()
    assert [record.message for record in caplog.records] == [
        "the service manager was not told READY: No such file or directory"
    ]


def test_a_manager_that_does_not_read_blocks_nobody(manager: tuple[socket.socket, str]) -> None:
    _, name = manager
    notification = ServiceNotification(name)
    for _ in range(2000):
        notification.status("x" * 1000)
