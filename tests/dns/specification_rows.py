"""Rows for the rules of the specification, D1 to D21, and for what every zone has."""

from __future__ import annotations

from svcc.dns.contract import DnsSettings
from svcc.model.endpoints import Endpoint, EndpointPort, EndpointSlice
from svcc.model.service import HEADLESS, IPFamilyPolicy, Protocol, Service, ServicePort, ServiceType
from tests.dns.row import NODATA, NXDOMAIN, Row

HTTP = ServicePort(80, "http")
DUAL = IPFamilyPolicy.REQUIRE_DUAL_STACK
TOLERANT = {"service.alpha.kubernetes.io/tolerate-unready-endpoints": "true"}
OTHER = DnsSettings(zone="Prod.Example.ORG")


def headless(namespace: str, ports: list[ServicePort] | None = None, **fields: object) -> Service:
    listed = [ServicePort(8080, "http")] if ports is None else ports
    return Service("db", namespace, cluster_ips=[HEADLESS], ports=listed, **fields)  # type: ignore[arg-type]


def slices(
    namespace: str,
    *endpoints: Endpoint,
    port: int = 8080,
    family: str = "IPv4",
    name: str = "db-1",
    port_name: str = "http",
) -> EndpointSlice:
    return EndpointSlice(
        name,
        namespace,
        service_name="db",
        address_type=family,
        endpoints=endpoints,
        ports=[EndpointPort(port, port_name)],
    )


