"""The values a dataplane is made of.

A connection meets a frontend, the frontend decides by who is asking (`inside`: pods that the detector recognises and
the node itself; `outside`: everybody else, S27), and the decision is a set of endpoints, a refusal or silence.
"""

from __future__ import annotations

import enum
from typing import Final

from attrs import frozen

from svcc.addresses import IPFamily, prefix_contains
from svcc.fields import ObjectReference, Source
from svcc.model.balancing import AT_RANDOM, Balancing
from svcc.select import EndpointAddress, ServicePortName

__all__ = [
    "LOOPBACK",
    "Dataplane",
    "Decision",
    "FamilyDataplane",
    "Frontend",
    "FrontendKind",
    "Masquerade",
    "NodePortAddresses",
    "PodDetector",
    "ServicePortName",
    "ServicePortPlan",
]


class FrontendKind(enum.StrEnum):
    """Where a frontend comes from; the order is the precedence within one Service."""

    CLUSTER_IP = "cluster-ip"
    LOAD_BALANCER = "load-balancer"
    EXTERNAL_IP = "external-ip"
    NODE_PORT = "node-port"


class Decision(enum.StrEnum):
    """What happens to a new connection: a set of endpoints, or how it is turned away (S37)."""

    CLUSTER = "cluster"
    LOCAL = "local"
    REJECT = "reject"
    DROP = "drop"


class Masquerade(enum.StrEnum):
    """Whose source address is rewritten (S29), besides a pod's that reaches itself (S30)."""

    NEVER = "never"
    ALWAYS = "always"
    UNLESS_POD = "unless-pod"
    NODE_TRAFFIC = "node-traffic"


@frozen
class Frontend:
    """An address and port, or a node port, that a service port answers on.

    Attributes:
        address: canonical, None for node ports, which answer on every address of `FamilyDataplane.node_ports`.
        inside: what happens to pod traffic and to the node's own (S25 to S27).
        outside: what happens to all other traffic.
        allowed_sources: the only sources that may come in, as canonical prefixes that do not overlap; None admits
            everybody (S40). Others are dropped before anything else is decided.
    """

    kind: FrontendKind
    address: str | None
    port: int
    inside: Decision
    outside: Decision
    masquerade: Masquerade
    allowed_sources: tuple[str, ...] | None = None


@frozen
class ServicePortPlan:
    """All that a node owes for one service port in one family.

    Attributes:
        affinity_timeout_seconds: None without session affinity; with it, all frontends share one record for each client
            (S34), and `balancing` is for clients without a record.
        balancing: how a new connection gets one of the endpoints (S23).
        cluster_weights: the weights of `cluster_endpoints` in their order, or nothing where all are alike. Endpoints
            get connections in proportion to them, and one of weight 0 none; some weight is above 0.
        local_weights: the same for `local_endpoints`.
        also_serving: of UDP ports, the endpoints in neither set that serve nevertheless, in order: they get no new
            connections from this node, but keep those they have (S49).
    """

    name: ServicePortName
    frontends: tuple[Frontend, ...]
    cluster_endpoints: tuple[EndpointAddress, ...]
    local_endpoints: tuple[EndpointAddress, ...]
    affinity_timeout_seconds: int | None = None
    service: ObjectReference | None = None
    source: Source | None = None
    balancing: Balancing = AT_RANDOM
    cluster_weights: tuple[int, ...] = ()
    local_weights: tuple[int, ...] = ()
    also_serving: tuple[EndpointAddress, ...] = ()

    def endpoints(self, decision: Decision) -> tuple[EndpointAddress, ...]:
        """The endpoints a decision leads to; none for a refusal."""
        if decision is Decision.CLUSTER:
            return self.cluster_endpoints
        return self.local_endpoints if decision is Decision.LOCAL else ()

    def weights(self, decision: Decision) -> tuple[int, ...]:
        """The weights of the endpoints a decision leads to, in their order; nothing where all are alike."""
        if decision is Decision.CLUSTER:
            return self.cluster_weights
        return self.local_weights if decision is Decision.LOCAL else ()


@frozen
class PodDetector:
    """How a packet is known to come from a pod (S44); one of the three is set, or none: no pod is recognised."""

    source_prefixes: tuple[str, ...] = ()
    interface: str = ""
    interface_prefix: str = ""

    def __bool__(self) -> bool:
        return bool(self.source_prefixes or self.interface or self.interface_prefix)


@frozen
class NodePortAddresses:
    """Which addresses of the node serve node ports (S42, S43).

    `addresses` lists them; where it is None every local address inside `prefixes` serves, and with no prefixes every
    local address. Loopback never does.
    """

    addresses: tuple[str, ...] | None = None
    prefixes: tuple[str, ...] = ()

    def serves(self, address: str) -> bool:
        """Whether a local address of the node serves node ports."""
        if self.addresses is not None:
            return address in self.addresses
        if any(prefix_contains(loopback, address) for loopback in LOOPBACK.values()):
            return False
        return not self.prefixes or any(prefix_contains(prefix, address) for prefix in self.prefixes)


LOOPBACK: Final = {IPFamily.IPV4: "127.0.0.0/8", IPFamily.IPV6: "::1/128"}


@frozen
class FamilyDataplane:
    """What a node owes in one IP family.

    Attributes:
        cluster_ips: the active cluster IPs: whatever else arrives for them is rejected (S38).
        service_cidrs: addresses in them that are no active cluster IP are dropped (S39).
        node_addresses: addresses known to be the node's own, the primary one first.
        local_endpoint_addresses: endpoints on this node, which may reach themselves through a frontend (S30).
    """

    family: IPFamily
    service_ports: tuple[ServicePortPlan, ...]
    cluster_ips: tuple[str, ...]
    service_cidrs: tuple[str, ...]
    node_ports: NodePortAddresses
    pods: PodDetector
    node_addresses: tuple[str, ...]
    local_endpoint_addresses: tuple[str, ...]


@frozen
class Dataplane:
    """What one node owes, in both families.

    `masquerade_bit` is the bit of the packet mark that carries a masquerading decision (S32). `big_endian` is the
    byte order of the node, which the kernel's hash of long keys depends on.
    """

    node: str
    families: tuple[FamilyDataplane, ...]
    masquerade_bit: int = 14
    big_endian: bool = False
