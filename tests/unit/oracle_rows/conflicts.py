"""Services that claim one frontend: S45 and S46."""

from __future__ import annotations

from svcc.model.endpoints import EndpointPort
from svcc.model.service import Protocol, ServicePort
from tests.unit.oracle_rows.words import (
    CLUSTER_IP,
    EXTERNAL_IP,
    HERE,
    LOCAL_POD,
    NODE_IP,
    REMOTE_POD,
    SECOND_CLUSTER_IP,
    THERE,
    VIP,
    Row,
    backed_by,
    balanced,
    from_outside,
    from_pod,
    masqueraded_to,
    to,
    web,
)

OLD, NEW = "2024-01-01T00:00:00Z", "2025-06-01T12:00:00Z"
TWO_RANGES = ("198.51.100.0/24", "10.244.0.0/16")


def at(nodeport_addresses: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The setting that says where node ports are served."""
    return {"nodeport_addresses": nodeport_addresses}


ROWS = [
    Row(
        "S45: the older of two Services with one externalIP wins",
        [
            web("a", external_ips=(EXTERNAL_IP,), creation_timestamp=NEW),
            backed_by(HERE, service="a"),
            web("b", cluster_ips=(SECOND_CLUSTER_IP,), external_ips=(EXTERNAL_IP,), creation_timestamp=OLD),
            backed_by(THERE, service="b"),
        ],
        from_outside(EXTERNAL_IP),
        masqueraded_to(REMOTE_POD),
    ),
    Row(
        "S45: the loser keeps its other frontends",
        [
            web(
                "a", external_ips=(EXTERNAL_IP,), ports=(ServicePort(80, "x"), ServicePort(81)), creation_timestamp=NEW
            ),
            backed_by(HERE, service="a"),
            web("b", cluster_ips=(SECOND_CLUSTER_IP,), external_ips=(EXTERNAL_IP,), creation_timestamp=OLD),
        ],
        from_outside(EXTERNAL_IP, 81),
        masqueraded_to(LOCAL_POD),
    ),
    Row(
        "S45: at one instant the namespace decides, then the name",
        [
            web("a", external_ips=(EXTERNAL_IP,), namespace="shop", creation_timestamp="2024-01-01T01:00:00+01:00"),
            backed_by(HERE, service="a", namespace="shop"),
            web("b", cluster_ips=(SECOND_CLUSTER_IP,), external_ips=(EXTERNAL_IP,), creation_timestamp=OLD),
            backed_by(THERE, service="b"),
        ],
        from_outside(EXTERNAL_IP),
        masqueraded_to(REMOTE_POD),
    ),
    Row(
        "S45: a Service without a timestamp is younger than one with",
        [
            balanced("a"),
            backed_by(HERE, service="a"),
            balanced("b", cluster_ips=(SECOND_CLUSTER_IP,), creation_timestamp=NEW),
            backed_by(THERE, service="b"),
        ],
        from_outside(NODE_IP, 30080),
        masqueraded_to(REMOTE_POD),
    ),
    Row(
        "S45: node ports of one number but different protocols do not clash",
        [
            balanced("a", creation_timestamp=OLD),
            balanced("b", ports=(ServicePort(80, protocol=Protocol.UDP, node_port=30080),)),
            backed_by(HERE, service="b", ports=(EndpointPort(8080, protocol=Protocol.UDP),)),
        ],
        from_outside(NODE_IP, 30080, "UDP"),
        masqueraded_to(LOCAL_POD),
    ),
    Row(
        "S45 S40: the ranges of a Service that lost the VIP do not count there",
        [
            balanced("a", creation_timestamp=OLD),
            backed_by(HERE, service="a"),
            balanced("b", cluster_ips=(SECOND_CLUSTER_IP,), load_balancer_source_ranges=TWO_RANGES),
        ],
        from_outside(VIP),
        masqueraded_to(LOCAL_POD),
    ),
    Row(
        "S45: within one Service the ClusterIP wins over the externalIP",
        [web(external_ips=(CLUSTER_IP,)), backed_by(HERE)],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD),
    ),
    Row(
        "S46: a name as long as the API allows is as good as any",
        [web("w" * 63, namespace="n" * 63), backed_by(HERE, service="w" * 63, namespace="n" * 63)],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD),
    ),
]
