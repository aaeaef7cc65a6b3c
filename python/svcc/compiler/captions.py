"""What people read above the sets and chains of a ruleset."""

from __future__ import annotations

__all__ = ["CAPTIONS"]

CAPTIONS = {
    "balanced-services": "Frontends, and the number (typed by meta priority) of the pick that chooses an endpoint.",
    "services": "Frontends with chains of their own; return leaves those that are refused to the filter chains.",
    "balanced-outside-services": "Both again for clients that are neither pods nor this node, where it differs.",
    "picks": "The chain behind each number.",
    "masquerade-frontends": "Frontends whose connections must come back through this node.",
    "refused-services": "Frontends that nobody serves.",
    "endpoints-tcp": "The endpoint at each slot (typed by numgen) of a frontend; the local ones begin at 1000000000.",
    "balanced-nodeports": "The same for node ports.",
    "nodeport-addresses": "The addresses that serve node ports, or the networks they lie in.",
    "cluster-ips": "Addresses that belong to Services; what they do not serve is rejected.",
    "mixed-addresses": "Cluster IPs that are external addresses of some Service, too.",
    "service-cidrs": "Addresses that Services may get; those that none has are dropped.",
    "pod-cidrs": "Who is a pod.",
    "source-ranged": "Frontends that admit some sources only, and which.",
    "hairpins": "Endpoints on this node, which may reach themselves.",
    "sticky-endpoints-tcp": "Endpoints by the numbers under which clients remember them.",
    "remember-frontends": "Frontends whose clients are remembered.",
    "affinity": "Which endpoint a client was sent to; filled by packets and kept across reloads.",
    "chain filter-prerouting": "The hooks: nothing else of the host is touched.",
    "chain check-sources": "Clients that a load balancer address does not admit.",
    "chain services": "Where a new connection goes: who is masqueraded, then the exact match, then node ports.",
    "chain mark-always": "The mark asks for masquerading; source-nat takes it away again.",
    "chain refuse-frontends": "What nobody serves.",
    "chain remember": "Remember which endpoint a client was sent to; numgen inc mod 1 is a constant.",
    "chain source-nat": "Connections that must come back through this node, and pods that reach themselves.",
}
