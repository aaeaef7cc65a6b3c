"""What a node tells the world: log lines, metrics, and the state that probes, balancers and people ask for."""

from __future__ import annotations

import gc
import math
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import evolve

from svcc.addresses import IPFamily
from svcc.apply.applied import Applied, names_in_words, touched_names
from svcc.errors import SvccError
from svcc.fields import ObjectReference, Problem, Severity, printable
from svcc.incremental.compiler import IncrementalCompiler
from svcc.incremental.contract import ServiceChange, Update
from svcc.model.endpoints import EndpointSlice
from svcc.model.node import Node
from svcc.node.counts import ServedCounts
from svcc.node.log_lines import NodeLog, counted
from svcc.node.metrics import NodeMetrics
from svcc.node.observer import Observer, Reason, Synchronization
from svcc.node.probes import timestamp
from svcc.node.schedule import Task
from svcc.node.servers import NodeServers
from svcc.node.service_counters import ServiceCounters
from svcc.node.service_notification import ServiceNotification
from svcc.node.source_problems import SourceProblems
from svcc.node.state import (
    Change,
    Clock,
    Drift,
    Eligibility,
    NodeState,
    Published,
    RefusedService,
    Sync,
    SyncKind,
)
from svcc.node.status import troubles, waiting_words
from svcc.node.trigger_times import TriggerTimes
from svcc.node.watch import ForeignChange
from svcc.sources.contract import Batch

__all__ = ["Reporter"]

_RECENT: Final = 20


