"""States of a node, and clocks that stand until they are moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define

from svcc.addresses import IPFamily
from svcc.dataplane.contract import NodePortAddresses
from svcc.fields import FieldPath, ObjectReference, Problem, ProblemKind, Severity
from svcc.incremental.contract import HealthCheck
from svcc.node.state import Clock, NodeState, Published, SourceState

START = 1_800_000_000.0
ON_LOOPBACK = {IPFamily.IPV4: NodePortAddresses(("127.0.0.1",))}


@define
class StandingClock:
    """A clock that is moved by hand."""

    seconds: float = 0.0

    def clock(self) -> Clock:
        return Clock(lambda: START + self.seconds, lambda: 5000.0 + self.seconds)

    @property
    def monotonic(self) -> float:
        return 5000.0 + self.seconds


def state(**fields: Any) -> NodeState:
    """A node that works and serves nothing."""
    return NodeState(
        **{
            "node": "worker-1",
            "version": "1.2.3",
            "started": START - 7200,
            "source": SourceState("directory /manifests", is_complete=True),
            "node_ports": ON_LOOPBACK,
            **fields,
        }
    )


def published(**fields: Any) -> Published:
    return Published(state(**fields))


def reference(name: str, namespace: str = "shop") -> ObjectReference:
    return ObjectReference("Service", name, namespace)


def checks(counts: Mapping[int, int]) -> dict[int, HealthCheck]:
    """Health checks by port, of Services named after their ports, with so many endpoints here."""
    return {port: HealthCheck(reference(f"web-{port}"), count) for port, count in counts.items()}


def problem(detail: str, severity: Severity = Severity.WARNING) -> Problem:
    return Problem("cluster/test", ProblemKind.NOTICE, FieldPath(), detail, severity=severity, object=reference("web"))
