"""Whose source is rewritten, how, and that only new connections are decided on (S29 to S33), by packets."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence

import pytest
from attrs import evolve, frozen

from svcc.model.cluster import ClusterObject, ClusterSettings
from svcc.model.service import Protocol
from tests.declare import POD_CIDRS, PODS, local, remote
from tests.kernel.callers import (
    DROPPED,
    MANY,
    REJECTED,
    UNTOUCHED,
    Reached,
    Turned,
    ask,
    backed,
    everywhere,
    install,
    reload,
    survey,
    whom,
)
from tests.kernel.network import Node
from tests.kernel.outcomes import Delivered
from tests.kernel.plans import (
    CALLERS,
    EXTERNAL,
    IPV4,
    KINDS,
    Caller,
    Kind,
    Plan,
    both_families,
    each_kind,
    each_protocol,
)

pytestmark = pytest.mark.kernel

NO_DETECTOR = ClusterSettings()
ALL_MARKS = 2**32 - 1


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as made:
        yield made


@frozen
class Row:
    """A row of the table: who is masqueraded at which frontends, and in which settings."""

    kinds: Sequence[Kind]
    callers: Sequence[Caller]
    masqueraded: bool
    policy: str = "Cluster"
    detector: bool = True
    masquerade_all: bool = False


AT_CLUSTER_IP: tuple[Kind, ...] = ("cluster IP",)
PODS_CALL: tuple[Caller, ...] = ("pod", "remote pod")
OTHERS_CALL: tuple[Caller, ...] = ("outsider", "node")
ROWS = {
    "cluster IP, pods": Row(AT_CLUSTER_IP, PODS_CALL, masqueraded=False),
    "cluster IP, pods, masquerade-all": Row(AT_CLUSTER_IP, PODS_CALL, masqueraded=True, masquerade_all=True),
    "cluster IP, others": Row(AT_CLUSTER_IP, OTHERS_CALL, masqueraded=True),
    "cluster IP, others, masquerade-all": Row(AT_CLUSTER_IP, OTHERS_CALL, masqueraded=True, masquerade_all=True),
    "cluster IP, no detector": Row(AT_CLUSTER_IP, CALLERS, masqueraded=False, detector=False),
    "cluster IP, no detector, masquerade-all": Row(
        AT_CLUSTER_IP, CALLERS, masqueraded=True, detector=False, masquerade_all=True
    ),
    "cluster IP whatever the external policy": Row(AT_CLUSTER_IP, PODS_CALL, masqueraded=False, policy="Local"),
    "external, Cluster": Row(EXTERNAL, CALLERS, masqueraded=True),
    "external, Cluster, no detector": Row(EXTERNAL, CALLERS, masqueraded=True, detector=False),
    "external, Local, pods": Row(EXTERNAL, PODS_CALL, masqueraded=False, policy="Local"),
    "external, Local, pods, masquerade-all": Row(
        EXTERNAL, PODS_CALL, masqueraded=False, policy="Local", masquerade_all=True
    ),
    "external, Local, the node": Row(EXTERNAL, ["node"], masqueraded=True, policy="Local"),
    "external, Local, the node, no detector": Row(EXTERNAL, ["node"], masqueraded=True, policy="Local", detector=False),
    "external, Local, anybody else": Row(EXTERNAL, ["outsider"], masqueraded=False, policy="Local"),
    "external, Local, anybody else, masquerade-all": Row(
        EXTERNAL, ["outsider"], masqueraded=False, policy="Local", masquerade_all=True
    ),
    "external, Local, anybody else, no detector": Row(
        EXTERNAL, ["outsider", *PODS_CALL], masqueraded=False, policy="Local", detector=False
    ),
}


@both_families
@pytest.mark.parametrize("internal", ["Cluster", "Local"])
@pytest.mark.parametrize("name", ROWS)
def test_the_table_says_who_is_masqueraded_whatever_the_internal_policy_s29_s31(
    node: Node, plan: Plan, internal: str, name: str
) -> None:
    row = ROWS[name]
    settings = ClusterSettings(cluster_cidrs=POD_CIDRS if row.detector else (), masquerade_all=row.masquerade_all)
    declared = everywhere(plan, *Protocol, internal_traffic_policy=internal, external_traffic_policy=row.policy)
    install(node, declared, backed([local(plan.here)], *Protocol), settings=settings)
    found = survey(node, plan, *Protocol, callers=row.callers, kinds=row.kinds)
    assert found == {case: {Reached(plan.here, masqueraded=row.masqueraded)} for case in found}


@both_families
@pytest.mark.parametrize("policy", ["Cluster", "Local"])
@pytest.mark.parametrize("settings", [PODS, NO_DETECTOR], ids=["detector", "no detector"])
def test_a_pod_that_reaches_itself_is_masqueraded_s29_s30(
    node: Node, plan: Plan, policy: str, settings: ClusterSettings
) -> None:
    declared = everywhere(plan, *Protocol, external_traffic_policy=policy, internal_traffic_policy=policy)
    install(node, declared, backed([local(plan.here)], *Protocol), settings=settings)
    for kind, protocol in itertools.product(KINDS, Protocol):
        found = ask(node, plan, "pod", *plan.frontend(kind), protocol, source=plan.here)
        assert found == {Reached(plan.here, masqueraded=True)}, (kind, protocol)


@both_families
@each_kind
def test_the_hairpin_is_judged_for_each_connection_s30(node: Node, plan: Plan, kind: Kind) -> None:
    declared = everywhere(plan, external_traffic_policy="Local")
    install(node, declared, backed([local(plan.here), local(plan.also_here), remote(plan.there)]))
    frontend = plan.frontend(kind)
    for source in (plan.here, plan.also_here, plan.pod):
        assert ask(node, plan, "pod", *frontend, source=source, times=2 * MANY) == {
            Reached(address, masqueraded=address == source) for address in (plan.here, plan.also_here, plan.there)
        }


@both_families
def test_an_endpoint_that_talks_to_itself_directly_is_left_alone_s30(node: Node, plan: Plan) -> None:
    install(node, everywhere(plan), backed([local(plan.here)]))
    assert ask(node, plan, "pod", plan.here, 8080, source=plan.here) == {UNTOUCHED}


@both_families
@each_protocol
def test_the_new_source_is_the_outgoing_interfaces_s32(node: Node, plan: Plan, protocol: Protocol) -> None:
    abroad = plan.other_outsider
    install(node, everywhere(plan, protocol), backed([local(plan.here), remote(abroad)], protocol))
    found = node.send_many([plan.packet("pod", plan.vip, protocol=protocol)] * MANY)
    assert {(each.address, each.source_address, each.where) for each in found if isinstance(each, Delivered)} == {
        (plan.here, plan.gateway, "pod"),
        (abroad, plan.node, "outside"),
    }


@both_families
@each_protocol
def test_the_new_source_port_is_random_s32(node: Node, plan: Plan, protocol: Protocol) -> None:
    script = install(node, everywhere(plan, protocol), backed([local(plan.here)], protocol)).script
    sent = range(30_000, 30_200)
    packets = [plan.packet("outsider", plan.vip, protocol=protocol, source_port=port) for port in sent]
    ports = [outcome.source_port for outcome in node.send_many(packets) if isinstance(outcome, Delivered)]
    assert len(ports) == 200
    assert len(set(ports)) == 200
    assert sum(was == now for was, now in zip(sent, ports, strict=True)) < 10
    # Neither in the order of the clients' ports nor beside each other.
    steps = [after - before for before, after in itertools.pairwise(ports)]
    assert 50 < sum(step > 0 for step in steps) < 150
    assert max(ports) - min(ports) > 10_000
    # What "fully" adds is a generator that nobody can predict, which packets cannot show.
    assert set(re.findall(r"\tmasquerade.*| masquerade .*", script)) == {" masquerade fully-random"}


def watch_marks(node: Node, mark: int) -> None:
    """Give every packet a mark before svcc sees it, and note the marks of packets that leave."""
    node.load(
        f"""
