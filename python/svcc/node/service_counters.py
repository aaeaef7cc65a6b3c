"""How many connections each frontend of each Service has been asked for, for those who ask.

The kernel counts (`svcc.compiler.counters`); it is read when somebody asks, in their thread, and at most once in a few
seconds. Where an element is made anew, as after somebody has flushed the table, the kernel begins with zero again, so
what it counts is added up here: what it had counted since the last reading is lost then, and nothing else. A sum begins
with what the kernel has, which outlives this process as the rules do.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import define, frozen

from svcc.addresses import IPFamily
from svcc.dataplane.contract import Frontend, ServicePortName, ServicePortPlan
from svcc.errors import TargetError
from svcc.fields import ObjectReference
from svcc.node.counter_dump import CounterKey, counter_key, read_counters

__all__ = ["FrontendConnections", "ServiceCounters"]

_FRESH_SECONDS: Final = 3.0
_TRIES: Final = 2
_log = logging.getLogger(__name__)


@frozen
class FrontendConnections:
    """What a frontend was asked for; a node port is written as the wildcard address with it."""

    name: ServicePortName
    frontend: str
    connections: int

    @property
    def labels(self) -> tuple[str, str, str, str, str]:
        """Namespace, Service, port, protocol and frontend."""
        name = self.name
        return name.namespace, name.service, name.port, name.protocol.value, self.frontend


@define
class _Sum:
    """What a frontend has come to, and what its element had at the last reading."""

    name: ServicePortName
    frontend: str
    total: int = 0
    last: int = 0


class ServiceCounters:
    """The frontends there are, and what was counted for them.

    `replace` is for the thread that changes the rules, which never waits here; `connections` for any other.
    """

    def __init__(
        self,
        read: Callable[[], tuple[dict[CounterKey, int], bool]] = read_counters,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._changed: dict[ObjectReference, Mapping[IPFamily, Sequence[ServicePortPlan]]] = {}
        self._keys_of: dict[ObjectReference, tuple[CounterKey, ...]] = {}
        self._sums: dict[CounterKey, _Sum] = {}
        self._answer: tuple[FrontendConnections, ...] = ()
        self._read_at: float | None = None
        self._complaint = ""

    def replace(self, service: ObjectReference, plans: Mapping[IPFamily, Sequence[ServicePortPlan]]) -> None:
        """Take what a Service is now; no plans if it is gone."""
        self._changed[service] = plans

    def connections(self) -> Sequence[FrontendConnections]:
        """One for each frontend, those that nobody asked for included; a few seconds old at most.

        Where the kernel cannot be read, what was known before.
        """
        with self._lock:
            now = self._clock()
            if self._read_at is None or now - self._read_at >= _FRESH_SECONDS:
                self._follow()
                self._add_up()
                self._answer = tuple(FrontendConnections(s.name, s.frontend, s.total) for s in self._sums.values())
                self._read_at = self._clock()
            return self._answer

    def _follow(self) -> None:
        """Take over which frontends there are; single operations on dictionaries need no lock."""
        while self._changed:
            service, plans = self._changed.popitem()
            known = self._keys_of.pop(service, ())
            wanted = {
                counter_key(family, plan.name.protocol, frontend): (plan.name, _written(family, frontend))
                for family, found in plans.items()
                for plan in found
                for frontend in plan.frontends
            }
            for key in known:
                # Another Service may have it by now.
                if key not in wanted and key in self._sums and _is_of(self._sums[key], service):
                    del self._sums[key]
            for key, (name, frontend) in wanted.items():
                held = self._sums.get(key)
                if held is None or held.name != name:
                    self._sums[key] = _Sum(name, frontend)
            if wanted:
                self._keys_of[service] = tuple(wanted)

    def _add_up(self) -> None:
        try:
            for _ in range(_TRIES):
                counted, is_whole = self._read()
                if is_whole:
                    break
        except (OSError, TargetError) as error:
            self._complain(getattr(error, "strerror", None) or str(error))
            return
        self._complain("")
        for key, item in self._sums.items():
            packets = counted.get(key)
            if packets is None:
                # What is not there will begin with zero; unless it was only missed.
                item.last = 0 if is_whole else item.last
                continue
            item.total += packets - item.last if packets >= item.last else packets
            item.last = packets

    def _complain(self, complaint: str) -> None:
        if complaint and complaint != self._complaint:
            _log.warning("connections cannot be counted: %s", complaint)
        self._complaint = complaint

    def documents(self) -> list[dict[str, Any]]:
        """The same as `connections` for ``svcc node status -o json``."""
        keys = ("namespace", "service", "port", "protocol", "frontend")
        return [
            {**dict(zip(keys, each.labels, strict=True)), "connections": each.connections}
            for each in self.connections()
        ]


def _is_of(item: _Sum, service: ObjectReference) -> bool:
    return (item.name.namespace, item.name.service) == (service.namespace, service.name)


def _written(family: IPFamily, frontend: Frontend) -> str:
    wildcard = "0.0.0.0" if family is IPFamily.IPV4 else "::"
    address = frontend.address or wildcard
    return f"[{address}]:{frontend.port}" if ":" in address else f"{address}:{frontend.port}"
