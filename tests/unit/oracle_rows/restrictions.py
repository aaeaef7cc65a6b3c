"""Source ranges, S40 and S41, and node port addresses, S42 and S43."""

from __future__ import annotations

from svcc.model.node import Node, NodeAddress
from svcc.model.service import LoadBalancerIngress
from tests.unit.oracle_rows.words import (
    CLUSTER_IP,
    DROPPED,
    EXTERNAL_IP,
    HERE,
    LOCAL_POD,
    NODE_IP,
    NODE_IP6,
    OTHER_CLIENT,
    SECOND_NODE_IP,
    SECOND_VIP,
    UNTOUCHED,
    VIP,
    Row,
    backed_by,
    balanced,
    from_host,
    from_outside,
    from_pod,
    masqueraded_to,
    to,
)

TWO_RANGES = ("198.51.100.0/24", "10.244.0.0/16")


def at(nodeport_addresses: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The setting that says where node ports are served."""
    return {"nodeport_addresses": nodeport_addresses}


RANGES = [
    Row(
        "S40: a source in no range is dropped",
        [balanced(load_balancer_source_ranges=TWO_RANGES), backed_by(HERE)],
        from_outside(VIP),
        DROPPED,
    ),
    Row(
        "S40: a source in one range is served",
        [balanced(load_balancer_source_ranges=TWO_RANGES), backed_by(HERE)],
        from_outside(VIP, source=OTHER_CLIENT),
        masqueraded_to(LOCAL_POD),
    ),
    Row(
        "S40: the node is no exception",
        [balanced(load_balancer_source_ranges=TWO_RANGES), backed_by(HERE)],
        from_host(VIP),
        DROPPED,
    ),
    Row(
        "S40: pods are no exception",
        [balanced(load_balancer_source_ranges=("203.0.113.0/24",)), backed_by(HERE)],
        from_pod(VIP),
        DROPPED,
    ),
    Row(
        "S40: it comes before any REJECT",
        [balanced(load_balancer_source_ranges=TWO_RANGES)],
        from_outside(VIP),
        DROPPED,
    ),
    Row(
        "S40: it does not apply to node ports",
        [balanced(load_balancer_source_ranges=TWO_RANGES), backed_by(HERE)],
        from_outside(NODE_IP, 30080),
        masqueraded_to(LOCAL_POD),
    ),
    Row(
        "S40: it does not apply to externalIPs",
        [balanced(load_balancer_source_ranges=TWO_RANGES, external_ips=(EXTERNAL_IP,)), backed_by(HERE)],
        from_outside(EXTERNAL_IP),
        masqueraded_to(LOCAL_POD),
    ),
    Row(
        "S40: unless the same address is a VIP",
        [balanced(load_balancer_source_ranges=TWO_RANGES, external_ips=(VIP,)), backed_by(HERE)],
        from_outside(VIP),
        DROPPED,
    ),
    Row(
        "S40: it does not apply to the ClusterIP",
        [balanced(load_balancer_source_ranges=("198.51.100.0/24",)), backed_by(HERE)],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD),
    ),
    Row(
        "S40: ranges of the other family restrict nothing",
        [balanced(load_balancer_source_ranges=("2001:db8::/32",)), backed_by(HERE)],
        from_outside(VIP),
        masqueraded_to(LOCAL_POD),
    ),
    Row(
        "S40: a port of the VIP that is not served is not restricted",
        [balanced(load_balancer_source_ranges=TWO_RANGES), backed_by(HERE)],
        from_outside(VIP, 81),
        UNTOUCHED,
    ),
    Row(
        "S41: a range with the node's primary address admits all VIPs of the Service",
        [
            balanced(
                load_balancer_source_ranges=("192.168.0.10/32",),
                load_balancer_ingress=(LoadBalancerIngress(ip=VIP), LoadBalancerIngress(ip=SECOND_VIP)),
            ),
            backed_by(HERE),
        ],
        from_host(VIP, source=SECOND_VIP),
        masqueraded_to(LOCAL_POD),
        also_local=(SECOND_VIP,),
    ),
    Row(
        "S41: a range with another address of the node does not",
        [balanced(load_balancer_source_ranges=("192.168.1.10/32",)), backed_by(HERE)],
        from_host(VIP, source=VIP),
        DROPPED,
        also_local=(VIP,),
    ),
    Row(
        "S41: overlapping and duplicate ranges are legal, and a zero range admits everybody",
        [
            balanced(load_balancer_source_ranges=("10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/9", "0.0.0.0/0")),
            backed_by(HERE),
        ],
        from_outside(VIP),
        masqueraded_to(LOCAL_POD),
    ),
]

NODE_ADDRESSES = [
    Row(
        "S42: primary means the first address of the Node object",
        [balanced(), backed_by(HERE)],
        from_outside(SECOND_NODE_IP, 30080),
        UNTOUCHED,
    ),
    Row(
        "S42: a CIDR selects among the local addresses",
        [balanced(), backed_by(HERE)],
        from_outside(SECOND_NODE_IP, 30080),
        masqueraded_to(LOCAL_POD),
        settings=at(("192.168.1.0/24",)),
    ),
    Row(
        "S42: an address in the CIDR that is not local serves nothing",
        [balanced(), backed_by(HERE)],
        from_outside("192.168.1.11", 30080),
        UNTOUCHED,
        settings=at(("192.168.1.0/24",)),
    ),
    Row(
        "S42: no CIDR of the family, though some of the other, means every local address",
        [balanced(), backed_by(HERE)],
        from_outside(SECOND_NODE_IP, 30080),
        masqueraded_to(LOCAL_POD),
        settings=at(("fd00:1::/64",)),
    ),
    Row(
        "S42: a zero CIDR means every local address",
        [balanced(), backed_by(HERE)],
        from_outside(SECOND_NODE_IP, 30080),
        masqueraded_to(LOCAL_POD),
        settings=at(("10.0.0.0/8", "0.0.0.0/0")),
    ),
    Row(
        "S42: primary without an address of the family serves no node ports in it",
        [balanced(), backed_by(HERE), Node("node-a", addresses=(NodeAddress(NODE_IP6),))],
        from_outside(NODE_IP, 30080),
        UNTOUCHED,
    ),
    Row(
        "S43: loopback never serves node ports, not when everything else does",
        [balanced(), backed_by(HERE)],
        from_host("127.0.0.1", 30080, source="127.0.0.1"),
        UNTOUCHED,
        settings=at(()),
    ),
    Row(
        "S43: nor when it is listed",
        [balanced(), backed_by(HERE)],
        from_host("127.0.0.1", 30080, source="127.0.0.1"),
        UNTOUCHED,
        settings=at(("127.0.0.0/8",)),
    ),
    Row(
        "S43: a list of nothing but loopback is a list, so the other addresses do not serve either",
        [balanced(), backed_by(HERE)],
        from_outside(NODE_IP, 30080),
        UNTOUCHED,
        settings=at(("127.0.0.0/8",)),
    ),
]
ROWS = [*RANGES, *NODE_ADDRESSES]
