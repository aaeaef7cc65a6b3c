"""What differences mean: a test for each kind of finding, on rulesets that were spoilt in one way."""

from __future__ import annotations

from fractions import Fraction

import pytest
from attrs import evolve

from svcc.auditing.classify import classify
from svcc.auditing.classify_declared import Declared
from svcc.auditing.difference import Difference, Side
from svcc.auditing.finding import Finding, FindingKind
from svcc.compiler.compilation import Compilation
from svcc.dataplane.contract import Dataplane
from svcc.model.service import Service, ServicePort
from svcc.trace.evaluator import Outcome
from tests.audit.cluster import (
    CASE,
    COMPILATION,
    FORWARD,
    NODE,
    OUTSIDE,
    POD,
    SCRIPT,
    TO_WEB,
    WEB,
)
from tests.audit.differing import Case, difference, spoilt
from tests.declare import compiled, remote, slices

K = FindingKind


def pick(endpoints: int) -> tuple[tuple[str, str], tuple[str, str]]:
    """What makes a chain that picks one of so many endpoints, and leads to it."""
    rule = f"meta l4proto tcp dnat ip to ip daddr . tcp dport . numgen random mod {endpoints} map @endpoints-tcp"
    chain = f"\tchain pick-{endpoints} {{\n\t\t{rule}\n\t}}\n"
    element = f"0:{endpoints} : goto pick-{endpoints},"
    return ("\tchain pick-2 {", f"{chain}\tchain pick-2 {{"), ("0:2 : goto pick-2,", f"0:2 : goto pick-2, {element}")


def without_pod_ranges() -> Dataplane:
    """The same node where nobody can tell pods from others."""
    families = (evolve(each, pods=evolve(each.pods, source_prefixes=())) for each in COMPILATION.dataplane.families)
    return evolve(COMPILATION.dataplane, families=tuple(families))


def kinds(findings: tuple[Finding, ...]) -> list[FindingKind]:
    return [finding.kind for finding in findings]


def test_a_frontend_that_nothing_knows_is_a_missing_service() -> None:
    finding = CASE.only(spoilt(SCRIPT, (WEB, "")), TO_WEB)
    assert finding.kind is K.SERVICE_MISSING
    assert finding.message == "default/web:http: nothing on the node serves 10.96.0.10 port 80/TCP"
    assert (finding.subject, finding.details) == ("default/web:http", ("10.96.0.10 port 80/TCP",))
    assert str(finding.source) == "web.yaml:7"
    assert finding.service_port is not None
    assert finding.service_port.service == "web"
    assert finding.clients == ("pod",)
    assert finding.share == 1
    assert [place.chain for place in finding.rules] == ["refuse"]


def test_a_service_whose_frontends_are_all_missing_is_one_finding() -> None:
    found = spoilt(
        SCRIPT,
        (WEB, ""),
        ('tcp . 198.51.100.1 . 80 comment "default/web:http" : 0:2,', ""),
        ('tcp . 30080 comment "default/web:http" : 1000:2,', ""),
    )
    packets = (TO_WEB, f"tcp {OUTSIDE} > 198.51.100.1:80", f"tcp {OUTSIDE} > {NODE}:30080")
    finding = CASE.only(found, *packets)
    assert finding.message == "default/web:http: nothing on the node serves it"
    assert finding.details == ("10.96.0.10 port 80/TCP", "198.51.100.1 port 80/TCP", "node port 30080/TCP")
    assert finding.regions == 3
    assert finding.clients == ("external", "pod")


def test_what_merely_follows_from_a_missing_service_is_not_told_again() -> None:
    found = spoilt(SCRIPT, (WEB, ""), ("\t\t\t10.96.0.10,\n", ""))
    findings = CASE.of(
        difference(TO_WEB, COMPILATION, found),
        difference(f"tcp {POD} > 10.96.0.10:81", COMPILATION, found, frontend=-1),
    )
    assert kinds(findings) == [K.SERVICE_MISSING]


def test_an_endpoint_that_is_in_no_map_is_missing() -> None:
    finding = CASE.only(spoilt(SCRIPT, ("10.96.0.10 . 80 . 1 : 10.244.2.5 . 8080,", "")), TO_WEB)
    assert finding.kind is K.ENDPOINT_MISSING
    assert finding.details == ("10.244.2.5:8080",)
    assert finding.share == Fraction(1, 2)
    assert finding.rules[0].chain == "pick-2"


def one_slot_fewer() -> str:
    return spoilt(SCRIPT, (WEB, WEB.replace("0:2", "0:1")), *pick(1))


