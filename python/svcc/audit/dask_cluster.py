"""The same work on a Dask cluster, for fleets that are too large for one machine.

The auditor goes to every worker as a plugin, also to those that join later; a dump of a worker that is lost goes to
another one. Only few dumps are under way at a time, so that the memory of the sender stays small.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from svcc.audit.node_dump import Auditor, NodeDump, NodeResult, audited, failed
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
_UNDER_WAY: Final = 2
"""Dumps for each thread of the cluster: one that is audited, and one that waits for its turn."""


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
        TargetError: there is no scheduler at the address, or it has no workers.
    """
    try:
        client = distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise TargetError(f"{address}: no Dask scheduler answers: {error}") from None
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise TargetError(f"{address}: the Dask cluster has no workers")
        client.register_plugin(_Holder(auditor))
        try:
            yield from _results(client, dumps, _UNDER_WAY * threads)
        finally:
            if client.status == "running":
                client.unregister_worker_plugin(_PLUGIN)


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
        future = next(completed)
        dump = under_way.pop(future)
        try:
            result = future.result()
        except distributed.KilledWorker:
            result = failed(dump, "every worker that audited it was lost, perhaps for want of memory")
        yield dump, result
        future.release()
        yield from send(1)
