"""What holds for the zones of any cluster."""

from __future__ import annotations

import itertools
import random
import re
from ipaddress import IPv4Address, ip_address

from hypothesis import given
from hypothesis import strategies as st

from svcc.addresses import IPFamily, canonical_address, family_of
from svcc.compiler.compilation import declared_cluster
from svcc.dns.contract import Answer, AnswerStatus, DnsFlavour, DnsRecords, DnsSettings, DnsZone, PodNames, Record
from svcc.dns.dnspython import verify_zone
from svcc.dns.lookup import NameIndex
from svcc.dns.names import address_of_dashes, dashed_address, record_order, reverse_name
from svcc.dns.records import dns_records
from svcc.dns.zone import zone_lines
from svcc.fields import ObjectReference
from svcc.model.cluster import Cluster
from svcc.model.endpoints import Endpoint, EndpointPort, EndpointSlice
from svcc.model.service import HEADLESS, Protocol, Service, ServicePort, ServiceType
from tests.strategies import clusters as compiled_clusters

HOST_NAME = re.compile(r"(_[a-z0-9-]+\.){0,2}([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+")
NAMES = st.sampled_from(["web", "db", "a", "x-1", "n" * 63])
NAMESPACES = st.sampled_from(["shop", "default", "m" * 63])
HOSTNAMES = st.none() | st.sampled_from(["db-0", "db-1", "h" * 63, "10-244-0-1"]) | st.text(max_size=5)
ADDRESSES = {
    IPFamily.IPV4: st.integers(1, 12).map("10.244.0.{}".format) | st.ip_addresses(v=4).map(str),
    IPFamily.IPV6: st.integers(1, 12).map("fd00:244::{:x}".format) | st.ip_addresses(v=6).map(str),
}
PORTS = st.tuples(st.sampled_from(["", "http", "p" * 63]), st.sampled_from(Protocol), st.integers(1, 65535))
TARGETS = st.none() | st.builds(
    ObjectReference,
    st.just("Pod"),
    st.sampled_from(["db-0", "db.0", "a b", 'x"\n$INCLUDE /etc/passwd']) | st.text(max_size=9),
    NAMESPACES,
)
EXTERNAL_NAMES = st.sampled_from(
    [
        "pay.example.com",
        "pay.example.com.",
        "web.shop.svc.cluster.local",
        "db.shop.svc.cluster.local",
        "10.0.0.7",
        "a b",
        "x\n",
    ]
)


@st.composite
def services(draw: st.DrawFn) -> Service:
    name, namespace = draw(NAMES), draw(NAMESPACES)
    listed = draw(st.lists(PORTS, min_size=1, max_size=3, unique_by=lambda port: port[0]))
    if len(listed) > 1:
        listed = [port for port in listed if port[0]] or listed[:1]
    ports = [ServicePort(number, port_name, protocol) for port_name, protocol, number in listed]
    kind = draw(st.sampled_from(["cluster", "headless", "external"]))
    if kind == "external":
        return Service(name, namespace, type=ServiceType.EXTERNAL_NAME, external_name=draw(EXTERNAL_NAMES))
    if kind == "headless":
        publish = draw(st.booleans())
        return Service(name, namespace, cluster_ips=[HEADLESS], ports=ports, publish_not_ready_addresses=publish)
    families = draw(st.permutations(list(IPFamily)))[: draw(st.integers(1, 2))]
    addresses = [draw(ADDRESSES[family]) for family in families]
    return Service(name, namespace, cluster_ips=addresses, ip_families=families, ports=ports)


@st.composite
def endpoint_slices(draw: st.DrawFn) -> EndpointSlice:
    family = draw(st.sampled_from(IPFamily))
    endpoints = [
        Endpoint(
            [draw(ADDRESSES[family])],
            ready=draw(st.sampled_from([None, True, False])),
            hostname=draw(HOSTNAMES),
            target=draw(TARGETS),
        )
        for _ in range(draw(st.integers(0, 4)))
    ]
    ports = [EndpointPort(number, name, protocol) for name, protocol, number in draw(st.lists(PORTS, max_size=2))]
    return EndpointSlice(
        f"s-{draw(st.integers(0, 99))}",
        draw(NAMESPACES),
        service_name=draw(NAMES),
        address_type=family.value,
        endpoints=endpoints,
        ports=ports,
    )


