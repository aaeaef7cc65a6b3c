"""Rules for the rest of the specification of a Service."""

from __future__ import annotations

from tests.unit.rule_rows.row import Row
from tests.unit.rule_rows.words import CIDR, DEPRECATED, IP, ONLY_LOAD_BALANCER, SOURCE_RANGES

SPEC_ROWS = [
    Row(
        "an unknown type is refused",
        {("spec", "type"): "LoadBalanced"},
        [
            (
                "service/type-unsupported",
                (
                    'spec.type: Unsupported value: "LoadBalanced": supported values: "ClusterIP", "ExternalName", '
                    '"LoadBalancer", "NodePort"'
                ),
            )
        ],
    ),
    Row(
        "unknown affinity is refused",
        {("spec", "sessionAffinity"): "Cookie"},
        [
            (
                "service/session-affinity-unsupported",
                'spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"',
            )
        ],
    ),
    Row(
        "an affinity of more than a day is refused",
        {
            ("spec", "sessionAffinity"): "ClientIP",
            ("spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds"): 86401,
        },
        [
            (
                "service/affinity-timeout-out-of-range",
                (
                    "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: "
                    "must be greater than 0 and less than 86400"
                ),
            )
        ],
    ),
    Row(
        "an affinity of exactly a day is accepted, whatever the message says",
        {
            ("spec", "sessionAffinity"): "ClientIP",
            ("spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds"): 86400,
        },
        [],
    ),
    Row(
        "a timeout without affinity has no effect",
        {("spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds"): 60},
        [
            (
                "service/affinity-config-without-affinity",
                "spec.sessionAffinityConfig: Forbidden: must not be set when session affinity is None",
            )
        ],
    ),
    Row(
        "clusterIP is the first of clusterIPs",
        {("spec", "clusterIP"): "10.96.0.9", ("spec", "clusterIPs"): ["10.96.0.8"]},
        [
            (
                "service/cluster-ip-mismatch",
                'spec.clusterIPs: Invalid value: ["10.96.0.8"]: first value must match `clusterIP`',
            )
        ],
    ),
    Row(
        "clusterIPs without clusterIP are refused",
        {("spec", "clusterIPs"): ["10.96.0.8"]},
        [
            (
                "service/cluster-ips-without-cluster-ip",
                'spec.clusterIPs: Invalid value: ["10.96.0.8"]: must be empty when `clusterIP` is not specified',
            )
        ],
    ),
    Row(
        "a third IP family is unknown",
        {("spec", "ipFamilies"): ["IPv5"]},
        [
            (
                "service/ip-family-unsupported",
                'spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"',
            )
        ],
    ),
    Row(
        "an IP family comes once",
        {("spec", "ipFamilies"): ["IPv4", "IPv4"]},
        [("service/ip-family-duplicate", 'spec.ipFamilies[1]: Duplicate value: "IPv4"')],
    ),
    Row(
        "an unknown IP family policy is refused",
        {("spec", "ipFamilyPolicy"): "DualStack"},
        [
            (
                "service/ip-family-policy-unsupported",
                (
                    'spec.ipFamilyPolicy: Unsupported value: "DualStack": supported values: "PreferDualStack", '
                    '"RequireDualStack", "SingleStack"'
                ),
            )
        ],
    ),
    Row(
        "None stands alone",
        {("spec", "clusterIP"): "None", ("spec", "clusterIPs"): ["None", "10.96.0.9"]},
        [
            (
                "service/cluster-ip-none-not-alone",
                'spec.clusterIPs: Invalid value: ["None","10.96.0.9"]: \'None\' must be the first and only value',
            )
        ],
    ),
    Row(
        "a cluster IP is an IP address",
        {("spec", "clusterIP"): "10.96.0.256"},
        [("service/cluster-ip-invalid", f'spec.clusterIPs[0]: Invalid value: "10.96.0.256": {IP}')],
    ),
    Row(
        "three cluster IPs are too many",
        {("spec", "clusterIP"): "10.96.0.9", ("spec", "clusterIPs"): ["10.96.0.9", "fd00::9", "10.96.0.8"]},
        [
            (
                "service/cluster-ips-too-many",
                'spec.clusterIPs: Invalid value: ["10.96.0.9","fd00::9","10.96.0.8"]: may only hold up to 2 values',
            ),
        ],
    ),
    Row(
        "two cluster IPs of one family are refused",
        {("spec", "clusterIP"): "10.96.0.9", ("spec", "clusterIPs"): ["10.96.0.9", "10.96.0.8"]},
        [
            (
                "service/cluster-ips-same-family",
                (
                    'spec.clusterIPs: Invalid value: ["10.96.0.9","10.96.0.8"]: '
                    "may specify no more than one IP for each IP family"
                ),
            )
        ],
    ),
    Row(
        "a cluster IP has the family at its place",
        {("spec", "clusterIP"): "fd00::9", ("spec", "ipFamilies"): ["IPv4"]},
        [
            (
                "service/cluster-ip-wrong-family",
                'spec.clusterIPs[0]: Invalid value: "fd00::9": expected an IPv4 value as indicated by `ipFamilies[0]`',
            )
        ],
    ),
    Row(
        "SingleStack excludes a second address and a second family",
        {
            ("spec", "clusterIP"): "10.96.0.9",
            ("spec", "clusterIPs"): ["10.96.0.9", "fd00::9"],
            ("spec", "ipFamilies"): ["IPv4", "IPv6"],
            ("spec", "ipFamilyPolicy"): "SingleStack",
        },
        [
            (
                "service/single-stack-with-two-families",
                (
                    "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or "
                    f"'PreferDualStack' when multiple {what} are specified"
                ),
            )
            for what in ("cluster IPs", "IP families")
        ],
    ),
    Row(
        "two addresses or families are for a policy that is written out",
        {
            ("spec", "clusterIP"): "10.96.0.9",
            ("spec", "clusterIPs"): ["10.96.0.9", "fd00::9"],
            ("spec", "ipFamilies"): ["IPv4", "IPv6"],
        },
        [
            (
                "service/two-families-without-policy",
                "spec.ipFamilyPolicy: is SingleStack by default, with which a server refuses two cluster IPs",
            )
        ],
    ),
    Row(
        "without a selector a headless Service has both families by default",
        {
            ("spec", "clusterIP"): "None",
            ("spec", "ipFamilies"): ["IPv4", "IPv6"],
            ("spec", "selector"): None,
        },
        [],
    ),
    Row(
        "NodePort Services are not headless",
        {("spec", "type"): "NodePort", ("spec", "clusterIP"): "None"},
        [
            (
                "service/headless-not-allowed",
                "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services",
            )
        ],
    ),
    Row(
        "an external IP is an IP address",
        {("spec", "externalIPs"): ["198.51.100.7", "banana"]},
        [("service/external-ip-invalid", f'spec.externalIPs[1]: Invalid value: "banana": {IP}'), DEPRECATED],
    ),
    *(
        Row(
            f"the external IP {address} is special",
            {("spec", "externalIPs"): [address]},
            [("service/external-ip-special", f'spec.externalIPs[0]: Invalid value: "{address}": {why}'), DEPRECATED],
        )
        for address, why in (
            ("0.0.0.0", "may not be unspecified (0.0.0.0)"),
            ("::", "may not be unspecified (::)"),
            ("127.0.0.9", "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
            ("::1", "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
            ("169.254.1.1", "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
            ("febf::1", "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
            ("224.0.0.9", "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
            ("ff12::1", "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
        )
    ),
    Row(
        "source ranges belong to a LoadBalancer",
        {("spec", "loadBalancerSourceRanges"): ["10.0.0.0/8"]},
        [
            (
                "service/source-ranges-need-load-balancer",
                f"spec.LoadBalancerSourceRanges: Forbidden: {ONLY_LOAD_BALANCER}",
            )
        ],
    ),
    Row(
        "source ranges in the annotation belong to a LoadBalancer too",
        {("metadata", "annotations"): {SOURCE_RANGES: " 10.0.0.0/8 , x"}},
        [
            (
                "service/source-ranges-need-load-balancer",
                f"metadata.annotations[{SOURCE_RANGES}]: Forbidden: {ONLY_LOAD_BALANCER}",
            ),
            ("service/source-range-invalid", f'metadata.annotations[{SOURCE_RANGES}]: Invalid value: "x": {CIDR}'),
        ],
    ),
    Row(
        "the switch for node ports belongs to a LoadBalancer",
        {("spec", "allocateLoadBalancerNodePorts"): True},
        [
            (
                "service/allocate-node-ports-needs-load-balancer",
                f"spec.allocateLoadBalancerNodePorts: Forbidden: {ONLY_LOAD_BALANCER}",
            )
        ],
    ),
    Row(
        "a load balancer class that has no place here is not judged any further",
        {("spec", "loadBalancerClass"): "not a name"},
        [
            (
                "service/load-balancer-class-needs-load-balancer",
                f"spec.loadBalancerClass: Forbidden: {ONLY_LOAD_BALANCER}",
            )
        ],
    ),
    Row(
        "a load balancer class belongs to a LoadBalancer",
        {("spec", "loadBalancerClass"): "example.com/nice"},
        [
            (
                "service/load-balancer-class-needs-load-balancer",
                f"spec.loadBalancerClass: Forbidden: {ONLY_LOAD_BALANCER}",
            )
        ],
    ),
    Row(
        "only Services reachable from outside have an external traffic policy",
        {("spec", "externalTrafficPolicy"): "Cluster"},
        [
            (
                "service/external-traffic-policy-not-external",
                (
                    'spec.externalTrafficPolicy: Invalid value: "Cluster": '
                    "may only be set for externally-accessible services"
                ),
            )
        ],
    ),
    Row(
        "an unknown external traffic policy is refused",
        {("spec", "type"): "NodePort", ("spec", "externalTrafficPolicy"): "Node"},
        [
            (
                "service/external-traffic-policy-unsupported",
                'spec.externalTrafficPolicy: Unsupported value: "Node": supported values: "Cluster", "Local"',
            )
        ],
    ),
    Row(
        "a health check node port needs a LoadBalancer with the policy Local",
        {("spec", "type"): "NodePort", ("spec", "healthCheckNodePort"): 32000},
        [
            (
                "service/health-check-node-port-not-needed",
                (
                    "spec.healthCheckNodePort: Invalid value: 32000: may only be set when `type` is 'LoadBalancer' and "
                    "`externalTrafficPolicy` is 'Local'"
                ),
            )
        ],
    ),
    Row(
        "an unknown internal traffic policy is refused",
        {("spec", "internalTrafficPolicy"): ""},
        [
            (
                "service/internal-traffic-policy-unsupported",
                'spec.internalTrafficPolicy: Unsupported value: "": supported values: "Cluster", "Local"',
            )
        ],
    ),
    Row(
        "an unknown traffic distribution is refused",
        {("spec", "trafficDistribution"): "PreferLocal"},
        [
            (
                "service/traffic-distribution-unsupported",
                (
                    'spec.trafficDistribution: Unsupported value: "PreferLocal": supported values: "PreferClose", '
                    '"PreferSameNode", "PreferSameZone"'
                ),
            )
        ],
    ),
    Row(
        "an address reported for a Service without load balancer is out of place",
        {("status", "loadBalancer", "ingress"): [{"ip": "203.0.113.7"}]},
        [
            (
                "service/ingress-needs-load-balancer",
                "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'",
            )
        ],
    ),
]
