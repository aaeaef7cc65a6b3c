"""Which addresses of the node serve node ports (S42 and S43), by packets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from svcc.model.cluster import ClusterSettings
from svcc.model.node import Node as NodeObject
from svcc.model.node import NodeAddress
from svcc.model.service import Protocol
from tests.declare import POD_CIDRS, local
from tests.kernel.callers import REJECTED, UNTOUCHED, ask, backed, everywhere, install, owning, whom
from tests.kernel.network import Node
from tests.kernel.plans import CALLERS, IPV4, IPV6, NODE_PORT, Plan, both_families

pytestmark = pytest.mark.kernel

LOOPBACKS = {IPV4: ("127.0.0.1", "127.1.2.3"), IPV6: ("::1",)}


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """A node that also answers on loopback, as far as its kernel is concerned, and has one address more."""
    with Node(route_localnet=True) as made:
        for plan in (IPV4, IPV6):
            made.address_add(plan.spare)
        yield made


def settings(nodeport_addresses: Sequence[str]) -> ClusterSettings:
    return ClusterSettings(cluster_cidrs=POD_CIDRS, nodeport_addresses=nodeport_addresses)


def serving(node: Node, plan: Plan, protocol: Protocol = Protocol.TCP) -> set[str]:
    """Which of the node's addresses, and of those behind it, serve the node port, for all callers alike."""
    addresses = (plan.node, plan.gateway, plan.spare, plan.pod, plan.there, plan.other_outsider)
    found = set()
    for address in addresses:
        answers = set().union(*(whom(ask(node, plan, each, address, NODE_PORT, protocol)) for each in CALLERS))
        assert answers in ({plan.here}, {UNTOUCHED}), (address, answers)
        if answers == {plan.here}:
            found.add(address)
    return found


MODES = {
    "primary": (["primary"], {"node"}),
    "a CIDR of one address": (["192.168.77.7/32", "fd00:1::77/128"], {"spare"}),
    "a CIDR of several": (["192.168.0.0/16", "fd00:1::/64"], {"node", "spare"}),
    "two CIDRs": (["192.168.77.0/24", "10.244.0.0/24", "fd00:1::70/124", "fd00:10:244::/64"], {"spare", "gateway"}),
    "overlapping CIDRs": (["192.168.0.0/16", "192.168.77.7/32", "fd00:1::/64", "fd00:1::70/124"], {"node", "spare"}),
    "a CIDR of no address here": (["172.16.0.0/12", "fd99::/64"], set()),
    "zero CIDRs": (["0.0.0.0/0", "::/0"], {"node", "spare", "gateway"}),
    "a zero CIDR and another": (
        ["192.168.77.7/32", "0.0.0.0/0", "fd00:1::77/128", "::/0"],
        {"node", "spare", "gateway"},
    ),
    "nothing": ([], {"node", "spare", "gateway"}),
}


@both_families
@pytest.mark.parametrize("mode", MODES)
def test_the_setting_says_which_local_addresses_serve_s42(node: Node, plan: Plan, mode: str) -> None:
    nodeport_addresses, names = MODES[mode]
    install(
        node, everywhere(plan, *Protocol), backed([local(plan.here)], *Protocol), settings=settings(nodeport_addresses)
    )
    for protocol in Protocol:
        assert serving(node, plan, protocol) == {getattr(plan, name) for name in names}


@both_families
def test_cidrs_of_the_other_family_only_mean_every_local_address_s42(node: Node, plan: Plan) -> None:
    other = IPV6 if plan is IPV4 else IPV4
    install(node, everywhere(plan), backed([local(plan.here)]), settings=settings([f"{other.node}/{other.bits}"]))
    assert serving(node, plan) == {plan.node, plan.spare, plan.gateway}


