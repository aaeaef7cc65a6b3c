"""The dumps of many nodes, audited side by side: on the cores of this machine, or on a Dask cluster.

What is audited is one value that every worker receives once, an `Auditor`; dumps come one at a time. A dump that cannot
be audited is told as such, and so is one that takes its worker down with it (as when memory runs out): the others go
on. Processes are started afresh (``spawn``): a fork would copy locks that other threads hold.

Worker processes end with this one, however it ends, and at once when it is interrupted: they watch a pipe whose other
end this one alone holds. Ctrl-C, which a terminal sends to all of them, is for this one to deal with.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from threading import Thread

from svcc.auditing.node_dump import Auditor, NodeDump, NodeResult, ambiguous, audited, failed
from svcc.errors import TargetError

__all__ = ["Progress", "audit_fleet"]

_DIED = "the process that audited it was ended, perhaps for want of memory"


Progress = Callable[[int, int], None]
"""Told how many dumps of how many are done, first those that are not looked at."""


def audit_fleet(
    dumps: Iterable[NodeDump],
    auditor: Auditor,
    *,
    processes: int | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> tuple[NodeResult, ...]:
    """Audit dumps in parallel; the results stand in the order of the dumps, one for each.

    A script that calls this without a `scheduler` must do so below ``if __name__ == "__main__":``, since the processes
    it starts import it.

    Args:
        dumps: each of another node; one that is not the only one of its node is not looked at, and its result says so.
        auditor: what every dump is put to.
        processes: how many; None takes as many as this process may use cores.
        scheduler: the address of a Dask scheduler, such as ``tcp://10.0.0.7:8786``, whose workers then do the work.
            They need svcc and what the auditor reads; the dumps are sent to them.
        progress: told about every dump that is done.

    Raises:
        SvccError: `scheduler` is given and Dask is missing (`InputError`) or there is no cluster (`TargetError`); or no
            process can be started (`TargetError`).
    """
    wanted = tuple(dumps)
    found = {dump: ambiguous(dump) for dump in wanted if dump.others}
    clear = tuple(dump for dump in wanted if dump not in found)
    results: Iterator[tuple[NodeDump, NodeResult]]
    if wanted and not clear:
        results = iter(())
    elif scheduler is None:
        results = _on_this_machine(clear, auditor, processes or _cores())
    else:
        from svcc.auditing.dask_cluster import on_cluster  # noqa: PLC0415  (its third party is an extra)

        results = on_cluster(clear, auditor, scheduler)
    if progress is not None:
        progress(len(found), len(wanted))
    for dump, result in results:
        found[dump] = result
        if progress is not None:
            progress(len(found), len(wanted))
    return tuple(found[dump] for dump in wanted)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


# What a worker process was given when it started.
_auditors: list[Auditor] = []


def _keep(auditor: Auditor, lifeline: Connection[None, None]) -> None:
    _auditors[:] = [auditor]
    Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection[None, None]) -> None:
    """End this process as soon as nobody holds the other end of a pipe, whatever it is busy with."""
    wait((lifeline,))
    os._exit(1)


def _audited_here(dump: NodeDump) -> NodeResult:
    return audited(_auditors[0], dump)


def _is_ready() -> bool:
    return bool(_auditors)


@contextmanager
def _pool(auditor: Auditor, processes: int) -> Iterator[ProcessPoolExecutor]:
    """Worker processes; where the body raises, they are ended and not waited for."""
    context = get_context("spawn")
    lifeline, held = context.Pipe(duplex=False)
    with (
        lifeline,
        held,
        ProcessPoolExecutor(processes, mp_context=context, initializer=_keep, initargs=(auditor, lifeline)) as pool,
    ):
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            held.close()
            raise


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """What is started in here never hears of Ctrl-C; this process does so later."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _on_this_machine(
    dumps: tuple[NodeDump, ...], auditor: Auditor, processes: int
) -> Iterator[tuple[NodeDump, NodeResult]]:
    waiting = dict.fromkeys(dumps)
    with _pool(auditor, max(1, min(processes, len(dumps)))) as pool:
        futures = {}
        try:
            with _without_interrupts():
                for dump in dumps:
                    futures[pool.submit(_audited_here, dump)] = dump
        except BrokenProcessPool:
            pass  # a worker died while others were still being handed out
        for future in as_completed(futures):
            try:
                result = future.result()
            except BrokenProcessPool:
                continue
            del waiting[futures[future]]
            yield futures[future], result
    # A worker that dies takes the pool down, and nobody can tell which dump it was busy with.
    yield from _one_by_one(tuple(waiting), auditor)


def _one_by_one(dumps: tuple[NodeDump, ...], auditor: Auditor) -> Iterator[tuple[NodeDump, NodeResult]]:
    remaining = list(reversed(dumps))
    while remaining:
        with _pool(auditor, 1) as pool:
            try:
                with _without_interrupts():
                    ready = pool.submit(_is_ready)
                ready.result()
            except BrokenProcessPool:
                raise TargetError(
                    "no process can be started to audit with",
                    hint='in a script, call it below: if __name__ == "__main__":',
                ) from None
            while remaining:
                dump = remaining.pop()
                try:
                    yield dump, pool.submit(_audited_here, dump).result()
                except BrokenProcessPool:
                    yield dump, failed(dump, _DIED)
                    break
