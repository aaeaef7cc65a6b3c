"""Tables of others on the way of Service packets: what they drop is found and named once; the harmless are quiet."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from svcc.auditing.audit import audit
from svcc.auditing.finding import AuditReport, Finding, FindingKind, Verdict
from svcc.fields import Severity
from tests.audit.cluster import CLUSTER, SCRIPT
from tests.audit.differing import spoilt
from tests.declare import NODE, PODS

K = FindingKind
LISTINGS = Path(__file__).parents[1] / "data" / "listings"
SERVED = "3 Service ports (default/edge:http, default/sticky:http, default/web:http)"


@cache
def listed(file: str) -> dict[str, str]:
    """The tables of a listing by family and name."""
    text = (LISTINGS / file).read_text()
    return {
        match[1]: match[0]
        for match in re.finditer(r"^table (\S+ \S+) \{[^\n]*\n.*?^\}\n", text, re.MULTILINE | re.DOTALL)
    }


@cache
def audited(*tables: str) -> AuditReport:
    return audit("".join((SCRIPT, *tables)), CLUSTER, node=NODE.name, settings=PODS)


def wrong(report: AuditReport) -> list[Finding]:
    """The findings that are worse than information."""
    return [each for each in report.findings if each.severity is not Severity.INFO]


def of_kind(report: AuditReport, kind: FindingKind) -> list[Finding]:
    return [each for each in report.findings if each.kind is kind]


FIREWALLS = [f"firewalls-{each}.nft" for each in ("1.0.6-handles", "1.1.3-handles", "1.1.7-handles", "1.1.7-plain")]
DROPS = {
    "ip docker-bridges": ("filter-forward-in__docker0", 'comment "UNPUBLISHED PORT DROP"', ("external", "pod")),
    "inet firewalld": ("filter_FORWARD", "reject with icmpx admin-prohibited", ("external", "pod")),
    "ip libvirt_network": ("guest_input", 'oifname "cni0" counter reject', ("external",)),
}
BEYOND_THEIR_NETWORKS = {
    "ip docker-bridges": ("oifname vmap @filter-forward-in-jumps", "jump filter-forward-in__docker0"),
    "ip libvirt_network": ('oifname "virbr0" counter', 'oifname "cni0" counter'),
}
"""What makes rules about networks of their own rules about all of the node's packets."""


def beyond(table: str, name: str) -> str:
    return spoilt(table, *[change for of, change in BEYOND_THEIR_NETWORKS.items() if of == name])


@pytest.mark.parametrize("file", FIREWALLS)
@pytest.mark.parametrize("name", DROPS)
def test_what_drops_packets_of_services_is_one_error_that_names_the_rule(name: str, file: str) -> None:
    chain, rule, clients = DROPS[name]
    [finding] = of_kind(audited(beyond(listed(file)[name], name)), K.FOREIGN_DROP)
    assert finding.severity is Severity.ERROR
    assert finding.subject == f"table {name} chain {chain}"
    assert SERVED in finding.message
    assert finding.clients == clients
    blamed = finding.rules[0]
    assert (f"{blamed.family} {blamed.table}", blamed.chain) == (name, chain)
    assert rule in blamed.rule
    assert (blamed.handle is not None) == ("handles" in file)
    assert finding.witness is not None
    assert all(outcome.verdict not in {"drop", "reject"} for outcome in finding.witness.expected)


@pytest.mark.parametrize("file", FIREWALLS)
@pytest.mark.parametrize("name", ["bridge filter", "arp guard", "netdev edge", "inet sleeping"])
def test_what_meets_no_packet_of_the_ip_hooks_is_quiet(name: str, file: str) -> None:
    report = audited(listed(file)[name])
    assert wrong(report) == []
    assert report.verdict is Verdict.PROVED


def test_a_table_for_the_other_family_is_quiet() -> None:
    report = audited(listed("iptables-nft.nft")["ip6 filter"])
    assert wrong(report) == []
    assert report.verdict is Verdict.PROVED


def awake(sleeping: str) -> str:
    return spoilt(
        sleeping, ("\tflags dormant\n", ""), ("hook input priority filter", "hook forward priority filter + 5")
    )


def test_a_dormant_firewall_that_wakes_up_drops_by_its_policy() -> None:
    table = awake(listed("firewalls-1.1.7-plain.nft")["inet sleeping"])
    # What nft leaves out before this reset, and sizes in options of TCP, keep a proof from saying who is refused.
    report = audited(table)
    assert report.verdict is Verdict.NOT_PROVED
    undecided = "\n".join(each.message for each in wrong(report))
    assert "nft leaves out before reject with tcp reset" in undecided
    assert SERVED in undecided
    decided = "".join(
        line for line in table.splitlines(keepends=True) if "tcp reset" not in line and "maxseg" not in line
    )
    [finding] = of_kind(audited(decided), K.FOREIGN_DROP)
    assert finding.subject == "table inet sleeping chain in"
    assert SERVED in finding.message


def test_ufw_in_the_input_hook_meets_only_what_is_refused_anyway() -> None:
    report = audited(listed("iptables-nft.nft")["ip filter"])
    assert {each.kind for each in wrong(report)} <= {K.NOT_DECIDABLE}
    assert of_kind(report, K.FOREIGN_DROP) == []


