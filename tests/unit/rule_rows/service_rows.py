"""Warnings for Services, and rules for the types LoadBalancer and ExternalName."""

from __future__ import annotations

from tests.unit.rule_rows.row import REMOVED, Row
from tests.unit.rule_rows.words import CIDR, DEPRECATED, IP, NAME_PART, PORT, RANGE, SUBDOMAIN

ANNOTATIONS = ("metadata", "annotations")
WARNING_ROWS = [
    Row(
        "an unknown way of load balancing is none",
        {ANNOTATIONS: {"svcc.dev/load-balancing": "least-connections"}},
        [
            (
                "service/load-balancing-unsupported",
                (
                    'metadata.annotations[svcc.dev/load-balancing]: Unsupported value: "least-connections": '
                    'supported values: "maglev", "random", "round-robin"'
                ),
            )
        ],
    ),
    Row(
        "an unknown hash key is none",
        {ANNOTATIONS: {"svcc.dev/load-balancing": "maglev", "svcc.dev/hash-key": "cookie"}},
        [
            (
                "service/hash-key-unsupported",
                (
                    'metadata.annotations[svcc.dev/hash-key]: Unsupported value: "cookie": '
                    'supported values: "flow", "source-address"'
                ),
            )
        ],
    ),
    Row(
        "a table has one of five sizes",
        {ANNOTATIONS: {"svcc.dev/load-balancing": "maglev", "svcc.dev/table-size": "1024"}},
        [
            (
                "service/table-size-unsupported",
                (
                    'metadata.annotations[svcc.dev/table-size]: Unsupported value: "1024": '
                    'supported values: "1021", "16381", "251", "4093", "65537"'
                ),
            )
        ],
    ),
    Row(
        "a hash key is for maglev",
        {ANNOTATIONS: {"svcc.dev/hash-key": "flow"}},
        [
            (
                "service/hashing-without-maglev",
                'metadata.annotations[svcc.dev/hash-key]: has no effect unless svcc.dev/load-balancing is "maglev"',
            )
        ],
    ),
    Row(
        "weights are for slices",
        {ANNOTATIONS: {"svcc.dev/weight": "3", "example.com/weight": "3"}},
        [
            (
                "service/annotation-not-read",
                (
                    "metadata.annotations[svcc.dev/weight]: svcc reads no such annotation of a Service, "
                    "but svcc.dev/hash-key, svcc.dev/load-balancing, svcc.dev/table-size"
                ),
            )
        ],
    ),
    Row(
        "leading zeros in an address are an old form",
        {("spec", "clusterIP"): "010.1.2.3"},
        [
            (
                "service/ip-non-standard",
                'spec.clusterIPs[0]: non-standard IP address "010.1.2.3" is invalid: use "10.1.2.3"',
            )
        ],
    ),
    Row(
        "an IPv4-mapped address is an old form",
        {("spec", "externalIPs"): ["::ffff:198.51.100.7"]},
        [
            (
                "service/ip-non-standard",
                'spec.externalIPs[0]: non-standard IP address "::ffff:198.51.100.7" is invalid: use "198.51.100.7"',
            ),
            DEPRECATED,
        ],
    ),
    Row(
        "an IPv6 address in upper case is not canonical",
        {("spec", "clusterIP"): "FD00::1"},
        [
            (
                "service/ip-not-canonical",
                'spec.clusterIPs[0]: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
            )
        ],
    ),
    Row(
        "a headless Service ignores what needs a cluster IP",
        {
            ("spec", "clusterIP"): "None",
            ("spec", "loadBalancerIP"): "198.51.100.7",
            ("spec", "externalIPs"): ["198.51.100.8"],
            ("spec", "sessionAffinity"): "ClientIP",
        },
        [
            (
                "service/headless-load-balancer-ip-ignored",
                "spec.loadBalancerIP is ignored for headless services",
            ),
            ("service/headless-external-ips-ignored", "spec.externalIPs is ignored for headless services"),
            ("service/headless-session-affinity-ignored", "spec.SessionAffinity is ignored for headless services"),
            DEPRECATED,
        ],
    ),
    Row(
        "only an ExternalName uses an external name",
        {("spec", "externalName"): "db.example.com"},
        [
            (
                "service/external-name-ignored",
                'spec.externalName is ignored when spec.type is not "ExternalName"',
            )
        ],
    ),
    Row(
        "PreferClose is an old name",
        {("spec", "trafficDistribution"): "PreferClose"},
        [
            (
                "service/prefer-close-deprecated",
                'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
            )
        ],
    ),
]