class Reporter(Observer):
    """Tells of a node's loop; what a call costs does not depend on how many Services there are."""

    def __init__(
        self,
        published: Published,
        servers: NodeServers,
        notification: ServiceNotification,
        *,
        clock: Clock | None = None,
        service_counters: ServiceCounters | None = None,
    ) -> None:
        self._published = published
        self._servers = servers
        self._metrics: NodeMetrics = servers.metrics
        self._notification = notification
        self._clock = clock or Clock()
        self._recent: deque[Change] = deque(published.state.recent, _RECENT)
        self._log = NodeLog(told=self._happened)
        self._served = ServedCounts()
        self._service_counters = service_counters
        self._triggers = TriggerTimes(published.state.started)
        self._slices: dict[ObjectReference, EndpointSlice] = {}
        self._source_problems = SourceProblems()
        self._over: deque[Problem] = deque(maxlen=_RECENT)
        self._compiler_problems: tuple[Problem, ...] = ()
        self._is_drifting = False
        self._is_unrepaired = False
        self._holding = ""
        self._is_started = False
        self._is_reloading = False
        self._told_manager = ""

    @property
    def alive_interval(self) -> float | None:
        """How often the service manager wants to hear of this process."""
        return self._notification.watchdog_interval

    def alive(self) -> None:
        """Tell the service manager."""
        self._notification.alive()

    def waiting(self, awaited: Sequence[str]) -> None:
        """Tell what the source still waits for, once for each thing that it is."""
        state = self._published.state
        if awaited and tuple(awaited) != state.source.awaited:
            self._log.event(f"{state.source.name}: {waiting_words(awaited)}", severity=Severity.INFO)
        self._publish(evolve(state, source=evolve(state.source, awaited=tuple(awaited))))
        self._tell_manager()

    def named(self, node: str) -> None:
        """Publish the name, which flags need not say where there is but one Node."""
        self._publish(evolve(self._published.state, node=node))

    def batch(self, batch: Batch) -> None:
        """Count what the source says, and look out for the node itself and for the causes of changes."""
        state = self._published.state
        before = state.source
        services = slices = 0
        for change in batch.changes:
            kind = change.reference.kind
            services += kind == "Service"
            if kind == "EndpointSlice":
                slices += 1
                self._slice_changed(change.reference, change.object)
            elif kind == "Node" and change.reference.name == state.node:
                node = change.object
                if isinstance(node, Node):
                    eligibility = Eligibility(node.is_being_deleted, node.taints)
                    self._tell_eligibility(state.eligibility, eligibility)
                    state = evolve(state, eligibility=eligibility)
        self._metrics.changed(services=services, endpoint_slices=slices)
        if batch.problems or batch.resolved:
            lasting = self._source_problems.take(batch, self._clock.now())
            self._log.happened(batch.over)
            self._log.news("source", lasting, batch.resolved)
            self._over.extend(batch.over)
            source = evolve(state.source, faults=self._source_problems.faults)
            state = evolve(state, problems=self._problems(), source=source)
        if batch.replaces_all:
            state = evolve(state, source=evolve(state.source, is_complete=True, awaited=()))
        if batch.changes or batch.replaces_all:
            state = self._waiting(state)
        self._publish(
            evolve(
                state,
                pending_services=state.pending_services + services,
                pending_endpoints=state.pending_endpoints + slices,
            )
        )
        if state.source.faults != before.faults:
            self._tell_manager()

    def _slice_changed(self, reference: ObjectReference, item: object) -> None:
        after = item if isinstance(item, EndpointSlice) else None
        self._triggers.changed(self._slices.get(reference), after)
        if after is None:
            self._slices.pop(reference, None)
        else:
            self._slices[reference] = after

    def starting(self) -> None:
        """Tell what begins."""
        state = self._published.state
        on = f" on node {state.node}" if state.node else ""
        self._log.note(f"svcc {state.version}{on}: reading {state.source.name}")

    def asked(self, signal: str, *, stop: bool) -> None:
        """Tell what is done because of a signal."""
        words = "ends, and the rules stay" if stop else "the kernel is read and compared"
        self._log.note(f"{signal}: {words}" if signal else words)
        if not stop and self._is_started:
            self._is_reloading = True
            self._notification.reloading()

    def foreign(self, change: ForeignChange) -> None:
        """Tell of drift before it is repaired."""
        self._is_drifting = True
        self._log.event(f"drift: {change}")
        self._publish(self._waiting(self._published.state))

    def held_back(self, unread: Sequence[str], losses: Sequence[str], compiler: IncrementalCompiler) -> None:
        """Tell of it when it changes; the service manager need not wait, for what was served is.

        So balancers are answered, too, about the Services that are known (S50): who hears nothing takes a node away
        that serves.
        """
        awaited = f"{', '.join(unread)}, which cannot be read (mend it, or delete it)"
        words = f"the rules stay as they are, and wait for {awaited}: without it {', '.join(losses)} would be lost"
        if words != self._holding:
            self._holding = words
            self._log.event(words)
        state = self._published.state
        why = (awaited, *(f"what is served as {name}, and declared nowhere else" for name in losses))
        self._publish(
            self._waiting(
                evolve(
                    state,
                    source=evolve(state.source, is_complete=False, awaited=why),
                    health_checks=compiler.health_checks,
                    node_ports=compiler.node_ports,
                )
            )
        )
        self._servers.refresh()
        self._is_started = True
        self._is_reloading = False
        self._notification.ready()
        self._tell_manager()

    def synchronized(self, synchronization: Synchronization, compiler: IncrementalCompiler) -> None:
        """Tell of what was done, and publish what is served now."""
        if synchronization.task is Task.TIDY:
            if synchronization.error is not None:
                self._metrics.tidying_failed()
                self._log.state("tidying", str(synchronization.error))
            else:
                self._log.state("tidying", "")
                if synchronization.applied is not None:
                    self._metrics.tidied(synchronization.applied.operations)
                self._tell_repaired(synchronization.applied)
            self._tell_connections(synchronization)
            return
        sync = self._sync(synchronization)
        applied = synchronization.applied
        self._metrics.synchronized(sync, applied.operations if applied else None)
        changes = _latest(synchronization.updates)
        subject = self._subject(synchronization, sync, changes)
        self._log.synchronized(
            sync,
            () if subject else changes,
            subject=subject,
            waited_seconds=synchronization.waited_seconds,
            touched=names_in_words(touched_names(applied.transactions)) if applied is not None else "",
            is_asked_for=synchronization.reason in {Reason.START, Reason.ASKED},
        )
        for update in synchronization.updates:
            self._log.news("compiler", update.problems, update.resolved)
            for change in update.services:
                self._served.replace(change.service, compiler.plans_of(change.service))
                if self._service_counters is not None:
                    self._service_counters.replace(change.service, compiler.plans_by_family(change.service))
        if applied is not None and applied.gone and synchronization.reason is Reason.START:
            self._log.event(f"not served any more, since nothing declares it now: {', '.join(applied.gone)}")
        self._tell_drift(sync)
        self._tell_connections(synchronization)
        self._publish(self._after(synchronization, sync, compiler))
        self._servers.refresh()
        if applied is not None:
            for family, seconds in self._triggers.take(self._clock.now()):
                self._metrics.programmed(family, seconds)
        self._tell_manager(is_over=sync.kind is SyncKind.FULL)

    def _subject(self, synchronization: Synchronization, sync: Sync, changes: Sequence[ServiceChange]) -> str:
        """What a full synchronization was about, where Services that it brings to this process are no news."""
        applied = synchronization.applied
        if applied is None or sync.kind is not SyncKind.FULL:
            return ""
        if self._is_drifting and sync.operations and not changes:
            return "drift repaired"
        if synchronization.reason is Reason.START and "add table" not in applied.operations:
            # The kernel had tables, and serves most of it already.
            return counted(len(changes), "Service")
        return ""

    def started(self) -> None:
        """Tell the service manager.

        What there is now stays for long, so no search for cycles needs to look at it: with 30 000 Services one takes
        seconds, in which changes wait.
        """
        gc.freeze()
        gc.enable()
        self._is_started = True
        self._notification.ready()

    def lost(self, error: BaseException | None) -> None:
        """Tell that the source has ended."""
        trouble = str(error) if error is not None else "it has ended"
        state = self._published.state
        self._publish(evolve(state, source=evolve(state.source, trouble=trouble, awaited=())))
        self._tell_manager()
        if error is not None and not state.source.is_complete:
            # It ends the process at once, and is told there.
            return
        self._log.state("source", trouble if state.source.name in trouble else f"{state.source.name}: {trouble}")

    def _tell_manager(self, *, is_over: bool = False) -> None:
        """Tell the service manager what people would ask for first, and that a reload `is_over`."""
        state = self._published.state
        words = "; ".join(troubles(state, self._clock, math.inf))
        if not words:
            counts = state.counts
            words = f"{counted(counts.services, 'Service')}, {counted(counts.endpoints, 'endpoint')}"
            if self._recent:
                last = self._recent[-1]
                words += f"; last change at {timestamp(last.at)}: {last.words}"
        if words != self._told_manager:
            self._told_manager = words
            self._notification.status(printable(words))
        if is_over and self._is_reloading:
            self._is_reloading = False
            self._notification.ready()

    def stopping(self) -> None:
        """Tell the service manager."""
        self._notification.stopping()

    def _sync(self, synchronization: Synchronization) -> Sync:
        kind = SyncKind.FULL if synchronization.task is Task.SYNCHRONIZE else SyncKind.PARTIAL
        error, applied = synchronization.error, synchronization.applied
        operations = sum(applied.operations.values()) if applied else 0
        words = "" if error is None else _words(error)
        return Sync(kind, self._clock.now(), synchronization.seconds, operations, words)

    def _tell_drift(self, sync: Sync) -> None:
        if not self._is_drifting or sync.error or sync.kind is not SyncKind.FULL:
            return
        self._is_drifting = False
        drift = self._published.state.drift
        self._metrics.drifted()
        self._publish(evolve(self._published.state, drift=evolve(drift, detected=drift.detected + 1)))
        self._is_unrepaired = not sync.operations
        if sync.operations:
            self._repaired(sync.operations, is_told=True)

    def _tell_eligibility(self, before: Eligibility, now: Eligibility) -> None:
        if before and not now:
            self._log.event(f"the node {now.why_not}: /healthz tells balancers to go elsewhere")
        elif now and not before:
            self._log.event("the node stays: /healthz tells balancers so", severity=Severity.INFO)

    def _tell_repaired(self, applied: Applied | None) -> None:
        """What is in nobody's way, such as an endpoint in a slot that is not drawn, is left to tidying."""
        if self._is_unrepaired and applied is not None and applied.count:
            self._is_unrepaired = False
            self._repaired(applied.count)

    def _repaired(self, operations: int, *, is_told: bool = False) -> None:
        words = f"drift repaired: {counted(operations, 'operation')}"
        if not is_told:
            self._log.event(words, severity=Severity.INFO)
        self._metrics.drift_repaired()
        drift = self._published.state.drift
        drift = Drift(drift.detected, drift.repaired + 1, Change(self._clock.now(), words))
        self._publish(evolve(self._published.state, drift=drift, recent=tuple(self._recent)))

    def _tell_connections(self, synchronization: Synchronization) -> None:
        removal = synchronization.forgotten
        if removal is None:
            return
        if removal.error is not None:
            self._metrics.connections_failed()
        for family in IPFamily:
            self._metrics.connections_forgotten(family, removal.by_family.get(family, 0), removal.seconds)

    def _after(self, synchronization: Synchronization, sync: Sync, compiler: IncrementalCompiler) -> NodeState:
        state = self._published.state
        applied = synchronization.applied
        state = evolve(
            state,
            last_sync=sync,
            last_full_sync=sync if sync.kind is SyncKind.FULL else state.last_full_sync,
            recent=tuple(self._recent),
        )
        if applied is None:
            return self._waiting(state)
        if any(update.problems or update.resolved for update in synchronization.updates):
            self._compiler_problems = compiler.problems
        return evolve(
            state,
            source=evolve(state.source, is_complete=True, awaited=()),
            last_success=sync,
            counts=self._served.counts,
            health_checks=compiler.health_checks,
            node_ports=compiler.node_ports,
            queued_since=None,
            pending_services=0,
            pending_endpoints=0,
            problems=self._problems(),
            refused=tuple(
                RefusedService(each.service, each.words, str(applied.saved or "")) for each in applied.refused
            ),
        )

    def _problems(self) -> tuple[Problem, ...]:
        """Those that hold, and the last of those that happened and are over."""
        return (*self._source_problems.lasting, *self._over, *self._compiler_problems)

    def _waiting(self, state: NodeState) -> NodeState:
        """The state once something waits for a synchronization that succeeds (S51)."""
        return state if state.queued_since is not None else evolve(state, queued_since=self._clock.monotonic())

    def _happened(self, words: str) -> None:
        self._recent.append(Change(self._clock.now(), words))

    def _publish(self, state: NodeState) -> None:
        self._published.state = state


def _words(error: SvccError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message


def _latest(updates: Iterable[Update]) -> list[ServiceChange]:
    """What became of each Service last; there are several updates after a failure."""
    return list({change.service: change for update in updates for change in update.services}.values())
