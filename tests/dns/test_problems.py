"""What the DNS cannot say as it was declared is said, each rule with its words, its file and its line."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from attrs import field, frozen

from svcc.dns.contract import DnsSettings, Record
from svcc.dns.problems import DNS_RULES
from svcc.dns.records import dns_records
from svcc.errors import SettingsError
from svcc.fields import ObjectReference
from svcc.manifest.load import load_text
from svcc.model.cluster import Cluster
from svcc.model.endpoints import Endpoint, EndpointPort, EndpointSlice
from svcc.model.service import HEADLESS, Service, ServicePort, ServiceType

SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: shop
spec:
  {spec}
---
"""
SLICE = """\
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: db-1
  namespace: shop
  labels:
    kubernetes.io/service-name: db
addressType: IPv4
ports:
- {ports}
endpoints:
"""
HEADLESS_SPEC = "{clusterIP: None, ports: [{name: http, port: 80}]}"


def service(name: str, spec: str) -> str:
    return SERVICE.format(name=name, spec=spec.replace("\n", "\n  "))


def external(name: str, target: str) -> str:
    return service(name, f"type: ExternalName\nexternalName: {target}")


def endpoint_slice(*endpoints: str, ports: str = "{name: http, port: 80}") -> str:
    return SLICE.format(ports=ports) + "".join(f"- {endpoint}\n" for endpoint in endpoints)


@frozen
class Row:
    sentence: str
    text: str
    said: Sequence[tuple[int, str, str]]
    """Line, rule, message."""
    settings: DnsSettings = field(factory=DnsSettings)

    def __str__(self) -> str:
        return self.sentence


