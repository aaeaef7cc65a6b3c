"""Ranges against each other, and slices against what they name."""

from __future__ import annotations

from svcc.model.port_range import PortRange
from svcc.validate.cluster import ClusterRuleSettings
from tests.unit.rule_rows.cluster_row import ClusterRow, endpoint_slice, node, service, service_cidr

OUTSIDE = "is not in the valid range. The range of valid IPs is"
LABEL = "metadata.labels[kubernetes.io/service-name]"

RANGE_ROWS = [
    ClusterRow(
        "a cluster IP lies in a ServiceCIDR",
        [
            service_cidr("kubernetes", "10.96.0.0/16"),
            service_cidr("more", "10.97.0.0/24"),
            service("in", clusterIP="10.97.0.10"),
            service("out", clusterIP="10.98.0.10"),
        ],
        [
            (
                4,
                "cluster/cluster-ip-out-of-range",
                (
                    'spec.clusterIPs: Invalid value: ["10.98.0.10"]: failed to allocate IP 10.98.0.10: the provided IP'
                    f" (10.98.0.10) {OUTSIDE} 10.96.0.0/16, 10.97.0.0/24"
                ),
            )
        ],
    ),
    ClusterRow(
        "the first and the last address of an IPv4 range are no cluster IPs, of IPv6 only the first",
        [
            service("a", clusterIP="10.96.0.0"),
            service("b", clusterIP="10.96.0.255"),
            service("c", clusterIP="fd00::"),
            service("d", clusterIP="fd00::ff"),
        ],
        [
            (
                1,
                "cluster/cluster-ip-out-of-range",
                (
                    'spec.clusterIPs: Invalid value: ["10.96.0.0"]: failed to allocate IP 10.96.0.0: the provided IP'
                    f" (10.96.0.0) {OUTSIDE} 10.96.0.0/24"
                ),
            ),
            (
                2,
                "cluster/cluster-ip-out-of-range",
                (
                    'spec.clusterIPs: Invalid value: ["10.96.0.255"]: failed to allocate IP 10.96.0.255: the provided'
                    f" IP (10.96.0.255) {OUTSIDE} 10.96.0.0/24"
                ),
            ),
            (
                3,
                "cluster/cluster-ip-out-of-range",
                (
                    'spec.clusterIPs: Invalid value: ["fd00::"]: failed to allocate IP fd00::: the provided IP (fd00::)'
                    f" {OUTSIDE} fd00::/120"
                ),
            ),
        ],
        ClusterRuleSettings(service_cidrs=["10.96.0.0/24", "fd00::/120"]),
    ),
    ClusterRow(
        "where no range is known, every cluster IP is as good as another",
        [service("a", clusterIP="192.0.2.1"), service("b", clusterIP="fd00::1")],
        [],
    ),
    ClusterRow(
        "a broken ServiceCIDR leaves it open which addresses lie in it",
        [service_cidr("kubernetes", "10.96.0.0/24", "10.97.0.0/24"), service("a", clusterIP="192.0.2.1")],
        [],
        ClusterRuleSettings(service_cidrs=["10.96.0.0/24"]),
    ),
    ClusterRow(
        "there is a ServiceCIDR for each family of a Service",
        [
            service_cidr("kubernetes", "10.96.0.0/16"),
            service("a", ipFamilies=["IPv4", "IPv6"], ipFamilyPolicy="PreferDualStack"),
            service("b", clusterIP="fd00::1"),
            service("c", ipFamilyPolicy="RequireDualStack"),
            service("d", clusterIP="None", ipFamilies=["IPv6"]),
        ],
        [
            (
                2,
                "cluster/family-not-served",
                'spec.ipFamilies[1]: Invalid value: "IPv6": not configured on this cluster',
            ),
            (
                3,
                "cluster/family-not-served",
                'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
            ),
            (
                4,
                "cluster/family-not-served",
                (
                    'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for'
                    " dual-stack services"
                ),
            ),
            (
                5,
                "cluster/family-not-served",
                'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
            ),
        ],
    ),
    ClusterRow(
        "a headless Service without a selector has the families it likes",
        [
            service_cidr("kubernetes", "10.96.0.0/16"),
            service("d", clusterIP="None", ipFamilies=["IPv6"], selector={}),
        ],
        [],
    ),
    ClusterRow(
        "each node has pod CIDRs of its own",
        [node("a", "10.244.0.0/23"), node("b", "10.244.1.0/24", "fd00::/64"), node("c", "10.244.2.0/24", "fd00::/64")],
        [
            (
                2,
                "cluster/pod-cidr-overlaps",
                "spec.podCIDRs[0]: 10.244.1.0/24 overlaps 10.244.0.0/23 of Node a, m.json:1",
            ),
            (3, "cluster/pod-cidr-overlaps", "spec.podCIDRs[1]: fd00::/64 overlaps fd00::/64 of Node b, m.json:2"),
        ],
    ),
    ClusterRow(
        "pod CIDRs and ServiceCIDRs are apart",
        [
            service_cidr("kubernetes", "10.96.0.0/12"),
            node("a", "10.100.0.0/24"),
            node("b", "10.0.0.0/8"),
            node("c", "192.168.1.0/24"),
        ],
        [
            (
                2,
                "cluster/pod-cidr-overlaps",
                "spec.podCIDRs[0]: 10.100.0.0/24 overlaps 10.0.0.0/8 of Node b, m.json:3",
            ),
            (
                2,
                "cluster/pod-cidr-overlaps-service-cidr",
                "spec.podCIDRs[0]: 10.100.0.0/24 overlaps 10.96.0.0/12 of ServiceCIDR kubernetes, m.json:1",
            ),
            (
                3,
                "cluster/pod-cidr-overlaps-service-cidr",
                "spec.podCIDRs[0]: 10.0.0.0/8 overlaps 10.96.0.0/12 of ServiceCIDR kubernetes, m.json:1",
            ),
            (
                4,
                "cluster/pod-cidr-overlaps-service-cidr",
                "spec.podCIDRs[0]: 192.168.1.0/24 overlaps 192.168.0.0/16 of --service-cidr",
            ),
        ],
        ClusterRuleSettings(service_cidrs=["192.168.0.0/16"]),
    ),
    ClusterRow(
        "node ports are apart from the ports the kernel gives to clients",
        [],
        [
            (
                0,
                "cluster/node-ports-overlap-local-ports",
                (
                    "the range of node ports 30000-40000 overlaps ip_local_port_range 32768-60999: nodes may give"
                    " 32768-40000 to clients, whose connections then collide with node ports, unless"
                    " net.ipv4.ip_local_reserved_ports=32768-40000"
                ),
            )
        ],
        ClusterRuleSettings(service_node_port_range=PortRange(30000, 40000)),
    ),
]