CLUSTERS = (
    st.builds(
        Cluster,
        st.lists(services(), max_size=6, unique_by=lambda service: (service.namespace, service.name)),
        st.lists(endpoint_slices(), max_size=6),
    )
    | compiled_clusters()
)
LONG_ZONE = ".".join(["z" * 60] * 2)


@st.composite
def settings(draw: st.DrawFn) -> DnsSettings:
    zone = draw(st.sampled_from(["cluster.local", "x", LONG_ZONE]))
    if draw(st.booleans()):
        return DnsSettings(zone=zone)
    return DnsSettings(
        zone=zone,
        flavour=DnsFlavour.COREDNS,
        pods=draw(st.sampled_from(PodNames)),
        endpoint_pod_names=draw(st.booleans()),
    )


@given(CLUSTERS, settings())
def test_records_are_sorted_unique_and_made_of_safe_names(cluster: Cluster, chosen: DnsSettings) -> None:
    for zone in dns_records(cluster, chosen).zones:
        keys = [record_order(record) for record in zone.records]
        assert all(one < other for one, other in itertools.pairwise(keys))
        for record in (*zone.authority, *zone.records):
            assert HOST_NAME.fullmatch(record.name)
            assert len(record.name) <= 254
            assert record.name.endswith(f".{zone.name}") or record.name == zone.name
            target = record.data.split(" ")[3 if record.type == "SRV" else 0]
            if record.type in ("SRV", "PTR", "CNAME"):
                assert HOST_NAME.fullmatch(target)
            elif record.type in ("A", "AAAA"):
                assert canonical_address(record.data) == record.data
                assert (record.type == "AAAA") == (family_of(record.data) is IPFamily.IPV6)
        aliases = {record.name for record in zone.records if record.type == "CNAME"}
        assert not aliases & {record.name for record in zone.records if record.type != "CNAME"}


@given(CLUSTERS, settings())
def test_a_zone_file_is_read_back_as_the_same_records(cluster: Cluster, chosen: DnsSettings) -> None:
    for zone in dns_records(cluster, chosen).zones:
        verify_zone(zone, "".join(zone_lines(zone)))


@given(CLUSTERS, settings())
def test_the_lines_of_a_zone_file_say_what_the_records_say_to_the_letter(cluster: Cluster, chosen: DnsSettings) -> None:
    for zone in dns_records(cluster, chosen).zones:
        soa_first = sorted(zone.authority, key=lambda record: record.type != "SOA")
        assert list(zone_lines(zone)) == [f"$ORIGIN {zone.name}\n", *map(expected_line, (*soa_first, *zone.records))]


def expected_line(record: Record) -> str:
    data = record.data
    if record.type == "AAAA" and int(ip_address(data)) < 2**32 and int(ip_address(data)) > 0xFFFF:
        data = f"::{IPv4Address(int(ip_address(data)))}"  # dnspython's way of writing what RFC 4291 deprecates
    return f"{record.name} {record.ttl} IN {record.type} {data}\n"


def test_an_address_that_contains_one_of_ipv4_stays_what_it_is() -> None:
    address = Record("web.shop.svc.cluster.local.", "AAAA", "::102:304", 5)
    zone = DnsZone("cluster.local.", dns_records([]).zones[0].authority, (address,))
    assert "web.shop.svc.cluster.local. 5 IN AAAA ::1.2.3.4\n" in list(zone_lines(zone))
    verify_zone(zone, "".join(zone_lines(zone)))


@given(CLUSTERS, settings(), st.randoms(use_true_random=False))
def test_the_order_of_objects_changes_nothing(cluster: Cluster, chosen: DnsSettings, order: random.Random) -> None:
    mixed = Cluster(
        order.sample(cluster.services, len(cluster.services)),
        order.sample(cluster.endpoint_slices, len(cluster.endpoint_slices)),
    )
    one, other = dns_records(cluster, chosen), dns_records(mixed, chosen)
    names = [(item.namespace, item.name) for item in cluster.services]
    if len(set(names)) == len(names):
        assert one.zones == other.zones