LONG_ZONE = ".".join(["z" * 60] * 3)
ROWS = [
    Row(
        "a Service without cluster IP has no name",
        service("web", "ports:\n- port: 80"),
        [(6, "dns/no-cluster-ip", "spec.clusterIP: there is no cluster IP yet, so there are no records")],
    ),
    Row(
        "the port of the endpoints is not that of the Service",
        service("db", "clusterIP: None\nports:\n- name: http\n  port: 80")
        + endpoint_slice("addresses: [10.0.0.1]", ports="{name: http, port: 8080}"),
        [
            (
                10,
                "dns/port-differs",
                "spec.ports[0].port: SRV records of http say 8080, the endpoints' port, not 80",
            )
        ],
    ),
    Row(
        "a port of the Service is none of the endpoints",
        service("db", "clusterIP: None\nports:\n- name: https\n  port: 443") + endpoint_slice("addresses: [10.0.0.1]"),
        [
            (
                9,
                "dns/port-without-record",
                'spec.ports[0].name: no EndpointSlice has a port "https" TCP, so it has no SRV record',
            )
        ],
    ),
    Row(
        "two pods have one hostname",
        service("db", HEADLESS_SPEC)
        + endpoint_slice(
            "{addresses: [10.0.0.1], hostname: db-0, targetRef: {kind: Pod, name: a}}",
            "{addresses: [10.0.0.2], hostname: db-0, targetRef: {kind: Pod, name: b}}",
        ),
        [(21, "dns/hostname-shared", 'endpoints[1].hostname: "db-0" stands for 10.0.0.1 and 10.0.0.2')],
    ),
    Row(
        "one pod with two addresses may have one hostname",
        service("db", HEADLESS_SPEC)
        + endpoint_slice(
            "{addresses: [10.0.0.1], hostname: db-0, targetRef: {kind: Pod, name: a}}",
            "{addresses: [10.0.0.2], hostname: db-0, targetRef: {kind: Pod, name: a}}",
        ),
        [],
    ),
    Row(
        "an external name is an address",
        external("pay", "192.0.2.7"),
        [
            (
                8,
                "dns/external-name-address",
                'spec.externalName: Invalid value: "192.0.2.7": it is read as a name, which nobody has',
            )
        ],
    ),
    Row(
        "an external name leads to itself",
        external("pay", "pay.shop.svc.cluster.local"),
        [
            (
                8,
                "dns/alias-loop",
                (
                    "spec.externalName: it leads in a circle, from pay.shop.svc.cluster.local"
                    " to pay.shop.svc.cluster.local"
                ),
            )
        ],
    ),
    Row(
        "two external names lead to each other",
        external("a", "b.shop.svc.cluster.local") + external("b", "a.shop.svc.cluster.local"),
        [
            (
                8,
                "dns/alias-loop",
                (
                    "spec.externalName: it leads in a circle, from a.shop.svc.cluster.local to b.shop.svc.cluster.local"
                    " to a.shop.svc.cluster.local"
                ),
            ),
            (
                17,
                "dns/alias-loop",
                (
                    "spec.externalName: it leads in a circle, from b.shop.svc.cluster.local to a.shop.svc.cluster.local"
                    " to b.shop.svc.cluster.local"
                ),
            ),
        ],
    ),
    Row(
        "an external name leads to a Service that is not there",
        external("pay", "absent.shop.svc.cluster.local"),
        [
            (
                8,
                "dns/alias-dangling",
                "spec.externalName: absent.shop.svc.cluster.local is a name of this zone that does not exist",
            )
        ],
    ),
    Row(
        "the name of a port fills a label, which leaves no room for its underscore",
        service("web", f"clusterIP: 10.96.0.1\nports:\n- name: {'p' * 63}\n  port: 80"),
        [
            (
                9,
                "dns/name-too-long",
                (
                    f"spec.ports[0].name: no record for _{'p' * 63}._tcp.web.shop.svc.cluster.local.: it or one"
                    " of its labels is too long (96 characters; at most 253, and 63 for a label)"
                ),
            )
        ],
    ),
    Row(
        "the zone's name leaves no room for a Service's",
        service("w" * 63, "clusterIP: 10.96.0.1\nports:\n- port: 80"),
        [
            (
                4,
                "dns/name-too-long",
                (
                    f"metadata.name: no record for {'w' * 63}.shop.svc.{LONG_ZONE}.: it or one of its labels is"
                    " too long (255 characters; at most 253, and 63 for a label)"
                ),
            )
        ],
        DnsSettings(zone=LONG_ZONE),
    ),
    Row(
        "an address is in none of the reverse zones that are given",
        service("web", "clusterIP: 10.96.0.1\nports:\n- port: 80"),
        [(0, "dns/reverse-zone-missing", "1 address is in no reverse zone and without PTR record, such as 10.96.0.1")],
        DnsSettings(reverse_zones=["97.10.in-addr.arpa"]),
    ),
    Row(
        "the name of a pod is no label",
        service("db", HEADLESS_SPEC) + endpoint_slice("{addresses: [10.0.0.1], targetRef: {kind: Pod, name: a.b}}"),
        [
            (
                20,
                "dns/label",
                'endpoints[0].targetRef.name: Invalid value: "a.b": is no label; the name is 10-0-0-1',
            )
        ],
        DnsSettings(flavour="coredns", endpoint_pod_names=True),
    ),
    Row(
        "everything is in order",
        service("db", HEADLESS_SPEC) + endpoint_slice("{addresses: [10.0.0.1], hostname: db-0}"),
        [],
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_problem_is_said_with_its_line(row: Row) -> None:
    loaded = load_text(row.text, file="shop.yaml")
    assert loaded.problems == ()
    problems = dns_records(loaded, row.settings).problems
    found = [(problem.source.line if problem.source else 0, problem.rule, problem.message()) for problem in problems]
    assert found == list(row.said)
    assert all(problem.source is None or problem.source.file == "shop.yaml" for problem in problems)
    assert all(problem.severity is DNS_RULES[problem.rule][0] for problem in problems)


def test_every_rule_has_a_row() -> None:
    elsewhere = {"dns/declared-twice"}
    assert {rule for row in ROWS for _, rule, _ in row.said} | elsewhere == set(DNS_RULES)


def test_of_a_service_declared_twice_in_python_the_later_one_has_the_records() -> None:
    first = Service("web", "shop", type=ServiceType.EXTERNAL_NAME, external_name="a.example.com")
    second = Service("web", "shop", cluster_ips=["10.96.0.1"], ports=[ServicePort(80)])
    records = dns_records([first, second])
    assert [problem.rule for problem in records.problems] == ["dns/declared-twice"]
    assert Record("web.shop.svc.cluster.local.", "A", "10.96.0.1", 5) in records.records
    assert not [record for record in records.records if record.type == "CNAME"]


@pytest.mark.parametrize(
    "evil", ["web\n@ A 6.6.6.6", "web A 6.6.6.6 ;", "$INCLUDE", "web.", "we\\b", '"', "ẞ", "(", "@", ""]
)
def test_nothing_that_somebody_writes_becomes_syntax(evil: str) -> None:
    target = ObjectReference("Pod", evil, evil)
    objects = Cluster(
        [
            Service(evil, "shop", cluster_ips=["10.96.0.1"], ports=[ServicePort(80, "http")]),
            Service("web", evil, cluster_ips=["10.96.0.2"], ports=[ServicePort(80, "http")]),
            Service("port", "shop", cluster_ips=["10.96.0.3"], ports=[ServicePort(80, evil)]),
            Service("external", "shop", type=ServiceType.EXTERNAL_NAME, external_name=evil),
            Service("db", "shop", cluster_ips=[HEADLESS], ports=[ServicePort(80, "http")]),
        ],
        [
            EndpointSlice(
                f"db-{index}",
                "shop",
                service_name="db",
                endpoints=[Endpoint([f"10.0.0.{index}"], hostname=hostname, target=target)],
                ports=[EndpointPort(80, port)],
            )
            for index, (hostname, port) in enumerate([(evil, "http"), (None, "http"), (None, evil)])
        ],
    )
    for settings in (DnsSettings(), DnsSettings(flavour="coredns", pods="verified", endpoint_pod_names=True)):
        for record in dns_records(objects, settings).records:
            text = f"{record.name} {record.data}"
            assert evil == "" or evil not in text.replace('"1.1.0"', "").replace("web.", "web-")
            assert text.isascii()
            assert text.isprintable()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"zone": "."}, "zone: '.' is no domain name"),
        ({"zone": ""}, "zone: '' is no domain name"),
        ({"zone": "a..b"}, "zone: 'a..b' is no domain name"),
        ({"zone": "a b"}, "zone: 'a b' is no domain name"),
        ({"zone": "under_score.local"}, "zone: 'under_score.local' is no domain name"),
        ({"zone": "cluster\u212a.local"}, "is no domain name"),
        ({"zone": ".".join(["z" * 60] * 4)}, "241 characters at most"),
        ({"zone": "10.in-addr.arpa"}, "zone: '10.in-addr.arpa.' is a zone for reverse look-ups"),
        ({"ttl": -1}, "ttl: -1 is not in the range 0 to 2147483647"),
        ({"serial": 2**32}, "serial: 4294967296 is not in the range 0 to 4294967295"),
        ({"reverse_zones": ["example.com"]}, "reverse_zones: 'example.com.' is neither in-addr.arpa nor ip6.arpa"),
        ({"nameserver_addresses": ["ns1"]}, "nameserver_addresses: 'ns1' is no IP address"),
        ({"pods": "verified"}, "pods: only CoreDNS has this option; it needs the flavour coredns"),
        ({"endpoint_pod_names": True}, "endpoint_pod_names: only CoreDNS"),
        ({"ignore_empty_services": True}, "ignore_empty_services: only CoreDNS"),
        ({"without_endpoints": True}, "without_endpoints: only CoreDNS"),
    ],
)
def test_settings_that_make_no_sense_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        DnsSettings(**fields)  # type: ignore[arg-type]
    assert message in raised.value.message
