"""Changes without end: targets that clients ask for, whose endpoints are others again and again."""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import define, evolve, field, frozen

from tests.kernel.node_process import NODE, Machine, endpoints, service, wait_until
from tests.kernel.servers import Address

NODE_ADDRESS = "192.168.0.10"
POOL = 8


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

    def frontends(self) -> Iterator[Address]:
        yield self.address, 80
        if self.node_port is not None:
            yield NODE_ADDRESS, self.node_port


TARGETS = (
    *(Target(number, "TCP", 30_000 + number if number < 3 else None) for number in range(1, 6)),
    *(Target(number, "UDP", 30_000 + number if number < 8 else None) for number in range(6, 9)),
)


@frozen
class Declaration:
    """Who was declared to be an endpoint of each target, from when on, and since when that was in the kernel.

    In seconds of the time of day; `there` is infinite until it is.
    """

    number: int
    live: Mapping[str, Sequence[str]]
    declared: float
    there: float = math.inf

    def told(self, target: str) -> str:
        """In words, for one of the targets."""
        at = f"{time.strftime('%H:%M:%S', time.gmtime(self.declared))}.{self.declared % 1 * 1000:03.0f}"
        after = f"in the kernel {self.there - self.declared:.3f} s later"
        return f"change {self.number} at {at}, {after}: {target} is at {', '.join(sorted(self.live[target]))}"


@define
class Churn:
    """Declares other endpoints, Services and nodes again and again; the targets' Services stay."""

    machine: Machine
    live: dict[str, list[str]] = field(factory=dict)
    dead: dict[str, dict[str, int]] = field(factory=dict)
    """Endpoints of targets that are gone from the kernel and not back, and since which change."""
    changes: int = 0
    history: list[Declaration] = field(factory=list)

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
        self.history[-1] = evolve(self.history[-1], there=time.time())
        for target in TARGETS:
            gone = {address: self.changes for address in target.pool if address not in self.live[target.name]}
            self.dead[target.name] = gone | self.dead[target.name]

    def was_gone(self, target: str, address: str, at: float) -> str:
        """The change without an endpoint that may have been in force at a time; empty if there is none.

        It is from when it is declared until the next one is in the kernel.
        """
        history = [*self.history, Declaration(0, {}, math.inf)]
        for each, following in itertools.pairwise(history):
            if each.declared <= at <= following.there and address not in each.live[target]:
                return f"gone with change {each.number}"
        return ""

    def _declare(self, count: int) -> None:
        self.history.append(Declaration(count, dict(self.live), time.time()))
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