def published(cluster: Cluster, service: Service) -> set[str]:
    """The addresses that a headless Service stands for, told in the plainest way."""
    return {
        address
        for item in cluster.endpoint_slices
        if (item.namespace, item.service_name) == (service.namespace, service.name) and item.address_type != "FQDN"
        for endpoint in item.endpoints
        if endpoint.ready in (None, True) or service.publish_not_ready_addresses
        if (address := canonical_address(endpoint.addresses[0]))
    }


@given(CLUSTERS)
def test_every_service_that_compile_accepts_resolves(cluster: Cluster) -> None:
    accepted, _problems = declared_cluster(cluster)
    index = NameIndex(dns_records(cluster))
    for service in accepted.services:
        if [(other.namespace, other.name) for other in accepted.services].count((service.namespace, service.name)) > 1:
            continue
        name = f"{service.name}.{service.namespace}.svc.cluster.local"
        answers = [index.lookup(name, record_type) for record_type in ("A", "AAAA")]
        if service.type is ServiceType.EXTERNAL_NAME:
            aliases = index.lookup(name, "CNAME").records
            assert [record.data for record in aliases] == [f"{service.external_name.removesuffix('.')}."]
            continue
        wanted = (
            published(accepted, service)
            if service.is_headless
            else {address for text in service.cluster_ips if (address := canonical_address(text))}
        )
        assert {record.data for answer in answers for record in answer.records} == wanted
        assert {answer.status for answer in answers} == {AnswerStatus.NOERROR if wanted else AnswerStatus.NXDOMAIN}
        for port in service.ports if wanted and not service.is_headless else ():
            if port.name and len(port.name) <= 62:
                found = index.lookup(f"_{port.name}._{port.protocol.lower()}.{name}", "SRV").records
                assert [record.data for record in found] == [f"0 100 {port.port} {name}."]


@given(CLUSTERS)
def test_addresses_and_pointers_lead_to_each_other(cluster: Cluster) -> None:
    records = dns_records(cluster)
    index = NameIndex(records)
    hostnames = {
        endpoint.hostname for item in cluster.endpoint_slices for endpoint in item.endpoints if endpoint.hostname
    }
    bare = {f"{item.name}.{item.namespace}.svc.cluster.local." for item in cluster.services if not item.is_headless}
    for record in records.zones[0].records:
        if record.type in ("A", "AAAA") and (record.name in bare or record.name.split(".")[0] in hostnames):
            if record.name.count(".") == 5 and record.name not in bare:
                continue  # the Service's own name, which happens to be a hostname
            pointers = index.lookup(reverse_name(record.data), "PTR").records
            assert record.name in {pointer.data for pointer in pointers}
    for zone in records.zones[1:]:
        for pointer in zone.records:
            answers = [index.lookup(pointer.data, record_type) for record_type in ("A", "AAAA")]
            assert pointer.name in {reverse_name(found.data) for answer in answers for found in answer.records}


@given(CLUSTERS, settings())
def test_each_record_is_looked_up_and_each_name_above_it_exists(cluster: Cluster, chosen: DnsSettings) -> None:
    records = dns_records(cluster, chosen)
    index = NameIndex(records)
    for record in records.records:
        assert record in index.lookup(record.name.upper(), record.type).records
        above = record.name
        while above != index.zone_of(record.name):
            above = above.partition(".")[2]
            assert index.lookup(above, "NAPTR").status is AnswerStatus.NOERROR
        assert index.lookup(f"nobody.{record.name}", "A").status is AnswerStatus.NXDOMAIN


@given(st.ip_addresses().map(str).map(canonical_address))
def test_a_dashed_address_is_a_label_that_is_read_back(address: str | None) -> None:
    assert address is not None
    label = dashed_address(address)
    assert HOST_NAME.fullmatch(f"{label}.")
    assert address_of_dashes(label) == address


@given(st.text(max_size=30))
def test_any_question_is_answered(name: str) -> None:
    records = DnsRecords(dns_records(Cluster()).zones, insecure_pods=True)
    assert isinstance(NameIndex(records).lookup(name, "A"), Answer)
