"""Rules for EndpointSlices, Nodes and ServiceCIDRs."""

from __future__ import annotations

from tests.unit.rule_rows.row import REMOVED, Row
from tests.unit.rule_rows.words import CIDR, IP, LABEL, LABEL_VALUE, NAME_PART, RANGE, SUBDOMAIN

_ENDPOINT = ("endpoints", 0)
_ANNOTATIONS = ("metadata", "annotations")
_WEIGHTS = "metadata.annotations[svcc.dev/weights]"
_LIMITS = "must be between 0 and 1000, inclusive"
_ENTRY = f"must be an address and its weight, such as 10.244.1.5=3; a weight {_LIMITS}"

ENDPOINT_SLICE_ROWS = [
    Row(
        "a weight is a number from 0 to 1000",
        {_ANNOTATIONS: {"svcc.dev/weight": "1001"}},
        [
            (
                "endpoint-slice/weight-invalid",
                f'metadata.annotations[svcc.dev/weight]: Invalid value: "1001": {_LIMITS}',
            )
        ],
    ),
    Row(
        "weights are of addresses, and each is judged by itself",
        {_ANNOTATIONS: {"svcc.dev/weights": "10.244.1.7=3, 10.244.1=3, 10.244.1.7=-1, 7"}},
        [
            ("endpoint-slice/weights-invalid", f'{_WEIGHTS}: Invalid value: "10.244.1=3": {_ENTRY}'),
            ("endpoint-slice/weights-invalid", f'{_WEIGHTS}: Invalid value: "10.244.1.7=-1": {_ENTRY}'),
            ("endpoint-slice/weights-invalid", f'{_WEIGHTS}: Invalid value: "7": {_ENTRY}'),
        ],
    ),
    Row(
        "a weight is of an endpoint",
        {_ANNOTATIONS: {"svcc.dev/weights": "10.244.1.77=3"}},
        [("endpoint-slice/weight-of-nobody", f"{_WEIGHTS}: 10.244.1.77 is no endpoint of this slice")],
    ),
    Row(
        "how to balance is for Services to say",
        {_ANNOTATIONS: {"svcc.dev/load-balancing": "maglev"}},
        [
            (
                "endpoint-slice/annotation-not-read",
                (
                    "metadata.annotations[svcc.dev/load-balancing]: svcc reads no such annotation of an "
                    "EndpointSlice, but svcc.dev/weight, svcc.dev/weights"
                ),
            )
        ],
    ),
    Row(
        "a slice has an address type",
        {("addressType",): REMOVED},
        [("endpoint-slice/address-type-required", "addressType: Required value")],
    ),
    Row(
        "an unknown address type is refused",
        {("addressType",): "IPv5"},
        [
            (
                "endpoint-slice/address-type-unsupported",
                'addressType: Unsupported value: "IPv5": supported values: "FQDN", "IPv4", "IPv6"',
            )
        ],
    ),
    Row(
        "the old topology of an endpoint is dropped by the server",
        {(*_ENDPOINT, "deprecatedTopology"): {"topology.kubernetes.io/zone": "zone-a"}},
        [
            (
                "endpoint-slice/deprecated-topology-dropped",
                "endpoints[0].deprecatedTopology: is not writable in v1, and the server drops it",
            )
        ],
    ),
    Row(
        "1001 endpoints are too many",
        {("endpoints",): [{"addresses": ["10.0.0.1"]}] * 1001},
        [("endpoint-slice/endpoints-too-many", "endpoints: Too many: 1001: must have at most 1000 items")],
    ),
    Row(
        "an endpoint has an address",
        {(*_ENDPOINT, "addresses"): []},
        [
            (
                "endpoint-slice/addresses-required",
                "endpoints[0].addresses: Required value: must contain at least 1 address",
            )
        ],
    ),
    Row(
        "101 addresses are too many",
        {(*_ENDPOINT, "addresses"): ["10.0.0.1"] * 101},
        [("endpoint-slice/addresses-too-many", "endpoints[0].addresses: Too many: 101: must have at most 100 items")],
    ),
    Row(
        "an address is an IP address",
        {(*_ENDPOINT, "addresses"): ["10.244.1"]},
        [("endpoint-slice/address-invalid", f'endpoints[0].addresses[0]: Invalid value: "10.244.1": {IP}')],
    ),
    Row(
        "an address is of the slice's type",
        {(*_ENDPOINT, "addresses"): ["fd00::7"]},
        [
            (
                "endpoint-slice/address-wrong-family",
                'endpoints[0].addresses[0]: Invalid value: "fd00::7": must be an IPv4 address',
            )
        ],
    ),
    Row(
        "an IPv4 address does not fit a slice of type IPv6",
        {("addressType",): "IPv6"},
        [
            (
                "endpoint-slice/address-wrong-family",
                'endpoints[0].addresses[0]: Invalid value: "10.244.1.7": must be an IPv6 address',
            )
        ],
    ),
    Row(
        "a loopback address is no endpoint",
        {(*_ENDPOINT, "addresses"): ["10.0.0.1", "127.0.0.1"]},
        [
            (
                "endpoint-slice/address-special",
                (
                    'endpoints[0].addresses[1]: Invalid value: "127.0.0.1": '
                    "may not be in the loopback range (127.0.0.0/8, ::1/128)"
                ),
            )
        ],
    ),
    Row(
        "a link-local address is no endpoint",
        {(*_ENDPOINT, "addresses"): ["169.254.1.1"]},
        [
            (
                "endpoint-slice/address-special",
                (
                    'endpoints[0].addresses[0]: Invalid value: "169.254.1.1": '
                    "may not be in the link-local range (169.254.0.0/16, fe80::/10)"
                ),
            )
        ],
    ),
    Row(
        "a domain name has two labels or more",
        {("addressType",): "FQDN", (*_ENDPOINT, "addresses"): ["backend."]},
        [
            (
                "endpoint-slice/domain-name-invalid",
                (
                    'endpoints[0].addresses[0]: Invalid value: "backend": '
                    "should be a domain with at least two segments separated by dots"
                ),
            ),
            ("endpoint-slice/fqdn-deprecated", "addressType: FQDN endpoints are deprecated"),
        ],
    ),
    Row(
        "a node name is a DNS name",
        {(*_ENDPOINT, "nodeName"): "node_1"},
        [("endpoint-slice/node-name-invalid", f'endpoints[0].nodeName: Invalid value: "node_1": {SUBDOMAIN}')],
    ),
    Row(
        "a host name is a DNS label",
        {(*_ENDPOINT, "hostname"): "Db"},
        [("endpoint-slice/hostname-invalid", f'endpoints[0].hostname: Invalid value: "Db": {LABEL}')],
    ),
    Row(
        "nine hints are too many",
        {(*_ENDPOINT, "hints"): {"forZones": [{"name": f"zone-{number}"} for number in range(9)]}},
        [("endpoint-slice/hints-too-many", "endpoints[0].hints.forZones: Too many: 9: must have at most 8 items")],
    ),
    Row(
        "a zone is hinted once",
        {(*_ENDPOINT, "hints"): {"forZones": [{"name": "zone-a"}, {"name": "zone-a"}]}},
        [("endpoint-slice/hint-duplicate", 'endpoints[0].hints.forZones[1].name: Duplicate value: "zone-a"')],
    ),
    Row(
        "a hinted zone is a label value",
        {(*_ENDPOINT, "hints"): {"forZones": [{"name": "zone a"}]}},
        [
            (
                "endpoint-slice/zone-hint-invalid",
                f'endpoints[0].hints.forZones[0].name: Invalid value: "zone a": {LABEL_VALUE}',
            )
        ],
    ),
    Row(
        "a hinted node is a node name",
        {(*_ENDPOINT, "hints"): {"forNodes": [{"name": "node_1"}]}},
        [
            (
                "endpoint-slice/node-hint-invalid",
                f'endpoints[0].hints.forNodes[0].name: Invalid value: "node_1": {SUBDOMAIN}',
            )
        ],
    ),
    Row(
        "101 ports are too many",
        {("ports",): [{"name": f"p{number}", "port": 80} for number in range(101)]},
        [("endpoint-slice/ports-too-many", "ports: Too many: 101: must have at most 100 items")],
    ),
    Row(
        "a port name is a DNS label",
        {("ports", 0, "name"): "HTTP"},
        [("endpoint-slice/port-name-invalid", f'ports[0].name: Invalid value: "HTTP": {LABEL}')],
    ),
    Row(
        "a port name comes once, and no name is a name",
        {("ports",): [{"port": 80}, {"name": None, "port": 81}]},
        [("endpoint-slice/port-name-duplicate", 'ports[1].name: Duplicate value: ""')],
    ),
    Row(
        "port 0 is none",
        {("ports", 0, "port"): 0},
        [("endpoint-slice/port-out-of-range", f"ports[0].port: Invalid value: 0: {RANGE}")],
    ),
    Row("a port without number is fine", {("ports", 0, "port"): None}, []),
    Row(
        "an empty protocol is none",
        {("ports", 0, "protocol"): ""},
        [
            (
                "endpoint-slice/protocol-unsupported",
                'ports[0].protocol: Unsupported value: "": supported values: "SCTP", "TCP", "UDP"',
            )
        ],
    ),
    Row(
        "an application protocol is a qualified name",
        {("ports", 0, "appProtocol"): "h2 c"},
        [("endpoint-slice/app-protocol-invalid", f'ports[0].appProtocol: Invalid value: "h2 c": {NAME_PART}')],
    ),
    Row(
        "an address with leading zeros is an old form",
        {(*_ENDPOINT, "addresses"): ["10.244.001.7"]},
        [
            (
                "endpoint-slice/address-non-standard",
                'endpoints[0].addresses[0]: non-standard IP address "10.244.001.7" is invalid: use "10.244.1.7"',
            )
        ],
    ),
    Row(
        "an IPv6 address with zeros written out is not canonical",
        {("addressType",): "IPv6", (*_ENDPOINT, "addresses"): ["fd00:0::7"]},
        [
            (
                "endpoint-slice/address-not-canonical",
                (
                    'endpoints[0].addresses[0]: IPv6 address "fd00:0::7" should be in RFC 5952 canonical format '
                    '("fd00::7")'
                ),
            )
        ],
    ),
]

