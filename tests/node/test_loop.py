"""What the loop does, and when, whatever becomes of it: with stand-ins for the source and the kernel."""

from __future__ import annotations

import math
import queue
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from attrs import define, evolve, field

from svcc.apply.applied import Applied
from svcc.dataplane.conntrack import StaleEntries
from svcc.errors import InputError
from svcc.incremental.compiler import IncrementalCompiler
from svcc.incremental.contract import Change
from svcc.model.cluster import ClusterSettings
from svcc.model.endpoints import EndpointPort
from svcc.model.service import ServicePort
from svcc.nft.transaction import Transaction
from svcc.node.loop import Node
from svcc.node.observer import Reason, Synchronization
from svcc.node.schedule import Intervals, Task
from svcc.sources.contract import Batch, SourceEndedError, SourceLostError
from tests.declare import remote, service, slices
from tests.node.fakes import (
    PATIENCE_SECONDS,
    FakeConntrack,
    FakeInstaller,
    FakeWatch,
    QueueSource,
    RecordingObserver,
    change,
)

QUICK = Intervals(least=0.0, verification=3600.0, tidying=0.0, first_retry=0.01, last_retry=0.05)


@define
class Running:
    """A loop in a thread, and everything it talks to."""

    source: QueueSource = field(factory=QueueSource)
    installer: FakeInstaller = field(factory=FakeInstaller)
    conntrack: FakeConntrack = field(factory=FakeConntrack)
    watch: FakeWatch = field(factory=FakeWatch)
    observer: RecordingObserver = field(factory=RecordingObserver)
    compiler: IncrementalCompiler = field(factory=lambda: IncrementalCompiler("", ClusterSettings()))
    intervals: Intervals = QUICK
    raised: list[BaseException] = field(factory=list)
    node: Node = field(init=False)
    thread: threading.Thread = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.node = Node(
            source=self.source,
            make_compiler=lambda _batch: self.compiler,
            installer=self.installer,  # type: ignore[arg-type]  # a stand-in
            conntrack=self.conntrack,  # type: ignore[arg-type]
            watch=self.watch,  # type: ignore[arg-type]
            observer=self.observer,
            intervals=self.intervals,
        )
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.node.run()
        except Exception as error:  # noqa: BLE001  (the test looks at it)
            self.raised.append(error)

    def ended(self) -> BaseException | None:
        self.thread.join(PATIENCE_SECONDS)
        assert not self.thread.is_alive()
        return self.raised[0] if self.raised else None

    def services(self) -> list[str]:
        return sorted(
            {plan.name.service for family in self.compiler.dataplane().families for plan in family.service_ports}
        )


@contextmanager
def running(**parts: object) -> Iterator[Running]:
    found = Running(**parts)  # type: ignore[arg-type]
    found.thread.start()
    try:
        yield found
    finally:
        found.node.stop()
        found.thread.join(PATIENCE_SECONDS)
        found.watch.close()


def test_nothing_is_written_before_the_source_is_complete_s53() -> None:
    with running() as loop:
        loop.watch.tell()
        loop.node.resynchronize()
        assert loop.installer.calls == []
        loop.source.said.put(Batch((change("web"),), replaces_all=True))
        first = loop.observer.next()
        assert (first.task, first.reason) == (Task.SYNCHRONIZE, Reason.START)
        assert loop.installer.calls[0] == "synchronize"
        assert loop.services() == ["web"]


def test_what_the_source_waits_for_is_told_until_it_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("svcc.node.loop._WAITING_SECONDS", 0.01)
    source = QueueSource()
    source.awaited = ("Services: none seen yet",)
    with running(source=source) as loop:
        for _ in range(3):
            assert loop.observer.waits.get(timeout=PATIENCE_SECONDS) == source.awaited
        source.said.put(Batch((change("web"),), replaces_all=True))
        loop.observer.next()
        loop.source.said.put(Batch((change("api"),)))
        told = loop.observer.waits.qsize()
        loop.observer.next()
        assert loop.observer.waits.qsize() == told


def test_changes_after_the_first_synchronization_never_read_the_kernel_s55() -> None:
    with running() as loop:
        loop.source.said.put(Batch((change("a"),), replaces_all=True))
        loop.observer.next()
        for name in ("b", "c"):
            loop.source.said.put(Batch((change(name),)))
            assert loop.observer.next().task is Task.ADVANCE
        loop.source.said.put(Batch((change("a", gone=True),)))
        assert loop.observer.next().task is Task.ADVANCE
        assert loop.installer.calls == ["synchronize", "advance", "advance", "advance"]
        assert loop.services() == ["b", "c"]


