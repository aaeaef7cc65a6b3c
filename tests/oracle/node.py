"""What the node itself decides: who is a pod (S44) and which addresses serve node ports (S42, S43)."""

from __future__ import annotations

from svcc.addresses import IPFamily, canonical_prefix, family_of, prefix_contains
from svcc.model.cluster import PRIMARY, Cluster, ClusterSettings, DetectLocalMode
from svcc.model.node import Node
from tests.oracle.packet import NodeFacts, Packet, is_loopback


def node_named(cluster: Cluster, name: str) -> Node:
    """The Node object of that name; without one, a node of which nothing but the name is known."""
    for node in cluster.nodes:
        if node.name == name:
            return node
    return Node(name)


def detect_local_mode(settings: ClusterSettings) -> DetectLocalMode:
    """S44: the mode in effect; unset means ClusterCIDR if there are cluster CIDRs, else none."""
    if settings.detect_local_mode is not None:
        return settings.detect_local_mode
    return DetectLocalMode.CLUSTER_CIDR if settings.cluster_cidrs else DetectLocalMode.NONE


def pod_prefixes(settings: ClusterSettings, node: Node, family: IPFamily) -> list[str]:
    """S44: the ranges of the family that the modes ClusterCIDR and NodeCIDR compare sources with."""
    mode = detect_local_mode(settings)
    texts: tuple[str, ...] = ()
    if mode is DetectLocalMode.CLUSTER_CIDR:
        texts = settings.cluster_cidrs
    if mode is DetectLocalMode.NODE_CIDR:
        texts = node.pod_cidrs
    prefixes = [canonical_prefix(text) for text in texts]
    return [each for each in prefixes if each is not None and family_of(each) is family]


def has_detector(settings: ClusterSettings, node: Node, family: IPFamily) -> bool:
    """S44: whether pods can be told at all.

    Decided: a CIDR mode without a CIDR of the family is no detector in that family.
    """
    mode = detect_local_mode(settings)
    if mode is DetectLocalMode.NONE:
        return False
    if mode in {DetectLocalMode.BRIDGE_INTERFACE, DetectLocalMode.INTERFACE_NAME_PREFIX}:
        return True
    return bool(pod_prefixes(settings, node, family))


def is_pod_traffic(settings: ClusterSettings, node: Node, packet: Packet) -> bool:
    """S44: what the detector matches; interface modes match nothing in output, where there is no input interface."""
    mode = detect_local_mode(settings)
    if mode is DetectLocalMode.BRIDGE_INTERFACE:
        return packet.hook != "output" and packet.interface == settings.pod_bridge_interface
    if mode is DetectLocalMode.INTERFACE_NAME_PREFIX:
        prefix = settings.pod_interface_name_prefix
        return packet.hook != "output" and packet.interface is not None and packet.interface.startswith(prefix)
    return any(prefix_contains(prefix, packet.source) for prefix in pod_prefixes(settings, node, packet.family))


def is_node_traffic(facts: NodeFacts, packet: Packet) -> bool:
    """Node traffic: the source is a local address of the node, in whichever hook."""
    return facts.is_local(packet.source)


def serves_node_ports(settings: ClusterSettings, node: Node, facts: NodeFacts, address: str) -> bool:
    """S42 and S43: whether node ports are answered on an address.

    `primary` means the primary address of the Node object. Decided: it counts as a CIDR of both families, so that a
    family of which the Node has no address serves no node ports; and it may stand beside CIDRs.
    """
    if is_loopback(address):
        return False
    family = family_of(address)
    if PRIMARY in settings.nodeport_addresses and address == node.primary_address(family):
        return True
    if not facts.is_local(address):
        return False
    prefixes = [canonical_prefix(text) for text in settings.nodeport_addresses if text != PRIMARY]
    of_this_family = [each for each in prefixes if each is not None and family_of(each) is family]
    if not of_this_family:
        return PRIMARY not in settings.nodeport_addresses
    return any(prefix_contains(prefix, address) for prefix in of_this_family)