LOAD_BALANCER_ROWS = [
    Row(
        "a load balancer reports ports that are ports",
        {("status", "loadBalancer", "ingress", 0, "ports"): [{"port": 0, "protocol": "TCP"}]},
        [
            (
                "service/ingress-port-out-of-range",
                f"status.loadBalancer.ingress[0].ports[0].port: Invalid value: 0: {RANGE}",
            )
        ],
    ),
    Row(
        "a load balancer reports protocols that there are",
        {("status", "loadBalancer", "ingress", 0, "ports"): [{"port": 80, "protocol": "tcp"}]},
        [
            (
                "service/ingress-port-protocol-unsupported",
                (
                    'status.loadBalancer.ingress[0].ports[0].protocol: Unsupported value: "tcp": '
                    'supported values: "SCTP", "TCP", "UDP"'
                ),
            )
        ],
    ),
    Row(
        "a load balancer names its errors, and does not describe them",
        {("status", "loadBalancer", "ingress", 0, "ports"): [{"port": 80, "protocol": "TCP", "error": "port taken"}]},
        [
            (
                "service/ingress-port-error-invalid",
                f'status.loadBalancer.ingress[0].ports[0].error: Invalid value: "port taken": {NAME_PART}',
            )
        ],
    ),
    Row(
        "the kubelet's port is not exposed",
        {(*PORT, "port"): 10250},
        [
            (
                "service/kubelet-port-exposed",
                "spec.ports[0]: Invalid value: 10250: may not expose port 10250 externally since it is used by kubelet",
            )
        ],
    ),
    Row(
        "LoadBalancer Services are not headless",
        {("spec", "clusterIP"): "None"},
        [
            (
                "service/headless-not-allowed",
                "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for LoadBalancer services",
            )
        ],
    ),
    Row(
        "a source range is a CIDR, with spaces around it if need be",
        {("spec", "loadBalancerSourceRanges"): [" 10.0.0.0/8 ", "10.0.0.1", "::ffff:10.0.0.0/104"]},
        [
            ("service/source-range-invalid", f'spec.LoadBalancerSourceRanges[1]: Invalid value: "10.0.0.1": {CIDR}'),
            (
                "service/source-range-invalid",
                (
                    'spec.LoadBalancerSourceRanges[2]: Invalid value: "::ffff:10.0.0.0/104": '
                    "must not be an IPv4-mapped IPv6 address"
                ),
            ),
        ],
    ),
    Row(
        "source ranges in old forms are read with a warning",
        {("spec", "loadBalancerSourceRanges"): ["10.1.2.3/8", "010.0.0.0/8", "10.0.0.0/08", "FD00::/8"]},
        [
            (
                "service/cidr-ambiguous",
                (
                    'spec.loadBalancerSourceRanges[0]: CIDR value "10.1.2.3/8" is ambiguous in this context '
                    '(should be "10.0.0.0/8" or "10.1.2.3/32"?)'
                ),
            ),
            (
                "service/cidr-non-standard",
                'spec.loadBalancerSourceRanges[1]: non-standard CIDR value "010.0.0.0/8" is invalid: use "10.0.0.0/8"',
            ),
            (
                "service/cidr-non-standard",
                'spec.loadBalancerSourceRanges[2]: non-standard CIDR value "10.0.0.0/08" is invalid: use "10.0.0.0/8"',
            ),
            (
                "service/cidr-not-canonical",
                (
                    'spec.loadBalancerSourceRanges[3]: IPv6 CIDR value "FD00::/8" should be in RFC 5952 canonical '
                    'format ("fd00::/8")'
                ),
            ),
        ],
    ),
    Row(
        "a load balancer class is a qualified name",
        {("spec", "loadBalancerClass"): "very nice"},
        [("service/load-balancer-class-invalid", f'spec.loadBalancerClass: Invalid value: "very nice": {NAME_PART}')],
    ),
    Row(
        "a health check node port is a port",
        {("spec", "externalTrafficPolicy"): "Local", ("spec", "healthCheckNodePort"): 99999},
        [
            (
                "service/health-check-node-port-out-of-range",
                f"spec.healthCheckNodePort: Invalid value: 99999: {RANGE}",
            )
        ],
    ),
    Row(
        "a reported IP is an IP address",
        {("status", "loadBalancer", "ingress"): [{"ip": "203.0.113"}]},
        [("service/ingress-ip-invalid", f'status.loadBalancer.ingress[0].ip: Invalid value: "203.0.113": {IP}')],
    ),
    Row(
        "an IP mode needs an IP",
        {("status", "loadBalancer", "ingress"): [{"hostname": "lb.example.com", "ipMode": "VIP"}]},
        [
            (
                "service/ingress-ip-mode-without-ip",
                "status.loadBalancer.ingress[0].ipMode: Forbidden: may not be specified when `ip` is not set",
            )
        ],
    ),
    Row(
        "an unknown IP mode is refused",
        {("status", "loadBalancer", "ingress"): [{"ip": "203.0.113.7", "ipMode": "vip"}]},
        [
            (
                "service/ingress-ip-mode-unsupported",
                'status.loadBalancer.ingress[0].ipMode: Unsupported value: "vip": supported values: "Proxy", "VIP"',
            )
        ],
    ),
    Row(
        "a reported host name is a DNS name",
        {("status", "loadBalancer", "ingress"): [{"hostname": "lb_1.example.com"}]},
        [
            (
                "service/ingress-hostname-invalid",
                f'status.loadBalancer.ingress[0].hostname: Invalid value: "lb_1.example.com": {SUBDOMAIN}',
            )
        ],
    ),
    Row(
        "a reported host name is no address",
        {("status", "loadBalancer", "ingress"): [{"hostname": "203.0.113.7"}]},
        [
            (
                "service/ingress-hostname-is-ip",
                (
                    'status.loadBalancer.ingress[0].hostname: Invalid value: "203.0.113.7": '
                    "must be a DNS name, not an IP address"
                ),
            )
        ],
    ),
]

