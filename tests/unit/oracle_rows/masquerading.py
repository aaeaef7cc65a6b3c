"""Source NAT, S29 to S32, and the detectors it depends on, S44."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import attrs

from svcc.model.cluster import DetectLocalMode
from svcc.model.service import ServiceType
from tests.oracle import Delivery
from tests.unit.oracle_rows.words import (
    ALSO_HERE,
    CLUSTER_IP,
    CLUSTER_IP6,
    EXTERNAL_IP,
    HERE,
    LOCAL,
    LOCAL_POD,
    LOCAL_POD6,
    OTHER_CLIENT,
    OTHER_LOCAL_POD,
    REMOTE_POD,
    THERE,
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

EXTERNAL: Mapping[str, Any] = {
    "type": ServiceType.NODE_PORT,
    "external_ips": (EXTERNAL_IP,),
    "external_traffic_policy": LOCAL,
}
NO_DETECTOR = {"cluster_cidrs": ()}
BRIDGE = {"detect_local_mode": DetectLocalMode.BRIDGE_INTERFACE, "pod_bridge_interface": "cni0"}

MASQUERADING = [
    Row("S29: ClusterIP from a pod: no", [web(), backed_by(THERE)], from_pod(CLUSTER_IP), to(REMOTE_POD)),
    Row(
        "S29: ClusterIP from a pod with masquerade-all: yes",
        [web(), backed_by(THERE)],
        from_pod(CLUSTER_IP),
        masqueraded_to(REMOTE_POD),
        settings={"masquerade_all": True},
    ),
    Row(
        "S29: ClusterIP from anything else with a detector: yes",
        [web(), backed_by(THERE)],
        from_host(CLUSTER_IP),
        masqueraded_to(REMOTE_POD),
    ),
    Row(
        "S29: ClusterIP without a detector: no",
        [web(), backed_by(THERE)],
        from_outside(CLUSTER_IP),
        to(REMOTE_POD),
        settings=NO_DETECTOR,
    ),
    Row(
        "S29: ClusterIP without a detector but with masquerade-all: yes",
        [web(), backed_by(THERE)],
        from_outside(CLUSTER_IP),
        masqueraded_to(REMOTE_POD),
        settings={"cluster_cidrs": (), "masquerade_all": True},
    ),
    Row(
        "S29: external with eTP Cluster: yes, pods too",
        [balanced(), backed_by(THERE)],
        from_pod(VIP),
        masqueraded_to(REMOTE_POD),
    ),
    Row(
        "S29: external with eTP Local from a pod: no, and masquerade-all does not change that",
        [web(**EXTERNAL), backed_by(THERE)],
        from_pod(EXTERNAL_IP),
        to(REMOTE_POD),
        settings={"masquerade_all": True},
    ),
    Row(
        "S29: external with eTP Local from the node: yes",
        [web(**EXTERNAL), backed_by(THERE)],
        from_host(EXTERNAL_IP),
        masqueraded_to(REMOTE_POD),
    ),
    Row(
        "S29: external with eTP Local from anything else: no",
        [web(**EXTERNAL), backed_by(HERE)],
        from_outside(EXTERNAL_IP),
        to(LOCAL_POD),
    ),
    Row(
        "S27 S29: a local address inside the pods' range is pod traffic first",
        [web(**EXTERNAL), backed_by(THERE)],
        from_host(EXTERNAL_IP, source="10.244.1.1"),
        to(REMOTE_POD),
        also_local=("10.244.1.1",),
    ),
    Row(
        "S30: only the draw of itself masquerades a pod",
        [web(), backed_by(HERE, ALSO_HERE)],
        from_pod(CLUSTER_IP, source=LOCAL_POD),
        {
            Delivery(LOCAL_POD, 8080, masquerade=True): Fraction(1, 2),
            Delivery(OTHER_LOCAL_POD, 8080, masquerade=False): Fraction(1, 2),
        },
    ),
    Row(
        "S30: an endpoint that is not local is no hairpin",
        [web(), backed_by(on(LOCAL_POD, None))],
        from_pod(CLUSTER_IP, source=LOCAL_POD),
        to(LOCAL_POD),
    ),
    Row(
        "S31: iTP Local changes nothing about masquerading",
        [web(internal_traffic_policy=LOCAL), backed_by(HERE)],
        from_host(CLUSTER_IP),
        masqueraded_to(LOCAL_POD),
    ),
    Row(
        "S32: which mark bit carries the decision changes nothing",
        [web(), backed_by(HERE)],
        from_host(CLUSTER_IP),
        masqueraded_to(LOCAL_POD),
        settings={"masquerade_bit": 0},
    ),
]

PODS = [
    Row(
        "S44 NodeCIDR: a pod of this node is one",
        [web(), backed_by(THERE)],
        from_pod(CLUSTER_IP),
        to(REMOTE_POD),
        settings={"detect_local_mode": DetectLocalMode.NODE_CIDR},
    ),
    Row(
        "S44 NodeCIDR: a pod of another node is none",
        [web(), backed_by(HERE)],
        from_outside(CLUSTER_IP, source=REMOTE_POD),
        masqueraded_to(LOCAL_POD),
        settings={"detect_local_mode": DetectLocalMode.NODE_CIDR},
    ),
    Row(
        "S44 NodeCIDR: without a pod CIDR of the family there is no detector in it",
        [web(cluster_ips=(CLUSTER_IP6,)), backed_by(on(LOCAL_POD6), address_type="IPv6")],
        from_outside(CLUSTER_IP6),
        to(LOCAL_POD6),
        settings={"detect_local_mode": DetectLocalMode.NODE_CIDR},
    ),
    Row(
        "S44 BridgeInterface: the input interface must be equal",
        [web(), backed_by(THERE)],
        from_pod(CLUSTER_IP, source=OTHER_CLIENT),
        to(REMOTE_POD),
        settings=BRIDGE,
    ),
    Row(
        "S44 BridgeInterface: a longer name is not equal",
        [web(), backed_by(THERE)],
        attrs.evolve(from_pod(CLUSTER_IP), interface="cni01"),
        masqueraded_to(REMOTE_POD),
        settings=BRIDGE,
    ),
    Row(
        "S44 InterfaceNamePrefix: the input interface must start with it",
        [web(), backed_by(THERE)],
        attrs.evolve(from_pod(CLUSTER_IP), interface="veth7"),
        to(REMOTE_POD),
        settings={"detect_local_mode": DetectLocalMode.INTERFACE_NAME_PREFIX, "pod_interface_name_prefix": "veth"},
    ),
    Row(
        "S44: interface modes match nothing in output",
        [web(), backed_by(THERE)],
        attrs.evolve(from_host(CLUSTER_IP, source="10.244.1.1"), interface="cni0"),
        masqueraded_to(REMOTE_POD),
        settings=BRIDGE,
        also_local=("10.244.1.1",),
    ),
    Row(
        "S44: CIDRs do",
        [web(), backed_by(THERE)],
        from_host(CLUSTER_IP, source="10.244.1.1"),
        to(REMOTE_POD),
        also_local=("10.244.1.1",),
    ),
    Row(
        "S44 S27: nor are pods told from others at external frontends then",
        [web(**EXTERNAL), backed_by(HERE, THERE)],
        from_pod(EXTERNAL_IP),
        to(LOCAL_POD),
        settings={"detect_local_mode": DetectLocalMode.NONE},
    ),
    Row(
        "S44: the mode None detects nothing in spite of cluster CIDRs",
        [web(), backed_by(HERE)],
        from_outside(CLUSTER_IP),
        to(LOCAL_POD),
        settings={"detect_local_mode": DetectLocalMode.NONE},
    ),
]
ROWS = [*MASQUERADING, *PODS]
