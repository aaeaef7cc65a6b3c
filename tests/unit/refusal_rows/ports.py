"""Node ports and health-check ports that nobody can have, and all that is wrong at once."""

from __future__ import annotations

from svcc.allocation.reservation import Reservation
from svcc.model.service import ServicePort
from tests.unit.refusal_rows.row import Row, local, node_port_service

PORT_ROWS = [
    Row(
        "a node port outside of the range is refused",
        [node_port_service("web", ServicePort(80, node_port=80))],
        {},
        [
            (
                "web",
                "node-port-not-in-range",
                (
                    "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of "
                    "valid ports is 30000-32767"
                ),
            )
        ],
    ),
    Row(
        "the range may be another one",
        [node_port_service("web", ServicePort(80, node_port=30080))],
        {"service_node_port_range": "20000-29999"},
        [
            (
                "web",
                "node-port-not-in-range",
                (
                    "spec.ports[0].nodePort: Invalid value: 30080: provided port is not in the valid range. The "
                    "range of "
                    "valid ports is 20000-29999"
                ),
            )
        ],
    ),
    Row(
        "a node port is taken for all protocols",
        [
            node_port_service("a", ServicePort(80, node_port=30080)),
            node_port_service("b", ServicePort(53, protocol="UDP", node_port=30080)),
        ],
        {},
        [
            (
                "b",
                "node-port-taken",
                (
                    "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated "
                    "(taken by port 80 of Service default/a)"
                ),
            )
        ],
    ),
    Row(
        "also for another port of the same Service",
        [node_port_service("web", ServicePort(80, "a", node_port=30080), ServicePort(81, "b", "UDP", node_port=30080))],
        {},
        [
            (
                "web",
                "node-port-taken",
                (
                    "spec.ports[1].nodePort: Invalid value: 30080: provided port is already allocated "
                    "(taken by port 80 of Service default/web)"
                ),
            )
        ],
    ),
    Row(
        "a node port may be reserved for nobody in particular",
        [node_port_service("web", ServicePort(80, node_port=30080))],
        {"reservation": Reservation(node_ports={30080: ""})},
        [
            (
                "web",
                "node-port-taken",
                "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated (reserved)",
            )
        ],
    ),
    Row(
        "when all node ports are taken, the range is full, and the first port without one is named",
        [node_port_service("web", *(ServicePort(port, f"p{port}") for port in (80, 81, 82)))],
        {"service_node_port_range": "30000-30001"},
        [
            (
                "web",
                "node-port-range-full",
                (
                    "spec.ports[2].nodePort: Internal error occurred: failed to allocate a nodePort: range is full "
                    "(30000-30001)"
                ),
            )
        ],
    ),
    Row(
        "a health-check port outside of the range is refused",
        [local("web", health_check_node_port=8080)],
        {},
        [
            (
                "web",
                "health-check-node-port-not-in-range",
                (
                    "spec.healthCheckNodePort: Internal error occurred: failed to allocate requested "
                    "HealthCheck NodePort "
                    "8080: provided port is not in the valid range. The range of valid ports is 30000-32767"
                ),
            )
        ],
    ),
    Row(
        "health checks and node ports share the range",
        [
            node_port_service("a", ServicePort(80, node_port=30090)),
            local("b", health_check_node_port=30090),
            node_port_service("c", ServicePort(80, node_port=30091), creation_timestamp="2026-02-01T00:00:00Z"),
            local("d", health_check_node_port=30091, creation_timestamp="2026-01-01T00:00:00Z"),
        ],
        {},
        [
            (
                "b",
                "health-check-node-port-taken",
                (
                    "spec.healthCheckNodePort: Internal error occurred: failed to allocate requested "
                    "HealthCheck NodePort "
                    "30090: provided port is already allocated (taken by port 80 of Service default/a)"
                ),
            ),
            (
                "c",
                "node-port-taken",
                (
                    "spec.ports[0].nodePort: Invalid value: 30091: provided port is already allocated "
                    "(taken by the health check of Service default/d)"
                ),
            ),
        ],
    ),
    Row(
        "a health check may be what does not fit any more",
        [local("web")],
        {"service_node_port_range": "30000"},
        [
            (
                "web",
                "health-check-node-port-range-full",
                (
                    "spec.healthCheckNodePort: Internal error occurred: failed to allocate a HealthCheck "
                    "NodePort 0: range "
                    "is full (30000-30000)"
                ),
            )
        ],
    ),
    Row(
        "all that is wrong with a Service is said at once",
        [node_port_service("web", ServicePort(80, node_port=80), cluster_ips=["1.1.1.1"])],
        {"service_cidrs": ["10.96.0.0/12"]},
        [
            (
                "web",
                "cluster-ip-not-in-range",
                (
                    'spec.clusterIPs: Invalid value: ["1.1.1.1"]: failed to allocate IP 1.1.1.1: the provided '
                    "IP (1.1.1.1) "
                    "is not in the valid range. The range of valid IPs is 10.96.0.0/12"
                ),
            ),
            (
                "web",
                "node-port-not-in-range",
                (
                    "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of "
                    "valid ports is 30000-32767"
                ),
            ),
        ],
    ),
]
