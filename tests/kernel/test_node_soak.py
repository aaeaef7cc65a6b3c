"""Changes without end under traffic without end: no new connection to a live endpoint fails, and nothing grows."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest
from attrs import define, field

from tests.kernel.churn import NODE_ADDRESS, TARGETS, Churn, Target
from tests.kernel.conntrack import ConntrackTable, TrackedConnection
from tests.kernel.conntrack_events import ConntrackEvents
from tests.kernel.lost_answers import Loss, Witness
from tests.kernel.node_process import (
    PATIENCE_SECONDS,
    THOROUGH,
    Machine,
    RunningNode,
    wait_until,
)
from tests.kernel.servers import Address, Answer, Conversation, serve_everything
from tests.kernel.topology import Topology

pytestmark = pytest.mark.kernel

SECONDS = 240 if THOROUGH else 12
CLIENTS = tuple(f"198.51.100.{number}" for number in range(1, 251))
MOST_GROWTH_KIB = 4096
"""Of memory, however long it goes on; what Python's allocators do by themselves stays below."""


@define
class Clients:
    """Threads that open one connection after the other."""

    topology: Topology
    churn: Churn
    witness: Witness
    failures: list[str] = field(factory=list)
    connections: int = 0
    losses: list[Loss] = field(factory=list)
    """Answers that were lost because their endpoint went while they were under way."""
    _sources: Iterator[tuple[int, str]] = field(factory=lambda: itertools.product(range(1024, 65_536), CLIENTS))
    """None of them twice, so that each connection has an entry of its own."""
    _over: threading.Event = field(factory=threading.Event)
    _threads: list[threading.Thread] = field(factory=list)

    def start(self) -> None:
        self._threads = [threading.Thread(target=self._ask_on, args=(target,)) for target in TARGETS]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def open(self, target: Target, frontend: Address) -> Conversation:
        """A new connection from outside of the cluster."""
        port, address = next(self._sources)
        # Who has waited for a datagram looks why it does not come, and waits on.
        patience = 1 if target.protocol == "UDP" else PATIENCE_SECONDS
        return Conversation(self.topology.far["outside"], (address, port), frontend, target.protocol, patience)

    def _ask_on(self, target: Target) -> None:
        while not self._over.is_set():
            for frontend in target.frontends():
                with closing(self.open(target, frontend)) as opened:
                    # Who has lost an answer asks again, from the same port, and gets one.
                    while not self._ask(target, frontend, opened):
                        pass
            self._over.wait(0.01)

    def _ask(self, target: Target, frontend: Address, opened: Conversation) -> bool:
        """Ask once; whether that is all there is to say."""
        dead = self.churn.dead[target.name]
        try:
            answer = self._answer(target, frontend, opened)
        except OSError as error:
            self._fail(target, f"{opened.source} to {frontend}: {error!r}")
            return True
        if answer is None:
            return False
        # It may have come back and died again meanwhile, but not have been dead all the time.
        if answer not in target.pool or (answer, dead.get(answer)) in self.churn.dead[target.name].items():
            self._fail(target, f"{opened.source} to {frontend} led to {answer}, and {dead} are gone")
        self.connections += 1
        return True

    def _answer(self, target: Target, frontend: Address, opened: Conversation) -> str | None:
        """Who answers; None where the answer was lost because its endpoint went."""
        if target.protocol != "UDP":
            return opened.ask().address
        asked, deadline = time.time(), time.monotonic() + PATIENCE_SECONDS
        question = f"{target.name} {asked:.9f}".encode()
        receive: Callable[[], Answer] = partial(opened.ask, question)
        while True:
            try:
                return receive().address
            except OSError as error:
                was_gone = partial(self.churn.was_gone, target.name)
                loss = self.witness.judge(question, opened.source, frontend, asked, was_gone)
                if loss.is_owed:
                    self.losses.append(loss)
                    return None
                if not isinstance(error, TimeoutError) or time.monotonic() > deadline:
                    raise OSError(f"{error!r}: {loss}") from error
                receive = opened.wait

    def _fail(self, target: Target, words: str) -> None:
        """Remember a failure with what it takes to tell why."""
        failure = [f"{target.protocol} {words}"]
        if len(self.failures) < 5:
            failure += [each.told(target.name) for each in self.churn.history[-8:]]
            failure += self.churn.machine.log.splitlines()[-40:]
            failure += [f"{name}: {line}" for name, line in counters(self.topology)]
        self.failures.append("\n".join(failure))


