"""What an update may not change, and what it may: an object before and after, and all that is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from tests.unit.rule_rows.row import (
    ENDPOINT_SLICE,
    EXTERNAL_NAME,
    LOAD_BALANCER,
    NODE,
    REMOVED,
    SERVICE,
    SERVICE_CIDR,
    Change,
)


@frozen
class UpdateRow:
    """A sentence; an object; how it was changed before and after; and all that is said."""

    sentence: str
    value: Mapping[str, Any]
    old: Change
    new: Change
    expected: list[tuple[str, str]]


IP = ("spec", "clusterIP")
IPS = ("spec", "clusterIPs")
FAMILIES = ("spec", "ipFamilies")
POLICY = ("spec", "ipFamilyPolicy")
TYPE = ("spec", "type")
NODE_PORT = ("spec", "ports", 0, "nodePort")
LOCAL = {("spec", "externalTrafficPolicy"): "Local", ("spec", "healthCheckNodePort"): 32000}
SINGLE = {IP: "10.96.0.9", IPS: ["10.96.0.9"], FAMILIES: ["IPv4"], POLICY: "SingleStack"}
DUAL = {IP: "10.96.0.9", IPS: ["10.96.0.9", "fd00::9"], FAMILIES: ["IPv4", "IPv6"], POLICY: "RequireDualStack"}
HEADLESS = {IP: "None"}
TO_EXTERNAL = {TYPE: "ExternalName", ("spec", "externalName"): "db.example.com"}
RELEASE = "update/secondary-released-without-single-stack"
CHANGED_IP = "update/cluster-ip-changed"
CHANGED_FAMILY = "update/ip-family-changed"

UPDATE_ROWS = [
    UpdateRow("an update that changes nothing is fine", SERVICE, DUAL, DUAL, []),
    UpdateRow("an update that says nothing of what was allocated is fine", SERVICE, DUAL, {}, []),
    UpdateRow("a Service without a cluster IP gets any", SERVICE, {}, {IP: "10.96.0.9"}, []),
    UpdateRow(
        "a cluster IP stays",
        SERVICE,
        SINGLE,
        {IP: "10.96.0.8"},
        [(CHANGED_IP, 'spec.clusterIPs[0]: Invalid value: ["10.96.0.8"]: may not change once set')],
    ),
    UpdateRow(
        "who changes clusterIP alone changes clusterIPs",
        SERVICE,
        SINGLE,
        {IP: "10.96.0.8", IPS: ["10.96.0.9"]},
        [(CHANGED_IP, 'spec.clusterIPs[0]: Invalid value: ["10.96.0.8"]: may not change once set')],
    ),
    UpdateRow(
        "a secondary cluster IP stays, too",
        SERVICE,
        DUAL,
        {**DUAL, IPS: ["10.96.0.9", "fd00::8"]},
        [(CHANGED_IP, 'spec.clusterIPs[1]: Invalid value: ["10.96.0.9","fd00::8"]: may not change once set')],
    ),
    UpdateRow(
        "a Service with a cluster IP does not become headless",
        SERVICE,
        SINGLE,
        HEADLESS,
        [(CHANGED_IP, 'spec.clusterIPs[0]: Invalid value: ["None"]: may not change once set')],
    ),
    UpdateRow(
        "a headless Service does not get a cluster IP",
        SERVICE,
        HEADLESS,
        {IP: "10.96.0.9"},
        [(CHANGED_IP, 'spec.clusterIPs[0]: Invalid value: ["10.96.0.9"]: may not change once set')],
    ),
    UpdateRow(
        "a headless Service may change its families",
        SERVICE,
        {**HEADLESS, FAMILIES: ["IPv4"]},
        {**HEADLESS, FAMILIES: ["IPv6"]},
        [],
    ),
    UpdateRow("a second family may be added", SERVICE, SINGLE, DUAL, []),
    UpdateRow(
        "a second family may be added by clients that know clusterIPs only",
        SERVICE,
        SINGLE,
        {**DUAL, IP: ""},
        [],
    ),
    UpdateRow(
        "with the second family the first stays",
        SERVICE,
        SINGLE,
        {IP: "10.96.0.8", IPS: ["10.96.0.8", "fd00::9"]},
        [(CHANGED_IP, 'spec.clusterIPs[0]: Invalid value: ["10.96.0.8","fd00::9"]: may not change once set')],
    ),
    UpdateRow("the second family is released by SingleStack", SERVICE, DUAL, SINGLE, []),
    UpdateRow("the second family is released by the policy alone", SERVICE, DUAL, {POLICY: "SingleStack"}, []),
    UpdateRow(
        "the second cluster IP is not released without SingleStack",
        SERVICE,
        DUAL,
        {IP: "10.96.0.9", IPS: ["10.96.0.9"], POLICY: "PreferDualStack"},
        [
            (
                RELEASE,
                (
                    'spec.ipFamilyPolicy: Invalid value: "PreferDualStack": '
                    "must be set to 'SingleStack' when releasing the secondary clusterIP"
                ),
            )
        ],
    ),
    UpdateRow(
        "the second family is not released without SingleStack",
        SERVICE,
        DUAL,
        {FAMILIES: ["IPv4"]},
        [
            (
                RELEASE,
                (
                    "spec.ipFamilyPolicy: Invalid value: null: "
                    "must be set to 'SingleStack' when releasing the secondary ipFamily"
                ),
            )
        ],
    ),
    UpdateRow(
        "the primary family stays",
        SERVICE,
        SINGLE,
        {FAMILIES: ["IPv6"]},
        [(CHANGED_FAMILY, 'spec.ipFamilies[0]: Invalid value: ["IPv6"]: may not change once set')],
    ),
    UpdateRow(
        "the primary family stays when a second one comes",
        SERVICE,
        SINGLE,
        {FAMILIES: ["IPv6", "IPv4"]},
        [(CHANGED_FAMILY, 'spec.ipFamilies[0]: Invalid value: ["IPv6","IPv4"]: may not change once set')],
    ),
    UpdateRow(
        "the health check port stays while it is needed",
        LOAD_BALANCER,
        LOCAL,
        {**LOCAL, ("spec", "healthCheckNodePort"): 32001},
        [
            (
                "update/health-check-node-port-changed",
                "spec.healthCheckNodePort: Invalid value: 32001: field is immutable",
            )
        ],
    ),
    UpdateRow(
        "a health check port that is not named stays",
        LOAD_BALANCER,
        LOCAL,
        {("spec", "externalTrafficPolicy"): "Local"},
        [],
    ),
    UpdateRow(
        "a health check port that is no longer needed is wiped",
        LOAD_BALANCER,
        LOCAL,
        {**LOCAL, ("spec", "externalTrafficPolicy"): "Cluster"},
        [],
    ),
    UpdateRow(
        "another health check port than the one that is wiped is refused",
        LOAD_BALANCER,
        LOCAL,
        {("spec", "externalTrafficPolicy"): "Cluster", ("spec", "healthCheckNodePort"): 32001},
        [
            (
                "service/health-check-node-port-not-needed",
                (
                    "spec.healthCheckNodePort: Invalid value: 32001: "
                    "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
                ),
            )
        ],
    ),
    UpdateRow(
        "the class of a load balancer stays",
        LOAD_BALANCER,
        {("spec", "loadBalancerClass"): "example.com/a"},
        {("spec", "loadBalancerClass"): "example.com/b"},
        [
            (
                "update/load-balancer-class-changed",
                'spec.loadBalancerClass: Invalid value: "example.com/b": may not change once set',
            )
        ],
    ),
    UpdateRow(
        "a class is not taken away",
        LOAD_BALANCER,
        {("spec", "loadBalancerClass"): "example.com/a"},
        {},
        [
            (
                "update/load-balancer-class-changed",
                "spec.loadBalancerClass: Invalid value: null: may not change once set",
            )
        ],
    ),
    UpdateRow(
        "a load balancer without a class gets none",
        LOAD_BALANCER,
        {},
        {("spec", "loadBalancerClass"): "example.com/b"},
        [
            (
                "update/load-balancer-class-changed",
                'spec.loadBalancerClass: Invalid value: "example.com/b": may not change once set',
            )
        ],
    ),
    UpdateRow(
        "a Service that becomes a LoadBalancer has any class",
        SERVICE,
        {},
        {TYPE: "LoadBalancer", ("spec", "loadBalancerClass"): "example.com/b"},
        [],
    ),
    UpdateRow(
        "node ports that nobody changed are wiped with the type",
        SERVICE,
        {TYPE: "NodePort", NODE_PORT: 30080},
        {NODE_PORT: 30080},
        [],
    ),
    UpdateRow(
        "another node port than the one that is wiped is refused",
        SERVICE,
        {TYPE: "NodePort", NODE_PORT: 30080},
        {NODE_PORT: 30081},
        [
            (
                "service/node-port-on-cluster-ip",
                "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
            )
        ],
    ),
    UpdateRow(
        "what only a LoadBalancer has is wiped with the type",
        LOAD_BALANCER,
        {**LOCAL, ("spec", "loadBalancerClass"): "a", ("spec", "allocateLoadBalancerNodePorts"): False},
        {
            **LOCAL,
            ("spec", "loadBalancerClass"): "a",
            ("spec", "allocateLoadBalancerNodePorts"): False,
            TYPE: "ClusterIP",
        },
        [],
    ),
    UpdateRow(
        "an external policy stays where the new type knows it", LOAD_BALANCER, LOCAL, {**LOCAL, TYPE: "NodePort"}, []
    ),
    UpdateRow(
        "addresses that nobody changed are wiped on the way to ExternalName", SERVICE, DUAL, {**DUAL, **TO_EXTERNAL}, []
    ),
    UpdateRow(
        "other addresses are refused on the way to ExternalName",
        SERVICE,
        SINGLE,
        {IP: "10.96.0.8", **TO_EXTERNAL},
        [
            (
                "service/external-name-has-cluster-ips",
                "spec.clusterIPs: Forbidden: may not be set for ExternalName services",
            )
        ],
    ),
    UpdateRow(
        "from ExternalName to a cluster IP everything is open",
        EXTERNAL_NAME,
        {},
        {TYPE: "ClusterIP", IP: "10.96.0.9", ("spec", "ports"): [{"port": 80}]},
        [],
    ),
    UpdateRow(
        "a name that nobody changed is wiped on the way from ExternalName",
        EXTERNAL_NAME,
        {},
        {TYPE: "ClusterIP", ("spec", "ports"): [{"port": 80}]},
        [],
    ),
    UpdateRow(
        "labels and annotations may change",
        SERVICE,
        {("metadata", "labels"): {"a": "b"}},
        {("metadata", "annotations"): {"c": "d"}},
        [],
    ),
    UpdateRow("another name is another object", SERVICE, SINGLE, {("metadata", "name"): "shop", IP: "10.96.0.8"}, []),
    UpdateRow(
        "the address type of a slice stays",
        ENDPOINT_SLICE,
        {},
        {("addressType",): "IPv6", ("endpoints", 0, "addresses"): ["fd00::7"]},
        [("update/address-type-changed", 'addressType: Invalid value: "IPv6": field is immutable')],
    ),
    UpdateRow("the endpoints of a slice may change", ENDPOINT_SLICE, {}, {("endpoints",): []}, []),
    UpdateRow(
        "the pod CIDRs of a node stay",
        NODE,
        {},
        {("spec",): {"podCIDR": "10.244.2.0/24"}},
        [
            (
                "update/pod-cidrs-changed",
                'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
            )
        ],
    ),
    UpdateRow("a node gets its pod CIDRs", NODE, {("spec",): REMOVED}, {}, []),
    UpdateRow(
        "the range of a ServiceCIDR stays",
        SERVICE_CIDR,
        {},
        {("spec", "cidrs"): ["10.96.0.0/12", "fd00:97::/112"]},
        [("update/service-cidr-changed", 'spec.cidrs[1]: Invalid value: "fd00:97::/112": field is immutable')],
    ),
    UpdateRow("a ServiceCIDR may become dual-stack", SERVICE_CIDR, {("spec", "cidrs"): ["10.96.0.0/12"]}, {}, []),
    UpdateRow(
        "a ServiceCIDR that becomes dual-stack keeps its range",
        SERVICE_CIDR,
        {("spec", "cidrs"): ["10.97.0.0/16"]},
        {},
        [("update/service-cidr-changed", 'spec.cidrs[0]: Invalid value: "10.96.0.0/12": field is immutable')],
    ),
    UpdateRow(
        "a ServiceCIDR does not lose a range",
        SERVICE_CIDR,
        {},
        {("spec", "cidrs"): ["10.96.0.0/12"]},
        [("update/service-cidr-changed", 'spec.cidrs: Invalid value: ["10.96.0.0/12"]: field is immutable')],
    ),
]
