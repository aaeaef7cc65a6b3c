"""Which endpoints are in a set: S17 to S21."""

from __future__ import annotations

import attrs

from svcc.model.node import ZONE_LABEL, Node
from tests.unit.oracle_rows.words import (
    CLUSTER_IP,
    HERE,
    LOCAL,
    LOCAL_POD,
    OTHER_REMOTE_POD,
    REJECTED,
    REMOTE_POD,
    TERMINATING,
    THERE,
    THIS_NODE,
    VIP,
    Row,
    backed_by,
    balanced,
    from_outside,
    from_pod,
    masqueraded_to,
    on,
    to,
    web,
)

ROWS = [
    Row(
        "S17: iTP Local on one port set and eTP Cluster need both sets: the VIP uses the Cluster set",
        [balanced(internal_traffic_policy=LOCAL), backed_by(HERE, THERE)],
        from_outside(VIP),
        masqueraded_to(LOCAL_POD, REMOTE_POD),
    ),
    Row(
        "S18: without ready endpoints, those serving and terminating take over, wherever they are",
        [web(), backed_by(on(LOCAL_POD, **TERMINATING), on(REMOTE_POD, "node-b", **TERMINATING))],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD, REMOTE_POD),
    ),
    Row(
        "S18: terminating alone is not enough for the fallback",
        [web(), backed_by(on(LOCAL_POD, ready=False, serving=False, terminating=True))],
        from_pod(CLUSTER_IP),
        REJECTED,
    ),
    Row(
        "S18: one ready endpoint keeps terminating ones out",
        [web(), backed_by(on(LOCAL_POD, **TERMINATING), THERE)],
        from_pod(CLUSTER_IP),
        to(REMOTE_POD),
    ),
    Row(
        "S18: the fallback ignores topology",
        [
            web(),
            backed_by(
                on(LOCAL_POD, zone_hints=("zone-1",), **TERMINATING),
                on(REMOTE_POD, "node-b", zone_hints=("zone-2",), **TERMINATING),
            ),
        ],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD, REMOTE_POD),
    ),
    Row(
        "S19: the fallbacks are independent: ClusterIP traffic goes to the ready remote endpoint",
        [balanced(external_traffic_policy=LOCAL), backed_by(on(LOCAL_POD, **TERMINATING), THERE)],
        from_pod(CLUSTER_IP),
        to(REMOTE_POD),
    ),
    Row(
        "S19: while external traffic goes to the terminating local one",
        [balanced(external_traffic_policy=LOCAL), backed_by(on(LOCAL_POD, **TERMINATING), THERE)],
        from_outside(VIP),
        to(LOCAL_POD),
    ),
    Row(
        "S19: topology never applies to the Local set",
        [
            web(internal_traffic_policy=LOCAL),
            backed_by(on(LOCAL_POD, zone_hints=("zone-2",)), on(REMOTE_POD, "node-b", zone_hints=("zone-1",))),
        ],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD),
    ),
    Row(
        "S20: node hints come before zone hints",
        [
            web(),
            backed_by(
                on(LOCAL_POD, node_hints=("node-a",), zone_hints=("zone-2",)),
                on(REMOTE_POD, "node-b", node_hints=("node-b",), zone_hints=("zone-1",)),
            ),
        ],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD),
    ),
    Row(
        "S20: if no node hint is for this node, zone hints decide",
        [
            web(),
            backed_by(
                on(LOCAL_POD, node_hints=("node-c",), zone_hints=("zone-2",)),
                on(REMOTE_POD, "node-b", node_hints=("node-b",), zone_hints=("zone-2", "zone-1")),
            ),
        ],
        from_pod(CLUSTER_IP),
        to(REMOTE_POD),
    ),
    Row(
        "S20: one ready endpoint without node hints voids those",
        [web(), backed_by(on(LOCAL_POD, node_hints=("node-a",)), THERE)],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD, REMOTE_POD),
    ),
    Row(
        "S20: one ready endpoint without zone hints voids those",
        [web(), backed_by(on(LOCAL_POD, zone_hints=("zone-1",)), THERE)],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD, REMOTE_POD),
    ),
    Row(
        "S20: an endpoint that is not ready does not void it",
        [
            web(),
            backed_by(
                on(LOCAL_POD, zone_hints=("zone-1",)),
                on(REMOTE_POD, "node-b", zone_hints=("zone-2",)),
                on(OTHER_REMOTE_POD, "node-c", ready=False),
            ),
        ],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD),
    ),
    Row(
        "S20: hints that are all for other zones change nothing",
        [web(), backed_by(on(LOCAL_POD, zone_hints=("zone-2",)), on(REMOTE_POD, "node-b", zone_hints=("zone-3",)))],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD, REMOTE_POD),
    ),
    Row(
        "S20: a node without a zone never uses zone hints",
        [
            web(),
            backed_by(on(LOCAL_POD, zone_hints=("zone-1",)), on(REMOTE_POD, "node-b", zone_hints=("",))),
            attrs.evolve(THIS_NODE, labels={ZONE_LABEL: ""}),
        ],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD, REMOTE_POD),
    ),
    Row(
        "S20 S21: the annotation of the topology mode is not consulted",
        [web(annotations={"service.kubernetes.io/topology-mode": "Auto"}), backed_by(HERE, THERE), Node("node-b")],
        from_pod(CLUSTER_IP, source="10.244.1.9"),
        masqueraded_to(LOCAL_POD, REMOTE_POD),
        settings={"cluster_cidrs": (), "masquerade_all": True},
    ),
]