def counters(topology: Topology) -> Iterator[tuple[str, str]]:
    """What the kernel has counted of packets that did not get through."""
    for name, namespace in (("node", topology.node), *topology.far.items()):
        for file in ("stat/nf_conntrack", "snmp", "dev"):
            with namespace.entered():
                text = Path("/proc/thread-self/net", file).read_text()
            yield from (
                (name, line) for line in text.splitlines() if file != "snmp" or line.startswith(("Ip:", "Udp:"))
            )


def astray(topology: Topology, churn: Churn) -> list[TrackedConnection]:
    """Datagrams' connections to endpoints that are gone."""
    served = {
        frontend: churn.live[each.name] for each in TARGETS if each.protocol == "UDP" for frontend in each.frontends()
    }
    with topology.node.entered(), closing(ConntrackTable()) as table:
        return [
            each
            for each in table.connections()
            if (frontend := (each.original.destination, each.original.destination_port)) in served
            and each.protocol == "UDP"
            and each.reply.source not in served[frontend]
        ]


@pytest.fixture
def witness() -> Witness:
    """Who sees the datagrams of a test."""
    return Witness()


@pytest.fixture
def topology(witness: Witness) -> Iterator[Topology]:
    """A node between clients and pods that all answer."""
    made = Topology(
        {"outside": "eth0", "pod": "cni0"},
        {"outside": [NODE_ADDRESS], "pod": ["10.244.0.1"]},
        ["10.244.0.0/16"],
        route_localnet=False,
    )
    with ExitStack() as resources:
        resources.callback(made.close)
        made.set_answering(answering=True)
        resources.callback(serve_everything(made.far["pod"], witness.hear).close)
        resources.callback(ConntrackEvents(made.node, witness.begun, witness.ended).close)
        yield made


def sizes(node: RunningNode) -> tuple[int, int, int]:
    """KiB of memory, threads, and open files."""
    return node.about("VmRSS"), node.about("Threads"), len(node.open_files())


@pytest.mark.long
@pytest.mark.timeout(SECONDS * 4 + 300)
def test_no_new_connection_to_a_live_endpoint_fails_whatever_changes_and_nothing_grows(
    topology: Topology, witness: Witness, tmp_path: Path
) -> None:
    with Machine(tmp_path, topology.node) as machine, ExitStack() as resources:
        churn = Churn(machine)
        churn.begin()
        node = machine.start()
        node.wait_until_ready()
        tcp = [target for target in TARGETS if target.protocol == "TCP"]
        clients = Clients(topology, churn, witness)
        kept = [clients.open(target, (target.address, 80)) for target in tcp for _ in range(5)]
        for each in kept:
            resources.callback(each.close)
        pods = [each.ask().address for each in kept]
        clients.start()
        resources.callback(clients.stop)
        _churn_for(churn, SECONDS / 4)
        # Who keeps the rules goes and comes, and nobody notices.
        node.kill()
        node = machine.start()
        node.wait_until_ready()
        _churn_for(churn, SECONDS / 4)
        before, changes_before = sizes(node), churn.changes
        _churn_for(churn, SECONDS / 2)
        after = sizes(node)
        # What is left in conntrack at the end, nothing but the node may take away.
        topology.node.sysctl(netfilter__nf_conntrack_udp_timeout=600)
        _churn_for(churn, 5)
        clients.stop()
        assert not clients.failures, "\n\n".join(clients.failures)
        machine.wait_until_right()
        wait_until(lambda: not astray(topology, churn), lambda: f"{astray(topology, churn)}\n{machine.log}")
        assert [each.ask().address for each in kept] == pods
        assert clients.connections > 100
        assert churn.changes > changes_before + 10
        assert after[0] - before[0] < MOST_GROWTH_KIB, (before, after, churn.changes)
        assert after[1] <= before[1], (before, after)
        wait_until(lambda: len(node.open_files()) <= before[2], lambda: "\n".join(node.open_files()))
        assert node.terminate() == 0


def _churn_for(churn: Churn, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        churn.change()
