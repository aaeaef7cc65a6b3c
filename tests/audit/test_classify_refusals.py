"""What differences mean where connections are to be masqueraded or refused, and where they are and should not be."""

from __future__ import annotations

from fractions import Fraction

from attrs import evolve

from svcc.model.cluster import Cluster
from tests.audit.cluster import CASE, COMPILATION, LOCAL_OBJECTS, OUTSIDE, POD, SCRIPT, TO_WEB, WEB
from tests.audit.differing import Case, difference, spoilt
from tests.audit.test_classify import K
from tests.declare import compiled, remote, slices

EMPTY = 'tcp . 10.96.0.11 . 80 comment "default/empty:http" : goto refuse,'


def test_a_client_from_outside_that_is_not_masqueraded_is_told() -> None:
    found = spoilt(SCRIPT, ("tcp . 198.51.100.1 . 80 : jump mark-always,", ""))
    finding = CASE.only(found, f"tcp {OUTSIDE} > 198.51.100.1:80")
    assert finding.kind is K.MASQUERADE_MISSING
    assert finding.clients == ("external",)
    assert finding.details == ("198.51.100.1 port 80/TCP",)


def test_a_local_policy_that_loses_the_clients_address_is_told() -> None:
    found = spoilt(
        SCRIPT, ("tcp . 198.51.100.20 . 80 : jump mark-node-traffic", "tcp . 198.51.100.20 . 80 : jump mark-always")
    )
    finding = CASE.only(found, "tcp 192.0.2.7 > 198.51.100.20:80")
    assert finding.kind is K.MASQUERADE_WRONG
    assert [place.chain for place in finding.rules] == ["source-nat"]


def test_a_pod_that_reaches_itself_without_masquerade_is_told() -> None:
    finding = CASE.only(spoilt(SCRIPT, ("10.244.1.5 . 10.244.1.5,", "")), "tcp 10.244.1.5 > 10.96.0.10:80")
    assert finding.kind is K.HAIRPIN_NOT_MASQUERADED
    assert finding.share == Fraction(1, 2)


def test_a_service_without_endpoints_that_is_not_rejected_is_told() -> None:
    found = spoilt(SCRIPT, (EMPTY, ""), ("\t\tct state new jump refuse-cluster-ips\n", ""))
    finding = CASE.only(found, f"tcp {POD} > 10.96.0.11:80")
    assert finding.kind is K.NOT_REJECTED
    assert finding.message == "default/empty:http: what should be rejected is let through"


def test_a_service_without_endpoints_that_is_dropped_silently_is_not_rejected() -> None:
    found = spoilt(SCRIPT, ("reject with icmp type port-unreachable", "drop"))
    assert "rejected is dropped" in CASE.only(found, f"tcp {POD} > 10.96.0.11:80").message


def test_connections_of_a_service_without_endpoints_that_go_somewhere_have_a_stale_endpoint() -> None:
    found = spoilt(
        SCRIPT,
        (WEB, f"{WEB} tcp . 10.96.0.11 . 80 : 0:2,"),
        (
            "10.96.0.12 . 80 . 0 :",
            "10.96.0.11 . 80 . 0 : 10.244.2.9 . 1, 10.96.0.11 . 80 . 1 : 10.244.2.9 . 1, 10.96.0.12 . 80 . 0 :",
        ),
    )
    finding = CASE.only(found, f"tcp {POD} > 10.96.0.11:80")
    assert (finding.kind, finding.details) == (K.ENDPOINT_STALE, ("10.244.2.9:1",))


def test_ports_of_cluster_ips_that_nobody_serves_and_nothing_refuses_are_told() -> None:
    found = spoilt(SCRIPT, ("\t\tct state new jump refuse-cluster-ips\n", ""))
    finding = CASE.only(found, f"tcp {POD} > 10.96.0.10:81", frontend=-1)
    assert (finding.kind, finding.subject, finding.service_port) == (
        K.NOT_REJECTED,
        "unserved ports of cluster IPs",
        None,
    )


def test_addresses_of_service_ranges_that_are_not_dropped_are_told() -> None:
    found = spoilt(SCRIPT, ("\t\tip daddr @service-cidrs drop\n", ""))
    finding = CASE.only(found, f"tcp {POD} > 10.96.9.9:80", frontend=-1)
    assert (finding.kind, finding.subject) == (K.NOT_DROPPED, "unused addresses of service CIDRs")


def test_a_local_policy_without_local_endpoints_that_does_not_drop_is_told() -> None:
    edge = (LOCAL_OBJECTS[0], *slices("edge", [remote("10.244.2.20"), remote("10.244.2.21")]))
    case = Case(compiled(*edge), Cluster.of(edge))
    script = case.compilation.script
    found = spoilt(script, ("tcp . 198.51.100.20 . 80 : return,", ""))
    finding = case.only(found, "tcp 192.0.2.7 > 198.51.100.20:80")
    assert finding.kind is K.NOT_DROPPED
    assert finding.message == "default/edge:http: what should be dropped is let through at 198.51.100.20 port 80/TCP"


def test_a_service_that_is_refused_though_it_has_endpoints_is_told() -> None:
    found = spoilt(SCRIPT, (WEB, ""), (EMPTY, f"{EMPTY} tcp . 10.96.0.10 . 80 : goto refuse,"))
    finding = CASE.only(found, TO_WEB)
    assert finding.kind is K.WRONGLY_REFUSED
    assert finding.message == "default/web:http: connections are rejected at 10.96.0.10 port 80/TCP"


def test_a_client_outside_of_the_source_ranges_that_gets_in_is_told() -> None:
    found = spoilt(SCRIPT, ("tcp . 198.51.100.1 . 80,", ""))
    finding = CASE.only(found, "tcp 192.0.2.7 > 198.51.100.1:80")
    assert finding.kind is K.SOURCE_RANGE_BYPASSED
    assert finding.share == 1


BY_LOCALITY = spoilt(SCRIPT, ("ip daddr @nodeport-addresses goto nodeports", "fib daddr type local goto nodeports"))


def test_a_node_port_on_another_address_of_the_node_is_beyond_its_addresses() -> None:
    one = difference(f"tcp {OUTSIDE} > 192.168.7.7:30080", COMPILATION, BY_LOCALITY, frontend=-1)
    [finding] = CASE.of(evolve(one, local_addresses=("192.168.7.7",)))
    assert finding.kind is K.NODE_PORT_BEYOND_ADDRESSES
    assert finding.details == ("any other address of the node port 30080/TCP",)
    assert finding.subject == "default/web:http"
    assert finding.witness is not None
    assert finding.witness.local_addresses == ("192.168.7.7",)


def test_a_node_port_on_an_address_that_is_not_the_nodes_is_exposed() -> None:
    found = spoilt(SCRIPT, ("ip daddr @nodeport-addresses goto nodeports", "goto nodeports"))
    finding = CASE.only(found, f"tcp {OUTSIDE} > 198.51.100.1:30080", frontend=-1)
    assert finding.kind is K.NODE_PORT_EXPOSED


def test_a_node_port_on_a_cluster_ip_is_exposed_though_the_port_should_be_rejected() -> None:
    found = spoilt(SCRIPT, ("ip daddr @nodeport-addresses goto nodeports", "goto nodeports"))
    assert CASE.only(found, f"tcp {POD} > 10.96.0.10:30080", frontend=-1).kind is K.NODE_PORT_EXPOSED