def test_a_new_list_makes_go_what_it_does_not_name() -> None:
    with running() as loop:
        loop.source.said.put(Batch((change("a"), change("b")), replaces_all=True))
        loop.observer.next()
        loop.source.said.put(Batch((change("b"), change("c")), replaces_all=True))
        loop.observer.next()
        assert loop.services() == ["b", "c"]


def test_a_failure_is_tried_again_by_reading_the_kernel_and_nothing_is_lost() -> None:
    with running() as loop:
        loop.source.said.put(Batch((change("a"),), replaces_all=True))
        loop.observer.next()
        loop.installer.failures = 3
        loop.source.said.put(Batch((change("b"),)))
        tries = [loop.observer.next() for _ in range(4)]
        assert [each.error is None for each in tries] == [False, False, False, True]
        assert loop.installer.calls == ["synchronize", "advance", "synchronize", "synchronize", "synchronize"]
        assert [update.services[0].service.name for update in tries[-1].updates] == ["b"]
        assert tries[-1].reason is Reason.FAILURE


def test_a_failure_to_read_the_kernel_is_not_told_as_a_change_of_somebody_else() -> None:
    with running() as loop:
        loop.installer.failures = 2
        loop.source.said.put(Batch((change("a"),), replaces_all=True))
        tries = [loop.observer.next() for _ in range(3)]
        assert [each.error is None for each in tries] == [False, False, True]
        loop.source.said.put(Batch((change("b"),)))
        assert loop.observer.next().task is Task.ADVANCE
        assert loop.observer.seen_foreign == 0


@pytest.mark.parametrize("seconds", [90 * 86_400.0, 1e12, math.inf])
def test_a_kernel_that_is_hardly_ever_to_be_read_is_waited_for_all_the_same(seconds: float) -> None:
    with running(intervals=Intervals(least=0.0, verification=seconds)) as loop:
        loop.source.said.put(Batch((change("a"),), replaces_all=True))
        loop.observer.next()
        loop.source.said.put(Batch((change("b"),)))
        assert loop.observer.next().task is Task.ADVANCE
        assert loop.services() == ["a", "b"]


def test_what_others_change_is_read_and_made_right_s54() -> None:
    with running() as loop:
        loop.source.said.put(Batch((change("a"),), replaces_all=True))
        loop.observer.next()
        loop.watch.tell()
        assert loop.observer.next().reason is Reason.FOREIGN_CHANGE
        assert loop.observer.seen_foreign == 1
        loop.node.resynchronize("SIGHUP")
        assert loop.observer.next().reason is Reason.ASKED
        assert loop.observer.wishes == [("SIGHUP", False)]


def test_leftovers_are_tidied_up_s56() -> None:
    with running() as loop:
        loop.installer.has_leftovers = True
        loop.source.said.put(Batch((change("a"),), replaces_all=True))
        loop.observer.next()
        assert loop.observer.next().task is Task.TIDY
        assert loop.installer.calls == ["synchronize", "tidy"]


def test_services_that_are_refused_are_tried_again() -> None:
    with running() as loop:
        loop.installer.refused = (object(),)
        loop.source.said.put(Batch((change("a"),), replaces_all=True))
        loop.observer.next()
        loop.installer.refused = ()
        assert loop.observer.next().task is Task.SYNCHRONIZE


def test_connections_are_reconciled_first_and_then_only_removed_where_something_became_stale() -> None:
    with running() as loop:
        loop.source.said.put(Batch((change("a"),), replaces_all=True))
        loop.observer.next()
        loop.source.said.put(Batch((change("b"),)))
        loop.observer.next()
        assert loop.conntrack.calls == [("reconcile", ())]


DNS = service("dns", ["10.96.0.53"], ServicePort(53, "dns", protocol="UDP"))


def dns_at(*addresses: str) -> tuple[Change, ...]:
    [found] = slices("dns", map(remote, addresses), EndpointPort(53, "dns", "UDP"))
    return Change(DNS.reference, DNS), Change(found.reference, found)