def test_an_endpoint_that_the_ruleset_has_and_no_packet_gets_is_never_chosen() -> None:
    [finding] = CASE.findings(one_slot_fewer(), TO_WEB, has_endpoint=lambda _owner, _endpoint: True)
    assert (finding.kind, finding.details) == (K.ENDPOINT_NEVER_CHOSEN, ("10.244.2.5:8080",))


def test_an_endpoint_that_no_packet_gets_is_missing_where_the_ruleset_does_not_have_it() -> None:
    [finding] = CASE.findings(one_slot_fewer(), TO_WEB, has_endpoint=lambda _owner, _endpoint: False)
    assert finding.kind is K.ENDPOINT_MISSING


def instead_of_second(place: str) -> tuple[Finding, ...]:
    return CASE.findings(
        spoilt(SCRIPT, ("10.96.0.10 . 80 . 1 : 10.244.2.5 . 8080", f"10.96.0.10 . 80 . 1 : {place}")), TO_WEB
    )


def test_an_address_of_the_pods_that_no_slice_has_is_a_stale_endpoint() -> None:
    missing, stale = instead_of_second("10.244.2.99 . 8080")
    assert (missing.kind, stale.kind) == (K.ENDPOINT_MISSING, K.ENDPOINT_STALE)
    assert stale.details == ("10.244.2.99:8080",)
    assert stale.share == Fraction(1, 2)
    assert stale.rules[0].element == "endpoints-tcp: 10.96.0.10 . 80 . 1"
    assert stale.rules[1].element == "balanced-services: tcp . 10.96.0.10 . 80"


def test_an_endpoint_that_is_not_ready_is_stale() -> None:
    found = spoilt(SCRIPT, ("10.96.0.12 . 80 . 1 : 10.244.1.6 . 8080", "10.96.0.12 . 80 . 1 : 10.244.2.7 . 8080"))
    findings = CASE.findings(found, f"tcp {POD} > 10.96.0.12:80")
    assert kinds(findings) == [K.ENDPOINT_MISSING, K.ENDPOINT_STALE]
    assert findings[1].details == ("10.244.2.7:8080",)


def test_an_endpoint_of_another_service_is_foreign() -> None:
    _missing, foreign = instead_of_second("10.244.1.6 . 8080")
    assert foreign.kind is K.ENDPOINT_FOREIGN
    assert foreign.details == ("10.244.1.6:8080 of default/sticky",)


def test_an_address_that_no_pod_can_have_is_foreign() -> None:
    assert instead_of_second("192.0.2.66 . 8080")[1].kind is K.ENDPOINT_FOREIGN


def test_an_address_that_no_pod_can_have_is_stale_where_nobody_knows_the_pods_ranges() -> None:
    found = spoilt(SCRIPT, ("10.96.0.10 . 80 . 1 : 10.244.2.5 . 8080", "10.96.0.10 . 80 . 1 : 192.0.2.66 . 8080"))
    findings = classify([difference(TO_WEB, COMPILATION, found)], Declared(without_pod_ranges(), CASE.cluster))
    assert kinds(findings) == [K.ENDPOINT_MISSING, K.ENDPOINT_STALE]


def test_the_right_address_with_another_port_is_a_wrong_port_and_nothing_else() -> None:
    [finding] = instead_of_second("10.244.2.5 . 9090")
    assert (finding.kind, finding.details) == (K.WRONG_PORT, ("10.244.2.5:9090",))


def test_endpoints_with_other_chances_are_a_wrong_distribution() -> None:
    found = spoilt(
        SCRIPT,
        (WEB, WEB.replace("0:2", "0:3")),
        (
            "10.96.0.10 . 80 . 1 : 10.244.2.5 . 8080,",
            "10.96.0.10 . 80 . 1 : 10.244.2.5 . 8080, 10.96.0.10 . 80 . 2 : 10.244.2.5 . 8080,",
        ),
        *pick(3),
    )
    finding = CASE.only(found, TO_WEB)
    assert finding.kind is K.WRONG_DISTRIBUTION
    assert finding.share == Fraction(1, 6)


def test_an_endpoint_that_a_local_policy_leaves_out_is_a_wrong_distribution() -> None:
    found = spoilt(
        SCRIPT,
        (
            "198.51.100.20 . 80 . 1000000000 : 10.244.1.20 . 8080",
            "198.51.100.20 . 80 . 1000000000 : 10.244.2.20 . 8080",
        ),
    )
    findings = CASE.findings(found, "tcp 192.0.2.7 > 198.51.100.20:80")
    assert kinds(findings) == [K.ENDPOINT_MISSING, K.WRONG_DISTRIBUTION]
    assert "policies or topology leave out: 10.244.2.20:8080" in findings[1].message


