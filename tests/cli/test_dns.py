"""``svcc dns``: what is printed, what is written, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.cli.command import ROOT, Outcome, svcc
from tests.cli.hostile import mutated
from tests.cli.manifests import Manifest, endpoint_slice, service, text

SHOP = ("-f", str(ROOT / "examples" / "shop"))
CLUSTER = text(service(), service("db", "None"), endpoint_slice("db"))


def named(*arguments: str, stdin: str = CLUSTER) -> Outcome:
    return svcc("dns", "-f", "-", *arguments, stdin=stdin)


def test_without_an_output_the_zone_of_the_cluster_is_printed() -> None:
    outcome = named("-q")
    assert outcome.code == 0
    assert outcome.err == ""
    assert outcome.out.startswith("$ORIGIN cluster.local.\ncluster.local. 5 IN SOA ")
    assert "web.shop.svc.cluster.local. 5 IN A 10.96.0.10\n" in outcome.out


def test_problems_are_told_with_their_place_and_harm_nothing() -> None:
    outcome = named()
    assert outcome.code == 0
    (told,) = outcome.told
    assert told.endswith(
        "warning: Service shop/db: spec.ports[0].port: SRV records of http say 8080, the endpoints' port, not 80"
    )
    assert told.startswith("<stdin>:")
    assert "_http._tcp.db.shop.svc.cluster.local. 5 IN SRV 0 100 8080 10-244-1-11.db.shop" in outcome.out


@pytest.mark.parametrize("name", ["96.10.in-addr.arpa", "96.10.IN-ADDR.ARPA."])
def test_another_zone_is_printed_by_its_name(name: str) -> None:
    outcome = named("-q", "--print", name)
    assert outcome.out.endswith("10.0.96.10.in-addr.arpa. 5 IN PTR web.shop.svc.cluster.local.\n")


def test_a_folder_gets_a_file_for_each_zone_and_their_names_are_printed(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "zones"
    outcome = named("-q", "--verify", "--output-dir", str(folder))
    assert outcome.out.splitlines() == [str(folder / "cluster.local.zone"), str(folder / "96.10.in-addr.arpa.zone")]
    assert (folder / "cluster.local.zone").read_text() == named("-q").out
    assert sorted(path.name for path in folder.iterdir()) == ["96.10.in-addr.arpa.zone", "cluster.local.zone"]


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = named("--output-dir", str(tmp_path / "file" / "zones"))
    assert (outcome.code, outcome.out) == (2, "")
    assert f"error: {tmp_path}/file/zones: Not a directory" in outcome.err


def test_the_same_input_gives_the_same_bytes() -> None:
    assert svcc("dns", *SHOP).out == svcc("dns", *SHOP).out


def test_options_about_records_reach_them() -> None:
    out = named(
        "-q", "--cluster-domain", "prod.example", "--ttl", "30", "--serial", "7", "--nameserver-address", "192.0.2.53"
    ).out
    assert "prod.example. 30 IN SOA ns.dns.prod.example. hostmaster.prod.example. 7 7200 1800 86400 30\n" in out
    assert "ns.dns.prod.example. 30 IN A 192.0.2.53\n" in out
    assert "web.shop.svc.prod.example. 30 IN A 10.96.0.10\n" in out


def test_options_of_coredns_reach_it() -> None:
    coredns = ("-q", "--flavour", "coredns")
    assert "10-244-1-11.db.shop.svc" in named(*coredns).out
    assert "10-244-1-11.db.shop.svc" not in named(*coredns, "--noendpoints").out
    assert "web.shop.svc" not in named(*coredns, "--ignore-empty-service").out
    pods = [{"addresses": ["10.0.0.7"], "targetRef": {"kind": "Pod", "name": "db-0", "namespace": "shop"}}]
    cluster = text(service("db", "None"), {**endpoint_slice("db"), "endpoints": pods})
    assert (
        "10-0-0-7.shop.pod.cluster.local. 5 IN A 10.0.0.7\n" in named(*coredns, "--pods", "verified", stdin=cluster).out
    )
    assert "db-0.db.shop.svc.cluster.local. 5 IN A" in named(*coredns, "--endpoint-pod-names", stdin=cluster).out


def test_only_the_services_that_are_chosen_have_names() -> None:
    assert "web.shop" not in named("-q", "-n", "other").out
    assert "web.shop" in named("-q", "-n", "shop").out
    assert "web.shop" not in named("-q", "-l", "app=none").out


def test_the_document_has_the_records_of_the_zones() -> None:
    document = json.loads(named("-q", "-o", "json").out)
    lines = [
        f"{record['name']} {record['ttl']} IN {record['type']} {record['data']}"
        for record in document["items"][0]["records"]
    ]
    assert sorted(lines) == sorted(named("-q").out.splitlines()[1:])


def test_the_hosts_file_has_a_line_for_each_address() -> None:
    assert named("-q", "-o", "hosts").out.splitlines()[0] == "10.96.0.10 web.shop.svc.cluster.local"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--zone", "a b"], "error: --zone: 'a b' is no domain name"),
        (["--ttl", "-1"], "error: --ttl: -1 is not in the range"),
        (["--serial", "-1"], "error: --serial: -1 is not in the range"),
        (["--reverse-zone", "example.com"], "error: --reverse-zone: 'example.com.' is neither in-addr.arpa"),
        (["--nameserver-address", "ns"], "error: --nameserver-address: 'ns' is no IP address"),
        (["--pods", "verified"], "error: --pods: only CoreDNS has this option"),
        (["--noendpoints"], "error: --noendpoints: only CoreDNS has this option"),
        (["--ignore-empty-service"], "error: --ignore-empty-service: only CoreDNS"),
        (["--endpoint-pod-names"], "error: --endpoint-pod-names: only CoreDNS"),
        (["--flavour", "unbound"], "'unbound' is not one of 'specification', 'coredns'"),
        (["-o", "json", "--output-dir", "x"], "are for zones, not for -o json"),
        (["-o", "hosts", "--print", "x"], "are for zones, not for -o hosts"),
        (["-o", "hosts", "--verify"], "are for zones, not for -o hosts"),
        (["--output-dir", "x", "--print", "y"], "--print and --output-dir exclude each other"),
        (["--print", "example.com"], "there is no zone example.com; there are cluster.local, 96.10.in-addr.arpa"),
        (["-n", "shop", "-A"], "exclude each other"),
        (["nonsense"], "No such command 'nonsense'"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], words: str) -> None:
    outcome = named(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert words in outcome.err


def test_manifests_are_needed() -> None:
    outcome = svcc("dns")
    assert (outcome.code, outcome.out) == (2, "")
    assert "Missing option '-f' / '--filename'" in outcome.err
    assert "--help' for help" in outcome.err


def test_errors_cost_one_object_and_with_strict_everything(tmp_path: Path) -> None:
    broken = text(service(), service("bad", "10.96.0.999"))
    lenient = named(stdin=broken)
    assert (lenient.code, "web.shop" in lenient.out, "bad.shop" in lenient.out) == (0, True, False)
    strict = named("--strict", "--output-dir", str(tmp_path / "zones"), stdin=broken)
    assert (strict.code, strict.out, (tmp_path / "zones").exists()) == (1, "", False)
    assert "nothing was written: 1 error above" in strict.err


@settings(max_examples=100)
@given(mutated())
def test_no_manifest_makes_it_crash(items: list[Manifest]) -> None:
    outcome = named("--flavour", "coredns", "--pods", "verified", "--verify", stdin=json.dumps(items))
    assert outcome.code in (0, 2)
