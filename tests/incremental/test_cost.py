"""What an update costs does not depend on how many Services there are: work is counted, not time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import pytest
from attrs import evolve

from svcc.dataplane.service_plans import ServicePlanner
from svcc.incremental.compiler import IncrementalCompiler
from svcc.incremental.contract import Change
from svcc.model.cluster import ClusterObject
from svcc.model.node import ServiceCIDR
from svcc.model.service import Service, ServicePort
from tests.declare import NODE, PODS, SERVICE_CIDRS, local, remote, service, slices

FEW, MANY = 40, 400
HAS_TRACE = sys.gettrace() is None


def declared(number: int, **fields: Any) -> Service:
    """Every kind in turn: with node ports, UDP, sticky, with two families, with an external IP."""
    kind = number % 5
    if kind == 0:
        fields.setdefault("session_affinity", "ClientIP")
    port = ServicePort(80, "http", "UDP" if kind == 1 else "TCP", node_port=30000 + number if kind == 2 else 0)
    cluster_ips = [f"10.96.{number >> 8}.{number & 255}", f"fd00:96::{number + 1:x}"][: 2 if kind == 3 else 1]
    if kind == 4:
        fields.setdefault("external_ips", [f"198.18.{number >> 8}.{number & 255}"])
    return service(f"web-{number}", cluster_ips, port, type="NodePort" if kind == 2 else "ClusterIP", **fields)


def endpoints(number: int, count: int = 3) -> Sequence[ClusterObject]:
    return slices(f"web-{number}", [local(f"10.244.{number >> 8}.{number & 255}"), *map(remote_pod, range(count))])


def remote_pod(number: int) -> Any:
    return remote(f"10.244.100.{number + 1}")


CHANGES: dict[str, list[Change]] = {
    "an endpoint comes": [Change.to(item) for item in endpoints(8, 4)],
    "an endpoint of a sticky Service goes": [Change.to(item) for item in endpoints(10, 2)],
    "an endpoint of a UDP Service goes": [Change.to(item) for item in endpoints(6, 2)],
    "a slice without a Service": [Change.to(item) for item in endpoints(9_999)],
    "a Service comes": [Change.to(declared(1_003)), *map(Change.to, endpoints(1_003))],
    "a sticky Service comes": [Change.to(declared(1_005)), *map(Change.to, endpoints(1_005))],
    "a Service goes": [Change(declared(12).reference, None)],
    "a UDP Service goes": [Change(declared(11).reference, None)],
    "a Service is edited": [Change.to(declared(9, annotations={"svcc.dev/load-balancing": "maglev"}))],
    "a Service becomes headless": [Change.to(evolve(declared(8), cluster_ips=["None"]))],
    "a frontend is contended": [Change.to(declared(9, external_ips=["198.18.0.14"]))],
    "a cluster IP becomes mixed": [Change.to(declared(9, external_ips=["10.96.0.14"]))],
    "a heartbeat of the node": [Change.to(evolve(NODE, annotations={"heartbeat": "now"}))],
    "a ServiceCIDR comes": [Change.to(ServiceCIDR("more", cidrs=["10.128.0.0/16"]))],
}


def compiler(count: int) -> IncrementalCompiler:
    made = IncrementalCompiler(NODE.name, PODS)
    objects = [item for number in range(count) for item in (declared(number), *endpoints(number))]
    made.update(map(Change.to, (NODE, SERVICE_CIDRS, *objects)))
    return made


def instructions(work: Callable[[], object]) -> int:
    """How many instructions of Python something takes."""
    count = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Callable[..., Any]:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)
    return count


@pytest.mark.skipif(not HAS_TRACE, reason="a debugger or a coverage tool traces already")
@pytest.mark.parametrize("change", CHANGES)
def test_the_work_is_the_same_in_a_cluster_ten_times_as_large(change: str) -> None:
    counts = []
    for size in (FEW, MANY):
        made = compiler(size)
        made.update([])
        counts.append(instructions(lambda made=made: made.update(CHANGES[change])))  # type: ignore[misc]
    # Addresses are longer, and hashes lie otherwise.
    assert counts[1] < 1.1 * counts[0]


@pytest.mark.parametrize("change", CHANGES)
def test_only_the_services_that_change_or_contend_are_planned(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    planned: list[str] = []
    plan = ServicePlanner.plan

    def counted(self: ServicePlanner, service: Service, *arguments: Any) -> Any:
        planned.append(service.name)
        return plan(self, service, *arguments)

    made = compiler(MANY)
    monkeypatch.setattr(ServicePlanner, "plan", counted)
    update = made.update(CHANGES[change])
    assert len(planned) <= 2
    elements = sum(len(item.elements) for table in update.after.tables for item in table.sets)
    # Maglev tables of 1 021 slots for both frontends are by far the most; other Services have a few elements.
    assert elements < (2 * 1_021 + 20 if change == "a Service is edited" else 20)