def removed(call: tuple[str, tuple[StaleEntries, ...]]) -> tuple[str, list[str]]:
    return call[0], [item.endpoint.address for item in call[1]]


def test_connections_are_looked_for_again_when_what_was_under_way_is_through_s49() -> None:
    with running() as loop:
        loop.source.said.put(Batch(dns_at("10.244.0.1", "10.244.0.2"), replaces_all=True))
        loop.observer.next()
        loop.source.said.put(Batch(dns_at("10.244.0.1")))
        assert loop.observer.next().task is Task.ADVANCE
        assert loop.observer.next().task is Task.TIDY
        assert [removed(call) for call in loop.conntrack.calls] == [
            ("reconcile", []),
            ("remove", ["10.244.0.2"]),
            ("remove", ["10.244.0.2"]),
        ]


def test_connections_to_an_endpoint_that_is_back_are_not_looked_for_again_s49() -> None:
    with running(intervals=evolve(QUICK, tidying=1.0)) as loop:
        loop.source.said.put(Batch(dns_at("10.244.0.1", "10.244.0.2"), replaces_all=True))
        loop.observer.next()
        loop.source.said.put(Batch(dns_at("10.244.0.3")))
        loop.observer.next()
        loop.source.said.put(Batch(dns_at("10.244.0.2", "10.244.0.3")))
        loop.observer.next()
        assert loop.observer.next().task is Task.TIDY
        assert [removed(call) for call in loop.conntrack.calls] == [
            ("reconcile", []),
            ("remove", ["10.244.0.1", "10.244.0.2"]),
            ("remove", ["10.244.0.1"]),
        ]


def test_after_rules_were_repaired_all_connections_are_looked_at_again() -> None:
    with running() as loop:
        loop.installer.transactions = (Transaction(()),)
        loop.source.said.put(Batch(dns_at("10.244.0.1"), replaces_all=True))
        loop.observer.next()
        assert loop.observer.next().task is Task.TIDY
        loop.installer.transactions = ()
        loop.node.resynchronize()
        loop.observer.next()
        loop.source.said.put(Batch(dns_at("10.244.0.3")))
        loop.observer.next()
        assert loop.observer.next().task is Task.TIDY
        assert [name for name, _ in loop.conntrack.calls] == ["reconcile"] * 3 + ["remove"] * 2


def test_a_second_look_that_a_failure_put_off_comes_after_it() -> None:
    with running() as loop:
        loop.source.said.put(Batch(dns_at("10.244.0.1"), replaces_all=True))
        loop.observer.next()
        loop.installer.tidying_failures = 1
        loop.source.said.put(Batch(dns_at("10.244.0.3")))
        assert [loop.observer.next().task for _ in range(4)] == [
            Task.ADVANCE,
            Task.TIDY,
            Task.SYNCHRONIZE,
            Task.TIDY,
        ]
        assert [name for name, _ in loop.conntrack.calls] == ["reconcile", "remove", "reconcile", "remove"]


def test_the_end_of_the_source_ends_the_loop_when_all_it_said_is_in_the_kernel() -> None:
    with running() as loop:
        loop.source.said.put(Batch((change("a"),), replaces_all=True))
        loop.source.said.put(Batch((change("b"),)))
        loop.source.said.put(None)
        assert isinstance(loop.ended(), SourceEndedError)
        assert loop.services() == ["a", "b"]
        assert loop.installer.calls[0] == "synchronize"
        assert loop.observer.stopped.is_set()


def test_a_source_that_is_lost_is_told_and_the_rules_stay() -> None:
    with running() as loop:
        loop.source.said.put(Batch((change("a"),), replaces_all=True))
        loop.observer.next()
        loop.source.said.put(SourceLostError("the directory is gone"))
        error = loop.ended()
        assert isinstance(error, SourceLostError)
        assert loop.installer.calls == ["synchronize"]


def test_a_source_that_cannot_be_read_at_all_changes_nothing() -> None:
    with running() as loop:
        loop.source.said.put(InputError("no such file"))
        assert isinstance(loop.ended(), InputError)
        assert loop.installer.calls == []


def test_a_bug_in_a_source_is_not_swallowed() -> None:
    with running() as loop:
        loop.source.said.put(ZeroDivisionError("oh"))
        assert isinstance(loop.ended(), ZeroDivisionError)


