"""Changes without end under traffic without end: no new connection to a live endpoint fails, and nothing grows."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field, frozen

from tests.kernel.node_process import (
    NODE,
    PATIENCE_SECONDS,
    THOROUGH,
    Machine,
    RunningNode,
    endpoints,
    service,
    wait_until,
)
from tests.kernel.servers import Conversation, serve_everything
from tests.kernel.topology import Topology

pytestmark = pytest.mark.kernel

SECONDS = 240 if THOROUGH else 12
NODE_ADDRESS = "192.168.0.10"
POOL = 8
MOST_GROWTH_KIB = 4096
"""Of memory, however long it goes on; what Python's allocators do by themselves stays below."""


@frozen
class Target:
    """A Service that always has an endpoint, and where it is asked for."""

    number: int
    protocol: str
    node_port: int | None = None

    @property
    def name(self) -> str:
        return f"target-{self.number}"

    @property
    def address(self) -> str:
        return f"10.96.1.{self.number}"

    @property
    def pool(self) -> list[str]:
        """All that are ever its endpoints."""
        return [f"10.244.{self.number}.{each}" for each in range(1, POOL + 1)]

    def service(self) -> dict[str, Any]:
        made = service(self.name, self.address, protocol=self.protocol)
        if self.node_port is not None:
            made["spec"]["type"] = "NodePort"
            made["spec"]["ports"][0]["nodePort"] = self.node_port
        return made

    def frontends(self) -> Iterator[tuple[str, int]]:
        yield self.address, 80
        if self.node_port is not None:
            yield NODE_ADDRESS, self.node_port


TARGETS = (
    *(Target(number, "TCP", 30_000 + number if number < 3 else None) for number in range(1, 6)),
    *(Target(number, "UDP", 30_000 + number if number < 8 else None) for number in range(6, 9)),
)


@define
class Churn:
    """Declares other endpoints, Services and nodes again and again; the targets' Services stay."""

    machine: Machine
    live: dict[str, list[str]] = field(factory=dict)
    dead: dict[str, dict[str, int]] = field(factory=dict)
    """Endpoints of targets that are gone from the kernel and not back, and since which change."""
    changes: int = 0

    def begin(self) -> None:
        self.live = {target.name: target.pool for target in TARGETS}
        self.dead = {target.name: {} for target in TARGETS}
        self._declare(0)

    def change(self) -> None:
        """Another change, which is in the kernel when this returns."""
        self.changes += 1
        for target in random.sample(TARGETS, random.randint(1, 3)):
            self.live[target.name] = random.sample(target.pool, random.randint(1, POOL))
        # Who is live again is not dead, from before the change is made.
        self.dead = {
            name: {address: since for address, since in gone.items() if address not in self.live[name]}
            for name, gone in self.dead.items()
        }
        self._declare(self.changes)
        wait_until(self._is_there, lambda: f"change {self.changes}; {self.machine.log}")
        for target in TARGETS:
            gone = {address: self.changes for address in target.pool if address not in self.live[target.name]}
            self.dead[target.name] = gone | self.dead[target.name]

    def _declare(self, count: int) -> None:
        others = random.sample(range(20), random.randint(0, 12))
        nodes = [
            {**NODE, "metadata": {"name": f"node-{each}", "labels": {"change": str(count)}}}
            for each in random.sample(range(5), 2)
        ]
        self.machine.declare(
            {**NODE, "metadata": {**NODE["metadata"], "labels": {"change": str(count)}}},
            *nodes,
            service("marker", "10.96.255.1", port=1 + count % 60_000),
            *(target.service() for target in TARGETS),
            *(endpoints(each.name, self.live[each.name], protocol=each.protocol) for each in TARGETS),
            *(service(f"other-{each}", f"10.96.2.{each + 1}") for each in others),
            *(endpoints(f"other-{each}", random.sample(TARGETS[0].pool, each % 5)) for each in others),
        )

    def _is_there(self) -> bool:
        element = f"{{ tcp . 10.96.255.1 . {1 + self.changes % 60_000} }}"
        found = self.machine.namespace.run("nft", "get", "element", "ip", "svcc", "refused-services", element)
        return found.returncode == 0


@define
class Clients:
    """Threads that open one connection after the other, and keep some."""

    topology: Topology
    churn: Churn
    failures: list[str] = field(factory=list)
    connections: int = 0
    _over: threading.Event = field(factory=threading.Event)
    _threads: list[threading.Thread] = field(factory=list)

    def start(self) -> None:
        self._threads = [threading.Thread(target=self._ask, args=(target,)) for target in TARGETS]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, target: Target) -> None:
        while not self._over.is_set():
            for address, port in target.frontends():
                dead = self.churn.dead[target.name]
                try:
                    answer = ask(self.topology, target, address, port)
                except OSError as error:
                    self.failures.append(f"{target.protocol} {address}:{port} {error!r} change {self.churn.changes}")
                    continue
                # It may have come back and died again meanwhile, but not have been dead all the time.
                if answer not in target.pool or (answer, dead.get(answer)) in self.churn.dead[target.name].items():
                    self.failures.append(f"{target.protocol} {address}:{port} led to {answer}, and {dead} are gone")
                self.connections += 1
            self._over.wait(0.01)


def conversation(topology: Topology, target: Target, address: str, port: int) -> Conversation:
    """A new connection from outside of the cluster."""
    source = f"198.51.100.{random.randint(1, 250)}"
    return Conversation(topology.far["outside"], (source, 0), (address, port), target.protocol, PATIENCE_SECONDS)


def ask(topology: Topology, target: Target, address: str, port: int) -> str:
    """The endpoint that answers on a new connection."""
    opened = conversation(topology, target, address, port)
    try:
        return opened.ask().address
    finally:
        opened.close()


@pytest.fixture
def topology() -> Iterator[Topology]:
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
        resources.callback(serve_everything(made.far["pod"]).close)
        yield made


def sizes(node: RunningNode) -> tuple[int, int, int]:
    """KiB of memory, threads, and open files."""
    return node.about("VmRSS"), node.about("Threads"), len(node.open_files())


@pytest.mark.long
@pytest.mark.timeout(SECONDS * 4 + 300)
def test_no_new_connection_to_a_live_endpoint_fails_whatever_changes_and_nothing_grows(
    topology: Topology, tmp_path: Path
) -> None:
    with Machine(tmp_path, topology.node) as machine, ExitStack() as resources:
        churn = Churn(machine)
        churn.begin()
        node = machine.start()
        node.wait_until_ready()
        tcp = [target for target in TARGETS if target.protocol == "TCP"]
        kept = [conversation(topology, target, target.address, 80) for target in tcp for _ in range(5)]
        for each in kept:
            resources.callback(each.close)
        pods = [each.ask().address for each in kept]
        clients = Clients(topology, churn)
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
        machine.wait_until_right()
        clients.stop()
        assert clients.failures == []
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