NODE_ROWS = [
    Row(
        "a pod CIDR is a CIDR",
        {("spec", "podCIDR"): "10.244.1.0", ("spec", "podCIDRs"): ["10.244.1.0"]},
        [("node/pod-cidr-invalid", f'spec.podCIDRs[0]: Invalid value: "10.244.1.0": {CIDR}')],
    ),
    Row(
        "two pod CIDRs are of two families",
        {("spec", "podCIDRs"): ["10.244.1.0/24", "10.244.2.0/24"]},
        [
            (
                "node/pod-cidrs-not-dual-stack",
                (
                    'spec.podCIDRs: Invalid value: ["10.244.1.0/24","10.244.2.0/24"]: '
                    "may specify no more than one CIDR for each IP family"
                ),
            )
        ],
    ),
    Row(
        "an address comes once for each type",
        {
            ("status", "addresses"): [
                {"type": "InternalIP", "address": "192.0.2.1"},
                {"type": "ExternalIP", "address": "192.0.2.1"},
                {"type": "InternalIP", "address": "192.0.2.1"},
            ]
        },
        [
            (
                "node/address-duplicate",
                'status.addresses[2]: Duplicate value: {"Type":"InternalIP","Address":"192.0.2.1"}',
            )
        ],
    ),
    Row(
        "a pod CIDR with host bits is ambiguous",
        {("spec", "podCIDR"): "10.244.1.1/24", ("spec", "podCIDRs"): ["10.244.1.1/24"]},
        [
            (
                "node/cidr-ambiguous",
                (
                    'spec.podCIDRs[0]: CIDR value "10.244.1.1/24" is ambiguous in this context '
                    '(should be "10.244.1.0/24" or "10.244.1.1/32"?)'
                ),
            )
        ],
    ),
    Row(
        "a pod CIDR with leading zeros is an old form",
        {("spec", "podCIDR"): "10.244.01.0/24", ("spec", "podCIDRs"): REMOVED},
        [
            (
                "node/cidr-non-standard",
                'spec.podCIDRs[0]: non-standard CIDR value "10.244.01.0/24" is invalid: use "10.244.1.0/24"',
            )
        ],
    ),
    Row(
        "an IPv6 pod CIDR in upper case is not canonical",
        {("spec", "podCIDR"): "FD00::/64", ("spec", "podCIDRs"): REMOVED},
        [
            (
                "node/cidr-not-canonical",
                'spec.podCIDRs[0]: IPv6 CIDR value "FD00::/64" should be in RFC 5952 canonical format ("fd00::/64")',
            )
        ],
    ),
]