def test_stopping_ends_the_loop_whatever_it_waits_for() -> None:
    with running() as loop:
        loop.node.stop()
        assert loop.ended() is None
        assert loop.installer.calls == []


def test_a_burst_of_changes_goes_together() -> None:
    with running(intervals=Intervals(least=0.05, verification=3600.0)) as loop:
        loop.source.said.put(Batch((), replaces_all=True))
        loop.observer.next()
        for number in range(500):
            loop.source.said.put(Batch((change(f"s{number}"),)))
        told: set[str] = set()
        while len(told) < 500:
            told |= {each.service.name for update in loop.observer.next().updates for each in update.services}
        assert len(loop.installer.calls) < 250


class _Forgetful(RecordingObserver):
    """Keeps nothing of a synchronization, and looks at the start's when it is told of it."""

    def __init__(self) -> None:
        super().__init__()
        self.of_the_start: weakref.ref[Applied] | None = None
        self.told: queue.Queue[bool] = queue.Queue()

    def synchronized(self, synchronization: Synchronization, _compiler: object) -> None:
        assert synchronization.applied is not None
        self.of_the_start = weakref.ref(synchronization.applied)

    def started(self) -> None:
        assert self.of_the_start is not None
        self.told.put(self.of_the_start() is None)


def test_who_is_told_of_the_start_does_not_wait_until_what_it_took_is_freed() -> None:
    observer = _Forgetful()
    with running(observer=observer) as loop:
        loop.source.said.put(Batch((change("web"),), replaces_all=True))
        assert observer.told.get(timeout=PATIENCE_SECONDS)
        loop.source.said.put(Batch((change("api"),)))
    loop.thread.join(PATIENCE_SECONDS)
    assert observer.told.empty(), "the start is told once"


def test_a_start_that_would_lose_what_an_unread_file_may_declare_waits_until_it_is_mended() -> None:
    with running(installer=FakeInstaller(lost=["default/web:http"])) as loop:
        loop.source.said.put(Batch((change("a"),), replaces_all=True, unread=("web.yaml",)))
        assert loop.observer.held.get(timeout=PATIENCE_SECONDS) == (("web.yaml",), ("default/web:http",))
        assert loop.installer.calls == ["losses"]
        loop.source.said.put(Batch((change("b"),)))
        loop.source.said.put(Batch((change("web"),), unread=()))
        first = loop.observer.next()
        assert (first.task, first.reason) == (Task.SYNCHRONIZE, Reason.START)
        assert loop.services() == ["a", "b", "web"]
        assert [each.service.name for update in first.updates for each in update.services] == ["a", "b", "web"]
        assert not any(first.updates), "what they do to the tables is not kept while they wait"
        loop.source.said.put(Batch((change("c"),)))
        assert loop.observer.next().task is Task.ADVANCE
        assert loop.installer.calls == ["losses", "synchronize", "advance"]


def test_a_start_that_is_held_back_goes_on_where_other_changes_make_it_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("svcc.node.loop._HELD_SECONDS", 0.01)
    with running(installer=FakeInstaller(lost=["default/web:http"])) as loop:
        loop.source.said.put(Batch((change("a"),), replaces_all=True, unread=("web.yaml",)))
        loop.observer.held.get(timeout=PATIENCE_SECONDS)
        loop.installer.lost = []
        loop.source.said.put(Batch((change("web"),)))
        assert loop.observer.next().task is Task.SYNCHRONIZE
        assert loop.services() == ["a", "web"]


def test_a_start_that_is_held_back_ends_when_it_is_told_to_and_has_written_nothing() -> None:
    with running(installer=FakeInstaller(lost=["default/web:http"])) as loop:
        loop.source.said.put(Batch((change("a"),), replaces_all=True, unread=("web.yaml",)))
        loop.observer.held.get(timeout=PATIENCE_SECONDS)
        loop.node.resynchronize("SIGHUP")
        loop.observer.held.get(timeout=PATIENCE_SECONDS)
        loop.node.stop()
        assert loop.ended() is None
        assert loop.installer.calls == ["losses", "losses"]


def test_a_start_that_loses_nothing_does_not_wait_for_files_that_cannot_be_read() -> None:
    with running() as loop:
        loop.source.said.put(Batch((change("a"),), replaces_all=True, unread=("web.yaml",)))
        assert loop.observer.next().reason is Reason.START
        assert loop.installer.calls == ["losses", "synchronize"]
