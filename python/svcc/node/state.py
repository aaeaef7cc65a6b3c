"""What a node's loop says of itself, for those who ask: probes, balancers, scrapers, people.

The loop makes a new `NodeState` after each synchronization, and whenever something begins to wait for one, and puts it
into `Published`; whoever answers a question looks at the state that is there then. States never change, so that threads
share them without locks.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Mapping
from typing import Final

from attrs import define, field, frozen

from svcc.addresses import IPFamily
from svcc.dataplane.contract import NodePortAddresses
from svcc.fields import ObjectReference, Problem
from svcc.incremental.contract import HealthCheck
from svcc.sources.told import KEPT

__all__ = [
    "DELETION_TAINT",
    "Change",
    "Clock",
    "Counts",
    "Drift",
    "Eligibility",
    "NodeState",
    "Published",
    "RefusedService",
    "SourceFault",
    "SourceState",
    "Sync",
    "SyncKind",
    "starting_state",
]

DELETION_TAINT: Final = "ToBeDeletedByClusterAutoscaler"
"""The key of the taint by which the cluster autoscaler says that a node will go (S51)."""


@frozen
class Clock:
    """Two clocks: Unix seconds, which may jump and are told to people, and seconds that only ever go on."""

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


class SyncKind(enum.StrEnum):
    """Whether the kernel was read (S54), or only changes were brought into it (S55)."""

    FULL = "full"
    PARTIAL = "partial"


@frozen
class Sync:
    """One try to bring the kernel to what is declared.

    Attributes:
        ended_at: Unix seconds.
        seconds: how long it took.
        operations: how many objects of the tables were added or deleted, rules and elements alike.
        error: why it failed; empty if it succeeded.
    """

    kind: SyncKind
    ended_at: float
    seconds: float
    operations: int = 0
    error: str = ""


@frozen
class SourceFault:
    """A file or directory that cannot be read, in whole or in part, and since when, in Unix seconds."""

    problem: Problem
    since: float

    @property
    def name(self) -> str:
        """What cannot be read: the file, or a sentence that names the directory."""
        return self.problem.source.file if self.problem.source is not None else self.problem.message()

    @property
    def is_kept(self) -> bool:
        """Whether what it said before stays in force; else nobody knows what it declares."""
        return self.problem.hint.endswith(KEPT)


@frozen
class SourceState:
    """Where the objects come from; nothing is served before the source is complete (S53).

    `awaited` says what it waits for before it is complete, in words; `trouble` why nothing more comes from it, and is
    empty while it works. `faults` are the parts of it that are not followed for now.
    """

    name: str
    is_complete: bool = False
    trouble: str = ""
    awaited: tuple[str, ...] = ()
    faults: tuple[SourceFault, ...] = ()


@frozen
class Counts:
    """How much is served.

    Attributes:
        services: Services with a frontend.
        service_ports: one for each port and IP family.
        frontends: addresses with ports, and node ports.
        endpoints: the sum over service ports of those that new connections may get.
        internal_without_local: service ports that stay silent to cluster IPs, since traffic is to stay on the node and
            all endpoints are elsewhere (S37). Those without any endpoint count in neither.
        external_without_local: the same for what comes from outside.
    """

    services: int = 0
    service_ports: int = 0
    frontends: int = 0
    endpoints: int = 0
    internal_without_local: int = 0
    external_without_local: int = 0


@frozen
class Change:
    """Something that happened, in a line of words; `at` is in Unix seconds."""

    at: float
    words: str


@frozen
class Drift:
    """How often svcc's tables were found other than it left them, how often that was repaired, and the last time."""

    detected: int = 0
    repaired: int = 0
    last: Change | None = None


@frozen
class RefusedService:
    """A Service that the kernel does not take, and the words it was refused with; `script` is kept for a report."""

    service: ObjectReference
    words: str
    script: str = ""


@frozen
class Eligibility:
    """Whether balancers may count on this node (S51), from its Node object; without one they may."""

    is_being_deleted: bool = False
    taints: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return not self.why_not

    @property
    def why_not(self) -> str:
        """Why they may not, as the end of a sentence about the node; empty if they may."""
        if self.is_being_deleted:
            return "is being deleted"
        return "will be deleted by the cluster autoscaler" if DELETION_TAINT in self.taints else ""


@frozen(kw_only=True)
class NodeState:
    """All that a node says of itself.

    Attributes:
        started: Unix seconds.
        health_checks: by healthCheckNodePort; nobody changes the mapping afterwards.
        node_ports: which addresses of a family serve node ports, and so health checks.
        queued_since: since when the oldest change that is not in the kernel waits, on the monotonic clock; None if none
            does.
        pending_services: how many changes of Services wait.
        pending_endpoints: how many changes of EndpointSlices wait.
        last_success: the last synchronization that succeeded; `last_sync` is the last one of all.
        recent: the last changes, the newest at the end; few.
    """

    node: str
    version: str
    started: float
    source: SourceState
    counts: Counts = Counts()
    health_checks: Mapping[int, HealthCheck] = field(factory=dict)
    node_ports: Mapping[IPFamily, NodePortAddresses] = field(factory=dict)
    queued_since: float | None = None
    pending_services: int = 0
    pending_endpoints: int = 0
    last_sync: Sync | None = None
    last_full_sync: Sync | None = None
    last_success: Sync | None = None
    problems: tuple[Problem, ...] = ()
    drift: Drift = Drift()
    refused: tuple[RefusedService, ...] = ()
    recent: tuple[Change, ...] = ()
    eligibility: Eligibility = Eligibility()

    def is_live(self, clock: Clock, health_timeout_seconds: float) -> bool:
        """Whether no change has waited longer than the timeout for a synchronization that succeeds (S51).

        Nobody who would start the process again helps where it waits for its source.
        """
        if not self.source.is_complete:
            return True
        return self.queued_since is None or clock.monotonic() - self.queued_since <= health_timeout_seconds


def starting_state(node: str, version: str, source: str, clock: Clock) -> NodeState:
    """The state of a node that has not heard from its source."""
    return NodeState(node=node, version=version, started=clock.now(), source=SourceState(source))


@define
class Published:
    """The state as of now; assigning another one is atomic."""

    state: NodeState
