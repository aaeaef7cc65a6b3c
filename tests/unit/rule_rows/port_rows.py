"""Rules for the ports and the selector of a Service."""

from __future__ import annotations

from tests.unit.rule_rows.row import Row
from tests.unit.rule_rows.words import LABEL, LABEL_VALUE, NAME_PART, PORT, RANGE

PORT_ROWS = [
    Row(
        "a Service without ports is refused",
        {("spec", "ports"): []},
        [("service/ports-required", "spec.ports: Required value")],
    ),
    Row(
        "the second port needs a name",
        {("spec", "ports"): [{"name": "http", "port": 80}, {"port": 443}]},
        [("service/port-name-required", "spec.ports[1].name: Required value")],
    ),
    Row(
        "a port name in upper case is refused",
        {(*PORT, "name"): "HTTP"},
        [("service/port-name-invalid", f'spec.ports[0].name: Invalid value: "HTTP": {LABEL}')],
    ),
    Row(
        "a port name comes once",
        {("spec", "ports"): [{"name": "http", "port": 80}, {"name": "http", "port": 81}]},
        [("service/port-name-duplicate", 'spec.ports[1].name: Duplicate value: "http"')],
    ),
    Row(
        "port 0 is none",
        {(*PORT, "port"): 0},
        [("service/port-out-of-range", f"spec.ports[0].port: Invalid value: 0: {RANGE}")],
    ),
    Row(
        "port 65536 is none",
        {(*PORT, "port"): 65536},
        [("service/port-out-of-range", f"spec.ports[0].port: Invalid value: 65536: {RANGE}")],
    ),
    Row(
        "a port without number is port 0, and its target port is not blamed as well",
        {("spec", "ports"): [{"name": "http"}]},
        [("service/port-out-of-range", f"spec.ports[0].port: Invalid value: 0: {RANGE}")],
    ),
    Row(
        "a protocol in lower case is unknown",
        {(*PORT, "protocol"): "tcp"},
        [
            (
                "service/protocol-unsupported",
                'spec.ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"',
            )
        ],
    ),
    Row(
        "target port 70000 is none",
        {(*PORT, "targetPort"): 70000},
        [("service/target-port-out-of-range", f"spec.ports[0].targetPort: Invalid value: 70000: {RANGE}")],
    ),
    Row(
        "a target port in quotes is a name, and names have a letter",
        {(*PORT, "targetPort"): "8080"},
        [
            (
                "service/target-port-name-invalid",
                'spec.ports[0].targetPort: Invalid value: "8080": must contain at least one letter (a-z)',
            )
        ],
    ),
    Row(
        "everything wrong with the name of a target port is said",
        {(*PORT, "targetPort"): "-Web--Server-Port"},
        [
            (
                "service/target-port-name-invalid",
                f'spec.ports[0].targetPort: Invalid value: "-Web--Server-Port": {said}',
            )
            for said in (
                "must be no more than 15 characters",
                "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
                "must not contain consecutive hyphens",
                "must not begin or end with a hyphen",
            )
        ],
    ),
    Row(
        "an application protocol is a qualified name",
        {(*PORT, "appProtocol"): "h2 c"},
        [("service/app-protocol-invalid", f'spec.ports[0].appProtocol: Invalid value: "h2 c": {NAME_PART}')],
    ),
    Row(
        "a ClusterIP Service has no node ports",
        {(*PORT, "nodePort"): 30080},
        [
            (
                "service/node-port-on-cluster-ip",
                "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
            )
        ],
    ),
    Row(
        "a negative node port is none",
        {("spec", "type"): "NodePort", (*PORT, "nodePort"): -1},
        [("service/node-port-out-of-range", f"spec.ports[0].nodePort: Invalid value: -1: {RANGE}")],
    ),
    Row(
        "a node port above all ports is none",
        {("spec", "type"): "NodePort", (*PORT, "nodePort"): 70000},
        [("service/node-port-out-of-range", f"spec.ports[0].nodePort: Invalid value: 70000: {RANGE}")],
    ),
    Row(
        "a node port comes once for each protocol",
        {
            ("spec", "type"): "NodePort",
            ("spec", "ports"): [
                {"name": "a", "port": 53, "nodePort": 30053},
                {"name": "b", "port": 53, "nodePort": 30053, "protocol": "UDP"},
                {"name": "c", "port": 54, "nodePort": 30053},
            ],
        },
        [("service/node-port-duplicate", "spec.ports[2].nodePort: Duplicate value: 30053")],
    ),
    Row(
        "a port comes once for each protocol",
        {
            ("spec", "ports"): [
                {"name": "a", "port": 53},
                {"name": "b", "port": 53, "protocol": "UDP"},
                {"name": "c", "port": 53},
            ]
        },
        [
            (
                "service/port-duplicate",
                (
                    'spec.ports[2]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":53,'
                    '"TargetPort":0,"NodePort":0}'
                ),
            )
        ],
    ),
    Row(
        "a selector key is a qualified name",
        {("spec", "selector"): {"my app": "web"}},
        [("service/selector-key-invalid", f'spec.selector: Invalid value: "my app": {NAME_PART}')],
    ),
    Row(
        "a selector value is a label value",
        {("spec", "selector"): {"app": "my web"}},
        [("service/selector-value-invalid", f'spec.selector[app]: Invalid value: "my web": {LABEL_VALUE}')],
    ),
]
