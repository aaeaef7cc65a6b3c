"""Declaring, asking, and what came of it: the words that the tests of the rules are written in."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from attrs import frozen

from svcc.compiler.compilation import Compilation, compile_cluster
from svcc.model.cluster import Cluster, ClusterObject, ClusterSettings
from svcc.model.endpoints import Endpoint, EndpointPort
from svcc.model.node import Node as NodeObject
from svcc.model.service import LoadBalancerIngress, Protocol, Service, ServicePort
from tests.declare import NODE, PODS, SERVICE_CIDRS, service, slices
from tests.kernel.network import Node
from tests.kernel.outcomes import Delivered, Dropped, Outcome, Rejected
from tests.kernel.packets import Packet
from tests.kernel.plans import CALLERS, KINDS, NODE_PORT, PORT, TARGET_PORT, Caller, Kind, Plan

MANY = 40
"""Tries after which one of two endpoints has been left out once in a million million runs."""


@frozen(order=True)
class Reached:
    """An endpoint got the packet."""

    address: str
    port: int = TARGET_PORT
    masqueraded: bool = False


class Turned(enum.Enum):
    """How a packet is sent away, or that nothing was done with it."""

    REJECTED = "ICMP port unreachable"
    DROPPED = "silence"
    UNTOUCHED = "left as it was"


REJECTED, DROPPED, UNTOUCHED = Turned
Answer = Reached | Turned


def everywhere(plan: Plan, *protocols: Protocol, **fields: Any) -> Service:
    """The LoadBalancer Service `web` with one port, of TCP if nothing is said, and a frontend of each kind."""
    more: dict[str, Any] = {
        "type": "LoadBalancer",
        "external_ips": [plan.external_ip],
        "load_balancer_ingress": [LoadBalancerIngress(plan.vip)],
    }
    ports = [ServicePort(PORT, "http", each, node_port=NODE_PORT) for each in protocols or (Protocol.TCP,)]
    return service("web", [plan.cluster_ip], *ports, **{**more, **fields})


def backed(endpoints: Iterable[Endpoint], *protocols: Protocol, name: str = "web") -> list[ClusterObject]:
    """The slices of `everywhere`, or of another Service whose port has the same name."""
    ports = [EndpointPort(TARGET_PORT, "http", each) for each in protocols or (Protocol.TCP,)]
    return list(slices(name, endpoints, *ports))


def compiled_on(
    node: NodeObject, *objects: ClusterObject | Iterable[ClusterObject], settings: ClusterSettings = PODS
) -> Compilation:
    """`tests.declare.compiled` for another Node object, and without any ServiceCIDR that is not among the objects."""
    flat: list[ClusterObject] = [node]
    for item in objects:
        if isinstance(item, Iterable):
            flat.extend(item)
        else:
            flat.append(item)
    return compile_cluster(Cluster.of(flat), node=node.name, settings=settings)


def install(
    node: Node,
    *objects: ClusterObject | Iterable[ClusterObject],
    settings: ClusterSettings = PODS,
    on: NodeObject = NODE,
) -> Compilation:
    """Compile and load, with nothing left from before."""
    return _load(node, "flush ruleset\n", compiled_on(on, SERVICE_CIDRS, *objects, settings=settings))


def reload(
    node: Node,
    *objects: ClusterObject | Iterable[ClusterObject],
    settings: ClusterSettings = PODS,
    on: NodeObject = NODE,
) -> Compilation:
    """Compile and load over what is there, as the Services of a running node change."""
    return _load(node, "", compiled_on(on, SERVICE_CIDRS, *objects, settings=settings))


def install_without_service_cidrs(node: Node, *objects: ClusterObject, settings: ClusterSettings = PODS) -> None:
    """`install` for a cluster whose ServiceCIDRs are those among the objects."""
    _load(node, "flush ruleset\n", compiled_on(NODE, *objects, settings=settings))


def _load(node: Node, before: str, compilation: Compilation) -> Compilation:
    # One transaction instead of two: the kernel waits after each until no packet sees what was there.
    if before:
        node.conntrack_flush()
    node.load(before + compilation.script)
    return compilation


@contextmanager
def owning(node: Node, *addresses: str, interface: str | None = None) -> Iterator[None]:
    """Give the node more addresses for the length of the block."""
    given: list[str] = []
    try:
        for address in addresses:
            node.address_add(address, interface)
            given.append(address)
        yield
    finally:
        for address in given:
            node.address_del(address, interface)


def ask(
    node: Node,
    plan: Plan,
    caller: Caller,
    destination: str,
    port: int | None = PORT,
    protocol: str = "TCP",
    *,
    source: str | None = None,
    times: int = 1,
) -> set[Answer]:
    """All answers to so many first packets."""
    packet = plan.packet(caller, destination, port, protocol, source=source)
    return {answer(node, packet, outcome) for outcome in node.send_many([packet] * times)}


def survey(
    node: Node,
    plan: Plan,
    *protocols: Protocol,
    callers: Sequence[Caller] = CALLERS,
    kinds: Sequence[Kind] = KINDS,
    times: int = 1,
) -> dict[tuple[Caller, Kind, Protocol], set[Answer]]:
    """What each caller gets at each kind of frontend of `everywhere`."""
    cases = list(itertools.product(callers, kinds, protocols or (Protocol.TCP,)))
    packets = [plan.packet(caller, *plan.frontend(kind), each) for caller, kind, each in cases for _ in range(times)]
    outcomes = iter(zip(packets, node.send_many(packets), strict=True))
    return {case: {answer(node, *next(outcomes)) for _ in range(times)} for case in cases}


def answer(node: Node, packet: Packet, outcome: Outcome) -> Answer:
    """An outcome in the words of the rules.

    AssertionError for what no rule allows: another ICMP error, a TCP reset, a source that is neither the sender's nor
    the outgoing interface's.
    """
    match outcome:
        case Delivered():
            assert outcome.port is not None
            unchanged = outcome.source_address == packet.source and not outcome.source_port_changed
            if not unchanged:
                own = node.pod_addresses if outcome.where == "pod" else node.addresses
                assert outcome.source_address in own, outcome
            return Reached(outcome.address, outcome.port, masqueraded=not unchanged)
        case Rejected(reason=reason):
            assert reason == "port-unreachable", outcome
            return REJECTED
        case Dropped():
            return DROPPED
        case _:
            return UNTOUCHED


def whom(answers: Iterable[Answer]) -> set[str | Turned]:
    """The addresses of the endpoints that were reached, for rules that speak neither of ports nor of sources."""
    return {found.address if isinstance(found, Reached) else found for found in answers}
