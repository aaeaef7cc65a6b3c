"""Every rule by which svcc judges one object: its stable id, how much it matters, and what it says.

The ids are for `--ignore`, SARIF and tests; they never change their meaning. The texts users see are the API server's
and stand beside the code that applies the rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen

from svcc.fields import Severity

__all__ = ["RULES", "Rule"]


@frozen
class Rule:
    """One rule.

    `entry_only` marks an error that costs an entry of a list, not the object (S6): the rest of the Service goes on.
    """

    id: str
    meaning: str
    severity: Severity = Severity.ERROR
    entry_only: bool = False


def _errors(prefix: str, meanings: Mapping[str, str]) -> list[Rule]:
    return [Rule(f"{prefix}/{name}", meaning) for name, meaning in meanings.items()]


def _entry_errors(prefix: str, meanings: Mapping[str, str]) -> list[Rule]:
    return [Rule(f"{prefix}/{name}", meaning, entry_only=True) for name, meaning in meanings.items()]


def _warnings(prefix: str, meanings: Mapping[str, str]) -> list[Rule]:
    return [Rule(f"{prefix}/{name}", meaning, Severity.WARNING) for name, meaning in meanings.items()]


_MANIFEST = [
    *_errors(
        "manifest",
        {
            "type-missing": "An object says its `apiVersion` and `kind`.",
            "wrong-type": "A field holds a JSON value of another type than the API declares.",
        },
    ),
    *_warnings(
        "manifest",
        {
            "api-version-not-read": "The object is of a kind svcc reads, in a version it does not.",
            "kind-unknown": "An object is of a kind that there is; this one is spelled like one that svcc reads.",
            "declared-twice": "The same object is declared again; the later declaration wins.",
            "unknown-field": "A field is one the API has; a server that is asked to be strict refuses others.",
        },
    ),
]

_YAML = _warnings(
    "yaml",
    {
        "boolean-word": "A text is not written on, yes, y or the like, which YAML takes for true or false.",
        "null-word": "A text is not written ~ or Null, which YAML takes for nothing.",
        "number-base": "A number is not written with a zero in front (octal), or hexadecimal, or binary.",
        "number-spelling": "A text or number is not written 1e3, 1_000 or 1.10, of which YAML keeps the value only.",
    },
)

_METADATA = _errors(
    "metadata",
    {
        "name-required": "An object has a name.",
        "name-invalid": "The name has the form its kind asks for.",
        "namespace-invalid": "A namespace is a DNS label.",
        "creation-timestamp-invalid": "The creation timestamp is a time as RFC 3339 writes it.",
        "label-key-invalid": "A label key is a qualified name.",
        "label-value-invalid": "A label value is empty or at most 63 letters, digits, dashes, underscores and dots.",
        "annotation-key-invalid": "An annotation key is a qualified name.",
        "annotations-too-long": "All annotations together hold at most 256 KiB.",
    },
)

_SERVICE_ERRORS = _errors(
    "service",
    {
        "topology-annotations-differ": "The old and the new topology annotation agree when both are set.",
        "ports-required": "A Service has ports unless it is headless or an ExternalName.",
        "kubelet-port-exposed": "A LoadBalancer does not expose the kubelet's port 10250.",
        "headless-not-allowed": "NodePort and LoadBalancer Services are not headless.",
        "external-name-has-cluster-ips": "An ExternalName has no cluster IPs.",
        "external-name-has-ip-families": "An ExternalName has no IP families.",
        "external-name-has-ip-family-policy": "An ExternalName has no IP family policy.",
        "external-name-required": "An ExternalName names a host.",
        "external-name-invalid": "The external name is a DNS name.",
        "port-name-required": "Ports have names when there are several.",
        "port-name-invalid": "A port name is a DNS label.",
        "port-name-duplicate": "Port names are unique in a Service.",
        "port-out-of-range": "A port is a number from 1 to 65535.",
        "protocol-unsupported": "The protocol is TCP, UDP or SCTP.",
        "target-port-out-of-range": "A numeric target port is from 1 to 65535.",
        "target-port-name-invalid": "A named target port is an IANA service name.",
        "app-protocol-invalid": "The application protocol is a qualified name.",
        "selector-key-invalid": "A selector key is a qualified name.",
        "selector-value-invalid": "A selector value is a label value.",
        "session-affinity-unsupported": "Session affinity is None or ClientIP.",
        "affinity-timeout-out-of-range": "The affinity timeout is from 1 to 86400 seconds.",
        "cluster-ip-mismatch": "`clusterIP` is the first of `clusterIPs`.",
        "cluster-ips-without-cluster-ip": "`clusterIPs` is empty when `clusterIP` is.",
        "ip-family-unsupported": "An IP family is IPv4 or IPv6.",
        "ip-family-duplicate": "An IP family is listed once.",
        "ip-family-policy-unsupported": "The IP family policy is one the API knows.",
        "cluster-ip-none-not-alone": "The cluster IP None stands alone.",
        "cluster-ip-invalid": "A cluster IP is an IP address.",
        "cluster-ips-too-many": "A Service has at most two cluster IPs.",
        "cluster-ips-same-family": "Two cluster IPs are of different families.",
        "cluster-ip-wrong-family": "A cluster IP is of the family at its place in `ipFamilies`.",
        "single-stack-with-two-families": "SingleStack has one cluster IP and one family.",
        "external-ip-special": "An external IP is not unspecified, loopback or link-local.",
        "type-unsupported": "The type is one the API knows.",
        "node-port-on-cluster-ip": "A ClusterIP Service has no node ports.",
        "node-port-out-of-range": "A node port is from 1 to 65535.",
        "node-port-duplicate": "A node port is used once for each protocol in a Service.",
        "port-duplicate": "A port is used once for each protocol in a Service.",
        "source-ranges-need-load-balancer": "Source ranges belong to LoadBalancer Services.",
        "allocate-node-ports-needs-load-balancer": "`allocateLoadBalancerNodePorts` belongs to LoadBalancer Services.",
        "load-balancer-class-needs-load-balancer": "`loadBalancerClass` belongs to LoadBalancer Services.",
        "load-balancer-class-invalid": "The load balancer class is a qualified name.",
        "external-traffic-policy-not-external": "Only a Service reachable from outside has an external traffic policy.",
        "external-traffic-policy-unsupported": "The external traffic policy is Cluster or Local.",
        "health-check-node-port-not-needed": "Only a LoadBalancer with the policy Local has a health check node port.",
        "health-check-node-port-out-of-range": "The health check node port is from 1 to 65535.",
        "internal-traffic-policy-unsupported": "The internal traffic policy is Cluster or Local.",
        "traffic-distribution-unsupported": "The traffic distribution is one the API knows.",
    },
)

_SERVICE_ENTRIES = _entry_errors(
    "service",
    {
        "external-ip-invalid": "An external IP is an IP address.",
        "source-range-invalid": "A source range is a CIDR.",
        "ingress-needs-load-balancer": "Only LoadBalancer Services report ingress addresses.",
        "ingress-ip-invalid": "An ingress IP is an IP address.",
        "ingress-ip-mode-without-ip": "An IP mode belongs to an ingress entry with an IP.",
        "ingress-ip-mode-unsupported": "The IP mode is VIP or Proxy.",
        "ingress-hostname-invalid": "An ingress host name is a DNS name.",
        "ingress-hostname-is-ip": "An ingress host name is no IP address.",
    },
)

_SERVICE_WARNINGS = _warnings(
    "service",
    {
        "name-needs-newer-server": "Servers before 1.37 refuse a Service name that starts with a digit.",
        "affinity-config-without-affinity": "The server drops `sessionAffinityConfig` without ClientIP affinity.",
        "topology-hints-annotation-deprecated": "The annotation topology-aware-hints is deprecated.",
        "ip-non-standard": "An IP address is written in a way new servers refuse.",
        "ip-not-canonical": "An IPv6 address is not in canonical form.",
        "cidr-ambiguous": "A CIDR has bits set beyond its prefix length.",
        "cidr-non-standard": "A CIDR is written in a way new servers refuse.",
        "cidr-not-canonical": "An IPv6 CIDR is not in canonical form.",
        "headless-load-balancer-ip-ignored": "A headless Service ignores `loadBalancerIP`.",
        "headless-external-ips-ignored": "A headless Service ignores `externalIPs`.",
        "headless-session-affinity-ignored": "A headless Service ignores session affinity.",
        "external-ips-deprecated": "External IPs are deprecated.",
        "external-ips-ignored": "An ExternalName ignores `externalIPs`.",
        "external-name-ignored": "Only an ExternalName uses `externalName`.",
        "two-families-without-policy": "A Service of two families says so in `ipFamilyPolicy`.",
        "prefer-close-deprecated": "PreferClose is the old name of PreferSameZone.",
        "annotation-not-read": "An annotation of svcc's is one it reads on Services.",
        "load-balancing-unsupported": "The load balancing is maglev, random or round-robin; else it is random.",
        "hash-key-unsupported": "The hash key is flow or source-address; else it is source-address.",
        "table-size-unsupported": "The table size is 251, 1021, 4093, 16381 or 65537; else svcc chooses it.",
        "hashing-without-maglev": "Only maglev has a hash key and a table.",
        "ingress-port-out-of-range": "A port that a load balancer reports is from 1 to 65535.",
        "ingress-port-protocol-unsupported": "The protocol of such a port is TCP, UDP or SCTP.",
        "ingress-port-error-invalid": "The error of such a port is a qualified name.",
    },
)

_ENDPOINT_SLICE = [
    *_errors(
        "endpoint-slice",
        {
            "address-type-required": "A slice has an address type.",
            "address-type-unsupported": "The address type is IPv4, IPv6 or FQDN.",
            "endpoints-too-many": "A slice has at most 1000 endpoints.",
            "addresses-required": "An endpoint has an address.",
            "addresses-too-many": "An endpoint has at most 100 addresses.",
            "address-invalid": "An address is an IP address.",
            "address-wrong-family": "An address is of the slice's address type.",
            "address-special": "An address is not unspecified, loopback or link-local.",
            "domain-name-invalid": "An address of the type FQDN is a domain name of two labels or more.",
            "node-name-invalid": "A node name is a DNS name.",
            "hostname-invalid": "A host name is a DNS label.",
            "hints-too-many": "An endpoint has at most eight hints of a kind.",
            "hint-duplicate": "A zone or node is hinted once.",
            "zone-hint-invalid": "A hinted zone is a label value.",
            "node-hint-invalid": "A hinted node is a node name.",
            "ports-too-many": "A slice has at most 100 ports.",
            "port-name-invalid": "A port name is a DNS label.",
            "port-name-duplicate": "Port names are unique in a slice.",
            "port-out-of-range": "A port is a number from 1 to 65535.",
            "protocol-unsupported": "The protocol is TCP, UDP or SCTP.",
            "app-protocol-invalid": "The application protocol is a qualified name.",
        },
    ),
    *_warnings(
        "endpoint-slice",
        {
            "address-non-standard": "An address is written in a way new servers refuse.",
            "address-not-canonical": "An IPv6 address is not in canonical form.",
            "fqdn-deprecated": "The address type FQDN is deprecated.",
            "deprecated-topology-dropped": "An endpoint has `zone` and `nodeName` instead of `deprecatedTopology`.",
            "annotation-not-read": "An annotation of svcc's is one it reads on slices.",
            "weight-invalid": "The weight of a slice is from 0 to 1000; else it is 1.",
            "weights-invalid": "Weights are addresses with weights from 0 to 1000; others are passed over.",
            "weight-of-nobody": "An address that has a weight is an endpoint of the slice.",
        },
    ),
]

_NODE = [
    *_errors(
        "node",
        {
            "pod-cidr-invalid": "A pod CIDR is a CIDR.",
            "pod-cidrs-not-dual-stack": "A node has at most one pod CIDR of each family.",
        },
    ),
    *_entry_errors("node", {"address-duplicate": "An address is listed once for each type."}),
    *_warnings(
        "node",
        {
            "cidr-ambiguous": "A CIDR has bits set beyond its prefix length.",
            "cidr-non-standard": "A CIDR is written in a way new servers refuse.",
            "cidr-not-canonical": "An IPv6 CIDR is not in canonical form.",
        },
    ),
]

_SERVICE_CIDR = [
    *_errors(
        "service-cidr",
        {
            "cidrs-required": "A ServiceCIDR has a range.",
            "cidrs-too-many": "A ServiceCIDR has at most two ranges.",
            "cidrs-not-dual-stack": "Two ranges are of different families.",
            "cidr-invalid": "A range is a CIDR.",
            "cidr-host-bits": "A range has no bits set beyond its prefix length.",
            "cidr-leading-zeros": "A range has no leading zeros.",
            "cidr-not-canonical": "An IPv6 range is in canonical form.",
        },
    ),
    *_warnings("service-cidr", {"ipv6-prefix-too-short": "No address can be allocated from an IPv6 range above /64."}),
]

_KUBE_PROXY = [
    *_errors(
        "kube-proxy",
        {
            "cluster-cidr-invalid": "The cluster CIDR is a CIDR, or two of different families with a comma between.",
            "node-port-address-invalid": "A node port address is a CIDR, or primary.",
            "node-port-address-primary-alone": "The node port address primary stands alone.",
            "masquerade-bit-out-of-range": "The masquerade bit is from 0 to 31.",
            "detect-local-mode-unsupported": "The mode of local detection is one kube-proxy knows.",
            "interface-required": "Detection by interface names an interface.",
            "bind-address-invalid": "What is to be listened on is an IP and a port.",
            "period-invalid": "A period is a length of time as Go writes it, and not negative.",
        },
    ),
    *_warnings("kube-proxy", {"field-misspelt": "A field is unknown and resembles one kube-proxy reads."}),
]

_POOL = _errors(
    "pool",
    {
        "name-required": "A pool has a name.",
        "addresses-required": "A pool has addresses.",
        "address-invalid": "Addresses are a CIDR or a range from one address to another.",
        "namespace-duplicate": "A namespace is named once.",
        "selector-operator": "The operator of a selector is In, NotIn, Exists or DoesNotExist.",
        "selector-values": "In and NotIn come with values, Exists and DoesNotExist without.",
    },
)

_UPDATE = _errors(
    "update",
    {
        "health-check-node-port-changed": "The health check node port stays while it is needed.",
        "cluster-ip-changed": "A cluster IP stays, but for the way from and to ExternalName.",
        "ip-family-changed": "The primary IP family stays.",
        "secondary-released-without-single-stack": "Whoever gives up the second family asks for SingleStack.",
        "load-balancer-class-changed": "The load balancer class of a LoadBalancer stays.",
        "address-type-changed": "The address type of a slice stays.",
        "pod-cidrs-changed": "The pod CIDRs of a node stay.",
        "service-cidr-changed": "The ranges of a ServiceCIDR stay; a second family may be added.",
    },
)

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        rule.id: rule
        for rules in (
            _MANIFEST,
            _YAML,
            _METADATA,
            _SERVICE_ERRORS,
            _SERVICE_ENTRIES,
            _SERVICE_WARNINGS,
            _ENDPOINT_SLICE,
            _NODE,
            _SERVICE_CIDR,
            _KUBE_PROXY,
            _POOL,
            _UPDATE,
        )
        for rule in rules
    }
)
"""All rules by id, in the order in which they are described."""
