"""Zones, serials, files and look-ups across them."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import dns.exception
import pytest

from svcc.dns.contract import AnswerStatus, DnsSettings, DnsZone, Record
from svcc.dns.dnspython import verify_zone
from svcc.dns.document import records_document
from svcc.dns.hosts import hosts_lines
from svcc.dns.lookup import NameIndex, lookup
from svcc.dns.names import reverse_name
from svcc.dns.records import dns_records
from svcc.dns.zone import zone_lines
from svcc.errors import SvccError
from svcc.model.cluster import ClusterObject
from svcc.model.endpoints import Endpoint, EndpointPort, EndpointSlice
from svcc.model.service import HEADLESS, Service, ServicePort, ServiceType

WEB = Service("web", "shop", cluster_ips=["10.96.0.10", "fd00:96::10"], ports=[ServicePort(80, "http")])
DATABASE = Service("db", "shop", cluster_ips=[HEADLESS], ports=[ServicePort(80, "http")])
PODS = EndpointSlice(
    "db-1",
    "shop",
    service_name="db",
    endpoints=[Endpoint(["10.244.3.4"], hostname="db-0"), Endpoint(["10.244.3.5"])],
    ports=[EndpointPort(80, "http")],
)
OBJECTS: list[ClusterObject] = [WEB, DATABASE, PODS]


def external(name: str, target: str) -> Service:
    return Service(name, "shop", type=ServiceType.EXTERNAL_NAME, external_name=target)


def soa(zone: DnsZone) -> list[str]:
    return next(record.data for record in zone.authority if record.type == "SOA").split()


def test_each_16_of_ipv4_and_48_of_ipv6_with_pointers_has_a_zone() -> None:
    assert [zone.name for zone in dns_records(OBJECTS).zones] == [
        "cluster.local.",
        "244.10.in-addr.arpa.",
        "96.10.in-addr.arpa.",
        "0.0.0.0.6.9.0.0.0.0.d.f.ip6.arpa.",
    ]


def test_pointers_go_to_the_longest_of_the_reverse_zones_that_are_given() -> None:
    given = ["in-addr.arpa", "10.IN-ADDR.arpa.", "ip6.arpa", "10.in-addr.arpa"]
    zones = {zone.name: zone for zone in dns_records(OBJECTS, DnsSettings(reverse_zones=given)).zones}
    assert list(zones) == ["cluster.local.", "in-addr.arpa.", "10.in-addr.arpa.", "ip6.arpa."]
    assert zones["in-addr.arpa."].records == ()
    assert [record.name for record in zones["10.in-addr.arpa."].records] == [
        "4.3.244.10.in-addr.arpa.",
        "10.0.96.10.in-addr.arpa.",
    ]


def test_the_serial_is_the_same_for_the_same_records_and_another_for_others() -> None:
    one, same = dns_records(OBJECTS), dns_records(OBJECTS[::-1])
    other = dns_records([WEB])
    assert [soa(zone) for zone in one.zones] == [soa(zone) for zone in same.zones]
    assert soa(one.zones[0])[2] != soa(other.zones[0])[2]
    by_name = {zone.name: soa(zone)[2] for zone in other.zones}
    assert by_name["96.10.in-addr.arpa."] == soa(one.zones[2])[2], "what did not change keeps its serial"
    assert 0 < int(soa(one.zones[0])[2]) < 2**32


def test_a_serial_that_is_given_and_the_time_to_live_are_those_of_all_zones() -> None:
    records = dns_records(OBJECTS, DnsSettings(serial=7, ttl=30))
    for zone in records.zones:
        assert soa(zone) == ["ns.dns.cluster.local.", "hostmaster.cluster.local.", "7", "7200", "1800", "86400", "30"]
    assert {record.ttl for record in records.records} == {30}


def test_a_record_knows_the_object_it_follows_from() -> None:
    found = {record.object for record in dns_records(OBJECTS).records if record.type in ("SRV", "PTR", "AAAA")}
    assert found == {WEB.reference, DATABASE.reference}


def test_the_file_begins_with_the_soa_and_has_absolute_names_only() -> None:
    zone = dns_records(OBJECTS).zones[0]
    lines = list(zone_lines(zone))
    assert lines[0] == "$ORIGIN cluster.local.\n"
    assert re.fullmatch(r"cluster\.local\. 5 IN SOA ns\.dns\.cluster\.local\. .*\n", lines[1])
    assert "_http._tcp.web.shop.svc.cluster.local. 5 IN SRV 0 100 80 web.shop.svc.cluster.local.\n" in lines
    assert all(re.fullmatch(r"\S+\. 5 IN [A-Z]+ .+\n", line) for line in lines[1:])
    assert len(lines) == 1 + len(zone.authority) + len(zone.records)


def test_a_file_that_says_something_else_is_noticed() -> None:
    zone = dns_records(OBJECTS).zones[0]
    text = "".join(zone_lines(zone))
    verify_zone(zone, text)
    for wrong in (
        text.replace("10.96.0.10", "10.96.0.11"),
        text.replace(" 5 IN A", " 6 IN A"),
        text + "x A 10.0.0.1\n",
    ):
        with pytest.raises(SvccError, match="has other records"):
            verify_zone(zone, wrong)
    with pytest.raises(SvccError, match="cannot be read"):
        verify_zone(zone, f"{text}x A nonsense\n")


def test_without_dnspython_all_but_zone_files_are_written_and_what_is_missing_is_said() -> None:
    program = """if True:
        import sys
        sys.modules["dns"] = None
        from svcc.cli import run
        assert run(["dns", "-f", "examples/shop", "-o", "hosts"]) == 0
        assert run(["dns", "-f", "examples/shop", "-o", "json"]) == 0
        assert run(["resolve", "-f", "examples/shop", "--from", "shop", "web"]) == 0
        sys.exit(run(["dns", "-f", "examples/shop"]))
    """
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr.splitlines()) == (
        2,
        ["error: this needs dnspython, which is not installed", "hint: install it with: pip install 'svcc[dns]'"],
    )
    assert "10.96.0.10 web.shop.svc.cluster.local\n" in result.stdout
    assert "$ORIGIN" not in result.stdout


def test_what_is_hard_in_a_file_is_escaped_as_dnspython_does_it() -> None:
    # No manifest gets as far; a record that did would be no syntax.
    name, target = "a;b.cluster.local.", 'c"\n.example.'
    data = {"CNAME": target, "PTR": target, "SRV": f"0 100 80 {target}", "A": "10.0.0.1", "TXT": '"a b"'}
    records = tuple(Record(name, record_type, text, 5) for record_type, text in data.items())
    assert list(zone_lines(DnsZone("cluster.local.", (), records))) == [
        "$ORIGIN cluster.local.\n",
        'a\\;b.cluster.local. 5 IN CNAME c\\"\\010.example.\n',
        'a\\;b.cluster.local. 5 IN PTR c\\"\\010.example.\n',
        'a\\;b.cluster.local. 5 IN SRV 0 100 80 c\\"\\010.example.\n',
        "a\\;b.cluster.local. 5 IN A 10.0.0.1\n",
        'a\\;b.cluster.local. 5 IN TXT "a b"\n',
    ]


@pytest.mark.parametrize(
    "record",
    [
        Record("a.cluster.local.", "A", "10.0.0.256", 5),
        Record("a.cluster.local.", "AAAA", "10.0.0.1", 5),
        Record("a.cluster.local.", "SRV", "0 100 65536 a.", 5),
        Record("a..cluster.local.", "A", "10.0.0.1", 5),
        Record(f"{'a' * 64}.cluster.local.", "A", "10.0.0.1", 5),
        Record("a.cluster.local.", "PTR", f"{'a.' * 128}", 5),
        Record("a." * 128, "A", "10.0.0.1", 5),
        Record("ä." * 85, "A", "10.0.0.1", 5),
    ],
)
def test_what_is_no_record_gets_into_no_file(record: Record) -> None:
    with pytest.raises((dns.exception.DNSException, ValueError)):
        list(zone_lines(DnsZone("cluster.local.", (), (record,))))


def test_the_longest_names_are_names() -> None:
    for name, text in (("a." * 127, "a." * 127), ("ä." * 84, r"\195\164." * 84)):
        *_, line = zone_lines(DnsZone("cluster.local.", (), (Record(name, "PTR", name, 5),)))
        assert line == f"{text} 5 IN PTR {text}\n"


def test_a_hosts_file_has_each_address_with_all_its_names() -> None:
    objects = [*OBJECTS, external("alias", "web.shop.svc.cluster.local"), external("pay", "pay.example.com")]
    assert list(hosts_lines(dns_records(objects))) == [
        "10.96.0.10 web.shop.svc.cluster.local alias.shop.svc.cluster.local\n",
        "10.244.3.4 db-0.db.shop.svc.cluster.local db.shop.svc.cluster.local\n",
        "10.244.3.5 db.shop.svc.cluster.local 10-244-3-5.db.shop.svc.cluster.local\n",
        "fd00:96::10 web.shop.svc.cluster.local alias.shop.svc.cluster.local\n",
    ]


def test_the_first_name_of_a_hosts_line_is_the_one_that_the_address_leads_back_to() -> None:
    records = dns_records([*OBJECTS, external("alias", "web.shop.svc.cluster.local")])
    index = NameIndex(records)
    first = dict(line.split()[:2] for line in hosts_lines(records))
    led_to = {
        address: answer.records[0].data.removesuffix(".")
        for address in first
        if (answer := index.lookup(reverse_name(address), "PTR")).records
    }
    assert len(led_to) == 3
    assert {address: first[address] for address in led_to} == led_to


def test_lines_of_a_hosts_file_stay_short() -> None:
    many = [Service(f"s{index:02}", "shop", cluster_ips=["10.96.0.10"], ports=[ServicePort(80)]) for index in range(20)]
    lines = list(hosts_lines(dns_records(many)))
    assert [len(line.split()) - 1 for line in lines] == [8, 8, 4]
    assert {line.split()[0] for line in lines} == {"10.96.0.10"}


def test_the_document_has_every_zone_and_record_with_its_object() -> None:
    records = dns_records(OBJECTS)
    document = json.loads(json.dumps(records_document(records)))
    assert (document["apiVersion"], document["kind"]) == ("svcc/v1", "DnsZoneList")
    listed = [
        Record(*(item[key] for key in ("name", "type", "data", "ttl")))
        for zone in document["items"]
        for item in zone["records"]
    ]
    assert listed == list(records.records)
    (web,) = [item for item in document["items"][0]["records"] if item["type"] == "AAAA"]
    assert web["object"] == {"kind": "Service", "namespace": "shop", "name": "web"}


@pytest.mark.parametrize("name", ["WEB.shop.svc.Cluster.LOCAL", "web.shop.svc.cluster.local."])
def test_a_question_may_have_a_final_dot_and_any_case(name: str) -> None:
    answer = lookup(dns_records(OBJECTS), name, "a")
    assert [record.data for record in answer.records] == ["10.96.0.10"]


def test_a_chain_of_names_ends_with_the_status_of_the_last() -> None:
    records = dns_records(
        [
            WEB,
            external("a", "b.shop.svc.cluster.local"),
            external("b", "absent.shop.svc.cluster.local"),
            external("c", "example.com"),
        ]
    )
    index = NameIndex(records)
    nowhere = index.lookup("a.shop.svc.cluster.local", "A")
    assert (nowhere.status, [record.type for record in nowhere.records]) == (AnswerStatus.NXDOMAIN, ["CNAME", "CNAME"])
    outside = index.lookup("c.shop.svc.cluster.local", "A")
    assert (outside.status, [record.data for record in outside.records]) == (AnswerStatus.NOERROR, ["example.com."])
    itself = index.lookup("a.shop.svc.cluster.local", "CNAME")
    assert [record.data for record in itself.records] == ["b.shop.svc.cluster.local."]
    everything = index.lookup("a.shop.svc.cluster.local", "ANY")
    assert [record.type for record in everything.records] == ["CNAME"]


def test_names_that_lead_round_in_a_circle_come_to_an_end() -> None:
    records = dns_records([external("a", "b.shop.svc.cluster.local"), external("b", "a.shop.svc.cluster.local")])
    answer = lookup(records, "a.shop.svc.cluster.local", "A")
    assert [record.data for record in answer.records] == ["b.shop.svc.cluster.local.", "a.shop.svc.cluster.local."]


def test_a_long_chain_of_names_is_not_followed_for_ever() -> None:
    chain = [external(f"n{index}", f"n{index + 1}.shop.svc.cluster.local") for index in range(40)]
    answer = lookup(dns_records(chain), "n0.shop.svc.cluster.local", "A")
    assert (answer.status, len(answer.records)) == (AnswerStatus.NOERROR, 16)