UFW = """
table ip filter {{
	chain ufw-reject-forward {{ {} }}
	chain ufw-user-forward {{ {} }}
	chain FORWARD {{
		type filter hook forward priority filter; policy {};
		ct state related,established counter packets 9 bytes 540 accept
		counter packets 0 bytes 0 jump ufw-user-forward
		counter packets 0 bytes 0 jump ufw-reject-forward
	}}
}}
"""


def test_ufw_that_drops_what_is_forwarded_by_its_policy_is_found() -> None:
    [finding] = of_kind(audited(UFW.format("", "", "drop")), K.FOREIGN_DROP)
    assert finding.subject == "table ip filter chain FORWARD"
    assert SERVED in finding.message
    assert finding.clients == ("external", "pod")


def test_ufw_that_lets_pods_through_drops_nothing_of_services() -> None:
    allow = "ip daddr 10.244.0.0/16 accept; ip saddr 10.244.0.0/16 accept"
    report = audited(UFW.format("", allow, "drop"))
    assert of_kind(report, K.FOREIGN_DROP) == []


def test_ufw_that_limits_one_port_is_blamed_for_that_service_alone() -> None:
    deny = "ip daddr 10.244.1.20 tcp dport 8080 counter packets 7 bytes 420 drop"
    [finding] = of_kind(audited(UFW.format("", deny, "accept")), K.FOREIGN_DROP)
    assert finding.subject == "table ip filter chain ufw-user-forward"
    assert "1 Service port (default/edge:http)" in finding.message
    assert "10.244.1.20" in finding.rules[0].rule


def test_two_causes_are_two_findings() -> None:
    docker, firewalld = (listed("firewalls-1.1.7-plain.nft")[name] for name in ("ip docker-bridges", "inet firewalld"))
    only = spoilt(
        beyond(docker, "ip docker-bridges"),
        ('counter packets 0 bytes 0 drop comment "UNPUBLISHED PORT DROP"', "ip daddr 10.244.2.5 drop"),
    )
    subjects = [each.subject for each in of_kind(audited(only, firewalld), K.FOREIGN_DROP)]
    assert subjects == [
        "table inet firewalld chain filter_FORWARD",
        "table ip docker-bridges chain filter-forward-in__docker0",
    ]


@pytest.mark.parametrize("hook", ["forward", "output", "prerouting"])
@pytest.mark.parametrize(
    "rule", ["ip daddr 192.0.2.1 drop", "tcp dport 22 accept", "ct state established drop", "counter"]
)
def test_rules_that_no_service_packet_meets_are_quiet(hook: str, rule: str) -> None:
    table = f"table ip other {{ chain c {{ type filter hook {hook} priority filter + 5; policy accept; {rule} }} }}\n"
    report = audited(table)
    assert wrong(report) == []
    assert report.verdict is Verdict.PROVED


def test_what_drops_packets_that_are_rejected_anyhow_is_a_warning() -> None:
    [finding] = wrong(
        audited("table ip other { chain c { type filter hook prerouting priority filter; tcp dport 22 drop; } }\n")
    )
    assert (finding.kind, finding.severity) == (K.FOREIGN_DROP, Severity.WARNING)
    assert "packets of no Service: tcp dport 22 drop" in finding.message
    assert finding.witness is not None
    assert {each.verdict for each in finding.witness.expected} == {"reject"}


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        (
            "type filter hook forward priority 0; limit rate over 100/second drop",
            "limit rate over 100/second` holds is not in the dump",
        ),
        ("type nat hook postrouting priority 100; ip saddr 172.17.0.0/16 masquerade", "have the same priority"),
    ],
)
def test_why_nothing_can_be_decided_is_said_for_clients_that_are_remembered_too(chain: str, reason: str) -> None:
    found = of_kind(audited(f"table ip other {{ chain c {{ {chain} }} }}\n"), K.NOT_DECIDABLE)
    sticky = [each for each in found if "default/sticky:http" in each.message]
    assert sticky
    assert all(reason in each.message for each in sticky)


def test_kube_proxy_that_is_left_beside_svcc_is_one_error() -> None:
    report = audited(listed("firewalls-1.1.7-plain.nft")["ip kube-proxy"])
    [finding] = of_kind(report, K.OTHER_PROXY_LEFTOVERS)
    assert finding.severity is Severity.ERROR
    assert "nft delete table ip kube-proxy" in finding.hint
    assert [each.subject for each in of_kind(report, K.SERVICE_STALE)] == ["10.96.0.1:443 TCP", "node port 30001/TCP"]


def test_chains_of_iptables_mode_that_packets_still_meet_are_one_error() -> None:
    report = audited(listed("iptables-nft.nft")["ip nat"])
    [finding] = of_kind(report, K.OTHER_PROXY_LEFTOVERS)
    assert finding.severity is Severity.ERROR
    assert "packets still meet them" in finding.message
    assert report.verdict is Verdict.FINDINGS


@pytest.mark.parametrize("file", [*FIREWALLS, "iptables-nft.nft"])
def test_all_of_them_together_are_never_proved_and_no_rule_is_blamed_twice(file: str) -> None:
    report = audited((LISTINGS / file).read_text())
    assert report.verdict is Verdict.FINDINGS
    drops = [each.subject for each in of_kind(report, K.FOREIGN_DROP)]
    assert len(set(drops)) == len(drops)
    assert len({each.fingerprint for each in report.findings}) == len(report.findings)
