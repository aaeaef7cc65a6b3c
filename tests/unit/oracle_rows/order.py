"""The order of decisions and session affinity: S22 to S28, S34 and S35."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from svcc.model.service import Protocol, ServicePort, SessionAffinity
from tests.oracle import ServicePortName
from tests.unit.oracle_rows.words import (
    ALSO_HERE,
    CLUSTER_IP,
    DROPPED,
    HERE,
    LOCAL,
    LOCAL_POD,
    NODE_IP,
    OTHER_LOCAL_POD,
    REJECTED,
    REMOTE_POD,
    SECOND_CLUSTER_IP,
    TERMINATING,
    THERE,
    UNALLOCATED,
    UNTOUCHED,
    VIP,
    Row,
    backed_by,
    balanced,
    from_host,
    from_outside,
    from_pod,
    masqueraded_to,
    on,
    to,
    web,
)

STICKY: Mapping[str, Any] = {"session_affinity": SessionAffinity.CLIENT_IP}
WEB_PORT = ServicePortName("default", "web", "", Protocol.TCP)
NO_DETECTOR = {"cluster_cidrs": ()}


def at(nodeport_addresses: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The setting that says where node ports are served."""
    return {"nodeport_addresses": nodeport_addresses}


ORDER = [
    Row(
        "S22: terminating endpoints elsewhere are endpoints, so eTP Local drops instead of rejecting",
        [balanced(external_traffic_policy=LOCAL), backed_by(on(REMOTE_POD, "node-b", **TERMINATING))],
        from_outside(VIP),
        DROPPED,
    ),
    Row(
        "S22: endpoints neither ready nor serving and terminating are none at all",
        [web(internal_traffic_policy=LOCAL), backed_by(on(REMOTE_POD, "node-b", ready=False))],
        from_pod(CLUSTER_IP),
        REJECTED,
    ),
    Row(
        "S23: the choice among three is uniform",
        [web(), backed_by(HERE, ALSO_HERE, THERE)],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD, OTHER_LOCAL_POD, REMOTE_POD),
    ),
    Row(
        "S24: an externalIP that is a node address wins over a node port of the same number",
        [
            balanced(),
            backed_by(THERE),
            web("db", cluster_ips=(SECOND_CLUSTER_IP,), external_ips=(NODE_IP,), ports=(ServicePort(30080),)),
            backed_by(HERE, service="db"),
        ],
        from_outside(NODE_IP, 30080),
        masqueraded_to(LOCAL_POD),
    ),
    Row(
        "S24: it wins without endpoints, too",
        [
            balanced(),
            backed_by(THERE),
            web("db", cluster_ips=(SECOND_CLUSTER_IP,), external_ips=(NODE_IP,), ports=(ServicePort(30080),)),
        ],
        from_outside(NODE_IP, 30080),
        REJECTED,
    ),
    Row("S24: what matches nothing is untouched", [web(), backed_by(HERE)], from_outside(LOCAL_POD), UNTOUCHED),
    Row(
        "S25: a ClusterIP follows iTP, even for an outsider",
        [web(internal_traffic_policy=LOCAL), backed_by(HERE, THERE)],
        from_outside(CLUSTER_IP),
        masqueraded_to(LOCAL_POD),
    ),
    Row(
        "S25: eTP is irrelevant to a ClusterIP",
        [balanced(external_traffic_policy=LOCAL), backed_by(HERE, THERE)],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD, REMOTE_POD),
    ),
    Row(
        "S26: with eTP Cluster the Cluster set serves external frontends; iTP is irrelevant",
        [balanced(internal_traffic_policy=LOCAL), backed_by(THERE)],
        from_outside(NODE_IP, 30080),
        masqueraded_to(REMOTE_POD),
    ),
    Row(
        "S27 (a): pods use the Cluster set in spite of eTP Local",
        [balanced(external_traffic_policy=LOCAL), backed_by(HERE, THERE)],
        from_pod(VIP),
        to(LOCAL_POD, REMOTE_POD),
    ),
    Row(
        "S27 (b): the node uses the Cluster set in spite of eTP Local, at node ports also",
        [balanced(external_traffic_policy=LOCAL), backed_by(THERE)],
        from_host(NODE_IP, 30080),
        masqueraded_to(REMOTE_POD),
    ),
    Row(
        "S27 (c): everybody else uses the Local set",
        [balanced(external_traffic_policy=LOCAL), backed_by(HERE, THERE)],
        from_outside(NODE_IP, 30080),
        to(LOCAL_POD),
    ),
    Row(
        "S27: without a detector pods are everybody else",
        [balanced(external_traffic_policy=LOCAL), backed_by(HERE, THERE)],
        from_pod(VIP),
        to(LOCAL_POD),
        settings=NO_DETECTOR,
    ),
    Row(
        "S28: DNAT rewrites the port too",
        [web(ports=(ServicePort(443),)), backed_by(HERE)],
        from_pod(CLUSTER_IP, 443),
        to(LOCAL_POD, port=8080),
    ),
    Row(
        "S28: an endpoint that is another Service's ClusterIP is refused, not looked up again",
        [
            web(),
            backed_by(on(SECOND_CLUSTER_IP, None), HERE),
            web("db", cluster_ips=(SECOND_CLUSTER_IP,), ports=(ServicePort(8080),)),
            backed_by(THERE, service="db"),
        ],
        from_pod(CLUSTER_IP),
        {result: share / 2 for result, share in (to(LOCAL_POD) | REJECTED).items()},
    ),
    Row(
        "S28 S39: an endpoint at an unallocated service address is dropped",
        [web(), backed_by(on(UNALLOCATED, None))],
        from_host(CLUSTER_IP),
        DROPPED,
    ),
]

AFFINITY = [
    Row(
        "S34: a remembered client goes where it went",
        [web(**STICKY), backed_by(HERE, THERE)],
        from_pod(CLUSTER_IP),
        to(REMOTE_POD),
        affinity={("10.244.1.5", WEB_PORT): (REMOTE_POD, 8080)},
    ),
    Row(
        "S34: all frontends of the port share the memory",
        [balanced(**STICKY), backed_by(HERE, THERE)],
        from_pod(VIP),
        masqueraded_to(REMOTE_POD),
        affinity={("10.244.1.5", WEB_PORT): (REMOTE_POD, 8080)},
    ),
    Row(
        "S34: other clients and other ports do not",
        [web(**STICKY), backed_by(HERE, THERE)],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD, REMOTE_POD),
        affinity={
            ("10.244.1.6", WEB_PORT): (REMOTE_POD, 8080),
            ("10.244.1.5", attrs.evolve(WEB_PORT, port="other")): (REMOTE_POD, 8080),
        },
    ),
    Row(
        "S35: a remembered endpoint outside the set of this connection does not count",
        [web(internal_traffic_policy=LOCAL, **STICKY), backed_by(HERE, ALSO_HERE, THERE)],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD, OTHER_LOCAL_POD),
        affinity={("10.244.1.5", WEB_PORT): (REMOTE_POD, 8080)},
    ),
    Row(
        "S35: nothing is remembered once affinity is off",
        [web(), backed_by(HERE, THERE)],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD, REMOTE_POD),
        affinity={("10.244.1.5", WEB_PORT): (REMOTE_POD, 8080)},
    ),
]
ROWS = [*ORDER, *AFFINITY]
