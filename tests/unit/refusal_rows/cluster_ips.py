"""Cluster IPs and families that nobody can have."""

from __future__ import annotations

from svcc.allocation.reservation import Reservation
from tests.unit.refusal_rows.row import FULL, IPV4, NO_ADDRESS, Row, service

CLUSTER_IP_ROWS = [
    Row(
        "an address outside of the ranges is refused",
        [service(cluster_ips=["1.1.1.1"])],
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
            )
        ],
    ),
    Row(
        "the network's own address and the broadcast address are outside, too",
        [service("a", cluster_ips=["10.96.0.0"]), service("b", cluster_ips=["10.96.0.255"])],
        {"service_cidrs": ["10.96.0.0/24"]},
        [
            (
                name,
                "cluster-ip-not-in-range",
                (
                    f'spec.clusterIPs: Invalid value: ["{ip}"]: failed to allocate IP {ip}: the provided IP ({ip}) '
                    "is not in the valid range. The range of valid IPs is 10.96.0.0/24"
                ),
            )
            for name, ip in (("a", "10.96.0.0"), ("b", "10.96.0.255"))
        ],
    ),
    Row(
        "an address that another Service has is refused, and who has it is told",
        [service("b", cluster_ips=["10.96.0.10"]), service("a", cluster_ips=["10.96.0.10"])],
        {},
        [
            (
                "b",
                "cluster-ip-taken",
                (
                    'spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is '
                    "already allocated (taken by Service default/a)"
                ),
            )
        ],
    ),
    Row(
        "the older Service has it (S45)",
        [
            service("a", cluster_ips=["10.96.0.10"], creation_timestamp="2026-02-01T00:00:00Z"),
            service("b", cluster_ips=["10.96.0.10"], creation_timestamp="2026-01-01T00:00:00Z"),
        ],
        {},
        [
            (
                "a",
                "cluster-ip-taken",
                (
                    'spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is '
                    "already allocated (taken by Service default/b)"
                ),
            )
        ],
    ),
    Row(
        "a date that cannot be read is none, and whoever has none comes last",
        [
            service("a", cluster_ips=["10.96.0.10"], creation_timestamp="yesterday"),
            service("b", cluster_ips=["10.96.0.10"], creation_timestamp="2026-01-01T00:00:00"),
        ],
        {},
        [
            (
                "a",
                "cluster-ip-taken",
                (
                    'spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is '
                    "already allocated (taken by Service default/b)"
                ),
            )
        ],
    ),
    Row(
        "an address that is reserved for another Service is refused",
        [service(cluster_ips=["10.96.0.10"])],
        {"reservation": Reservation(cluster_ips={"10.96.0.10": "kube-system/kube-dns"})},
        [
            (
                "web",
                "cluster-ip-taken",
                (
                    'spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is '
                    "already allocated (reserved for kube-system/kube-dns)"
                ),
            )
        ],
    ),
    Row(
        "when all addresses are taken, the range is full",
        [*(service(f"web-{number}") for number in (1, 2, 3))],
        {"service_cidrs": ["10.96.0.0/30"]},
        [
            (
                "web-3",
                "cluster-ip-range-full",
                f"{FULL} (10.96.0.0/30)",
            )
        ],
    ),
    Row(
        "a full second family refuses the whole Service",
        [service("a", ip_families=["IPv6"]), service("b", ip_family_policy="PreferDualStack")],
        {"service_cidrs": ["10.96.0.0/16", "fd00::/127"]},
        [
            (
                "b",
                "cluster-ip-range-full",
                f"{FULL} (fd00::/127)",
            )
        ],
    ),
    Row(
        "what is no address is refused",
        [service(cluster_ips=["web"])],
        {},
        [
            (
                "web",
                "cluster-ip-invalid",
                f'spec.clusterIPs[0]: Invalid value: "web": {NO_ADDRESS}',
            )
        ],
    ),
    Row(
        "two addresses of one family are refused",
        [service(cluster_ips=["10.96.0.1", "10.96.0.2"], ip_family_policy="PreferDualStack")],
        {},
        [
            (
                "web",
                "cluster-ips-same-family",
                (
                    'spec.clusterIPs: Invalid value: ["10.96.0.1","10.96.0.2"]: may specify no more than one IP '
                    "for each "
                    "IP family"
                ),
            )
        ],
    ),
    Row(
        "an address must be of the family that is named for it",
        [service(cluster_ips=["10.96.0.1"], ip_families=["IPv6"])],
        {},
        [
            (
                "web",
                "cluster-ip-wrong-family",
                (
                    'spec.clusterIPs[0]: Invalid value: "10.96.0.1": expected an IPv6 value as indicated by '
                    "`ipFamilies[0]`"
                ),
            )
        ],
    ),
    Row(
        "an address of a family that the cluster does not have is refused",
        [service(cluster_ips=["fd00::1"])],
        {"service_cidrs": IPV4},
        [
            (
                "web",
                "cluster-ip-family-not-configured",
                'spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster',
            )
        ],
    ),
    Row(
        "so is the family by its name",
        [service(ip_families=["IPv6"])],
        {"service_cidrs": IPV4},
        [
            (
                "web",
                "ip-family-not-configured",
                'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
            )
        ],
    ),
    Row(
        "two families cannot be required where there is one",
        [service(ip_family_policy="RequireDualStack")],
        {"service_cidrs": IPV4},
        [
            (
                "web",
                "not-dual-stack",
                (
                    'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for '
                    "dual-stack "
                    "services"
                ),
            )
        ],
    ),
    Row(
        "two addresses need a policy that allows them",
        [service(cluster_ips=["10.96.0.10", "fd00:96::10"])],
        {},
        [
            (
                "web",
                "single-stack-with-two-families",
                (
                    "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or "
                    "'PreferDualStack' "
                    "when multiple cluster IPs are specified"
                ),
            )
        ],
    ),
    Row(
        "two families do, too",
        [service(ip_families=["IPv4", "IPv6"], ip_family_policy="SingleStack")],
        {},
        [
            (
                "web",
                "single-stack-with-two-families",
                (
                    "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or "
                    "'PreferDualStack' "
                    "when multiple IP families are specified"
                ),
            )
        ],
    ),
]
