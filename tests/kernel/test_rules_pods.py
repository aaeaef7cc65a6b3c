"""Who is a pod (S44), by packets.

Pods show by two things: they keep their source at cluster IPs (S29), and `externalTrafficPolicy: Local` sends them to
endpoints elsewhere (S27).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from attrs import evolve

from svcc.model.cluster import ClusterSettings, DetectLocalMode
from tests.declare import NODE, POD_CIDRS, remote
from tests.kernel.callers import DROPPED, Reached, ask, backed, everywhere, install, owning
from tests.kernel.network import Node
from tests.kernel.plans import IPV4, IPV6, Caller, Plan, both_families

pytestmark = pytest.mark.kernel

NODE_WITH_PODS = evolve(NODE, pod_cidrs=["10.244.0.0/24", "fd00:10:244::/64"])
BRIDGE, PREFIX = DetectLocalMode.BRIDGE_INTERFACE, DetectLocalMode.INTERFACE_NAME_PREFIX

MODES: dict[str, dict[str, Any]] = {
    "ClusterCIDR": {"cluster_cidrs": POD_CIDRS, "detect_local_mode": DetectLocalMode.CLUSTER_CIDR},
    "cluster CIDRs and no mode": {"cluster_cidrs": POD_CIDRS},
    "overlapping cluster CIDRs": {"cluster_cidrs": [*POD_CIDRS, "10.244.9.0/24", "fd00:10:244:9::/64", *POD_CIDRS]},
    "NodeCIDR": {"detect_local_mode": DetectLocalMode.NODE_CIDR},
    "NodeCIDR beside cluster CIDRs": {"cluster_cidrs": POD_CIDRS, "detect_local_mode": DetectLocalMode.NODE_CIDR},
    "BridgeInterface": {"detect_local_mode": BRIDGE, "pod_bridge_interface": "cni0"},
    "BridgeInterface of the beginning of a name": {"detect_local_mode": BRIDGE, "pod_bridge_interface": "cni"},
    "BridgeInterface that does not exist": {"detect_local_mode": BRIDGE, "pod_bridge_interface": "cbr0"},
    "InterfaceNamePrefix": {"detect_local_mode": PREFIX, "pod_interface_name_prefix": "cn"},
    "InterfaceNamePrefix of a whole name": {"detect_local_mode": PREFIX, "pod_interface_name_prefix": "cni0"},
    "InterfaceNamePrefix longer than the name": {"detect_local_mode": PREFIX, "pod_interface_name_prefix": "cni00"},
    "InterfaceNamePrefix that does not exist": {"detect_local_mode": PREFIX, "pod_interface_name_prefix": "veth"},
}

Ask = tuple[Caller, str]
"""A caller, and which address of the plan it has."""

POD: Ask = ("pod", "pod")
POD_FROM_OUTSIDE: Ask = ("outsider", "pod")
REMOTE_POD: Ask = ("remote pod", "remote_pod")
STRANGER_AT_THE_POD_INTERFACE: Ask = ("pod", "outsider")
OUTSIDER: Ask = ("outsider", "outsider")
EVERYBODY = (POD, POD_FROM_OUTSIDE, REMOTE_POD, STRANGER_AT_THE_POD_INTERFACE, OUTSIDER)

BY_ADDRESS = {POD, POD_FROM_OUTSIDE, REMOTE_POD}
BY_NODE_ADDRESS = {POD, POD_FROM_OUTSIDE}
BY_INTERFACE = {POD, STRANGER_AT_THE_POD_INTERFACE}
PODS_OF = {
    "ClusterCIDR": BY_ADDRESS,
    "cluster CIDRs and no mode": BY_ADDRESS,
    "overlapping cluster CIDRs": BY_ADDRESS,
    "NodeCIDR": BY_NODE_ADDRESS,
    "NodeCIDR beside cluster CIDRs": BY_NODE_ADDRESS,
    "BridgeInterface": BY_INTERFACE,
    "BridgeInterface of the beginning of a name": set[Ask](),
    "BridgeInterface that does not exist": set[Ask](),
    "InterfaceNamePrefix": BY_INTERFACE,
    "InterfaceNamePrefix of a whole name": BY_INTERFACE,
    "InterfaceNamePrefix longer than the name": set[Ask](),
    "InterfaceNamePrefix that does not exist": set[Ask](),
}


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as made:
        yield made


def pods(node: Node, plan: Plan, asking: Sequence[Ask] = EVERYBODY) -> set[Ask]:
    """Who is taken for a pod, by both signs alike."""
    found = set()
    for caller, name in asking:
        source = getattr(plan, name)
        at_cluster_ip = ask(node, plan, caller, plan.cluster_ip, source=source)
        at_vip = ask(node, plan, caller, plan.vip, source=source)
        if at_cluster_ip == {Reached(plan.there)}:
            assert at_vip == {Reached(plan.there)}, (caller, name)
            found.add((caller, name))
        else:
            assert at_cluster_ip == {Reached(plan.there, masqueraded=True)}, (caller, name)
            assert at_vip == {DROPPED}, (caller, name)
    return found


def declare(node: Node, plan: Plan, **settings: Any) -> None:
    """The only endpoint is elsewhere, so that outsiders are dropped at external frontends."""
    install(
        node,
        everywhere(plan, external_traffic_policy="Local"),
        backed([remote(plan.there)]),
        settings=ClusterSettings(**settings),
        on=NODE_WITH_PODS,
    )


@both_families
@pytest.mark.parametrize("mode", MODES)
def test_each_mode_knows_its_pods_s44(node: Node, plan: Plan, mode: str) -> None:
    declare(node, plan, **MODES[mode])
    assert pods(node, plan) == PODS_OF[mode]


@both_families
@pytest.mark.parametrize(
    "settings",
    [{}, {"detect_local_mode": DetectLocalMode.NONE}, {"cluster_cidrs": POD_CIDRS, "detect_local_mode": "None"}],
    ids=["nothing set", "None", "None beside cluster CIDRs"],
)
def test_without_a_detector_nobody_is_a_pod_s44(node: Node, plan: Plan, settings: dict[str, Any]) -> None:
    declare(node, plan, **settings)
    for caller, name in EVERYBODY:
        source = getattr(plan, name)
        # Nobody being a pod, nobody is masqueraded at cluster IPs for not being one.
        assert ask(node, plan, caller, plan.cluster_ip, source=source) == {Reached(plan.there)}
        assert ask(node, plan, caller, plan.vip, source=source) == {DROPPED}


@both_families
def test_a_detector_of_the_other_family_is_none_in_this_one_s44(node: Node, plan: Plan) -> None:
    declare(node, plan, cluster_cidrs=[POD_CIDRS[1 if plan is IPV4 else 0]])
    assert ask(node, plan, "pod", plan.cluster_ip) == {Reached(plan.there)}
    assert ask(node, plan, "outsider", plan.cluster_ip) == {Reached(plan.there)}
    assert ask(node, plan, "pod", plan.vip) == {DROPPED}


@both_families
@pytest.mark.parametrize(
    ("settings", "by_address"),
    [(MODES["ClusterCIDR"], True), (MODES["BridgeInterface"], False), (MODES["InterfaceNamePrefix"], False)],
    ids=["ClusterCIDR", "BridgeInterface", "InterfaceNamePrefix"],
)
def test_the_nodes_own_packets_are_a_pods_by_their_address_only_s44(
    node: Node, plan: Plan, settings: dict[str, Any], by_address: bool
) -> None:
    declare(node, plan, **settings)
    with owning(node, plan.pod, interface="lo"):
        found = ask(node, plan, "node", plan.cluster_ip, source=plan.pod)
        assert found == {Reached(plan.there, masqueraded=not by_address)}
        assert ask(node, plan, "node", plan.vip, source=plan.pod) == {Reached(plan.there, masqueraded=not by_address)}
        assert ask(node, plan, "node", plan.cluster_ip) == {Reached(plan.there, masqueraded=True)}


def test_a_prefix_matches_every_interface_that_begins_with_it_s44() -> None:
    with Node(pod_interface="veth0123456789a", outside_interface="vethless") as named:
        for plan in (IPV4, IPV6):
            for prefix, expected in (
                ("veth", set(EVERYBODY)),
                ("veth0", BY_INTERFACE),
                # As long as a name can be.
                ("veth0123456789a", BY_INTERFACE),
                ("eth", set[Ask]()),
            ):
                declare(named, plan, detect_local_mode=PREFIX, pod_interface_name_prefix=prefix)
                assert pods(named, plan) == expected
