"""Where svcc hooks into the kernel, and that it leaves everything else alone (S52)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from svcc.model.service import Protocol
from tests.declare import local, remote
from tests.kernel import network
from tests.kernel.callers import DROPPED, REJECTED, UNTOUCHED, ask, backed, everywhere, install, reload, survey, whom
from tests.kernel.network import Node
from tests.kernel.packets import Packet, encoded
from tests.kernel.plans import CALLERS, IPV4, IPV6, KINDS, Plan, both_families

pytestmark = pytest.mark.kernel

HOOKS = {
    ("filter", "prerouting", -110),
    ("filter", "output", -110),
    ("nat", "prerouting", -100),
    ("nat", "output", -100),
    ("filter", "input", 0),
    ("filter", "forward", 0),
    ("filter", "output", 0),
    ("nat", "postrouting", 100),
    # For affinity towards endpoints on the node's own address, whose packets never pass postrouting.
    ("nat", "input", 100),
}

FOREIGN = """
table ip kube-proxy { chain services { type nat hook prerouting priority dstnat; ip daddr 192.0.2.1 drop; }; }
table ip6 kube-proxy { map service-ips { type ipv6_addr . inet_service : verdict; }; }
table inet svcc { set endpoints { type ipv4_addr; elements = { 192.0.2.1 }; }; chain refuse { }; }
table ip firewall { chain input { type filter hook input priority 10; tcp dport 22 accept; }; }
"""


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as made:
        yield made


def listed(node: Node, *what: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(node.nft("-j", "list", *what))["nftables"]
    return found


@both_families
def test_one_table_a_family_hooks_in_where_others_expect_it_s52(node: Node, plan: Plan) -> None:
    install(node, everywhere(plan, *Protocol), backed([local(plan.here)], *Protocol))
    tables = {(item["table"]["family"], item["table"]["name"]) for item in listed(node, "tables") if "table" in item}
    assert tables == {("ip", "svcc"), ("ip6", "svcc")}
    chains = [item["chain"] for item in listed(node, "table", plan.word, "svcc") if "chain" in item]
    base = [chain for chain in chains if "hook" in chain]
    assert sorted((chain["type"], chain["hook"], chain["prio"]) for chain in base) == sorted(HOOKS)
    assert {chain["policy"] for chain in base} == {"accept"}


@both_families
def test_other_tables_are_left_as_they_are_s52(node: Node, plan: Plan) -> None:
    node.reset()
    node.load(FOREIGN)
    before = [item for item in listed(node, "ruleset") if "metainfo" not in item]
    for objects in ([everywhere(plan), *backed([local(plan.here)])], [everywhere(plan)], []):
        reload(node, objects)
        after = [item for item in listed(node, "ruleset") if "metainfo" not in item and not is_ours(item)]
        assert after == before
    node.nft("delete table ip svcc; delete table ip6 svcc")
    assert [item for item in listed(node, "ruleset") if "metainfo" not in item] == before


def is_ours(item: dict[str, Any]) -> bool:
    ((kind, found),) = item.items()
    name = found["name"] if kind == "table" else found["table"]
    return found["family"] in {"ip", "ip6"} and name == "svcc"


@both_families
@pytest.mark.parametrize("priority", [-300, -105, -50, 10, 300])
@pytest.mark.parametrize("hook", ["forward", "output"])
def test_nothing_is_accepted_on_behalf_of_a_host_firewall_s52(node: Node, plan: Plan, priority: int, hook: str) -> None:
    install(node, everywhere(plan), backed([local(plan.here)]))
    node.load(f"table inet firewall {{ chain c {{ type filter hook {hook} priority {priority}; policy drop; }}; }}")
    for caller in CALLERS:
        stopped = (caller == "node") == (hook == "output")
        for kind in KINDS:
            assert whom(ask(node, plan, caller, *plan.frontend(kind))) == ({DROPPED} if stopped else {plan.here})


@both_families
def test_a_host_firewall_sees_the_translated_destination_and_may_admit_what_it_likes_s52(
    node: Node, plan: Plan
) -> None:
    install(node, everywhere(plan), backed([local(plan.here)]))
    node.load(
        f"table inet firewall {{ chain c {{ type filter hook forward priority 0; policy drop;"
        f" {plan.word} daddr {plan.here} tcp dport 8080 accept; }}; }}"
    )
    for case, found in survey(node, plan).items():
        assert whom(found) == {plan.here}, case
    # An accept of somebody else does not undo a refusal of ours either.
    install(node, everywhere(plan))
    node.load("table inet firewall { chain c { type filter hook forward priority -10; accept; }; }")
    for case, found in survey(node, plan).items():
        assert found == {REJECTED}, case


PARAMETERS = ("ipv4/*", "ipv4/conf/*/*", "ipv6/*", "ipv6/conf/*/*", "netfilter/nf_conntrack_*")
UNREADABLE = {"stable_secret", "cipso_cache_bucket_size"}


def parameters() -> dict[str, str]:
    """The kernel's network parameters that can be set, in the namespace of the calling thread."""
    paths = [path for pattern in PARAMETERS for path in Path("/proc/sys/net").glob(pattern)]
    return {
        str(path): path.read_text()
        for path in paths
        if path.is_file() and path.stat().st_mode & 0o600 == 0o600 and path.name not in UNREADABLE
    }


def test_no_kernel_parameter_is_set_s52(node: Node) -> None:
    node.reset()
    before = node.run(parameters)
    assert len(before) > 200
    for plan in (IPV4, IPV6):
        install(node, everywhere(plan), backed([local(plan.here)]))
        assert node.run(parameters) == before


def with_fin(packet: Packet, source_port: int, token: int) -> bytes:
    """A SYN with FIN set, which no connection begins with: conntrack takes it for INVALID."""
    data = bytearray(encoded(packet, source_port, token))
    tcp = 40 if ":" in packet.source else 20
    data[tcp + 13] |= 0x01
    # RFC 1624: one more in a word is one less in the complement of the sum.
    checksum = int.from_bytes(data[tcp + 16 : tcp + 18], "big") - 1
    data[tcp + 16 : tcp + 18] = (checksum % 0xFFFF).to_bytes(2, "big")
    return bytes(data)


@both_families
def test_invalid_packets_are_not_dropped_s52(node: Node, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    install(node, everywhere(plan), backed([remote(plan.there)]))
    node.load(
        "table inet watch { chain forward { type filter hook forward priority 300; ct state invalid counter; }; }"
    )
    monkeypatch.setattr(network, "encoded", with_fin)
    for caller in ("outsider", "pod"):
        for destination in (plan.here, plan.outsider, plan.vip, plan.cluster_ip):
            assert ask(node, plan, caller, destination) == {UNTOUCHED}
    assert "packets 8 " in node.nft("list", "chain", "inet", "watch", "forward")


@both_families
def test_removing_the_tables_leaves_nothing_behind_s52(node: Node, plan: Plan) -> None:
    install(node, everywhere(plan, session_affinity="ClientIP"), backed([local(plan.here)]))
    node.nft("delete table ip svcc; delete table ip6 svcc")
    assert node.nft("list", "ruleset") == ""
    for case, found in survey(node, plan).items():
        assert found == {UNTOUCHED}, case
