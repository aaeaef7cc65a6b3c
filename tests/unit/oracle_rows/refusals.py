"""Nothing to send to: S37 to S39."""

from __future__ import annotations

from svcc.model.node import Node, NodeAddress, ServiceCIDR
from svcc.model.service import LoadBalancerIngress
from tests.unit.oracle_rows.words import (
    CLUSTER_IP,
    DROPPED,
    HERE,
    LOCAL,
    NODE_IP,
    REJECTED,
    REMOTE_POD,
    SECOND_NODE_IP,
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
    to,
    web,
)


def at(nodeport_addresses: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The setting that says where node ports are served."""
    return {"nodeport_addresses": nodeport_addresses}


ROWS = [
    Row("S37: no endpoints anywhere, ClusterIP: REJECT", [web()], from_pod(CLUSTER_IP), REJECTED),
    Row("S37: no endpoints anywhere, VIP: REJECT", [balanced()], from_outside(VIP), REJECTED),
    Row("S37: no endpoints anywhere, node port: REJECT", [balanced()], from_outside(NODE_IP, 30080), REJECTED),
    Row("S37: a host process is told the same", [balanced()], from_host(NODE_IP, 30080), REJECTED),
    Row(
        "S37: an externalIP that is local is judged in input",
        [web(external_ips=(SECOND_NODE_IP,))],
        from_outside(SECOND_NODE_IP),
        REJECTED,
    ),
    Row(
        "S37: iTP Local, some elsewhere, ClusterIP: DROP, for the node also",
        [web(internal_traffic_policy=LOCAL), backed_by(THERE)],
        from_host(CLUSTER_IP),
        DROPPED,
    ),
    Row(
        "S37: eTP Local, some elsewhere: served for pods",
        [balanced(external_traffic_policy=LOCAL), backed_by(THERE)],
        from_pod(VIP),
        to(REMOTE_POD),
    ),
    Row(
        "S37: eTP Local, some elsewhere, other sources: DROP",
        [balanced(external_traffic_policy=LOCAL), backed_by(THERE)],
        from_outside(VIP),
        DROPPED,
    ),
    Row(
        "S37: the same at a node port",
        [balanced(external_traffic_policy=LOCAL), backed_by(THERE)],
        from_outside(NODE_IP, 30080),
        DROPPED,
    ),
    Row(
        "S37: node address, port no NodePort has: untouched",
        [balanced(), backed_by(HERE)],
        from_outside(NODE_IP, 30081),
        UNTOUCHED,
    ),
    Row("S37: VIP, port not served: untouched", [balanced(), backed_by(HERE)], from_outside(VIP, 81), UNTOUCHED),
    Row(
        "S37: node ports are checked in input only, so one at an address that is not local is left alone",
        [balanced(), Node("node-a", addresses=(NodeAddress("192.168.9.9"),))],
        from_outside("192.168.9.9", 30080),
        UNTOUCHED,
    ),
    Row("S38: a port no service port has: REJECT", [web(), backed_by(HERE)], from_pod(CLUSTER_IP, 81), REJECTED),
    Row("S38: the wrong protocol: REJECT", [web(), backed_by(HERE)], from_host(CLUSTER_IP, 80, "UDP"), REJECTED),
    Row("S38: an echo request: REJECT", [web(), backed_by(HERE)], from_pod(CLUSTER_IP, 0, "ICMP"), REJECTED),
    Row("S38: also without endpoints", [web()], from_pod(CLUSTER_IP, 0, "ICMP"), REJECTED),
    Row(
        "S38: not in input: a ClusterIP that is wrongly a local address is not covered",
        [web(), backed_by(HERE)],
        from_pod(CLUSTER_IP, 81),
        UNTOUCHED,
        also_local=(CLUSTER_IP,),
    ),
    Row(
        "S38: but it is in output",
        [web(), backed_by(HERE)],
        from_host(CLUSTER_IP, 81),
        REJECTED,
        also_local=(CLUSTER_IP,),
    ),
    Row("S39: an unallocated service address: DROP", [web()], from_pod(UNALLOCATED), DROPPED),
    Row(
        "S39: with no ServiceCIDR known there is no drop",
        [web()],
        from_pod(UNALLOCATED),
        UNTOUCHED,
        settings={"service_cidrs": ()},
    ),
    Row(
        "S39: ServiceCIDR objects count, all of the family",
        [ServiceCIDR("first", cidrs=("10.1.0.0/16", "fd00:1::/112")), ServiceCIDR("second", cidrs=("10.2.0.0/16",))],
        from_pod("10.2.0.1"),
        DROPPED,
    ),
    Row(
        "S39: the cluster IP of a Service not handled is an unallocated address",
        [web(labels={"service.kubernetes.io/service-proxy-name": "other-proxy"}), backed_by(HERE)],
        from_pod(CLUSTER_IP),
        DROPPED,
    ),
    Row(
        "S39: an unserved port of a VIP inside a service range is dropped, as only the address counts",
        [balanced(load_balancer_ingress=(LoadBalancerIngress(ip=UNALLOCATED),)), backed_by(HERE)],
        from_pod(UNALLOCATED, 81),
        DROPPED,
    ),
]
