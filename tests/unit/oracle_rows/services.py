"""Which Services and frontends there are: S1 to S9."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from svcc.addresses import IPFamily
from svcc.model.endpoints import EndpointPort
from svcc.model.service import HEADLESS, IPMode, LoadBalancerIngress, Protocol, ServicePort, ServiceType
from tests.unit.oracle_rows.words import (
    CLUSTER_IP,
    CLUSTER_IP6,
    DROPPED,
    EXTERNAL_IP,
    HERE,
    LOCAL,
    LOCAL_POD,
    LOCAL_POD6,
    NODE_IP,
    OTHER_CLIENT,
    REJECTED,
    REMOTE_POD,
    SECOND_VIP,
    THERE,
    UNTOUCHED,
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

DUAL_STACK: Mapping[str, Any] = {
    "cluster_ips": (CLUSTER_IP6, CLUSTER_IP),
    "ip_families": (IPFamily.IPV6, IPFamily.IPV4),
}
OTHER_PROXY = {"service.kubernetes.io/service-proxy-name": "other-proxy"}


def at(nodeport_addresses: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The setting that says where node ports are served."""
    return {"nodeport_addresses": nodeport_addresses}


ROWS = [
    Row(
        "S1: a headless Service has no frontends, not even its VIP",
        [balanced(cluster_ips=(HEADLESS,)), backed_by(HERE)],
        from_outside(VIP),
        UNTOUCHED,
    ),
    Row(
        "S1: a Service without a cluster IP has no node port",
        [balanced(cluster_ips=()), backed_by(HERE)],
        from_outside(NODE_IP, 30080),
        UNTOUCHED,
    ),
    Row(
        "S1: an ExternalName is skipped whole; its stray cluster IP is an unallocated address (S39)",
        [web(type=ServiceType.EXTERNAL_NAME), backed_by(HERE)],
        from_pod(CLUSTER_IP),
        DROPPED,
    ),
    Row(
        "S1: an ExternalName with externalIPs does not answer on them",
        [web(type=ServiceType.EXTERNAL_NAME, external_ips=(EXTERNAL_IP,)), backed_by(HERE)],
        from_pod(EXTERNAL_IP),
        UNTOUCHED,
    ),
    Row(
        "S2: the cluster IP of a family is the one at the family's place in ipFamilies",
        [web(**DUAL_STACK), backed_by(on(LOCAL_POD6), address_type="IPv6")],
        from_pod(CLUSTER_IP6, source="fd00:244:1::5"),
        to(LOCAL_POD6),
    ),
    Row(
        "S2: the families of a dual-stack Service are handled on their own, so one may lack endpoints",
        [web(**DUAL_STACK), backed_by(on(LOCAL_POD6), address_type="IPv6")],
        from_pod(CLUSTER_IP),
        REJECTED,
    ),
    Row(
        "S2: without ipFamilies every cluster IP is read, while the rule knows the first only",
        [web(cluster_ips=(CLUSTER_IP, CLUSTER_IP6)), backed_by(on(LOCAL_POD6), address_type="IPv6")],
        from_pod(CLUSTER_IP6, source=LOCAL_POD6),
        masqueraded_to(LOCAL_POD6),
    ),
    Row(
        "S2: without a cluster IP of the family there is no VIP of it either",
        [balanced(cluster_ips=(CLUSTER_IP6,)), backed_by(HERE)],
        from_outside(VIP),
        UNTOUCHED,
    ),
    Row(
        "S3: ports that differ only in protocol are distinct",
        [
            web(ports=(ServicePort(53, "dns-tcp"), ServicePort(53, "dns", Protocol.UDP))),
            backed_by(HERE, ports=(EndpointPort(8080, "dns-tcp"), EndpointPort(8081, "dns", Protocol.UDP))),
        ],
        from_pod(CLUSTER_IP, 53, "UDP"),
        to(LOCAL_POD, port=8081),
    ),
    Row(
        "S3: SCTP is treated like TCP and UDP",
        [
            web(ports=(ServicePort(80, protocol=Protocol.SCTP),)),
            backed_by(HERE, ports=(EndpointPort(8080, protocol=Protocol.SCTP),)),
        ],
        from_pod(CLUSTER_IP, 80, "SCTP"),
        to(LOCAL_POD),
    ),
    Row(
        "S4: neither targetPort nor trafficDistribution changes where packets go",
        [
            web(ports=(ServicePort(80, target_port=9999),), traffic_distribution="PreferSameNode"),
            backed_by(HERE, THERE),
        ],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD, REMOTE_POD),
    ),
    Row(
        "S4: the annotation with source ranges is not read, nor is loadBalancerIP",
        [
            balanced(
                annotations={"service.beta.kubernetes.io/load-balancer-source-ranges": "10.0.0.0/8"},
                load_balancer_ip=SECOND_VIP,
            ),
            backed_by(HERE),
        ],
        from_outside(VIP),
        masqueraded_to(LOCAL_POD),
    ),
    Row(
        "S5: a Service with the label of another proxy is not served",
        [web(labels=OTHER_PROXY, external_ips=(EXTERNAL_IP,)), backed_by(HERE)],
        from_pod(EXTERNAL_IP),
        UNTOUCHED,
    ),
    Row(
        "S5: the proxy that the label names does serve it",
        [web(labels=OTHER_PROXY), backed_by(HERE, labels=OTHER_PROXY)],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD),
        settings={"service_proxy_name": "other-proxy"},
    ),
    Row(
        "S5: that proxy does not serve Services without the label",
        [web(external_ips=(EXTERNAL_IP,)), backed_by(HERE)],
        from_pod(EXTERNAL_IP),
        UNTOUCHED,
        settings={"service_proxy_name": "other-proxy"},
    ),
    Row(
        "S5: a slice with the label of another proxy is not read",
        [web(), backed_by(HERE, labels=OTHER_PROXY)],
        from_pod(CLUSTER_IP),
        REJECTED,
    ),
    Row(
        "S5: a slice with the headless label is not read",
        [web(), backed_by(HERE, labels={"service.kubernetes.io/headless": ""})],
        from_pod(CLUSTER_IP),
        REJECTED,
    ),
    Row(
        "S6: octets with leading zeros are decimal, and an address that does not parse costs only itself",
        [web(external_ips=("nonsense", "198.018.000.003")), backed_by(HERE)],
        from_pod(EXTERNAL_IP),
        masqueraded_to(LOCAL_POD),
    ),
    Row(
        "S6: source ranges are trimmed and read as decimal, and those that do not parse are skipped",
        [balanced(load_balancer_source_ranges=("nonsense", " 198.051.100.000/024 ")), backed_by(HERE)],
        from_outside(VIP, source=OTHER_CLIENT),
        masqueraded_to(LOCAL_POD),
    ),
    Row(
        "S6 S40: if a range does not parse and none remains, nobody is allowed, while the rules would let everybody in",
        [balanced(load_balancer_source_ranges=("nonsense", "2001:db8::/32")), backed_by(HERE)],
        from_outside(VIP),
        DROPPED,
    ),
    Row(
        "S7: an ingress entry of the mode Proxy is no frontend",
        [balanced(load_balancer_ingress=(LoadBalancerIngress(ip=VIP, ip_mode=IPMode.PROXY),)), backed_by(HERE)],
        from_pod(VIP),
        UNTOUCHED,
    ),
    Row(
        "S7: the node port works although the only ingress entry is a hostname",
        [balanced(load_balancer_ingress=(LoadBalancerIngress(hostname="lb.example.com"),)), backed_by(HERE)],
        from_outside(NODE_IP, 30080),
        masqueraded_to(LOCAL_POD),
    ),
    Row(
        "S7: a VIP counts whatever the type",
        [balanced(type=ServiceType.CLUSTER_IP), backed_by(HERE)],
        from_outside(VIP),
        masqueraded_to(LOCAL_POD),
    ),
    Row(
        "S7: a node port counts whatever the type",
        [balanced(type=ServiceType.CLUSTER_IP), backed_by(HERE)],
        from_outside(NODE_IP, 30080),
        masqueraded_to(LOCAL_POD),
    ),
    Row(
        "S8: eTP Local has no effect on a ClusterIP Service without externalIPs",
        [balanced(type=ServiceType.CLUSTER_IP, external_traffic_policy=LOCAL), backed_by(THERE)],
        from_outside(VIP),
        masqueraded_to(REMOTE_POD),
    ),
    Row(
        "S8: with externalIPs it has",
        [web(external_ips=(EXTERNAL_IP,), external_traffic_policy=LOCAL), backed_by(HERE, THERE)],
        from_outside(EXTERNAL_IP),
        to(LOCAL_POD),
    ),
    Row(
        "S9: the switch turns externalIPs off",
        [web(external_ips=(EXTERNAL_IP,)), backed_by(HERE)],
        from_outside(EXTERNAL_IP),
        UNTOUCHED,
        settings={"allow_service_external_ips": False},
    ),
]
