"""What a namespace begins and ends to track, as the kernel tells it (linux/netfilter/nfnetlink_conntrack.h)."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable

from tests.kernel.conntrack import TrackedConnection, attributes_of, tracked_connection
from tests.kernel.namespace import NetworkNamespace

_NETLINK_NETFILTER, _SOL_NETLINK, _ADD_MEMBERSHIP = 12, 270, 1
_RECEIVE_BUFFER_FORCE = 33
_NEW_GROUP, _DESTROY_GROUP = 1, 3
_DELETED = 2
_TIMESTAMP, _STOP = 20, 2
_BUFFER_SIZE = 1 << 24


class ConntrackEvents:
    """Tells of each connection when it begins, and of its end with the time (of day, in seconds) that the kernel gives.

    A thread of its own calls, until `close`.
    """

    def __init__(
        self,
        namespace: NetworkNamespace,
        begun: Callable[[TrackedConnection], None],
        ended: Callable[[TrackedConnection, float], None],
    ) -> None:
        self._begun, self._ended = begun, ended
        self._failure: BaseException | None = None
        namespace.sysctl(netfilter__nf_conntrack_timestamp=1, netfilter__nf_conntrack_events=1)
        with namespace.entered():
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
        self._socket.setsockopt(socket.SOL_SOCKET, _RECEIVE_BUFFER_FORCE, _BUFFER_SIZE)
        # Without a number of its own it would be taken for the sender, who is not told.
        self._socket.bind((0, 0))
        for group in (_NEW_GROUP, _DESTROY_GROUP):
            self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)
        self._socket.settimeout(0.2)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="conntrack events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, and raise what the thread died of, if it did: OSError with ENOBUFS where it could not keep up."""
        self._over.set()
        self._thread.join()
        self._socket.close()
        if self._failure is not None:
            raise self._failure

    def _listen(self) -> None:
        try:
            while not self._over.is_set():
                try:
                    data = self._socket.recv(1 << 18)
                except TimeoutError:
                    continue
                while data:
                    length, kind = struct.unpack_from("=IH", data)
                    self._tell(kind & 0xFF, data[20:length])
                    data = data[(length + 3) & ~3 :]
        except Exception as error:  # noqa: BLE001 - raised by close, in the thread of the test
            self._failure = error

    def _tell(self, kind: int, message: bytes) -> None:
        connection = tracked_connection(message)
        if kind != _DELETED:
            self._begun(connection)
            return
        times = attributes_of(attributes_of(message)[_TIMESTAMP])
        self._ended(connection, int.from_bytes(times[_STOP], "big") / 1e9)