SPECIFICATION_ROWS = [
    Row("D1", "the schema's version is a TXT record", (), {("dns-version.cluster.local", "TXT"): ['TXT "1.1.0"']}),
    Row(
        "D2 D20",
        "a cluster IP is an A record, and AAAA is NODATA",
        [Service("web", "one-address", cluster_ips=["10.96.1.10"], ports=[HTTP])],
        {
            ("web.one-address.svc.cluster.local", "A"): ["A 10.96.1.10"],
            ("web.one-address.svc.cluster.local", "AAAA"): NODATA,
            ("web.one-address.svc.cluster.local", "TXT"): NODATA,
            ("absent.one-address.svc.cluster.local", "A"): NXDOMAIN,
            ("web.absent.svc.cluster.local", "A"): NXDOMAIN,
            ("below.web.one-address.svc.cluster.local", "A"): NXDOMAIN,
        },
    ),
    Row(
        "D2 D6",
        "a Service of both families has A and AAAA, and PTR in both trees",
        [Service("web", "dual", cluster_ips=["10.96.2.10", "FD00:96::2:0A"], ip_family_policy=DUAL, ports=[HTTP])],
        {
            ("web.dual.svc.cluster.local", "A"): ["A 10.96.2.10"],
            ("web.dual.svc.cluster.local", "AAAA"): ["AAAA fd00:96::2:a"],
            ("10.2.96.10.in-addr.arpa", "PTR"): ["PTR web.dual.svc.cluster.local."],
            ("a.0.0.0.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.0.d.f.ip6.arpa", "PTR"): [
                "PTR web.dual.svc.cluster.local."
            ],
            ("11.2.96.10.in-addr.arpa", "PTR"): NXDOMAIN,
            ("2.96.10.in-addr.arpa", "PTR"): NODATA,
            ("10.2.96.10.in-addr.arpa", "A"): NODATA,
        },
        said=["service/ip-not-canonical"],
    ),
    Row(
        "D2",
        "a Service of IPv6 alone has no A record",
        [Service("web", "six", cluster_ips=["fd00:96::6"], ports=[HTTP])],
        {
            ("web.six.svc.cluster.local", "AAAA"): ["AAAA fd00:96::6"],
            ("web.six.svc.cluster.local", "A"): NODATA,
        },
    ),
    Row(
        "D3 D20",
        "a named port is an SRV record to the Service with the Service's port, whatever that of the endpoints",
        [
            Service("db", "named-port", cluster_ips=["10.96.3.10"], ports=[HTTP]),
            slices("named-port", Endpoint(["10.244.3.1"]), port=8080),
        ],
        {
            ("_http._tcp.db.named-port.svc.cluster.local", "SRV"): ["SRV 0 100 80 db.named-port.svc.cluster.local."],
            ("_http._tcp.db.named-port.svc.cluster.local", "A"): NODATA,
            ("_tcp.db.named-port.svc.cluster.local", "SRV"): NODATA,
            ("_https._tcp.db.named-port.svc.cluster.local", "SRV"): NXDOMAIN,
            ("_http._udp.db.named-port.svc.cluster.local", "SRV"): NXDOMAIN,
            ("db.named-port.svc.cluster.local", "SRV"): NODATA,
            ("10-244-3-1.db.named-port.svc.cluster.local", "A"): NXDOMAIN,
        },
    ),
    Row(
        "D3",
        "a named port of a Service of both families has one SRV record",
        [Service("web", "dual-port", cluster_ips=["10.96.3.20", "fd00:96::3:20"], ip_family_policy=DUAL, ports=[HTTP])],
        {
            ("_http._tcp.web.dual-port.svc.cluster.local", "SRV"): ["SRV 0 100 80 web.dual-port.svc.cluster.local."],
        },
    ),
    Row(
        "D4",
        "an unnamed port has no SRV record",
        [Service("web", "unnamed", cluster_ips=["10.96.4.10"], ports=[ServicePort(80)])],
        {
            ("web.unnamed.svc.cluster.local", "A"): ["A 10.96.4.10"],
            ("web.unnamed.svc.cluster.local", "SRV"): NODATA,
            ("_tcp.web.unnamed.svc.cluster.local", "SRV"): NXDOMAIN,
        },
    ),
    Row(
        "D4 D11",
        "an unnamed port of a headless Service has no SRV record",
        [
            headless("unnamed-headless", [ServicePort(8080)]),
            slices("unnamed-headless", Endpoint(["10.244.4.1"]), port_name=""),
        ],
        {
            ("db.unnamed-headless.svc.cluster.local", "A"): ["A 10.244.4.1"],
            ("_tcp.db.unnamed-headless.svc.cluster.local", "SRV"): NXDOMAIN,
        },
    ),
    Row(
        "D5 D3",
        "one port name under several protocols has an SRV record for each, protocols in lower case",
        [
            Service(
                "dns",
                "protocols",
                cluster_ips=["10.96.5.10"],
                ports=[
                    ServicePort(53, "udp-port", Protocol.UDP),
                    ServicePort(5353, "sctp-port", Protocol.SCTP),
                    ServicePort(53, "tcp-port"),
                ],
            )
        ],
        {
            ("_udp-port._udp.dns.protocols.svc.cluster.local", "SRV"): [
                "SRV 0 100 53 dns.protocols.svc.cluster.local."
            ],
            ("_sctp-port._sctp.dns.protocols.svc.cluster.local", "SRV"): [
                "SRV 0 100 5353 dns.protocols.svc.cluster.local."
            ],
            ("_tcp-port._udp.dns.protocols.svc.cluster.local", "SRV"): NXDOMAIN,
        },
    ),
    Row(
        "D7 D15 D20",
        "a headless Service stands for its ready endpoints, and for one whose readiness is unknown",
        [
            headless("ready"),
            slices(
                "ready",
                Endpoint(["10.244.7.1"], ready=True),
                Endpoint(["10.244.7.2"]),
                Endpoint(["10.244.7.3"], ready=False),
                Endpoint(["10.244.7.4"], ready=False, serving=True, terminating=True),
            ),
        ],
        {
            ("db.ready.svc.cluster.local", "A"): ["A 10.244.7.1", "A 10.244.7.2"],
            ("db.ready.svc.cluster.local", "AAAA"): NODATA,
            ("10-244-7-3.db.ready.svc.cluster.local", "A"): NXDOMAIN,
        },
    ),
    Row(
        "D7",
        "a headless Service of both families has A and AAAA from slices of each, and names no address twice",
        [
            headless("headless-dual"),
            slices("headless-dual", Endpoint(["10.244.7.11", "10.244.7.99"]), Endpoint(["10.244.7.12"])),
            slices("headless-dual", Endpoint(["10.244.7.12"]), name="db-2"),
            slices("headless-dual", Endpoint(["fd00:244::7:11"]), family="IPv6", name="db-3"),
            slices("headless-dual", Endpoint(["pod.example.com"]), family="FQDN", name="db-4"),
        ],
        {
            ("db.headless-dual.svc.cluster.local", "A"): ["A 10.244.7.11", "A 10.244.7.12"],
            ("db.headless-dual.svc.cluster.local", "AAAA"): ["AAAA fd00:244::7:11"],
        },
        said=["endpoint-slice/fqdn-deprecated"],
    ),
    Row(
        "D8 D20",
        "a headless Service without ready endpoints does not exist",
        [headless("unready"), slices("unready", Endpoint(["10.244.8.1"], ready=False, hostname="zero"))],
        {
            ("db.unready.svc.cluster.local", "A"): NXDOMAIN,
            ("zero.db.unready.svc.cluster.local", "A"): NXDOMAIN,
            ("_http._tcp.db.unready.svc.cluster.local", "SRV"): NXDOMAIN,
        },
    ),
    Row(
        "D8",
        "a headless Service without slices does not exist",
        [headless("sliceless"), Service("web", "sliceless", cluster_ips=["10.96.8.10"], ports=[HTTP])],
        {("db.sliceless.svc.cluster.local", "A"): NXDOMAIN, ("sliceless.svc.cluster.local", "A"): NODATA},
    ),
    Row(
        "D9 D13",
        "a hostname is a name below the Service's for all its addresses, and each address leads back to it",
        [
            headless("hostname"),
            slices("hostname", Endpoint(["10.244.9.1"], hostname="db-0"), Endpoint(["10.244.9.2"], hostname="db-1")),
            slices("hostname", Endpoint(["fd00:244::9:1"], hostname="db-0"), family="IPv6", name="db-six"),
        ],
        {
            ("db-0.db.hostname.svc.cluster.local", "A"): ["A 10.244.9.1"],
            ("db-0.db.hostname.svc.cluster.local", "AAAA"): ["AAAA fd00:244::9:1"],
            ("db-1.db.hostname.svc.cluster.local", "A"): ["A 10.244.9.2"],
            ("db.hostname.svc.cluster.local", "A"): ["A 10.244.9.1", "A 10.244.9.2"],
            ("10-244-9-1.db.hostname.svc.cluster.local", "A"): NXDOMAIN,
            ("1.9.244.10.in-addr.arpa", "PTR"): ["PTR db-0.db.hostname.svc.cluster.local."],
            ("1.0.0.0.9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.4.4.2.0.0.0.d.f.ip6.arpa", "PTR"): [
                "PTR db-0.db.hostname.svc.cluster.local."
            ],
        },
    ),
    Row(
        "D9",
        "two endpoints with one hostname share its name, which is said",
        [
            headless("shared"),
            slices("shared", Endpoint(["10.244.9.11"], hostname="db-0"), Endpoint(["10.244.9.12"], hostname="db-0")),
        ],
        {
            ("db-0.db.shared.svc.cluster.local", "A"): ["A 10.244.9.11", "A 10.244.9.12"],
            ("_http._tcp.db.shared.svc.cluster.local", "SRV"): ["SRV 0 100 8080 db-0.db.shared.svc.cluster.local."],
            ("11.9.244.10.in-addr.arpa", "PTR"): ["PTR db-0.db.shared.svc.cluster.local."],
            ("12.9.244.10.in-addr.arpa", "PTR"): ["PTR db-0.db.shared.svc.cluster.local."],
        },
        said=["dns/hostname-shared"],
    ),
    Row(
        "D10 D13",
        "an endpoint without hostname is named after its address, and its address leads nowhere",
        [
            headless("nameless"),
            slices("nameless", Endpoint(["10.244.10.7"]), Endpoint(["10.244.10.8"], hostname="db-0")),
            slices("nameless", Endpoint(["fd00:244::10:7"]), Endpoint(["fd00:244:10::"]), family="IPv6", name="db-six"),
        ],
        {
            ("10-244-10-7.db.nameless.svc.cluster.local", "A"): ["A 10.244.10.7"],
            ("fd00-244--10-7.db.nameless.svc.cluster.local", "AAAA"): ["AAAA fd00:244::10:7"],
            ("fd00-244-10--0.db.nameless.svc.cluster.local", "AAAA"): ["AAAA fd00:244:10::"],
            ("7.10.244.10.in-addr.arpa", "PTR"): NXDOMAIN,
            ("8.10.244.10.in-addr.arpa", "PTR"): ["PTR db-0.db.nameless.svc.cluster.local."],
        },
    ),
    Row(
        "D11",
        "each ready endpoint and named port of a headless Service is an SRV record to the endpoint's name",
        [
            headless("headless-srv"),
            slices(
                "headless-srv",
                Endpoint(["10.244.11.1"], hostname="db-0"),
                Endpoint(["10.244.11.2"]),
                Endpoint(["10.244.11.3"], ready=False),
            ),
        ],
        {
            ("_http._tcp.db.headless-srv.svc.cluster.local", "SRV"): [
                "SRV 0 100 8080 db-0.db.headless-srv.svc.cluster.local.",
                "SRV 0 100 8080 10-244-11-2.db.headless-srv.svc.cluster.local.",
            ],
        },
    ),
    Row(
        "D12",
        "the port of a headless Service's SRV record is that of the slice, and the difference is said",
        [headless("port-differs", [HTTP]), slices("port-differs", Endpoint(["10.244.12.1"], hostname="db-0"))],
        {
            ("_http._tcp.db.port-differs.svc.cluster.local", "SRV"): [
                "SRV 0 100 8080 db-0.db.port-differs.svc.cluster.local."
            ],
        },
        said=["dns/port-differs"],
    ),
    Row(
        "D14 D20",
        "an external name is a CNAME, and nothing else",
        [
            Service("pay", "external", type=ServiceType.EXTERNAL_NAME, external_name="pay.example.com.", ports=[HTTP]),
        ],
        {
            ("pay.external.svc.cluster.local", "CNAME"): ["CNAME pay.example.com."],
            ("pay.external.svc.cluster.local", "A"): ["CNAME pay.example.com."],
            ("_http._tcp.pay.external.svc.cluster.local", "SRV"): NXDOMAIN,
        },
    ),
    Row(
        "D14",
        "an external name inside the zone leads to the records of the Service there",
        [
            Service("web", "internal", cluster_ips=["10.96.14.10"], ports=[HTTP]),
            Service("pay", "internal", type=ServiceType.EXTERNAL_NAME, external_name="web.internal.svc.cluster.local"),
        ],
        {
            ("pay.internal.svc.cluster.local", "A"): ["CNAME web.internal.svc.cluster.local.", "A 10.96.14.10"],
            ("pay.internal.svc.cluster.local", "AAAA"): ["CNAME web.internal.svc.cluster.local."],
        },
    ),
    Row(
        "D16 D11 D13",
        "publishNotReadyAddresses publishes endpoints that are not ready",
        [
            headless("publish", publish_not_ready_addresses=True),
            slices("publish", Endpoint(["10.244.16.1"], ready=False, hostname="db-0")),
        ],
        {
            ("db.publish.svc.cluster.local", "A"): ["A 10.244.16.1"],
            ("db-0.db.publish.svc.cluster.local", "A"): ["A 10.244.16.1"],
            ("_http._tcp.db.publish.svc.cluster.local", "SRV"): ["SRV 0 100 8080 db-0.db.publish.svc.cluster.local."],
            ("1.16.244.10.in-addr.arpa", "PTR"): ["PTR db-0.db.publish.svc.cluster.local."],
        },
    ),
    Row(
        "D17",
        "the annotation of old does so, too",
        [
            headless("tolerate", annotations=TOLERANT),
            slices("tolerate", Endpoint(["10.244.17.1"], ready=False)),
        ],
        {("db.tolerate.svc.cluster.local", "A"): ["A 10.244.17.1"]},
    ),
    Row(
        "D17",
        "the annotation with the value false does not",
        [
            headless("intolerant", annotations={next(iter(TOLERANT)): "false"}),
            slices("intolerant", Endpoint(["10.244.17.2"], ready=False)),
        ],
        {("db.intolerant.svc.cluster.local", "A"): NXDOMAIN},
    ),
    Row(
        "D18 D6 D1",
        "another zone has all names",
        [Service("web", "other-zone", cluster_ips=["10.118.0.10"], ports=[HTTP])],
        {
            ("web.other-zone.svc.prod.example.org", "A"): ["A 10.118.0.10"],
            ("_http._tcp.web.other-zone.svc.prod.example.org", "SRV"): [
                "SRV 0 100 80 web.other-zone.svc.prod.example.org."
            ],
            ("dns-version.prod.example.org", "TXT"): ['TXT "1.1.0"'],
            ("10.0.118.10.in-addr.arpa", "PTR"): ["PTR web.other-zone.svc.prod.example.org."],
        },
        settings=OTHER,
    ),
    Row(
        "D19",
        "the case of a question does not matter",
        [Service("web", "case", cluster_ips=["10.96.19.10"], ports=[HTTP])],
        {
            ("WEB.Case.SVC.Cluster.Local", "A"): ["A 10.96.19.10"],
            ("_HTTP._TCP.web.case.svc.cluster.local", "SRV"): ["SRV 0 100 80 web.case.svc.cluster.local."],
            ("10.19.96.10.IN-ADDR.ARPA", "PTR"): ["PTR web.case.svc.cluster.local."],
        },
    ),
    Row(
        "D20",
        "names that only have others below them exist",
        [Service("web", "above", cluster_ips=["10.96.20.10"], ports=[HTTP])],
        {
            ("svc.cluster.local", "A"): NODATA,
            ("above.svc.cluster.local", "A"): NODATA,
            ("cluster.local", "A"): NODATA,
            ("pod.cluster.local", "A"): NXDOMAIN,
        },
    ),
    Row(
        "D21",
        "Services with node ports and load balancers have the records of their cluster IPs",
        [
            Service("node", "wider", type=ServiceType.NODE_PORT, cluster_ips=["10.96.21.10"], ports=[HTTP]),
            Service("load", "wider", type=ServiceType.LOAD_BALANCER, cluster_ips=["10.96.21.11"], ports=[HTTP]),
        ],
        {
            ("node.wider.svc.cluster.local", "A"): ["A 10.96.21.10"],
            ("load.wider.svc.cluster.local", "A"): ["A 10.96.21.11"],
            ("11.21.96.10.in-addr.arpa", "PTR"): ["PTR load.wider.svc.cluster.local."],
        },
    ),
    Row(
        "D34",
        "the zone names its server, which without better knowledge is the machine itself",
        (),
        {
            ("cluster.local", "NS"): ["NS ns.dns.cluster.local."],
            ("ns.dns.cluster.local", "A"): ["A 127.0.0.1"],
        },
    ),
    Row(
        "D34",
        "the zone's server has the addresses that are given",
        (),
        {("ns.dns.given.example", "A"): ["A 192.0.2.53"], ("ns.dns.given.example", "AAAA"): ["AAAA 2001:db8::53"]},
        settings=DnsSettings(zone="given.example", nameserver_addresses=["192.0.2.53", "2001:DB8::53"]),
    ),
    Row(
        "D34",
        "the zone's server has the addresses of the cluster's DNS Service",
        [Service("kube-dns", "kube-system", cluster_ips=["10.134.0.10"], ports=[HTTP])],
        {("ns.dns.found.example", "A"): ["A 10.134.0.10"]},
        settings=DnsSettings(zone="found.example"),
    ),
]
