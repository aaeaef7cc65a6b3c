"""What only one Service can have."""

from __future__ import annotations

from typing import Any

from svcc.model.port_range import PortRange
from svcc.validate.cluster import ClusterRuleSettings
from tests.unit.rule_rows.cluster_row import ClusterRow, balanced, node_port, service

EARLY, LATE = "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"
ALLOCATED = "provided port is already allocated"
NOT_IN_RANGE = "provided port is not in the valid range. The range of valid ports is"
LOCAL: dict[str, Any] = {"externalTrafficPolicy": "Local"}
SHARED = {"metallb.io/allow-shared-ip": "web"}
ADVICE = (
    "MetalLB shares an address if both Services have the same value of the annotation metallb.io/allow-shared-ip, and"
    " are of externalTrafficPolicy Cluster or select the same pods"
)
DNS = (
    {"name": "udp", "port": 53, "protocol": "UDP", "nodePort": 30053},
    {"name": "tcp", "port": 53, "nodePort": 30053},
)

CLUSTER_IP_ROWS = [
    ClusterRow(
        "a cluster IP belongs to one Service, the first by name where no one is known to be older",
        [service("b", clusterIP="10.96.0.10"), service("a", clusterIP="10.96.0.10")],
        [
            (
                1,
                "cluster/cluster-ip-taken",
                (
                    'spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is'
                    " already allocated (to Service shop/a, m.json:2)"
                ),
            )
        ],
    ),
    ClusterRow(
        "the oldest Service keeps its cluster IP",
        [service("a", clusterIP="10.96.0.10", created=LATE), service("b", clusterIP="10.96.0.10", created=EARLY)],
        [
            (
                1,
                "cluster/cluster-ip-taken",
                (
                    'spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is'
                    " already allocated (to Service shop/b, m.json:2)"
                ),
            )
        ],
    ),
    ClusterRow(
        "the second cluster IP counts as the first, however it is written",
        [
            service("a", clusterIP="10.96.0.1", clusterIPs=["10.96.0.1", "fd00::1"]),
            service("b", clusterIP="fd00:0:0::1", clusterIPs=["fd00:0:0::1"]),
        ],
        [
            (
                2,
                "cluster/cluster-ip-taken",
                (
                    'spec.clusterIPs: Invalid value: ["fd00:0:0::1"]: failed to allocate IP fd00:0:0::1: provided IP is'
                    " already allocated (to Service shop/a, m.json:1)"
                ),
            )
        ],
    ),
    ClusterRow(
        "any number of Services are headless or wait for their cluster IPs",
        [service("a", clusterIP="None"), service("b", clusterIP="None"), service("c"), service("d", clusterIP="")],
        [],
    ),
]

NODE_PORT_ROWS = [
    ClusterRow(
        "a node port belongs to one Service",
        [node_port("a", 30080), node_port("b", 30081, 30080)],
        [
            (
                2,
                "cluster/node-port-taken",
                f"spec.ports[1].nodePort: Invalid value: 30080: {ALLOCATED} (to Service shop/a, m.json:1)",
            )
        ],
    ),
    ClusterRow(
        "a number is taken for all protocols",
        [
            node_port("a", 30053),
            service("b", {"port": 53, "protocol": "UDP", "nodePort": 30053}, type="LoadBalancer"),
        ],
        [
            (
                2,
                "cluster/node-port-taken",
                f"spec.ports[0].nodePort: Invalid value: 30053: {ALLOCATED} (to Service shop/a, m.json:1)",
            )
        ],
    ),
    ClusterRow("a port in two protocols shares its node port", [service("dns", *DNS, type="NodePort")], []),
    ClusterRow(
        "two ports of a Service share no node port, though their protocols differ",
        [service("dns", DNS[0], {**DNS[1], "port": 54}, type="NodePort")],
        [
            (
                1,
                "cluster/node-port-taken",
                f"spec.ports[1].nodePort: Invalid value: 30053: {ALLOCATED} (to Service shop/dns, m.json:1)",
            )
        ],
    ),
    ClusterRow(
        "a port in two protocols may have two node ports, which then both count",
        [service("dns", DNS[0], {**DNS[1], "nodePort": 30054}, type="NodePort"), node_port("web", 30054)],
        [
            (
                2,
                "cluster/node-port-taken",
                f"spec.ports[0].nodePort: Invalid value: 30054: {ALLOCATED} (to Service shop/dns, m.json:1)",
            )
        ],
    ),
    ClusterRow(
        "a node port lies in the range, whose ends belong to it",
        [node_port("a", 29999, 30000, 32767, 32768)],
        [
            (
                1,
                "cluster/node-port-out-of-range",
                f"spec.ports[0].nodePort: Invalid value: 29999: {NOT_IN_RANGE} 30000-32767",
            ),
            (
                1,
                "cluster/node-port-out-of-range",
                f"spec.ports[3].nodePort: Invalid value: 32768: {NOT_IN_RANGE} 30000-32767",
            ),
        ],
    ),
    ClusterRow(
        "the range is a setting",
        [node_port("a", 20000, 30000)],
        [
            (
                1,
                "cluster/node-port-out-of-range",
                f"spec.ports[1].nodePort: Invalid value: 30000: {NOT_IN_RANGE} 20000-20010",
            )
        ],
        ClusterRuleSettings(service_node_port_range=PortRange(20000, 20010)),
    ),
    ClusterRow(
        "a health check node port is nobody's node port",
        [
            node_port("a", 30080),
            balanced("b", "203.0.113.1", healthCheckNodePort=30080, **LOCAL),
            balanced("c", "203.0.113.2", healthCheckNodePort=30081, **LOCAL),
            balanced("d", "203.0.113.3", healthCheckNodePort=30081, **LOCAL),
        ],
        [
            (
                2,
                "cluster/health-check-node-port-taken",
                (
                    "spec.healthCheckNodePort: Invalid value: 30080: failed to allocate requested HealthCheck NodePort"
                    f" 30080: {ALLOCATED} (to Service shop/a, m.json:1)"
                ),
            ),
            (
                4,
                "cluster/health-check-node-port-taken",
                (
                    "spec.healthCheckNodePort: Invalid value: 30081: failed to allocate requested HealthCheck NodePort"
                    f" 30081: {ALLOCATED} (to Service shop/c, m.json:3)"
                ),
            ),
        ],
    ),
    ClusterRow(
        "a health check node port lies in the range",
        [balanced("b", "203.0.113.1", healthCheckNodePort=8080, **LOCAL)],
        [
            (
                1,
                "cluster/health-check-node-port-out-of-range",
                (
                    "spec.healthCheckNodePort: Invalid value: 8080: failed to allocate requested HealthCheck NodePort"
                    f" 8080: {NOT_IN_RANGE} 30000-32767"
                ),
            )
        ],
    ),
]