@both_families
def test_primary_is_what_the_node_object_says_s42(node: Node, plan: Plan) -> None:
    addresses = [NodeAddress(plan.node, "ExternalIP"), NodeAddress("node-a", "Hostname"), NodeAddress(plan.spare)]
    objects = (everywhere(plan), backed([local(plan.here)]))
    install(node, *objects, settings=settings(["primary"]), on=NodeObject("node-a", addresses=addresses))
    assert serving(node, plan) == {plan.spare}
    # A node that has none of the family serves nothing in it.
    install(node, *objects, settings=settings(["primary"]), on=NodeObject("node-a"))
    assert serving(node, plan) == set()


@both_families
@pytest.mark.parametrize("nodeport_addresses", [[], ["198.18.0.0/15", "2001:db8:ffff::/64"]], ids=["all", "CIDRs"])
def test_an_address_serves_from_when_the_node_has_it_until_it_has_not_s42(
    node: Node, plan: Plan, nodeport_addresses: list[str]
) -> None:
    declared = everywhere(plan, load_balancer_ingress=[])
    install(node, declared, backed([local(plan.here)]), settings=settings(nodeport_addresses))
    assert ask(node, plan, "outsider", plan.second_vip, NODE_PORT) == {UNTOUCHED}
    with owning(node, plan.second_vip):
        assert whom(ask(node, plan, "outsider", plan.second_vip, NODE_PORT)) == {plan.here}
    assert ask(node, plan, "outsider", plan.second_vip, NODE_PORT) == {UNTOUCHED}


@both_families
@pytest.mark.parametrize("mode", MODES)
def test_only_addresses_that_serve_refuse_for_want_of_endpoints_s42_s37(node: Node, plan: Plan, mode: str) -> None:
    nodeport_addresses, names = MODES[mode]
    install(node, everywhere(plan), settings=settings(nodeport_addresses))
    for name in ("node", "spare", "gateway"):
        for caller in CALLERS:
            found = ask(node, plan, caller, getattr(plan, name), NODE_PORT)
            assert found == ({REJECTED} if name in names else {UNTOUCHED}), (name, caller)


LOOPBACK_MODES = {
    "primary": ["primary"],
    "nothing": [],
    "zero CIDRs": ["0.0.0.0/0", "::/0"],
    "loopback itself": ["127.0.0.0/8", "::1/128"],
    "a loopback address and another": ["127.0.0.1/32", "192.168.0.10/32", "::1/128", "fd00:1::10/128"],
    "a wider CIDR around it": ["64.0.0.0/2", "::/64"],
}


@both_families
@pytest.mark.parametrize("mode", LOOPBACK_MODES)
@pytest.mark.parametrize("with_endpoints", [True, False])
def test_loopback_never_serves_s43(node: Node, plan: Plan, mode: str, with_endpoints: bool) -> None:
    endpoints = backed([local(plan.here)], *Protocol) if with_endpoints else []
    install(node, everywhere(plan, *Protocol), endpoints, settings=settings(LOOPBACK_MODES[mode]))
    for protocol in Protocol:
        for loopback in LOOPBACKS[plan]:
            for source in (loopback, plan.node):
                assert ask(node, plan, "node", loopback, NODE_PORT, protocol, source=source) == {UNTOUCHED}


def test_loopback_does_not_serve_what_comes_in_from_outside_s43(node: Node) -> None:
    # Possible only because this node routes such packets to itself.
    for nodeport_addresses in LOOPBACK_MODES.values():
        install(node, everywhere(IPV4), backed([local(IPV4.here)]), settings=settings(nodeport_addresses))
        for loopback in LOOPBACKS[IPV4]:
            assert ask(node, IPV4, "outsider", loopback, NODE_PORT) == {UNTOUCHED}
            assert ask(node, IPV4, "pod", loopback, NODE_PORT) == {UNTOUCHED}


@both_families
def test_the_node_reaches_its_own_listeners_on_loopback_under_a_node_ports_number_s43(node: Node, plan: Plan) -> None:
    install(node, everywhere(plan), backed([local(plan.here)]), settings=settings([]))
    loopback = LOOPBACKS[plan][0]
    with node.listening(loopback, NODE_PORT):
        assert node.connect(loopback, NODE_PORT, entry="output").address == loopback
