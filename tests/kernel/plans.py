"""The addresses of one family in the tests of the rules, and who asks for what by them.

The addresses are those of `tests/declare.py`: the node is `NODE`, its pods are in the cluster CIDRs `POD_CIDRS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pytest
from attrs import frozen

from svcc.addresses import IPFamily
from svcc.model.service import Protocol
from tests.kernel.packets import Entry, Packet

Caller = Literal["outsider", "pod", "remote pod", "node"]
CALLERS: tuple[Caller, ...] = ("outsider", "pod", "remote pod", "node")
"""A remote pod is one of the cluster's whose packets come in from the outside with its own address."""

Kind = Literal["cluster IP", "VIP", "external IP", "node port"]
EXTERNAL: tuple[Kind, ...] = ("VIP", "external IP", "node port")
KINDS: tuple[Kind, ...] = ("cluster IP", *EXTERNAL)

PORT, NODE_PORT, TARGET_PORT = 80, 30080, 8080

_ENTRIES: Mapping[Caller, Entry] = {"outsider": "outside", "pod": "pod", "remote pod": "outside", "node": "output"}


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