ADDRESS_ROWS = [
    ClusterRow(
        "a port of a load balancer's address belongs to one Service",
        [balanced("a", "203.0.113.1"), balanced("b", "203.0.113.2", "203.0.113.1", annotations=SHARED)],
        [
            (
                2,
                "cluster/load-balancer-ip-taken",
                (
                    'status.loadBalancer.ingress[1].ip: Duplicate value: "203.0.113.1": port 80/TCP of it belongs to'
                    " Service shop/a, m.json:1 (the oldest, else the first by name)"
                ),
            )
        ],
    ),
    ClusterRow(
        "who shares a load balancer's address says so",
        [balanced("a", "203.0.113.1"), balanced("b", "203.0.113.1", port=81)],
        [
            (
                2,
                "cluster/load-balancer-ip-shared",
                (
                    "status.loadBalancer.ingress[0].ip: 203.0.113.1 is the address of Service shop/a, m.json:1, too:"
                    f" {ADVICE}"
                ),
            )
        ],
    ),
    ClusterRow(
        "with one sharing key an address is shared",
        [balanced("a", "203.0.113.1", annotations=SHARED), balanced("b", "203.0.113.1", port=81, annotations=SHARED)],
        [],
    ),
    ClusterRow(
        "pods that differ share no address under the policy Local, whatever the key",
        [
            balanced("a", "203.0.113.1", annotations=SHARED),
            balanced("b", "203.0.113.1", port=81, annotations=SHARED, selector={"app": "b"}, **LOCAL),
        ],
        [
            (
                2,
                "cluster/load-balancer-ip-shared",
                (
                    "status.loadBalancer.ingress[0].ip: 203.0.113.1 is the address of Service shop/a, m.json:1, too:"
                    f" {ADVICE}"
                ),
            )
        ],
    ),
    ClusterRow(
        "an address that is asked for counts as long as none was given",
        [
            balanced("a", loadBalancerIP="203.0.113.1"),
            balanced("b", annotations={"metallb.io/loadBalancerIPs": "203.0.113.9, 203.0.113.1"}),
            balanced("c", "203.0.113.3", loadBalancerIP="203.0.113.1"),
        ],
        [
            (
                2,
                "cluster/load-balancer-ip-taken",
                (
                    'metadata.annotations[metallb.io/loadBalancerIPs]: Duplicate value: "203.0.113.1": port 80/TCP of'
                    " it belongs to Service shop/a, m.json:1 (the oldest, else the first by name)"
                ),
            )
        ],
    ),
    ClusterRow(
        "a port of an external IP belongs to one Service, be it a load balancer's address elsewhere",
        [balanced("a", "203.0.113.1"), service("b", externalIPs=["203.0.113.7", "203.0.113.1"])],
        [
            (
                2,
                "cluster/external-ip-taken",
                (
                    'spec.externalIPs[1]: Duplicate value: "203.0.113.1": port 80/TCP of it belongs to Service shop/a,'
                    " m.json:1 (the oldest, else the first by name)"
                ),
            )
        ],
    ),
    ClusterRow(
        "Services with different ports may share an external IP, which is worth knowing",
        [service("a", externalIPs=["203.0.113.1"]), service("b", {"port": 81}, externalIPs=["203.0.113.1"])],
        [
            (
                2,
                "cluster/external-ip-shared",
                "spec.externalIPs[0]: 203.0.113.1 is an external IP of Service shop/a, m.json:1, too",
            )
        ],
    ),
    ClusterRow(
        "a Service may have one address in both ways",
        [balanced("a", "203.0.113.1", externalIPs=["203.0.113.1"])],
        [],
    ),
]