SLICE_ROWS = [
    ClusterRow(
        "a slice says by its label which Service it belongs to",
        [service("web"), endpoint_slice(None)],
        [
            (
                2,
                "cluster/slice-without-label",
                "metadata.labels: the label kubernetes.io/service-name is missing: the slice belongs to no Service",
            )
        ],
    ),
    ClusterRow(
        "there is a Service of the name that a slice says",
        [service("web"), endpoint_slice("wbe")],
        [(2, "cluster/slice-without-service", f"{LABEL}: there is no Service wbe in namespace shop")],
    ),
    ClusterRow(
        "a Service that is broken is there all the same",
        [service("web", clusterIP="none"), endpoint_slice("web")],
        [],
    ),
    ClusterRow(
        "a slice for a Service without a selector, made by hand, is as good as any",
        [service("web", selector={}), endpoint_slice("web")],
        [],
    ),
    ClusterRow(
        "a slice is of a family that its Service has",
        [
            service("web", ipFamilies=["IPv6"], clusterIP="fd00::1"),
            endpoint_slice("web", {"name": "other", "port": 1}),
        ],
        [
            (
                2,
                "cluster/slice-family-not-of-service",
                "addressType: Service web has no IPv4 address: the slice is ignored",
            )
        ],
    ),
    ClusterRow(
        "a Service that wishes for dual stack may still be given the second family",
        [service("web", clusterIP="fd00::1", ipFamilyPolicy="PreferDualStack"), endpoint_slice("web")],
        [],
    ),
    ClusterRow(
        "a port of a slice has name and protocol of a port of its Service",
        [
            service("web", {"name": "http", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}),
            endpoint_slice("web", {"name": "http", "port": 1}, {"name": "dns", "port": 2}, {"port": 3}),
        ],
        [
            (
                2,
                "cluster/slice-port-unmatched",
                (
                    'ports[1]: "dns" (TCP) is no port of Service web: name and protocol must be those of one of its'
                    ' ports, "http" (TCP), "dns" (UDP)'
                ),
            ),
            (
                2,
                "cluster/slice-port-unmatched",
                (
                    "ports[2]: unnamed (TCP) is no port of Service web: name and protocol must be those of one of its"
                    ' ports, "http" (TCP), "dns" (UDP)'
                ),
            ),
        ],
    ),
    ClusterRow(
        "a slice that has endpoints gives a port for them",
        [service("web"), endpoint_slice("web", nodes=["a"], ports=None)],
        [
            (
                2,
                "cluster/slice-without-ports",
                "ports: the slice has endpoints and no port for them: Service web cannot use it",
            )
        ],
    ),
    ClusterRow(
        "nobody needs ports of slices that are empty, or of a headless Service, or slices of names",
        [
            service("web"),
            endpoint_slice("web", ports=None),
            service("peers", clusterIP="None"),
            {
                **endpoint_slice("peers", nodes=["a"], ports=None),
                "metadata": {"name": "peers-1", "namespace": "shop", "labels": {"kubernetes.io/service-name": "peers"}},
            },
        ],
        [],
    ),
    ClusterRow(
        "there is a Node of the name that an endpoint says, told once for each Node that is missing",
        [node("a"), service("web"), endpoint_slice("web", nodes=["a", "b", "b", "c", None])],
        [
            (
                3,
                "cluster/endpoint-node-unknown",
                'endpoints[1].nodeName: an endpoint (and 1 more) runs on the node "b", which is not among the Nodes',
            ),
            (
                3,
                "cluster/endpoint-node-unknown",
                'endpoints[3].nodeName: an endpoint runs on the node "c", which is not among the Nodes',
            ),
        ],
    ),
    ClusterRow("without any Nodes, nobody asks for them", [service("web"), endpoint_slice("web", nodes=["a"])], []),
]
