"""One cause, one finding: what is missing or too much in svcc's own tables is named, however many Services suffer."""

from __future__ import annotations

import re
from functools import cache

import pytest

from svcc.auditing.audit import audit
from svcc.auditing.finding import AuditReport, Finding, FindingKind
from svcc.fields import Severity
from svcc.model.cluster import Cluster
from tests.audit.cluster import CLUSTER, SCRIPT, WEB
from tests.audit.differing import spoilt
from tests.declare import NODE, PODS, SERVICE_CIDRS, remote, service, slices
from tests.kube_proxy import kube_proxy_ruleset

K = FindingKind
SERVICES = "3 Service ports (default/edge:http, default/sticky:http, default/web:http)"
BALANCED = "2 Service ports (default/edge:http, default/web:http)"
BY_NUMBER = "meta priority set meta l4proto . ip daddr . th dport map @balanced-services meta priority vmap @picks"
TRANSLATES = "ip daddr 10.96.0.10 tcp dport 80 dnat to 10.9.9.9:80"
OTHER_OWNER = "table ip other {{ chain p {{ type nat hook prerouting priority {}; {} }} }}\n"


def emptied(script: str, name: str) -> str:
    """A script whose first chain of a name, or set in the ruleset proper, holds nothing."""
    head, mark, ruleset = script.partition("flush map ip svcc remember-nodeports\n")
    assert mark
    chain = rf"(\tchain {re.escape(name)} \{{\n)(?:\t\t.*\n)+"
    elements = (
        rf"(\t(?:map|set) {re.escape(name)} \{{\n(?:\t\t(?!elements).*\n)*)\t\telements = \{{\n(?:\t\t\t.*\n)*\t\t\}}\n"
    )
    changed = re.sub(f"{chain}|{elements}", lambda match: match[1] or match[2], ruleset, count=1)
    assert changed != ruleset
    return head + mark + changed


@cache
def audited(text: str) -> AuditReport:
    return audit(text, CLUSTER, node=NODE.name, settings=PODS)


def wrong(text: str) -> list[Finding]:
    return [each for each in audited(text).findings if each.severity is not Severity.INFO]


@pytest.mark.parametrize(
    ("text", "kind", "subject", "cause", "services"),
    [
        (
            emptied(SCRIPT, "source-nat"),
            K.MASQUERADE_MISSING,
            "chain source-nat",
            "chain source-nat is empty",
            SERVICES,
        ),
        (
            emptied(SCRIPT, "balanced-services"),
            K.SERVICE_MISSING,
            "map balanced-services",
            "map balanced-services holds none of its elements",
            BALANCED,
        ),
        (
            emptied(SCRIPT, "picks"),
            K.SERVICE_MISSING,
            "map picks",
            "map picks holds none of its elements",
            BALANCED,
        ),
        (
            spoilt(SCRIPT, (f"\t\t{BY_NUMBER}\n", "")),
            K.SERVICE_MISSING,
            "chain services",
            f"chain services lacks '{BY_NUMBER}'",
            BALANCED,
        ),
        (
            spoilt(SCRIPT, ("ip daddr != @mixed-addresses meta mark set", "ip daddr 10.9.9.9 meta mark set")),
            K.MASQUERADE_MISSING,
            "chain services",
            "chain services has 'ip saddr != @pod-cidrs ip daddr @cluster-ips ip daddr 10.9.9.9 meta mark set",
            SERVICES,
        ),
    ],
    ids=["an empty chain", "an empty map", "numbers that lead nowhere", "a missing rule", "an altered rule"],
)
def test_what_all_services_miss_is_one_finding_that_names_it(
    text: str, kind: FindingKind, subject: str, cause: str, services: str
) -> None:
    [finding] = wrong(text)
    assert (finding.kind, finding.subject) == (kind, f"table ip svcc {subject}")
    assert finding.message.startswith(f"table ip svcc: {cause}")
    assert f"at {services}" in finding.message
    assert finding.witness is not None
    assert finding.regions > 3
    assert finding.service_port is None


@pytest.mark.parametrize("layout", ["1.29", "1.33", "1.37"])
def test_an_empty_chain_of_kube_proxy_is_one_finding_that_names_it(layout: str) -> None:
    objects = [service(name, [f"10.96.0.{number}"]) for number, name in enumerate(("web", "cart", "news"), 10)]
    endpoints = [
        each for number, item in enumerate(objects) for each in slices(item.name, [remote(f"10.244.2.{number + 5}")])
    ]
    cluster = Cluster.of([NODE, SERVICE_CIDRS, *objects, *endpoints])
    text = kube_proxy_ruleset(cluster, NODE.name, PODS, layout)
    changed = re.sub(r"(\tchain masquerading \{\n)(?:\t\t.*\n)+", r"\1", text)
    assert changed != text
    found = audit(changed, cluster, node=NODE.name, settings=PODS).findings
    [finding] = [each for each in found if each.kind is K.MASQUERADE_MISSING]
    assert finding.message.startswith("table ip kube-proxy: chain masquerading is empty")
    assert "3 Service ports (default/cart:http, default/news:http, default/web:http)" in finding.message
    assert finding.rules[0].chain == "masquerading"


