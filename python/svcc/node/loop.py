"""The loop that keeps a node right: it waits, and does what is due.

Changes come from a source, in a thread of its own, and go into the kernel as small transactions, which cost what the
change costs and never what the table holds. The kernel is read on the first synchronization, when somebody else has
changed svcc's tables, after a failure, and now and then without a reason. Nothing is written before the source is
complete (S53), nothing is undone at the end: rules outlive the process.
"""

from __future__ import annotations

import math
import selectors
import threading
import time
from collections.abc import Callable
from typing import Final

from attrs import evolve

from svcc.apply.applied import Applied
from svcc.apply.installer import Installer
from svcc.apply.steps import NOTHING
from svcc.dataplane.conntrack import StaleEntries
from svcc.errors import SvccError
from svcc.incremental.compiler import IncrementalCompiler
from svcc.incremental.contract import Update
from svcc.node.conntrack import ConntrackCleaner, Removal
from svcc.node.inbox import Inbox
from svcc.node.observer import Observer, Reason, Synchronization
from svcc.node.pending import Pending
from svcc.node.schedule import Intervals, Schedule, Task
from svcc.node.second_look import SecondLook
from svcc.node.watch import TableWatch
from svcc.sources.contract import Batch, Source, SourceEndedError

__all__ = ["Node"]

_WAITING_SECONDS: Final = 5.0
"""From one telling of what the source waits for to the next, until it is complete."""


_HELD_SECONDS: Final = 5.0
"""From one look at what the kernel would lose to the next, while changes come that may have made it good."""
_LONGEST_SLEEP: Final = 86_400.0
"""In seconds; selectors refuse those of more than 24 days, which periods may have."""


