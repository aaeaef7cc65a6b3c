"""What each kind of finding is called, how bad it is, and what to do about it.

Errors are packets that are lost, refused or delivered wrongly, and Services that are open to those they should be
closed to. Warnings are behaviour that somebody wanted and others run into, and rules that may spoil things. What has no
effect on any packet is information.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen

from svcc.auditing.finding import FindingKind
from svcc.fields import Severity

__all__ = ["CATALOGUE", "Entry"]


@frozen
class Entry:
    """A kind of finding.

    Attributes:
        title: a few words, the same for every finding of the kind.
        explanation: what it means for users, a sentence or two, with its source (S-number, CVE, issue of Kubernetes).
        hint: what to do where a finding has nothing better to say.
    """

    kind: FindingKind
    severity: Severity
    title: str
    explanation: str
    hint: str


def _entries(*rows: tuple[FindingKind, Severity, str, str, str]) -> Mapping[FindingKind, Entry]:
    return MappingProxyType({row[0]: Entry(*row) for row in rows})


K = FindingKind
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
_RELOAD = (
    "load the ruleset again: svcc compile -f MANIFESTS --node NAME | nft -f - (or restart kube-proxy, where that is "
    "the proxy); if it comes back, see who writes it"
)

CATALOGUE = _entries(
    (
        K.SERVICE_MISSING,
        ERROR,
        "Service missing",
        (
            "Nothing on the node serves a declared frontend, so connections to it go nowhere or to somebody else "
            "(S24). A proxy that missed an update stays so until it looks again (kubernetes/kubernetes#28674)."
        ),
        _RELOAD,
    ),
    (
        K.ENDPOINT_MISSING,
        ERROR,
        "Endpoint gets no connections",
        (
            "A ready endpoint is not among those that a frontend leads to (S17 to S19), so it idles and the "
            "others carry its share (kubernetes/kubernetes#121362)."
        ),
        _RELOAD,
    ),
    (
        K.ENDPOINT_STALE,
        ERROR,
        "Connections to an endpoint that is gone",
        (
            "A frontend leads to an endpoint that is no longer declared for it (S18): some connections fail, or "
            "reach whoever has the address now (kubernetes/kubernetes#28674)."
        ),
        _RELOAD,
    ),
    (
        K.ENDPOINT_FOREIGN,
        ERROR,
        "Connections to somebody else",
        (
            "A frontend leads to an address and port that no endpoint of any declared Service has. That is how "
            "traffic is intercepted (CVE-2020-8554), or a declaration is missing in the manifests."
        ),
        f"find out who made the rule that is named, then {_RELOAD}",
    ),
    (
        K.SERVICE_STALE,
        ERROR,
        "Service that is gone is still served",
        (
            "The node translates a destination that no declared Service has: connections go where a Service once "
            "was (kubernetes/kubernetes#128829), or the manifests lack it."
        ),
        f"give all manifests of the cluster, or {_RELOAD}",
    ),
    (
        K.WRONG_PORT,
        ERROR,
        "Wrong port",
        "Connections reach a declared endpoint at a port that its slice does not give for this service port (S12).",
        _RELOAD,
    ),
    (
        K.WRONG_DISTRIBUTION,
        WARNING,
        "Endpoints have wrong shares",
        (
            "Every endpoint gets connections, but not in the declared proportions: all alike unless annotations "
            "say otherwise (S23)."
        ),
        _RELOAD,
    ),
    (
        K.ENDPOINT_NEVER_CHOSEN,
        ERROR,
        "Endpoint is never chosen",
        (
            "The rules name an endpoint in a place that no number leads to, so it gets no connections although it"
            " looks as if it did (S23)."
        ),
        _RELOAD,
    ),
    (
        K.MASQUERADE_MISSING,
        ERROR,
        "Not masqueraded",
        (
            "Connections keep their source although the answer would then not come back through this node (S29): "
            "clients see time-outs."
        ),
        _RELOAD,
    ),
    (
        K.MASQUERADE_WRONG,
        WARNING,
        "Masqueraded although it should not be",
        (
            "Endpoints see the address of the node instead of their client's, which policies and logs rely on "
            "(S29, kubernetes/kubernetes#74383)."
        ),
        _RELOAD,
    ),
    (
        K.HAIRPIN_NOT_MASQUERADED,
        ERROR,
        "Pod cannot reach itself",
        (
            "A pod that reaches itself by way of its Service is not masqueraded (S30), so it answers itself "
            "directly and the connection never opens (kubernetes/kubernetes#20475)."
        ),
        _RELOAD,
    ),
    (
        K.NOT_REJECTED,
        WARNING,
        "Not rejected",
        (
            "Clients of a frontend that nobody serves should hear so at once (S37, S38), and wait for a time-out "
            "instead, or reach something else."
        ),
        _RELOAD,
    ),
    (
        K.NOT_DROPPED,
        ERROR,
        "Not dropped",
        (
            "Packets that should be dropped, of a policy that wants local endpoints where there are none or to an"
            " address that no Service has, get through or are answered (S37, S39)."
        ),
        _RELOAD,
    ),
    (
        K.WRONGLY_REFUSED,
        ERROR,
        "Refused although it is served",
        (
            "Packets to a frontend that has endpoints are dropped or rejected; an entry of a time without "
            "endpoints survives (kubernetes/kubernetes#142183), or a firewall is in the way "
            "(kubernetes/kubernetes#40182)."
        ),
        "see the rule that is named; if it is no rule of the proxy, let it accept this traffic",
    ),
    (
        K.SOURCE_RANGE_BYPASSED,
        ERROR,
        "Source ranges are not enforced",
        (
            "A source that loadBalancerSourceRanges exclude gets through at the very frontend they are for (S40, "
            "kubernetes/kubernetes#122614)."
        ),
        _RELOAD,
    ),
    (
        K.SOURCE_RANGE_BYPASSED_BY_NODE_PORT,
        WARNING,
        "Source ranges do not cover the node port",
        (
            "Sources that are excluded at the load balancer's address reach the same endpoints by another "
            "frontend, such as the node port. Kubernetes means it so (S40, kubernetes/kubernetes#33586); it still"
            " surprises."
        ),
        "set allocateLoadBalancerNodePorts: false, or guard node ports with a NetworkPolicy or firewall",
    ),
    (
        K.NODE_PORT_EXPOSED,
        WARNING,
        "Node port where there should be none",
        (
            "A node port answers on an address that never serves node ports: one of loopback (S43), or one "
            "that is not the node's (S42, kubernetes/kubernetes#48332)."
        ),
        "name the addresses that shall serve: --nodeport-addresses",
    ),
    (
        K.NODE_PORT_BEYOND_ADDRESSES,
        ERROR,
        "Node port answers on other addresses",
        (
            "A node port answers on an address of the node that is not among those declared for node ports (S42, "
            "S43; by loopback addresses neighbours could reach the node's own services, CVE-2020-8558)."
        ),
        _RELOAD,
    ),
    (
        K.CLUSTER_IP_FROM_OUTSIDE,
        INFO,
        "Cluster IP serves outsiders",
        (
            "Whoever can route packets to the node reaches the cluster IP: cluster IPs are not protected by being"
            " internal (S25, CVE-2020-8554)."
        ),
        "drop packets to the Service range at the edge of the network",
    ),
    (
        K.LOCAL_POLICY_BLACK_HOLE,
        WARNING,
        "No local endpoint, packets are dropped",
        (
            "The policy wants endpoints on this node and there are none, so clients get no answer (S27, S37, "
            "kubernetes/kubernetes#75262); where pods are not recognised, they too "
            "(kubernetes/kubernetes#131765)."
        ),
        "let the load balancer check healthCheckNodePort, run an endpoint on every node, or use policy Cluster",
    ),
    (
        K.AFFINITY_LOST,
        WARNING,
        "Clients do not stay with their endpoint",
        "Session affinity is declared and a client's next connection may go to another endpoint (S34 to S36).",
        _RELOAD,
    ),
    (
        K.RULE_UNREACHABLE,
        INFO,
        "Rule is never met",
        "No packet can get to the rule: rules run in order, from base chains on (nft(8)). It does no harm and no good.",
        "remove it, or find out what should lead to it",
    ),
    (
        K.RULE_SHADOWED,
        INFO,
        "Rule stands behind another that takes everything",
        (
            "Every packet that the rule is for has ended its way at an earlier rule of the chain (nft(8)); where the "
            "two would act differently, one of them is not what somebody meant."
        ),
        "swap them, or remove the one that is not meant",
    ),
    (
        K.CHAIN_DEAD,
        INFO,
        "Chain, set or table without effect",
        (
            "No base chain leads to it, or no rule asks it. kube-proxy empties chains first and deletes them "
            "later (kubernetes/kubernetes#122604), so empty leftovers are ordinary."
        ),
        "nothing, unless it grows",
    ),
    (
        K.MAP_ELEMENT_DANGLING,
        WARNING,
        "Element leads nowhere",
        (
            "An element of a map leads to a chain that is empty or missing, or no packet can have its key: what "
            "it once stood for is gone, or only half of a change has arrived (kubernetes/kubernetes#47589)."
        ),
        _RELOAD,
    ),
    (
        K.FRONTEND_OWNED_TWICE,
        ERROR,
        "Two tables translate one frontend",
        (
            "The rules of two tables give a frontend's connections a new destination (S28). The first to run wins; at "
            "equal priority that is the one registered last, which changes whenever either is loaded again."
        ),
        "remove one of the two owners from the node",
    ),
    (
        K.OTHER_PROXY_LEFTOVERS,
        ERROR,
        "Another service proxy has rules here",
        (
            "Rules of another service proxy, or of another mode of kube-proxy, act on the same Services. They are"
            " not deleted when a proxy stops (KEP-3866, kubernetes/kubernetes#102314, "
            "kubernetes/kubernetes#119265)."
        ),
        "stop the other proxy and remove its rules: kube-proxy --cleanup, or restart the node",
    ),
    (
        K.FOREIGN_DROP,
        ERROR,
        "Another table drops Service traffic",
        (
            "A firewall's table drops what the proxy has accepted: an accept ends one table only (S52, "
            "firewalld/firewalld#527, kubernetes/kubernetes#40182)."
        ),
        "accept the endpoints' addresses and ports in the table that is named",
    ),
    (
        K.FOREIGN_MARK,
        WARNING,
        "Another table touches the masquerade mark",
        (
            "Rules of others set, clear or ask for the bit of the packet mark by which Services are masqueraded "
            "(S32), so that sources are changed that should not be, or kept (aws/amazon-vpc-cni-k8s#3563)."
        ),
        "give one of the two another bit: masqueradeBit of kube-proxy and svcc, or the other's setting",
    ),
    (
        K.FOREIGN_TRANSLATION,
        WARNING,
        "Another table translates Service traffic",
        (
            "The rules of another table give packets of a Service another destination or source than declared, or"
            " may do so (S28, S52)."
        ),
        "exclude the Services' addresses in the table that is named",
    ),
    (
        K.OLDER_SVCC,
        WARNING,
        "Table of another version of svcc",
        (
            "The table is not laid out as this version of svcc does it; what it does was compared, but loading a "
            "ruleset over it may leave parts of both (kubernetes/kubernetes#123162 was such an upgrade of kube-"
            "proxy)."
        ),
        "load a ruleset of this version: svcc compile -f MANIFESTS --node NAME | nft -f -",
    ),
    (
        K.FOREIGN_NETWORK,
        INFO,
        "Networks of others fare otherwise",
        (
            "Containers and virtual machines of Docker or libvirt are no pods: their network is hidden by the node's "
            "address, and what leaves by its bridge is for them. What their own rules do there does not touch the "
            "cluster (S52), unless somebody in that network uses Services."
        ),
        "nothing, unless clients in that network need the Services' source addresses or session affinity",
    ),
    (
        K.REFUSED_EITHER_WAY,
        INFO,
        "Refused by either of two rules",
        (
            "Packets that the node owes a refusal are refused, by the service proxy or by a firewall of the same "
            "priority: no dump tells which comes first, so the sender gets an answer or waits for one (S37, nft(8))."
        ),
        "nothing; if senders should get an answer, give the firewall's chain a greater priority number",
    ),
    (
        K.OTHER_NODE,
        ERROR,
        "Rules of another node",
        (
            "The rules are made for another node: they know its addresses and its endpoints as local, which decides "
            "node ports, Local policies and masquerading (S27, S31, S42)."
        ),
        "see which node the dump is from, and which one --node names; else load this node's own rules",
    ),
    (
        K.NOT_DECIDABLE,
        WARNING,
        "Cannot be decided",
        (
            "What happens to some packets depends on rules that are not understood, or on something that no dump "
            "tells (iptables extensions, a hash without a seed, the order of equal priorities; nft(8))."
        ),
        "see to the rule that is named; if it may stay so, accept this in a baseline",
    ),
    (
        K.BEHAVIOUR_DIFFERS,
        ERROR,
        "The two rulesets treat a packet differently",
        (
            "A packet fares otherwise under the second ruleset than under the first (S33 for what that means to "
            "connections that are open)."
        ),
        "if the difference is not meant, load the first ruleset again",
    ),
)
