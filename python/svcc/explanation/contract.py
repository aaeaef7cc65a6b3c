"""The values an explanation is made of: facts and reasons, laid out by nobody yet (`svcc.report.explanation`)."""

from __future__ import annotations

import enum

from attrs import frozen

from svcc.addresses import IPFamily
from svcc.dataplane.contract import Decision, FrontendKind, NodePortAddresses, PodDetector
from svcc.fields import FieldPath, ObjectReference, Problem, Source
from svcc.model.balancing import AT_RANDOM, Balancing
from svcc.model.service import Protocol, Service

__all__ = [
    "Clients",
    "DnsRecord",
    "EndpointExplanation",
    "Explanation",
    "Exposure",
    "NodeAddressOf",
    "Reason",
    "ReasonCode",
    "Route",
    "ServicePortExplanation",
    "Silence",
    "SliceExplanation",
]


class Clients(enum.StrEnum):
    """Who opens a connection, as far as it makes a difference (S27, S29, S44).

    Without a detector of pods there is no `PODS`: they are like all others.
    """

    PODS = "pods"
    NODE = "node"
    OTHERS = "others"


class ReasonCode(enum.StrEnum):
    """Why an endpoint or a slice is not used; stable words for programs."""

    NOT_READY = "not-ready"
    TERMINATING = "terminating"
    FALLBACK_ONLY = "fallback-only"
    HINTED_ELSEWHERE = "hinted-elsewhere"
    OTHER_NODE = "other-node"
    DUPLICATE = "duplicate"
    NO_USABLE_ADDRESS = "no-usable-address"
    PORT_MISMATCH = "port-mismatch"
    ADDRESS_TYPE = "address-type"
    LABEL_MISSING = "label-missing"
    LABEL_OF_ANOTHER = "label-of-another"
    OTHER_NAMESPACE = "other-namespace"
    HEADLESS_LABEL = "headless-label"
    OTHER_PROXY = "other-proxy"


@frozen
class Reason:
    """A reason as a word for programs and a sentence for people."""

    code: ReasonCode
    text: str


@frozen
class Route:
    """What happens to the new connections of some clients at one frontend.

    Attributes:
        clients: whose; everybody whom no other route of the frontend names.
        decision: a set of endpoints, or how the connection is turned away.
        masqueraded: whether endpoints see an address of the node instead of the client's. A pod that reaches itself is
            masqueraded in any case (S30).
        map_name: the map of the ruleset that holds the frontend for these clients.
        chain: where that map leads; empty where the connection is dropped there.
    """

    clients: tuple[Clients, ...]
    decision: Decision
    masqueraded: bool
    map_name: str
    chain: str


@frozen
class NodeAddressOf:
    """An address of another node that answers on a node port as well."""

    node: str
    address: str


@frozen
class Exposure:
    """A frontend of a service port and what becomes of its connections on this node.

    Attributes:
        addresses: for node ports those known of this node, which need not be all (`every_address`); else one.
        every_address: where the kernel decides which local addresses serve a node port, those it takes; else None.
        allowed_sources: the only sources that may come in; None admits all (S40).
        other_nodes: where other nodes answer, too: only for node ports.
    """

    kind: FrontendKind
    addresses: tuple[str, ...]
    port: int
    routes: tuple[Route, ...]
    allowed_sources: tuple[str, ...] | None = None
    every_address: NodePortAddresses | None = None
    other_nodes: tuple[NodeAddressOf, ...] = ()
    source: Source | None = None


@frozen
class EndpointExplanation:
    """An endpoint of a service port as this node sees it.

    Attributes:
        address: as it is written; canonical wherever it is an address.
        port: None for headless Services without ports.
        in_cluster_set: whether it serves those who are sent to any endpoint; for headless Services, whether it is in
            the DNS.
        in_local_set: whether it serves those who are sent to endpoints on this node only.
        reasons: why it is not in a set that is used.
        note: what is unusual although it is used.
        weight: what its share of the connections is in proportion to (S23).
        slice_source: where its slice was written.
        index: which of the slice's endpoints it is.
    """

    address: str
    port: int | None
    node: str | None
    zone: str | None
    target: ObjectReference | None
    in_cluster_set: bool
    in_local_set: bool
    reasons: tuple[Reason, ...] = ()
    note: str = ""
    weight: int = 1
    slice_source: Source | None = None
    index: int = 0

    @property
    def source(self) -> Source | None:
        """Where it was written; reads the slice's text again, so it is meant for those that are shown."""
        return self.slice_source.at(FieldPath(("endpoints", self.index))) if self.slice_source else None


@frozen
class ServicePortExplanation:
    """One port of the Service in one family.

    Attributes:
        cluster_set_used, local_set_used: which sets of endpoints connections are sent to (S17).
        affinity_timeout_seconds: None without session affinity.
        topology: what narrowed the Cluster set: ``"node"``, ``"zone"`` or None (S20).
        hints: why hints were ignored, or what they did; one sentence each.
        balancing: how a connection gets its endpoint.
    """

    family: IPFamily
    name: str
    protocol: Protocol
    port: int
    target_port: int | str | None
    exposures: tuple[Exposure, ...]
    endpoints: tuple[EndpointExplanation, ...]
    cluster_set_used: bool
    local_set_used: bool
    affinity_timeout_seconds: int | None = None
    topology: str | None = None
    hints: tuple[str, ...] = ()
    balancing: Balancing = AT_RANDOM
    source: Source | None = None


@frozen
class SliceExplanation:
    """An EndpointSlice that gives this Service nothing, or looks as if it should: which and why."""

    slice: ObjectReference
    endpoints: int
    reasons: tuple[Reason, ...]
    source: Source | None = None


@frozen
class DnsRecord:
    """What a cluster's DNS is to answer, by the specification 1.1.0 of Kubernetes' DNS-based service discovery.

    `name` is written without the dot at its end; `note` says what of it is convention and not specification.
    """

    name: str
    type: str
    values: tuple[str, ...]
    note: str = ""


@frozen
class Silence:
    """Something that people try and that does not answer.

    `outcome` is ``rejected`` (connection refused), ``dropped`` (no answer), ``not served`` (left to the node itself),
    ``not routed`` or ``none`` (there is nothing).
    """

    what: str
    outcome: str
    why: str
    source: Source | None = None


@frozen
class Explanation:
    """What a Service exposes on one node, to whom, and why not.

    Attributes:
        service: which one.
        declared: the Service itself; None where its errors keep it out of the ruleset, which are among `problems`.
        node: for which node; empty for a nameless one.
        zone: the zone of the node, which hints are compared with.
        pods: how pods are told from other clients, by family; an empty detector recognises none.
        cluster_domain: the domain of `names`.
        short_names: names that pods can use as well, and where.
        no_endpoints: why there are no endpoints at all, where there are none.
        problems: what is wrong with the Service and its slices.
    """

    service: ObjectReference
    declared: Service | None
    node: str
    zone: str | None
    pods: tuple[tuple[IPFamily, PodDetector], ...]
    cluster_domain: str
    names: tuple[DnsRecord, ...]
    short_names: tuple[tuple[str, str], ...]
    ports: tuple[ServicePortExplanation, ...]
    slices: tuple[SliceExplanation, ...]
    silences: tuple[Silence, ...]
    no_endpoints: str
    problems: tuple[Problem, ...]

    @property
    def source(self) -> Source | None:
        """Where the Service was declared."""
        return self.declared.source if self.declared else None
