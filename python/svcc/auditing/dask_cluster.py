"""The same work on a Dask cluster, for fleets that are too large for one machine.

The auditor goes to every worker as a plugin, also to those that join later; a dump of a worker that is lost goes to
another one. Only few dumps are under way at a time, so that the memory of the sender stays small. A cluster that goes
away in the middle is an error; Dask would wait for workers for ever.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final

from svcc.auditing.node_dump import Auditor, NodeDump, NodeResult, audited, failed
from svcc.errors import InputError, TargetError

try:
    import distributed
except ImportError:
    raise InputError(
        "a scheduler needs Dask, which is not installed", hint="install it with: pip install 'svcc[fleet]'"
    ) from None

__all__ = ["on_cluster"]

_PLUGIN: Final = "svcc-audit"
_CONNECT_SECONDS: Final = 30
_PAUSE_SECONDS: Final = 0.05
_LOOK_SECONDS: Final = 2
_WITHOUT_WORKERS_SECONDS: Final = 30
"""Longer than it takes to start a worker anew."""
_SUCH_AS: Final = "they are such as tcp://10.0.0.7:8786"
_UNDER_WAY: Final = 2
"""Dumps for each thread of the cluster: one that is audited, and one that waits for its turn."""


class _NoWorkersLeftError(Exception):
    """The cluster has had no workers for a while."""


class _Holder(distributed.WorkerPlugin):  # type: ignore[misc, unused-ignore]
    """Keeps the auditor on a worker."""

    name = _PLUGIN

    def __init__(self, auditor: Auditor) -> None:
        self.auditor = auditor


def _audited_there(dump: NodeDump, data: bytes) -> NodeResult:
    holder: Any = distributed.get_worker().plugins[_PLUGIN]
    return audited(holder.auditor, dump, data)


def on_cluster(dumps: tuple[NodeDump, ...], auditor: Auditor, address: str) -> Iterator[tuple[NodeDump, NodeResult]]:
    """Audit dumps on the workers of a Dask cluster, in no order.

    Raises:
        InputError: it is no address.
        TargetError: there is no scheduler at the address, or it has no workers; or none is left.
    """
    _check_address(address)
    try:
        client = distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise TargetError(f"{address}: no Dask scheduler answers: {error}") from None
    with _silent(), client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise TargetError(f"{address}: the Dask cluster has no workers")
        client.register_plugin(_Holder(auditor))
        try:
            yield from _results(client, dumps, _UNDER_WAY * threads)
        except CancelledError:
            raise TargetError(f"{address}: the Dask scheduler went away") from None
        except _NoWorkersLeftError:
            raise TargetError(f"{address}: the Dask cluster has lost all its workers") from None
        finally:
            if client.status == "running":
                client.unregister_worker_plugin(_PLUGIN)


class _Watch:
    """Looks from time to time whether somebody is there to do the work, or comes in time."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._seen = self._looked = time.monotonic()

    def look(self) -> None:
        """Raise `_NoWorkersLeftError` if there have been no workers for long."""
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        if self._client.nthreads():
            self._seen = now
        elif now - self._seen >= _WITHOUT_WORKERS_SECONDS:
            raise _NoWorkersLeftError


def _next(completed: Any, client: Any) -> Any:
    """The next future that is done."""
    watch = _Watch(client)
    while not completed.has_ready():
        time.sleep(_PAUSE_SECONDS)
        watch.look()
    return next(completed)


def _result(future: Any, client: Any) -> NodeResult:
    """What came of a future that is done; if the worker that holds it is lost by now, another one does it again."""
    watch = _Watch(client)
    while True:
        try:
            result: NodeResult = future.result(timeout=_LOOK_SECONDS)
        except TimeoutError:
            watch.look()
        else:
            return result


@contextmanager
def _silent() -> Iterator[None]:
    """Without what Dask logs of connections that are lost: what comes of it is told."""
    log = logging.getLogger("distributed.client")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


def _check_address(address: str) -> None:
    """Refuse what is no address; a client that is refused it by Dask hangs for a minute when the program ends."""
    try:
        _host, port = distributed.comm.addressing.get_address_host_port(address)
    except ValueError as error:
        raise InputError(f"{address!r} is not the address of a scheduler: {error}", hint=_SUCH_AS) from None
    if not 0 < port < 1 << 16:
        raise InputError(f"{address!r} is not the address of a scheduler: {port} is no port", hint=_SUCH_AS)


def _results(client: Any, dumps: tuple[NodeDump, ...], most: int) -> Iterator[tuple[NodeDump, NodeResult]]:
    waiting = iter(dumps)
    under_way: dict[Any, NodeDump] = {}
    completed = distributed.as_completed(loop=client.loop)

    def send(count: int) -> Iterator[tuple[NodeDump, NodeResult]]:
        """Send dumps; those that cannot be read are answered at once, and others take their place."""
        while count:
            dump = next(islice(waiting, 1), None)
            if dump is None:
                return
            try:
                data = dump.path.read_bytes()
            except OSError as error:
                yield dump, failed(dump, error.strerror or str(error))
                continue
            future = client.submit(_audited_there, dump, data, pure=False)
            under_way[future] = dump
            completed.add(future)
            count -= 1

    yield from send(most)
    while under_way:
        future = _next(completed, client)
        dump = under_way.pop(future)
        try:
            result = _result(future, client)
        except distributed.KilledWorker:
            result = failed(dump, "every worker that audited it was lost, perhaps for want of memory")
        yield dump, result
        future.release()
        yield from send(1)
