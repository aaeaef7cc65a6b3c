"""Rules for Services."""

from __future__ import annotations

from tests.unit.rule_rows.row import REMOVED, Row

_RANGE = "must be between 1 and 65535, inclusive"
_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_OLD_LABEL = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_NAME_PART = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_LABEL_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_DEPRECATED = (
    "service/external-ips-deprecated",
    "spec.externalIPs is deprecated and may no longer be implemented in some clusters",
)
_ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'"
_SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
_PORT = ("spec", "ports", 0)

METADATA_ROWS = [
    Row(
        "a Service without a name is refused",
        {("metadata", "name"): REMOVED},
        [("metadata/name-required", "metadata.name: Required value: name or generateName is required")],
    ),
    Row(
        "a generated name is not enough without a server",
        {("metadata", "name"): REMOVED, ("metadata", "generateName"): "web-"},
        [
            (
                "metadata/name-required",
                "metadata.name: Required value: the server would generate one; svcc needs it in the manifest",
            )
        ],
    ),
    Row(
        "a name in upper case is refused",
        {("metadata", "name"): "Web"},
        [("metadata/name-invalid", f'metadata.name: Invalid value: "Web": {_LABEL}')],
    ),
    Row(
        "a Service name with dots is refused in the words for dots",
        {("metadata", "name"): "web.shop"},
        [("metadata/name-invalid", 'metadata.name: Invalid value: "web.shop": must not contain dots')],
    ),
    Row(
        "a name of 64 characters is too long",
        {("metadata", "name"): "w" * 64},
        [
            (
                "metadata/name-invalid",
                f'metadata.name: Invalid value: "{"w" * 64}": must be no more than 63 characters',
            )
        ],
    ),
    Row(
        "a name that starts with a digit needs a server of 1.37",
        {("metadata", "name"): "3scale"},
        [
            (
                "service/name-needs-newer-server",
                f'metadata.name: servers before 1.37 refuse the name "3scale": {_OLD_LABEL}',
            )
        ],
    ),
    Row(
        "a namespace with an underscore is refused",
        {("metadata", "namespace"): "my_shop"},
        [("metadata/namespace-invalid", f'metadata.namespace: Invalid value: "my_shop": {_LABEL}')],
    ),
    Row(
        "a creation time that is none is refused",
        {("metadata", "creationTimestamp"): "yesterday"},
        [
            (
                "metadata/creation-timestamp-invalid",
                'metadata.creationTimestamp: Invalid value: "yesterday": must be a time such as 2006-01-02T15:04:05Z',
            )
        ],
    ),
    Row(
        "a creation time without a time zone is refused",
        {("metadata", "creationTimestamp"): "2024-05-01T10:00:00"},
        [
            (
                "metadata/creation-timestamp-invalid",
                (
                    'metadata.creationTimestamp: Invalid value: "2024-05-01T10:00:00": '
                    "must be a time such as 2006-01-02T15:04:05Z"
                ),
            )
        ],
    ),
    Row(
        "a label key with a space is refused",
        {("metadata", "labels"): {"my app": "web"}},
        [("metadata/label-key-invalid", f'metadata.labels: Invalid value: "my app": {_NAME_PART}')],
    ),
    Row(
        "a label key with two slashes is refused",
        {("metadata", "labels"): {"a/b/c": "web"}},
        [
            (
                "metadata/label-key-invalid",
                (
                    'metadata.labels: Invalid value: "a/b/c": a qualified name must consist of alphanumeric '
                    "characters, '-', '_' or '.', and must start and end with an alphanumeric character "
                    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
                    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
                ),
            )
        ],
    ),
    Row(
        "a label key needs a prefix before its slash and a name after it",
        {("metadata", "labels"): {"/": "web"}},
        [
            ("metadata/label-key-invalid", 'metadata.labels: Invalid value: "/": prefix part must be non-empty'),
            ("metadata/label-key-invalid", 'metadata.labels: Invalid value: "/": name part must be non-empty'),
            ("metadata/label-key-invalid", f'metadata.labels: Invalid value: "/": {_NAME_PART}'),
        ],
    ),
    Row(
        "a label value with a space is refused",
        {("metadata", "labels"): {"app": "my web"}},
        [("metadata/label-value-invalid", f'metadata.labels[app]: Invalid value: "my web": {_LABEL_VALUE}')],
    ),
    Row(
        "an annotation key with a space is refused",
        {("metadata", "annotations"): {"my note": "x"}},
        [("metadata/annotation-key-invalid", f'metadata.annotations: Invalid value: "my note": {_NAME_PART}')],
    ),
    Row(
        "annotations of more than 256 KiB are too long",
        {("metadata", "annotations"): {"note": "x" * 262144}},
        [
            (
                "metadata/annotations-too-long",
                "metadata.annotations: Too long: may not be more than 262144 bytes",
            )
        ],
    ),
    Row(
        "the old and the new topology annotation must agree",
        {
            ("metadata", "annotations"): {
                "service.kubernetes.io/topology-mode": "Auto",
                "service.kubernetes.io/topology-aware-hints": "Disabled",
            }
        },
        [
            (
                "service/topology-annotations-differ",
                (
                    'metadata.annotations[service.kubernetes.io/topology-mode]: Invalid value: "Auto": must match '
                    "annotations[service.kubernetes.io/topology-aware-hints] when both are specified"
                ),
            ),
            (
                "service/topology-hints-annotation-deprecated",
                (
                    "annotation service.kubernetes.io/topology-aware-hints is deprecated, "
                    "please use service.kubernetes.io/topology-mode instead"
                ),
            ),
        ],
    ),
]

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
        {(*_PORT, "name"): "HTTP"},
        [("service/port-name-invalid", f'spec.ports[0].name: Invalid value: "HTTP": {_LABEL}')],
    ),
    Row(
        "a port name comes once",
        {("spec", "ports"): [{"name": "http", "port": 80}, {"name": "http", "port": 81}]},
        [("service/port-name-duplicate", 'spec.ports[1].name: Duplicate value: "http"')],
    ),
    Row(
        "port 0 is none",
        {(*_PORT, "port"): 0},
        [("service/port-out-of-range", f"spec.ports[0].port: Invalid value: 0: {_RANGE}")],
    ),
    Row(
        "port 65536 is none",
        {(*_PORT, "port"): 65536},
        [("service/port-out-of-range", f"spec.ports[0].port: Invalid value: 65536: {_RANGE}")],
    ),
    Row(
        "a port without number is port 0, and its target port is not blamed as well",
        {("spec", "ports"): [{"name": "http"}]},
        [("service/port-out-of-range", f"spec.ports[0].port: Invalid value: 0: {_RANGE}")],
    ),
    Row(
        "a protocol in lower case is unknown",
        {(*_PORT, "protocol"): "tcp"},
        [
            (
                "service/protocol-unsupported",
                'spec.ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"',
            )
        ],
    ),
    Row(
        "target port 70000 is none",
        {(*_PORT, "targetPort"): 70000},
        [("service/target-port-out-of-range", f"spec.ports[0].targetPort: Invalid value: 70000: {_RANGE}")],
    ),
    Row(
        "a target port in quotes is a name, and names have a letter",
        {(*_PORT, "targetPort"): "8080"},
        [
            (
                "service/target-port-name-invalid",
                'spec.ports[0].targetPort: Invalid value: "8080": must contain at least one letter (a-z)',
            )
        ],
    ),
    Row(
        "everything wrong with the name of a target port is said",
        {(*_PORT, "targetPort"): "-Web--Server-Port"},
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
        {(*_PORT, "appProtocol"): "h2 c"},
        [("service/app-protocol-invalid", f'spec.ports[0].appProtocol: Invalid value: "h2 c": {_NAME_PART}')],
    ),
    Row(
        "a ClusterIP Service has no node ports",
        {(*_PORT, "nodePort"): 30080},
        [
            (
                "service/node-port-on-cluster-ip",
                "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
            )
        ],
    ),
    Row(
        "a negative node port is none",
        {("spec", "type"): "NodePort", (*_PORT, "nodePort"): -1},
        [("service/node-port-out-of-range", f"spec.ports[0].nodePort: Invalid value: -1: {_RANGE}")],
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
        [("service/selector-key-invalid", f'spec.selector: Invalid value: "my app": {_NAME_PART}')],
    ),
    Row(
        "a selector value is a label value",
        {("spec", "selector"): {"app": "my web"}},
        [("service/selector-value-invalid", f'spec.selector[app]: Invalid value: "my web": {_LABEL_VALUE}')],
    ),
]

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
        [("service/cluster-ip-invalid", f'spec.clusterIPs[0]: Invalid value: "10.96.0.256": {_IP}')],
    ),
    Row(
        "three cluster IPs are too many",
        {("spec", "clusterIP"): "10.96.0.9", ("spec", "clusterIPs"): ["10.96.0.9", "fd00::9", "10.96.0.8"]},
        [
            (
                "service/cluster-ips-too-many",
                'spec.clusterIPs: Invalid value: ["10.96.0.9","fd00::9","10.96.0.8"]: may only hold up to 2 values',
            ),
            (
                "service/cluster-ips-same-family",
                (
                    'spec.clusterIPs: Invalid value: ["10.96.0.9","fd00::9","10.96.0.8"]: '
                    "may specify no more than one IP for each IP family"
                ),
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
        [("service/external-ip-invalid", f'spec.externalIPs[1]: Invalid value: "banana": {_IP}'), _DEPRECATED],
    ),
    *(
        Row(
            f"the external IP {address} is special",
            {("spec", "externalIPs"): [address]},
            [("service/external-ip-special", f'spec.externalIPs[0]: Invalid value: "{address}": {why}'), _DEPRECATED],
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
                f"spec.LoadBalancerSourceRanges: Forbidden: {_ONLY_LOAD_BALANCER}",
            )
        ],
    ),
    Row(
        "source ranges in the annotation belong to a LoadBalancer too",
        {("metadata", "annotations"): {_SOURCE_RANGES: " 10.0.0.0/8 , x"}},
        [
            (
                "service/source-ranges-need-load-balancer",
                f"metadata.annotations[{_SOURCE_RANGES}]: Forbidden: {_ONLY_LOAD_BALANCER}",
            ),
            ("service/source-range-invalid", f'metadata.annotations[{_SOURCE_RANGES}]: Invalid value: "x": {_CIDR}'),
        ],
    ),
    Row(
        "the switch for node ports belongs to a LoadBalancer",
        {("spec", "allocateLoadBalancerNodePorts"): True},
        [
            (
                "service/allocate-node-ports-needs-load-balancer",
                f"spec.allocateLoadBalancerNodePorts: Forbidden: {_ONLY_LOAD_BALANCER}",
            )
        ],
    ),
    Row(
        "a load balancer class belongs to a LoadBalancer",
        {("spec", "loadBalancerClass"): "example.com/nice"},
        [
            (
                "service/load-balancer-class-needs-load-balancer",
                f"spec.loadBalancerClass: Forbidden: {_ONLY_LOAD_BALANCER}",
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

WARNING_ROWS = [
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
            _DEPRECATED,
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
            _DEPRECATED,
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
        "the kubelet's port is not exposed",
        {(*_PORT, "port"): 10250},
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
            ("service/source-range-invalid", f'spec.LoadBalancerSourceRanges[1]: Invalid value: "10.0.0.1": {_CIDR}'),
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
        [("service/load-balancer-class-invalid", f'spec.loadBalancerClass: Invalid value: "very nice": {_NAME_PART}')],
    ),
    Row(
        "a health check node port is a port",
        {("spec", "externalTrafficPolicy"): "Local", ("spec", "healthCheckNodePort"): 99999},
        [
            (
                "service/health-check-node-port-out-of-range",
                f"spec.healthCheckNodePort: Invalid value: 99999: {_RANGE}",
            )
        ],
    ),
    Row(
        "a reported IP is an IP address",
        {("status", "loadBalancer", "ingress"): [{"ip": "203.0.113"}]},
        [("service/ingress-ip-invalid", f'status.loadBalancer.ingress[0].ip: Invalid value: "203.0.113": {_IP}')],
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
                f'status.loadBalancer.ingress[0].hostname: Invalid value: "lb_1.example.com": {_SUBDOMAIN}',
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
        [("service/external-name-invalid", f'spec.externalName: Invalid value: "db_1": {_SUBDOMAIN}')],
    ),
    Row(
        "an ExternalName ignores external IPs",
        {("spec", "externalIPs"): ["198.51.100.7"]},
        [
            _DEPRECATED,
            (
                "service/external-ips-ignored",
                'spec.externalIPs is ignored when spec.type is "ExternalName"',
            ),
        ],
    ),
]
