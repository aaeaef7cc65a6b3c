"""Rows for what CoreDNS adds, D30 to D39; each has a zone of its own, so that one server can have them all."""

from __future__ import annotations

from svcc.dns.contract import DnsSettings
from svcc.fields import ObjectReference
from svcc.model.endpoints import Endpoint
from svcc.model.service import Service, ServicePort, ServiceType
from tests.dns.row import NODATA, NXDOMAIN, Row
from tests.dns.specification_rows import HTTP, headless, slices


def coredns(zone: str, **options: object) -> DnsSettings:
    return DnsSettings(zone=zone, flavour="coredns", **options)  # type: ignore[arg-type]


def pod(name: str, namespace: str = "shop") -> ObjectReference:
    return ObjectReference("Pod", name, namespace)


COREDNS_ROWS = [
    Row(
        "D30",
        "verified pods are those that some slice names, ready or not",
        [
            headless("shop"),
            slices(
                "shop",
                Endpoint(["10.130.0.1"], target=pod("db-0")),
                Endpoint(["10.130.0.2"], target=pod("db-1"), ready=False),
                Endpoint(["10.130.0.3"]),
            ),
            slices("shop", Endpoint(["fd00:130::1"], target=pod("db-0")), family="IPv6", name="db-six"),
        ],
        {
            ("10-130-0-1.shop.pod.d30.example", "A"): ["A 10.130.0.1"],
            ("10-130-0-1.shop.pod.d30.example", "AAAA"): NODATA,
            ("10-130-0-2.shop.pod.d30.example", "A"): ["A 10.130.0.2"],
            ("fd00-130--1.shop.pod.d30.example", "AAAA"): ["AAAA fd00:130::1"],
            ("10-130-0-3.shop.pod.d30.example", "A"): NXDOMAIN,
            ("10-130-0-1.other.pod.d30.example", "A"): NXDOMAIN,
            ("shop.pod.d30.example", "A"): NODATA,
        },
        coredns("d30.example", pods="verified"),
    ),
    Row(
        "D30",
        "insecure pods have any address in a namespace that exists",
        [Service("web", "shop", cluster_ips=["10.130.1.10"], ports=[HTTP])],
        {},
        coredns("d30i.example", pods="insecure"),
        unserved={
            ("10-0-0-7.shop.pod.d30i.example", "A"): ["A 10.0.0.7"],
            ("10-0-0-7.shop.pod.d30i.example", "AAAA"): NODATA,
            ("fd00--7.shop.pod.d30i.example", "AAAA"): ["AAAA fd00::7"],
            ("10-0-0-777.shop.pod.d30i.example", "A"): NXDOMAIN,
            ("10-0-0-7.absent.pod.d30i.example", "A"): NXDOMAIN,
            ("10-0-0-7.shop.svc.d30i.example", "A"): NXDOMAIN,
        },
    ),
    Row(
        "D31",
        "an endpoint without hostname has its pod's name, if that is one label",
        [
            headless("shop"),
            slices(
                "shop",
                Endpoint(["10.131.0.1"], target=pod("db-0")),
                Endpoint(["10.131.0.2"], target=pod("db.1")),
                Endpoint(["10.131.0.3"], target=pod("db-2"), hostname="two"),
            ),
        ],
        {
            ("db-0.db.shop.svc.d31.example", "A"): ["A 10.131.0.1"],
            ("10-131-0-1.db.shop.svc.d31.example", "A"): NXDOMAIN,
            ("10-131-0-2.db.shop.svc.d31.example", "A"): ["A 10.131.0.2"],
            ("two.db.shop.svc.d31.example", "A"): ["A 10.131.0.3"],
            ("1.0.131.10.in-addr.arpa", "PTR"): NXDOMAIN,
            ("3.0.131.10.in-addr.arpa", "PTR"): ["PTR two.db.shop.svc.d31.example."],
        },
        coredns("d31.example", endpoint_pod_names=True),
        said=["dns/label"],
    ),
    Row(
        "D32",
        "a Service without ready endpoints does not exist, while an external name does",
        [
            Service("db", "shop", cluster_ips=["10.132.0.10"], ports=[HTTP]),
            slices("shop", Endpoint(["10.132.1.1"], ready=False)),
            Service("web", "shop", cluster_ips=["10.132.0.11"], ports=[HTTP]),
            Service("pay", "shop", type=ServiceType.EXTERNAL_NAME, external_name="pay.example.com"),
        ],
        {
            ("db.shop.svc.d32.example", "A"): NXDOMAIN,
            ("web.shop.svc.d32.example", "A"): NXDOMAIN,
            ("_http._tcp.db.shop.svc.d32.example", "SRV"): NXDOMAIN,
            ("pay.shop.svc.d32.example", "A"): ["CNAME pay.example.com."],
        },
        coredns("d32.example", ignore_empty_services=True),
    ),
    Row(
        "D32",
        "a Service with a ready endpoint exists",
        [
            Service("db", "shop", cluster_ips=["10.132.2.10"], ports=[HTTP]),
            slices("shop", Endpoint(["10.132.3.1"])),
        ],
        {("db.shop.svc.d32r.example", "A"): ["A 10.132.2.10"]},
        coredns("d32r.example", ignore_empty_services=True, reverse_zones=["2.132.10.in-addr.arpa"]),
    ),
    Row(
        "D33",
        "headless Services and endpoints do not exist, cluster IPs do",
        [
            headless("shop"),
            slices("shop", Endpoint(["10.133.0.1"], hostname="db-0")),
            Service("web", "shop", cluster_ips=["10.133.1.10"], ports=[HTTP]),
        ],
        {
            ("db.shop.svc.d33.example", "A"): NXDOMAIN,
            ("db-0.db.shop.svc.d33.example", "A"): NXDOMAIN,
            ("1.0.133.10.in-addr.arpa", "PTR"): NXDOMAIN,
            ("web.shop.svc.d33.example", "A"): ["A 10.133.1.10"],
        },
        coredns("d33.example", without_endpoints=True),
    ),
    Row(
        "D35",
        "a namespace exists even if none of its Services does",
        [headless("shop")],
        {},
        coredns("d35.example"),
        unserved={
            ("shop.svc.d35.example", "A"): NODATA,
            ("svc.d35.example", "A"): NODATA,
            ("db.shop.svc.d35.example", "A"): NXDOMAIN,
            ("absent.svc.d35.example", "A"): NXDOMAIN,
        },
    ),
    Row(
        "D36 D37",
        "the SRV records of endpoints share a weight of 100, also those of the Service itself",
        [
            headless("shop"),
            slices(
                "shop",
                Endpoint(["10.136.0.1"], hostname="db-0"),
                Endpoint(["10.136.0.2"], hostname="db-1"),
                Endpoint(["10.136.0.3"], hostname="db-2"),
            ),
        ],
        {
            (name, "SRV"): [f"SRV 0 33 8080 db-{index}.db.shop.svc.d36.example." for index in range(3)]
            for name in ("_http._tcp.db.shop.svc.d36.example", "db.shop.svc.d36.example")
        },
        coredns("d36.example"),
    ),
    Row(
        "D37",
        "an SRV question for a Service is answered with all its ports, unnamed ones too",
        [
            Service("web", "shop", cluster_ips=["10.137.0.10"], ports=[HTTP, ServicePort(443, "https")]),
            Service("one", "shop", cluster_ips=["10.137.0.11"], ports=[ServicePort(80)]),
        ],
        {
            ("web.shop.svc.d37.example", "SRV"): [
                "SRV 0 50 80 web.shop.svc.d37.example.",
                "SRV 0 50 443 web.shop.svc.d37.example.",
            ],
            ("one.shop.svc.d37.example", "SRV"): ["SRV 0 100 80 one.shop.svc.d37.example."],
            ("_https._tcp.web.shop.svc.d37.example", "SRV"): ["SRV 0 100 443 web.shop.svc.d37.example."],
        },
        coredns("d37.example"),
    ),
    Row(
        "D38",
        "endpoints of a Service with a cluster IP have names, and an address that is both leads to the Service",
        [
            Service("db", "shop", cluster_ips=["10.138.0.10"], ports=[HTTP]),
            slices(
                "shop",
                Endpoint(["10.138.0.1"], hostname="db-0"),
                Endpoint(["10.138.0.2"]),
                Endpoint(["10.138.0.10"], hostname="odd"),
            ),
        ],
        {
            ("db-0.db.shop.svc.d38.example", "A"): ["A 10.138.0.1"],
            ("10-138-0-2.db.shop.svc.d38.example", "A"): ["A 10.138.0.2"],
            ("db.shop.svc.d38.example", "A"): ["A 10.138.0.10"],
            ("1.0.138.10.in-addr.arpa", "PTR"): ["PTR db-0.db.shop.svc.d38.example."],
            ("10.0.138.10.in-addr.arpa", "PTR"): ["PTR db.shop.svc.d38.example."],
        },
        coredns("d38.example"),
    ),
    Row(
        "D39",
        "an external name that is an address has no record",
        [Service("pay", "shop", type=ServiceType.EXTERNAL_NAME, external_name="192.0.2.7")],
        {("pay.shop.svc.d39.example", "A"): NXDOMAIN},
        coredns("d39.example"),
        said=["dns/external-name-address"],
    ),
]
