"""A node whose Services work is proved, whichever firewall has chains of the same priorities; harm is still found."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from svcc.auditing.audit import audit
from svcc.auditing.finding import AuditReport, Finding, FindingKind, Verdict
from svcc.compiler.compilation import compile as compile_services
from svcc.compiler.compilation import declared_cluster
from svcc.fields import Severity
from svcc.manifest.load import Loaded, load_text
from svcc.model.service import Protocol
from tests.audit.differing import spoilt
from tests.audit.test_foreign_tables import UFW, listed
from tests.kube_proxy import kube_proxy_ruleset

K = FindingKind
SHOP = Path(__file__).parents[2] / "examples" / "shop"
STICKY = """  sessionAffinity: ClientIP
  sessionAffinityConfig:
    clientIP:
      timeoutSeconds: 3600
"""

DOCKER = listed("firewalls-1.1.7-plain.nft")["ip docker-bridges"]
LIBVIRT = listed("firewalls-1.1.7-plain.nft")["ip libvirt_network"]
ALLOWED = "ip daddr 10.244.0.0/16 accept\n\t\tip saddr 10.244.0.0/16 accept\n\t\t"
REJECTS = "reject with icmpx admin-prohibited\n\t}\n\n\tchain filter_INPUT_ZONES"
FIREWALLD = spoilt(
    listed("firewalls-1.1.7-plain.nft")["inet firewalld"],
    (REJECTS, ALLOWED.replace("ip daddr", "meta nfproto ipv6 accept\n\t\tip daddr") + REJECTS),
)
UFW_PASSES = UFW.format("", ALLOWED.rstrip(), "drop") + listed("iptables-nft.nft")["ip filter"].replace(
    "table ip filter", "table ip filter-input"
)
POLICY = """
table inet f {
	chain x {
		type filter hook forward priority 0; policy drop;
		ct status dnat accept
	}
}
"""
FIREWALLS = {
    "docker": DOCKER,
    "libvirt": LIBVIRT,
    "ufw": UFW_PASSES,
    "firewalld": FIREWALLD,
    "firewalld at svcc's priorities": FIREWALLD.replace(" + 10", ""),
    "a policy": POLICY,
}


@cache
def shop(*, sticky: bool) -> Loaded:
    text = "\n---\n".join(path.read_text() for path in sorted(SHOP.glob("*.yaml")))
    return load_text(text if sticky else spoilt(text, (STICKY, "")))


@cache
def audited(table: str, *, sticky: bool = True) -> AuditReport:
    objects = shop(sticky=sticky)
    script = compile_services(objects, node="worker-1").script
    return audit(script + table, objects, node="worker-1")


def wrong(report: AuditReport) -> list[Finding]:
    return [each for each in report.findings if each.severity is not Severity.INFO]


@pytest.mark.parametrize("sticky", [False, True], ids=["plain", "sticky"])
@pytest.mark.parametrize("firewall", FIREWALLS)
def test_a_node_whose_services_work_beside_a_firewall_is_proved(firewall: str, sticky: bool) -> None:
    report = audited(FIREWALLS[firewall], sticky=sticky)
    assert wrong(report) == []
    assert report.verdict is Verdict.PROVED


@pytest.mark.parametrize("firewall", FIREWALLS)
def test_kube_proxy_beside_a_firewall_is_proved(firewall: str) -> None:
    objects = shop(sticky=True)
    script = kube_proxy_ruleset(declared_cluster(objects)[0], "worker-1")
    report = audit(script + FIREWALLS[firewall], objects, node="worker-1")
    assert wrong(report) == []
    assert report.verdict is Verdict.PROVED


@pytest.mark.parametrize("firewall", ["ufw", "firewalld at svcc's priorities", "a policy"])
def test_packets_that_either_of_two_chains_refuses_are_told_for_information(firewall: str) -> None:
    found = [each for each in audited(FIREWALLS[firewall]).findings if each.kind is K.REFUSED_EITHER_WAY]
    assert found
    assert {each.severity for each in found} == {Severity.INFO}
    assert all("refused in any case" in each.message for each in found)


def test_the_chains_are_named_with_their_tables() -> None:
    finding, *_ = [each for each in audited(POLICY).findings if each.kind is K.REFUSED_EITHER_WAY]
    assert "the chains ip svcc filter-forward and inet f x have the same priority 0 at forward" in finding.message
    assert "shop/reports" in finding.message


@pytest.mark.parametrize("firewall", ["docker", "libvirt"])
def test_what_docker_and_libvirt_do_in_their_own_networks_is_told_for_information(firewall: str) -> None:
    [finding] = [each for each in audited(FIREWALLS[firewall]).findings if each.kind is K.FOREIGN_NETWORK]
    assert finding.severity is Severity.INFO
    assert finding.details


HARM = {
    "docker": (DOCKER, ("oifname vmap @filter-forward-in-jumps", "oifname vmap @filter-forward-in-jumps\n\t\tdrop")),
    "libvirt": (LIBVIRT, ('oifname "virbr0" counter packets 0 bytes 0 reject', 'oifname "cni0" counter reject')),
    "ufw": (UFW_PASSES, ("ip daddr 10.244.0.0/16 accept", "ip daddr 10.244.1.0/24 accept")),
    "firewalld": (FIREWALLD.replace(" + 10", ""), ("ip daddr 10.244.0.0/16 accept", "ip daddr 10.244.1.0/24 accept")),
    "a policy": (POLICY, ("ct status dnat accept", "ct status dnat ip daddr 10.244.1.0/24 accept")),
}


@pytest.mark.parametrize("firewall", HARM)
def test_what_refuses_packets_of_services_is_found(firewall: str) -> None:
    table, change = HARM[firewall]
    report = audited(spoilt(table, change))
    found = [each for each in report.findings if each.kind is K.FOREIGN_DROP]
    assert found
    assert found[0].severity is Severity.ERROR
    assert report.verdict is Verdict.FINDINGS


def test_a_network_that_holds_endpoints_is_none_of_others() -> None:
    rule = "ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 masquerade"
    table = f"table ip n {{ chain c {{ type nat hook postrouting priority srcnat + 5; policy accept; {rule} }} }}\n"
    assert audited(table).verdict is not Verdict.PROVED or wrong(audited(table)) == []
    assert [each for each in audited(table).findings if each.kind is K.FOREIGN_NETWORK] == []


MARKS = """
table ip marks {
	chain c {
		type filter hook forward priority 0; policy accept;
		meta mark set meta mark | 1
	}
}
table ip drops {
	chain c {
		type filter hook forward priority 0; policy accept;
		meta mark & 1 == 1 drop
	}
}
"""


def test_what_one_order_lets_through_and_the_other_does_not_stays_undecided() -> None:
    report = audited(MARKS)
    found = [each for each in report.findings if each.kind is K.NOT_DECIDABLE]
    assert found
    assert report.verdict is Verdict.NOT_PROVED
    assert any("ip marks c and ip drops c" in each.message for each in found)
    assert any("another priority" in each.hint for each in found)


@pytest.mark.parametrize("table", [MARKS, *FIREWALLS.values()], ids=["marks", *FIREWALLS])
def test_a_finding_that_names_services_shows_a_packet_of_one(table: str) -> None:
    frontends = {"10.96.0.10", "10.96.0.20", "10.96.0.30", "10.96.0.53", "198.51.100.80", "192.168.0.10"}
    for finding in audited(table).findings:
        if "packets of no Service" not in finding.message and "Service port" in finding.message and finding.witness:
            packet = finding.witness.packet
            assert ":" in packet.destination or packet.destination in frontends
            assert packet.protocol in set(Protocol)
            assert packet.destination_port is not None