table inet watch {{
    set left {{ type mark; flags dynamic; }}
    chain prerouting {{ type filter hook prerouting priority -300; meta mark set {mark}; }}
    chain output {{ type filter hook output priority -300; meta mark set {mark}; }}
    chain postrouting {{ type filter hook postrouting priority 300; meta l4proto tcp add @left {{ meta mark }}; }}
}}"""
    )


def marks_seen(node: Node) -> set[int]:
    listed = json.loads(node.nft("-j", "list", "set", "inet", "watch", "left"))
    (found,) = (item["set"] for item in listed["nftables"] if "set" in item)
    return set(found.get("elem", ()))


@both_families
@pytest.mark.parametrize("bit", [0, 14, 31])
@pytest.mark.parametrize("caller", ["outsider", "node"])
def test_our_bit_of_the_mark_is_cleared_and_all_others_survive_s32(
    node: Node, plan: Plan, bit: int, caller: Caller
) -> None:
    settings = evolve(PODS, masquerade_bit=bit)
    ours = 1 << bit
    for mark in (0, ALL_MARKS & ~ours, 0x12345678 & ~ours):
        install(node, everywhere(plan), backed([local(plan.here)]), settings=settings)
        watch_marks(node, mark)
        for kind in KINDS:
            assert ask(node, plan, caller, *plan.frontend(kind)) == {Reached(plan.here, masqueraded=True)}
        assert marks_seen(node) == {mark}


@both_families
@pytest.mark.parametrize("caller", ["outsider", "node"])
def test_a_bit_that_is_set_already_stays_a_request_and_is_cleared_s32(node: Node, plan: Plan, caller: Caller) -> None:
    install(node, everywhere(plan), backed([local(plan.here)]))
    watch_marks(node, ALL_MARKS)
    assert ask(node, plan, caller, plan.vip) == {Reached(plan.here, masqueraded=True)}
    assert marks_seen(node) == {ALL_MARKS & ~0x4000}


@both_families
def test_traffic_that_is_not_masqueraded_keeps_its_mark_s32(node: Node, plan: Plan) -> None:
    mark = ALL_MARKS & ~0x4000
    install(node, everywhere(plan), backed([local(plan.here)]))
    watch_marks(node, mark)
    assert ask(node, plan, "pod", plan.cluster_ip) == {Reached(plan.here)}
    for caller in CALLERS:
        assert ask(node, plan, caller, plan.here) == {UNTOUCHED}
    assert marks_seen(node) == {mark}


@both_families
def test_a_foreign_use_of_our_bit_on_traffic_of_no_service_does_nothing_s32(node: Node, plan: Plan) -> None:
    install(node, everywhere(plan), backed([local(plan.here)]))
    watch_marks(node, 0x4000)
    for caller in CALLERS:
        assert ask(node, plan, caller, plan.here) == {UNTOUCHED}
    assert marks_seen(node) == {0x4000}


def _changes(plan: Plan, protocol: Protocol) -> dict[str, tuple[list[ClusterObject], str | Turned]]:
    """What the Service becomes, and what new connections to its VIP meet then."""
    here = backed([local(plan.here)], protocol)
    nobody = [f"{plan.unallocated}/{plan.bits}"]
    return {
        "its endpoint is gone": ([everywhere(plan, protocol)], REJECTED),
        "another endpoint is there": (
            [everywhere(plan, protocol), *backed([local(plan.also_here)], protocol)],
            plan.also_here,
        ),
        "the Service is gone": ([], UNTOUCHED),
        "nobody may come in": ([everywhere(plan, protocol, load_balancer_source_ranges=nobody), *here], DROPPED),
        "the endpoint moved away from the only node": (
            [everywhere(plan, protocol, external_traffic_policy="Local"), *backed([remote(plan.here)], protocol)],
            DROPPED,
        ),
    }


@both_families
@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.UDP])
@pytest.mark.parametrize("change", list(_changes(IPV4, Protocol.TCP)))
def test_established_connections_outlive_every_change_s33(
    node: Node, plan: Plan, protocol: Protocol, change: str
) -> None:
    changed, expected = _changes(plan, protocol)[change]
    install(node, everywhere(plan, protocol), backed([local(plan.here)], protocol))
    with node.conversation(plan.vip, 80, source=plan.outsider, protocol=protocol) as opened:
        before = opened.ask()
        assert (before.address, before.port) == (plan.here, 8080)
        reload(node, changed)
        assert opened.ask() == before
    assert whom(ask(node, plan, "outsider", plan.vip, protocol=protocol)) == {expected}


@both_families
@pytest.mark.parametrize("caller", ["pod", "node"])
@pytest.mark.parametrize("refusal", [REJECTED, DROPPED], ids=["no endpoints", "no Service"])
def test_established_connections_to_a_cluster_ip_outlive_its_service_s33_s38_s39(
    node: Node, plan: Plan, caller: Caller, refusal: Turned
) -> None:
    install(node, everywhere(plan), backed([remote(plan.other_outsider)]))
    packet = plan.packet(caller, plan.cluster_ip)
    source = None if caller == "node" else plan.pod
    with node.conversation(plan.cluster_ip, 80, source=source, entry=packet.entry) as opened:
        before = opened.ask()
        assert before.address == plan.other_outsider
        reload(node, everywhere(plan) if refusal is REJECTED else [])
        assert opened.ask() == before
    assert ask(node, plan, caller, plan.cluster_ip) == {refusal}