SERVICE_CIDR_ROWS = [
    Row(
        "a ServiceCIDR has a range",
        {("spec", "cidrs"): []},
        [("service-cidr/cidrs-required", "spec.cidrs: Required value: at least one CIDR required")],
    ),
    Row(
        "three ranges are too many",
        {("spec", "cidrs"): ["10.0.0.0/24", "fd00::/112", "10.0.1.0/24"]},
        [
            (
                "service-cidr/cidrs-too-many",
                'spec.cidrs: Invalid value: ["10.0.0.0/24","fd00::/112","10.0.1.0/24"]: may only hold up to 2 values',
            )
        ],
    ),
    Row(
        "two ranges are of two families",
        {("spec", "cidrs"): ["10.0.0.0/24", "10.0.1.0/24"]},
        [
            (
                "service-cidr/cidrs-not-dual-stack",
                (
                    'spec.cidrs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: may specify no more than one IP for '
                    "each IP family, i.e 192.168.0.0/24 and 2001:db8::/96"
                ),
            )
        ],
    ),
    Row(
        "a range is a CIDR",
        {("spec", "cidrs"): ["10.0.0.0"]},
        [("service-cidr/cidr-invalid", f'spec.cidrs[0]: Invalid value: "10.0.0.0": {CIDR}')],
    ),
    Row(
        "a range has no spaces around it",
        {("spec", "cidrs"): [" 10.0.0.0/24"]},
        [("service-cidr/cidr-invalid", f'spec.cidrs[0]: Invalid value: " 10.0.0.0/24": {CIDR}')],
    ),
    Row(
        "a range has no host bits and no leading zeros",
        {("spec", "cidrs"): ["10.0.0.01/24"]},
        [
            (
                "service-cidr/cidr-host-bits",
                'spec.cidrs[0]: Invalid value: "10.0.0.01/24": must not have bits set beyond the prefix length',
            ),
            (
                "service-cidr/cidr-leading-zeros",
                'spec.cidrs[0]: Invalid value: "10.0.0.01/24": must not have leading 0s in IP or prefix length',
            ),
        ],
    ),
    Row(
        "an IPv6 range is in canonical form",
        {("spec", "cidrs"): ["FD00::/112"]},
        [
            (
                "service-cidr/cidr-not-canonical",
                'spec.cidrs[0]: Invalid value: "FD00::/112": must be in canonical form ("fd00::/112")',
            )
        ],
    ),
    Row(
        "nothing can be allocated from a large IPv6 range",
        {("spec", "cidrs"): ["fd00::/48"]},
        [
            (
                "service-cidr/ipv6-prefix-too-short",
                "spec.cidrs[0]: shortest allowed prefix length for service CIDR is 64, got 48",
            )
        ],
    ),
]
