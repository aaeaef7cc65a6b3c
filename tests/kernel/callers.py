"""Who asks, for what, and what came of it: the words that the tests of the rules are written in.

The addresses are those of `tests/declare.py`: the node is `NODE`, its pods are in the cluster CIDRs `POD_CIDRS`.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import pytest
from attrs import frozen

from svcc.addresses import IPFamily
from svcc.compiler.compilation import Compilation, compile_cluster
from svcc.model.cluster import Cluster, ClusterObject, ClusterSettings
from svcc.model.endpoints import Endpoint, EndpointPort
from svcc.model.node import Node as NodeObject
from svcc.model.service import LoadBalancerIngress, Protocol, Service, ServicePort
from tests.declare import NODE, PODS, SERVICE_CIDRS, service, slices
from tests.kernel.network import Node
from tests.kernel.outcomes import Delivered, Dropped, Outcome, Rejected
from tests.kernel.packets import Entry, Packet

Caller = Literal["outsider", "pod", "remote pod", "node"]
CALLERS: tuple[Caller, ...] = ("outsider", "pod", "remote pod", "node")
"""A remote pod is one of the cluster's whose packets come in from the outside with its own address."""

Kind = Literal["cluster IP", "VIP", "external IP", "node port"]
EXTERNAL: tuple[Kind, ...] = ("VIP", "external IP", "node port")
KINDS: tuple[Kind, ...] = ("cluster IP", *EXTERNAL)

PORT, NODE_PORT, TARGET_PORT = 80, 30080, 8080
MANY = 40
"""Tries after which one of two endpoints has been left out once in a million million runs."""

_ENTRIES: Mapping[Caller, Entry] = {"outsider": "outside", "pod": "pod", "remote pod": "outside", "node": "output"}


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


@frozen
class Plan:
    """The addresses of one family.

    `gateway` is the node's address towards the pods, and what traffic to endpoints is masqueraded to; `spare` is free
    to be given to the node. `here` and `also_here` are endpoints on the node, `there` and `also_there` are elsewhere;
    `pod` and `remote_pod` are clients.
    """

    family: IPFamily
    cluster_ip: str
    second_cluster_ip: str
    unallocated: str
    vip: str
    second_vip: str
    external_ip: str
    node: str
    gateway: str
    spare: str
    outsider: str
    other_outsider: str
    pod: str
    remote_pod: str
    here: str
    also_here: str
    there: str
    also_there: str

    @property
    def word(self) -> str:
        """The family as nft writes it."""
        return "ip" if self.family is IPFamily.IPV4 else "ip6"

    @property
    def bits(self) -> int:
        """The length of a prefix that is one address."""
        return self.family.bits

    def frontend(self, kind: Kind) -> tuple[str, int]:
        """Where the frontend of `everywhere` is."""
        addresses = {"cluster IP": self.cluster_ip, "VIP": self.vip, "external IP": self.external_ip}
        return (addresses[kind], PORT) if kind != "node port" else (self.node, NODE_PORT)

    def source(self, caller: Caller) -> str:
        """The caller's address."""
        return {
            "outsider": self.outsider,
            "pod": self.pod,
            "remote pod": self.remote_pod,
            "node": self.node,
        }[caller]

    def packet(
        self,
        caller: Caller,
        destination: str,
        port: int | None = PORT,
        protocol: str = "TCP",
        *,
        source: str | None = None,
        source_port: int | None = None,
    ) -> Packet:
        """The first packet of a connection; for ICMP echo the port is None."""
        return Packet(
            protocol=protocol,
            source=source or self.source(caller),
            destination=destination,
            destination_port=port,
            source_port=source_port,
            entry=_ENTRIES[caller],
        )


IPV4 = Plan(
    family=IPFamily.IPV4,
    cluster_ip="10.96.0.1",
    second_cluster_ip="10.96.0.2",
    unallocated="10.96.200.200",
    vip="198.18.0.1",
    second_vip="198.18.0.2",
    external_ip="198.51.100.1",
    node="192.168.0.10",
    gateway="10.244.0.1",
    spare="192.168.77.7",
    outsider="203.0.113.7",
    other_outsider="203.0.113.9",
    pod="10.244.0.20",
    remote_pod="10.244.9.20",
    here="10.244.0.2",
    also_here="10.244.0.3",
    there="10.244.2.2",
    also_there="10.244.2.3",
)
IPV6 = Plan(
    family=IPFamily.IPV6,
    cluster_ip="fd00:96::1",
    second_cluster_ip="fd00:96::2",
    unallocated="fd00:96::c8c8",
    vip="2001:db8:ffff::1",
    second_vip="2001:db8:ffff::2",
    external_ip="2001:db8:eeee::1",
    node="fd00:1::10",
    gateway="fd00:10:244::1",
    spare="fd00:1::77",
    outsider="2001:db8::7",
    other_outsider="2001:db8::9",
    pod="fd00:10:244::20",
    remote_pod="fd00:10:244:9::20",
    here="fd00:10:244::2",
    also_here="fd00:10:244::3",
    there="fd00:10:244:2::2",
    also_there="fd00:10:244:2::3",
)
PLANS = {IPFamily.IPV4: IPV4, IPFamily.IPV6: IPV6}
both_families = pytest.mark.parametrize("plan", [IPV4, IPV6], ids=["IPv4", "IPv6"])
each_protocol = pytest.mark.parametrize("protocol", list(Protocol))
each_kind = pytest.mark.parametrize("kind", KINDS)
each_external_kind = pytest.mark.parametrize("kind", EXTERNAL)


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