def test_another_endpoint_than_the_hash_gives_is_a_wrong_distribution() -> None:
    maglev = Case(
        compiled(
            Service(
                "cache",
                cluster_ips=["10.96.0.30"],
                ports=[ServicePort(80, "http")],
                annotations={"svcc.dev/load-balancing": "maglev"},
            ),
            *slices("cache", [remote("10.244.2.31"), remote("10.244.2.32")]),
        )
    )
    one, other = (Outcome(Fraction(1), "accept", f"10.244.2.3{number}", 8080) for number in (1, 2))
    [finding] = maglev.of(difference(f"tcp {POD} > 10.96.0.30:80", [one], [other]))
    assert finding.kind is K.WRONG_DISTRIBUTION


def test_an_address_that_is_served_and_not_declared_is_a_stale_service_with_the_name_it_had() -> None:
    found = spoilt(
        SCRIPT,
        (WEB, f'{WEB} tcp . 10.96.0.77 . 80 comment "default/old:http" : 0:2,'),
        (
            "10.96.0.10 . 80 . 0 :",
            "10.96.0.77 . 80 . 0 : 10.244.9.9 . 1, 10.96.0.77 . 80 . 1 : 10.244.9.9 . 1, 10.96.0.10 . 80 . 0 :",
        ),
    )
    finding = CASE.only(found, f"tcp {POD} > 10.96.0.77:80", frontend=-1)
    assert (finding.kind, finding.subject) == (K.SERVICE_STALE, "10.96.0.77:80 TCP")
    assert "(in the ruleset: default/old:http)" in finding.message


def test_equal_chances_at_a_sticky_service_mean_that_clients_are_not_remembered() -> None:
    outcomes = [Outcome(Fraction(1, 2), "accept", f"10.244.{number}.6", 8080) for number in (1, 2)]
    [finding] = CASE.of(difference(f"tcp {POD} > 10.96.0.12:80", outcomes, outcomes))
    assert (finding.kind, finding.subject) == (K.AFFINITY_LOST, "default/sticky:http")


def test_a_firewall_that_drops_packets_of_many_services_is_one_finding_that_names_the_rule() -> None:
    found = SCRIPT + FORWARD.format("ip daddr 10.244.2.0/24 counter packets 7 bytes 9 drop")
    finding = CASE.only(found, TO_WEB, f"tcp {POD} > 10.96.0.12:80", f"tcp {POD} > 10.96.0.20:80")
    assert finding.kind is K.FOREIGN_DROP
    assert finding.subject == "table ip filter chain FORWARD"
    assert "3 Service ports (default/edge:http, default/sticky:http, default/web:http)" in finding.message
    assert finding.details == ("ip daddr 10.244.2.0/24 counter drop",)
    assert finding.service_port is None
    assert finding.share == Fraction(1, 2)
    assert finding.rules[0].table == "filter"


def test_a_policy_that_drops_is_named_by_its_chain() -> None:
    found = SCRIPT + FORWARD.format("").replace("policy accept", "policy drop")
    finding = CASE.only(found, TO_WEB)
    assert (finding.kind, finding.details) == (K.FOREIGN_DROP, ("policy drop",))


def test_a_mark_that_others_set_and_that_masquerades_is_told() -> None:
    found = (
        SCRIPT + "table ip mangle { chain PRE { type filter hook prerouting priority -150; meta mark set 0x4000; } }\n"
    )
    finding = CASE.only(found, TO_WEB)
    assert (finding.kind, finding.subject) == (K.FOREIGN_MARK, "table ip mangle chain PRE")


def test_a_translation_by_others_is_told() -> None:
    rule = "ip daddr 10.96.0.10 dnat to 10.244.2.99"
    found = f"{SCRIPT}table ip nat {{ chain PRE {{ type nat hook prerouting priority -200; {rule}; }} }}\n"
    findings = CASE.findings(found, TO_WEB)
    assert K.FOREIGN_TRANSLATION in kinds(findings)
    assert [each.subject for each in findings if each.kind is K.FOREIGN_TRANSLATION] == ["table ip nat chain PRE"]


def test_a_masquerade_by_others_is_a_foreign_translation() -> None:
    found = (
        SCRIPT
        + "table ip nat { chain POST { type nat hook postrouting priority 50; ip daddr 10.244.0.0/16 masquerade; } }\n"
    )
    assert CASE.only(found, TO_WEB).kind is K.FOREIGN_TRANSLATION