def test_node_ports_that_nothing_leads_to_are_one_finding() -> None:
    [finding] = wrong(spoilt(SCRIPT, ("\t\tip daddr @nodeport-addresses goto nodeports\n", "")))
    assert finding.details == ("chain services lacks 'ip daddr @nodeport-addresses goto nodeports'",)
    assert "2 Service ports (default/edge:http, default/web:http)" in finding.message
    [place] = finding.rules
    assert (place.chain, place.rule, place.is_missing) == (
        "services",
        "ip daddr @nodeport-addresses goto nodeports",
        True,
    )


def test_a_mark_rule_that_is_missing_is_one_finding() -> None:
    mark = (
        "\t\tip saddr != @pod-cidrs ip daddr @cluster-ips ip daddr != @mixed-addresses meta mark set meta mark | 0x4000"
    )
    [finding] = wrong(spoilt(SCRIPT, (f"{mark}\n", "")))
    assert finding.kind is K.MASQUERADE_MISSING
    assert [place.is_missing for place in finding.rules] == [True]


def test_an_element_that_is_missing_is_named_at_its_service() -> None:
    [finding] = wrong(spoilt(SCRIPT, (WEB, "")))
    assert (finding.kind, finding.subject) == (K.SERVICE_MISSING, "default/web:http")
    assert finding.message.endswith("(table ip svcc: map balanced-services lacks tcp . 10.96.0.10 . 80)")
    assert (finding.rules[0].element, finding.rules[0].is_missing) == ("balanced-services: tcp . 10.96.0.10 . 80", True)


def test_a_source_range_too_much_is_named() -> None:
    allowed = "tcp . 198.51.100.1 . 80 . 203.0.113.0/24,"
    [finding] = wrong(spoilt(SCRIPT, (allowed, f"{allowed} tcp . 198.51.100.1 . 80 . 192.0.2.0/24,")))
    assert finding.kind is K.SOURCE_RANGE_BYPASSED
    place = finding.rules[0]
    assert (place.element, place.is_missing) == ("allowed-sources: tcp . 198.51.100.1 . 80 . 192.0.2.0/24", False)
    assert "set allowed-sources has tcp . 198.51.100.1 . 80 . 192.0.2.0/24 too much" in finding.message


def test_an_element_with_other_data_is_named_with_both() -> None:
    slot = "10.96.0.10 . 80 . 1 : 10.244.2.5 . "
    [finding] = wrong(spoilt(SCRIPT, (f"{slot}8080", f"{slot}9090")))
    assert finding.kind is K.WRONG_PORT
    assert "leads from 10.96.0.10 . 80 . 1 to 10.244.2.5 . 9090 instead of 10.244.2.5 . 8080" in finding.message


def test_two_causes_are_two_findings_each_with_its_own_rules() -> None:
    found = wrong(emptied(spoilt(SCRIPT, ("\t\tip daddr @nodeport-addresses goto nodeports\n", "")), "source-nat"))
    assert [(each.kind, each.subject) for each in found] == [
        (K.SERVICE_MISSING, "table ip svcc chain services"),
        (K.MASQUERADE_MISSING, "table ip svcc chain source-nat"),
    ]


def test_a_departure_that_no_packet_suffers_from_is_not_told() -> None:
    assert wrong(spoilt(SCRIPT, ("chain refuse {\n", "chain refuse {\n\t\tct state established continue\n"))) == []


def test_a_firewall_is_not_blamed_on_svcc_whose_rules_are_altered_too() -> None:
    firewall = "table ip f { chain c { type filter hook forward priority 5; ip daddr 10.244.0.0/16 drop } }\n"
    found = wrong(emptied(SCRIPT, "source-nat") + firewall)
    assert K.FOREIGN_DROP in {each.kind for each in found}
    assert all("svcc" not in each.subject for each in found if each.kind is K.FOREIGN_DROP)


@pytest.mark.parametrize("priority", [-110, -100])
def test_a_frontend_with_two_owners_is_one_finding_that_shows_a_packet(priority: int) -> None:
    found = wrong(OTHER_OWNER.format(priority, TRANSLATES) + SCRIPT)
    translated = [each for each in found if each.kind in {K.FRONTEND_OWNED_TWICE, K.FOREIGN_TRANSLATION}]
    assert [each.kind for each in translated] == [K.FRONTEND_OWNED_TWICE], [each.message for each in found]
    if priority == -110:
        assert translated[0].witness is not None
        assert translated[0].regions
        assert len(found) == 1


def test_translations_of_what_another_owner_does_not_claim_are_told_for_themselves() -> None:
    masquerades = (
        "table ip m { chain c { type nat hook postrouting priority 90; ip saddr 10.244.0.0/16 masquerade } }\n"
    )
    found = wrong(OTHER_OWNER.format(-110, TRANSLATES) + SCRIPT + masquerades)
    assert {K.FRONTEND_OWNED_TWICE, K.FOREIGN_TRANSLATION} <= {each.kind for each in found}


def test_a_node_without_any_service_proxy_is_one_finding_not_one_for_each_service() -> None:
    (finding,) = wrong('{"nftables": []}')
    assert finding.kind is K.SERVICE_MISSING
    assert finding.message.startswith("no service proxy has rules on this node, which fails ")
    assert "4 Service ports (default/edge:http, default/empty:http" in finding.message


def test_a_drop_on_a_node_without_any_service_proxy_is_a_finding_of_its_own() -> None:
    drops = "table inet guard { chain f { type filter hook forward priority -5; ip daddr 10.244.0.0/16 drop } }"
    kinds = [each.kind for each in wrong(drops)]
    assert kinds.count(K.SERVICE_MISSING) == 1
    assert len(set(kinds)) == len(kinds)
