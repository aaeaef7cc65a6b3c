"""What a service tells systemd about itself (sd_notify(3)): text to a socket that the environment names."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping
from typing import Self

__all__ = ["ServiceNotification"]

_log = logging.getLogger(__name__)


class ServiceNotification:
    """Tells a service manager how the service is; does nothing where nobody asked for it.

    A message that does not get through is logged and not tried again: the service goes on without.

    Attributes:
        watchdog_interval: how often, in seconds, `alive` is wanted, half of the time after which the service counts as
            dead; None if nobody waits for it.
    """

    def __init__(self, address: str | None, watchdog_interval: float | None = None) -> None:
        self._address = address
        self.watchdog_interval = watchdog_interval if address else None

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """As the environment says, which other processes that inherit it are not meant by."""
        microseconds = environment.get("WATCHDOG_USEC", "")
        is_meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        wanted = is_meant and microseconds.isascii() and microseconds.isdigit() and int(microseconds) > 0
        return cls(environment.get("NOTIFY_SOCKET") or None, int(microseconds) / 2e6 if wanted else None)

    def ready(self) -> None:
        """The rules are in the kernel: units that come after may start. Said again, it means nothing."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """The service does what SIGHUP asked for; `ready` says that it is done."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._tell("STATUS=" + text.replace("\n", " "))

    def stopping(self) -> None:
        """The service ends because it was asked to."""
        self._tell("STOPPING=1")

    def alive(self) -> None:
        """The loop goes round, for the watchdog."""
        if self.watchdog_interval is not None:
            self._tell("WATCHDOG=1")

    def _tell(self, message: str) -> None:
        if self._address is None:
            return
        # A name that begins with @ is in the abstract namespace, whose names begin with a null byte.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sending:
                sending.connect(address)
                sending.send(message.encode())
        except OSError as error:
            _log.warning("the service manager was not told %s: %s", message.partition("=")[0], error.strerror or error)