def test_what_cannot_be_decided_is_told_once_for_each_reason() -> None:
    def undecided(packet: str, handle: int) -> Difference:
        reason = f"whether `x` holds is not in the dump: `x drop` (table ip filter, chain FORWARD, handle {handle})"
        unknown = [Outcome(Fraction(1), "unknown", reasons=(reason,))]
        return difference(packet, COMPILATION, unknown, undecided=True)

    findings = CASE.of(undecided(TO_WEB, 4), undecided(f"tcp {POD} > 10.96.0.12:80", 4))
    [finding] = findings
    assert (finding.kind, finding.subject) == (K.NOT_DECIDABLE, "table ip filter chain FORWARD")
    assert finding.regions == 2
    [later] = CASE.of(undecided(TO_WEB, 99))
    assert later.fingerprint == finding.fingerprint


def test_a_refusal_that_does_not_happen_is_no_matter_of_affinity() -> None:
    outside = f"tcp {OUTSIDE} > 10.96.0.12:80"
    refused = evolve(
        difference(outside, COMPILATION, SCRIPT),
        expected=Side((Outcome(Fraction(1), "drop"),)),
        remembered=True,
    )
    assert K.AFFINITY_LOST not in kinds(CASE.of(refused))


def test_fingerprints_do_not_depend_on_how_many_packets_were_found() -> None:
    found = SCRIPT + FORWARD.format("ip daddr 10.244.2.0/24 drop")
    few, many = CASE.only(found, TO_WEB), CASE.only(found, TO_WEB, f"tcp {POD} > 10.96.0.12:80")
    assert few.message != many.message
    assert few.fingerprint == many.fingerprint


@pytest.mark.parametrize(
    ("packet", "hook", "clients"),
    [
        (TO_WEB, "prerouting", ("pod",)),
        ("tcp 192.0.2.7 > 10.96.0.10:80", "prerouting", ("external",)),
        (f"tcp {NODE} > 10.96.0.10:80", "output", ("node",)),
    ],
)
def test_findings_say_whose_packets_they_are_about(packet: str, hook: str, clients: tuple[str, ...]) -> None:
    assert CASE.only(spoilt(SCRIPT, (WEB, "")), packet, hook=hook).clients == clients


def test_without_a_way_to_tell_pods_findings_are_about_all_that_comes_to_the_node() -> None:
    case = Case(Compilation(without_pod_ranges(), COMPILATION.ruleset), CASE.cluster)
    assert case.only(spoilt(SCRIPT, (WEB, "")), TO_WEB).clients == ("external", "pod")


def test_the_worst_findings_come_first() -> None:
    found = (
        SCRIPT + "table ip mangle { chain PRE { type filter hook prerouting priority -150; meta mark set 0x4000; } }\n"
    )
    found = spoilt(found, ("10.96.0.12 . 80 . 1 : 10.244.1.6 . 8080,", ""))
    findings = CASE.findings(found, TO_WEB, f"tcp {POD} > 10.96.0.12:80")
    assert [each.severity.value for each in findings] == sorted(each.severity.value for each in findings)
    assert len(findings) >= 2


def remembered_at(*found: Outcome) -> list[FindingKind]:
    """What is wrong if a client that may be remembered fares so at a sticky Service."""
    allowed = [Outcome(Fraction(1, 2), "accept", f"10.244.{number}.6", 8080) for number in (1, 2)]
    one = difference(f"tcp {POD} > 10.96.0.12:80", allowed, found)
    return kinds(CASE.of(evolve(one, any_of=True, remembered=True)))


def test_a_remembered_client_may_go_to_any_endpoint_and_must_be_remembered_again() -> None:
    assert remembered_at(Outcome(Fraction(1), "accept", "10.244.1.6", 8080)) == [K.AFFINITY_LOST]


def test_a_remembered_client_whose_endpoint_is_gone_is_told() -> None:
    assert remembered_at(Outcome(Fraction(1), "accept", "10.244.1.99", 8080)) == [K.ENDPOINT_STALE]


def test_of_packets_of_no_service_a_translation_alone_is_wrong() -> None:
    found = [Outcome(Fraction(1, 4), "accept", "10.244.1.6", 8080), Outcome(Fraction(3, 4), "accept")]
    [finding] = CASE.of(difference(f"tcp {POD} > 203.0.113.77:80", [], found, frontend=-1))
    assert (finding.kind, finding.share) == (K.SERVICE_STALE, Fraction(1, 4))


def test_a_region_from_anywhere_is_of_pods_and_of_clients_from_outside() -> None:
    one = difference(TO_WEB, COMPILATION, spoilt(SCRIPT, (WEB, "")))
    [finding] = CASE.of(evolve(one, words="from anywhere to 10.96.0.10, tcp port 80"))
    assert finding.clients == ("external", "pod")