class _Ended:
    """The source's last word."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Wish:
    """What a signal asks for, and its name; nothing where it was none."""

    def __init__(self, signal: str, *, stop: bool) -> None:
        self.signal = signal
        self.stop = stop


class Node:
    """One node, from its source to its kernel.

    `stop` and `resynchronize` may be called from signal handlers and other threads. The time of day plays no part.
    `make_compiler` is called once, with the source's list, which may bring settings.
    """

    def __init__(
        self,
        *,
        source: Source,
        make_compiler: Callable[[Batch], IncrementalCompiler],
        installer: Installer,
        conntrack: ConntrackCleaner,
        watch: TableWatch,
        observer: Observer,
        intervals: Intervals | None = None,
    ) -> None:
        self._source = source
        self._make_compiler = make_compiler
        self._compiler: IncrementalCompiler | None = None
        self._installer = installer
        self._conntrack = conntrack
        self._watch = watch
        self._observer = observer
        self._clock = time.monotonic
        intervals = intervals or Intervals()
        self._schedule = Schedule(intervals)
        self._second_look = SecondLook(intervals.tidying)
        self._inbox: Inbox[Batch | _Ended | _Wish] = Inbox()
        self._pending = Pending()
        self._stale: list[StaleEntries] = []
        self._updates: list[Update] = []
        self._queued_since: float | None = None
        self._reason = Reason.START
        self._unread: tuple[str, ...] = ()
        self._is_held_back = False
        self._tell_waiting_at = math.inf
        self._stops = False
        self._ended: _Ended | None = None

    @property
    def wakeup_descriptor(self) -> int:
        """For `signal.set_wakeup_fd`."""
        return self._inbox.wakeup_descriptor

    def stop(self, signal: str = "") -> None:
        """End `run` soon, between two transactions; the rules stay."""
        self._inbox.put(_Wish(signal, stop=True))

    def resynchronize(self, signal: str = "") -> None:
        """Read the kernel, and make it right."""
        self._inbox.put(_Wish(signal, stop=False))

    def run(self) -> None:
        """Keep the node right until `stop`.

        Raises:
            SourceEndedError: the source has ended; all it said is in the kernel, unless that refuses.
            SvccError: the source could not be read at all.
        """
        reader = threading.Thread(target=self._read_source, name="source", daemon=True)
        reader.start()
        self._tell_waiting_at = self._clock() + _WAITING_SECONDS
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._inbox, selectors.EVENT_READ)
                selector.register(self._watch, selectors.EVENT_READ)
                while not self._stops:
                    selector.select(self._sleep())
                    self._observer.alive()
                    self._listen()
                    self._tell_waiting()
                    self._work()
        finally:
            self._source.close()
            self._observer.stopping()
            reader.join(timeout=1)
            self._inbox.close()

    def _read_source(self) -> None:
        try:
            self._inbox.put(self._source.list())
            for batch in self._source.changes():
                self._inbox.put(batch)
        except BaseException as error:  # noqa: BLE001  (whatever it is, the loop raises it)
            self._inbox.put(_Ended(error))
        else:
            self._inbox.put(_Ended(None))

    def _sleep(self) -> float:
        now = self._clock()
        wait = self._schedule.wait(now) if self._compiler is not None else max(0.0, self._tell_waiting_at - now)
        return min(each for each in (wait, self._observer.alive_interval, _LONGEST_SLEEP) if each is not None)

    def _tell_waiting(self) -> None:
        """A source that is not complete looks like a process that hangs, unless somebody says what it waits for."""
        now = self._clock()
        if self._compiler is None and self._ended is None and now >= self._tell_waiting_at:
            self._observer.waiting(self._source.awaited)
            self._tell_waiting_at = now + _WAITING_SECONDS

    def _listen(self) -> None:
        for item in self._inbox.take():
            if isinstance(item, Batch):
                self._take(item)
            elif isinstance(item, _Ended):
                self._ended = item
                self._observer.lost(item.error)
            else:
                self._observer.asked(item.signal, stop=item.stop)
                if item.stop:
                    self._stops = True
                else:
                    self._suspect(Reason.ASKED)
        if self._compiler is not None and (foreign := self._watch.poll()) is not None:
            self._observer.foreign(foreign)
            self._suspect(Reason.FOREIGN_CHANGE)

    def _take(self, batch: Batch) -> None:
        now = self._clock()
        self._pending.add(batch)
        try:
            if self._compiler is None:
                # First, since it says which node this is.
                self._compiler = self._make_compiler(batch)
                self._observer.named(self._compiler.node)
                self._schedule.suspect(now)
        finally:
            self._observer.batch(batch)
        if batch.unread is not None:
            self._unread = batch.unread
            if self._is_held_back:
                self._schedule.suspect(now)
        if self._pending:
            if self._queued_since is None:
                self._queued_since = now
            if self._is_held_back:
                self._schedule.suspect(now + _HELD_SECONDS)
            else:
                self._schedule.changed(now)

    def _suspect(self, reason: Reason) -> None:
        self._because(reason)
        self._schedule.suspect(self._clock())

    def _because(self, reason: Reason) -> None:
        """Why the kernel is read next; until that has succeeded once, it is the start."""
        if self._reason is not Reason.START:
            self._reason = reason

    def _work(self) -> None:
        if self._compiler is not None and not self._stops:
            task = self._schedule.next(self._clock())
            if task is not None:
                reason = self._reason
                self._do(task, self._compiler)
                if reason is Reason.START and self._reason is not Reason.START:
                    # Not earlier: what the start leaves to be freed is as large as the table.
                    self._observer.started()
        if self._ended is not None and not self._stops:
            self._finish(self._ended)

    def _finish(self, ended: _Ended) -> None:
        if self._compiler is not None and self._queued_since is not None and self._schedule.failures == 0:
            return  # What it said last is not in the kernel yet.
        if ended.error is not None:
            raise ended.error
        raise SourceEndedError(f"{self._source.name} has ended; the rules stay as they are")

    def _do(self, task: Task, compiler: IncrementalCompiler) -> None:
        start = self._clock()
        queued_since = self._queued_since
        reason = self._reason if task is Task.SYNCHRONIZE else Reason.CHANGES
        if task is not Task.TIDY:
            self._compile(compiler, task)
        try:
            if reason is Reason.START and self._is_to_be_held_back(compiler):
                return
            applied = self._run(task, compiler)
        except SvccError as error:
            # A pause that failed leaves it open who committed; the next try reads all anyway, so that is no drift.
            self._watch.poll()
            self._schedule.failed(self._clock())
            self._because(Reason.FAILURE)
            self._observe(compiler, task, reason, start, queued_since, error=error)
            return
        now = self._clock()
        self._schedule.done(task, now, now - start)
        if applied.refused:
            self._reason = Reason.FAILURE
            self._schedule.refused(now)
        elif task is Task.SYNCHRONIZE:
            self._reason = Reason.ROUTINE
        if task is Task.TIDY:
            forgotten = self._look_again(compiler, now)
        else:
            self._queued_since = None
            forgotten = self._forget_connections(task, compiler, applied, now)
        wait = self._installer.seconds_until_tidy
        if task is Task.TIDY and wait == 0.0:
            self._schedule.unfinished(now)
        elif wait is not None or self._second_look:
            self._schedule.left_behind(now)
        self._observe(compiler, task, reason, start, queued_since, applied=applied, forgotten=forgotten)
        self._updates = []

    def _is_to_be_held_back(self, compiler: IncrementalCompiler) -> bool:
        """Whether the first synchronization would take Services from the kernel that an unread file may declare.

        Then the rules stay as they are until that file is mended, or deleted: what it said when they were made is known
        to nobody but them.
        """
        losses = self._installer.losses(compiler.ruleset()) if self._unread else []
        self._is_held_back = bool(losses)
        if self._is_held_back:
            self._schedule.held_back()
            self._observer.held_back(self._unread, losses, compiler)
        return self._is_held_back

    def _compile(self, compiler: IncrementalCompiler, task: Task) -> None:
        if changes := self._pending.take():
            update = compiler.update(changes)
            self._stale.extend(update.stale_entries)
            if task is Task.SYNCHRONIZE:
                # What it does to the tables is as large as they are at the start, and nobody asks where all is read.
                update = evolve(update, before=NOTHING, after=NOTHING)
            self._updates.append(update)

    def _run(self, task: Task, compiler: IncrementalCompiler) -> Applied:
        if task is Task.SYNCHRONIZE:
            # It may change more than the watch's buffer holds, and reads all there is anyway.
            with self._watch.paused() as pause:
                applied = self._installer.synchronize(compiler.ruleset(), compiler.dataplane())
                pause.own_commits = len(applied.transactions)
            return applied
        if task is Task.TIDY:
            return self._installer.tidy()
        return self._installer.advance(self._updates[-1])

    def _forget_connections(
        self, task: Task, compiler: IncrementalCompiler, applied: Applied, now: float
    ) -> Removal | None:
        """UDP connections that lead nowhere any more go after the rules that made them (S48, S49).

        Where rules were missing or wrong for a while, or where changes had to wait, what filters of single changes say
        is not all, and may be over again.
        """
        stale, self._stale = self._stale, []
        if task is Task.SYNCHRONIZE or self._conntrack.in_doubt or len(self._updates) > 1:
            # That finds what is not translated by what is served: at a start, all frontends are new.
            stale = [item for item in stale if not item.is_untranslated]
            self._second_look.add(now, stale, is_for_all=bool(applied.transactions))
            return self._conntrack.reconcile(compiler.dataplane(), stale)
        self._second_look.add(now, stale)
        return self._conntrack.remove(stale) if stale else None

    def _look_again(self, compiler: IncrementalCompiler, now: float) -> Removal | None:
        """Connections that were under way when the rules changed go as well."""
        look = self._second_look.take(now)
        if not look:
            return None
        stale = compiler.still_stale(look.stale)
        start = self._clock()
        if look.is_for_all:
            removal = self._conntrack.reconcile(compiler.dataplane(), stale)
        else:
            removal = self._conntrack.remove(stale)
        end = self._clock()
        self._second_look.took(end, end - start)
        return removal

    def _observe(
        self,
        compiler: IncrementalCompiler,
        task: Task,
        reason: Reason,
        start: float,
        queued_since: float | None,
        *,
        applied: Applied | None = None,
        forgotten: Removal | None = None,
        error: SvccError | None = None,
    ) -> None:
        end = self._clock()
        self._observer.synchronized(
            Synchronization(
                task=task,
                reason=reason,
                seconds=end - start,
                waited_seconds=0.0 if queued_since is None else start - queued_since,
                updates=tuple(self._updates),
                applied=applied,
                forgotten=forgotten,
                error=error,
            ),
            compiler,
        )