EXTERNAL_NAME_ROWS = [
    Row(
        "an ExternalName has nothing of a cluster IP",
        {
            ("spec", "clusterIP"): "10.96.0.9",
            ("spec", "ipFamilies"): ["IPv4"],
            ("spec", "ipFamilyPolicy"): "SingleStack",
        },
        [
            (f"service/external-name-has-{rule}", f"spec.{field}: Forbidden: may not be set for ExternalName services")
            for rule, field in (
                ("cluster-ips", "clusterIPs"),
                ("ip-families", "ipFamilies"),
                ("ip-family-policy", "ipFamilyPolicy"),
            )
        ],
    ),
    Row(
        "an ExternalName names a host",
        {("spec", "externalName"): REMOVED},
        [("service/external-name-required", "spec.externalName: Required value")],
    ),
    Row(
        "an external name is a DNS name",
        {("spec", "externalName"): "db_1"},
        [("service/external-name-invalid", f'spec.externalName: Invalid value: "db_1": {SUBDOMAIN}')],
    ),
    Row(
        "an ExternalName ignores external IPs",
        {("spec", "externalIPs"): ["198.51.100.7"]},
        [
            DEPRECATED,
            (
                "service/external-ips-ignored",
                'spec.externalIPs is ignored when spec.type is "ExternalName"',
            ),
        ],
    ),
]
