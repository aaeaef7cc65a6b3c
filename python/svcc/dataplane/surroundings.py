"""The node's surroundings in one family: who is a pod, what serves node ports, which addresses are Services'.

Settings come from users, so every mistake in them is an error that names the flag-like field and the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

from svcc.addresses import (
    IPFamily,
    canonical_address,
    canonical_prefix,
    collapsed_prefixes,
    family_of,
    prefix_contains,
)
from svcc.dataplane.contract import LOOPBACK, NodePortAddresses, PodDetector
from svcc.errors import SettingsError
from svcc.model.cluster import PRIMARY, Cluster, ClusterSettings, DetectLocalMode
from svcc.model.node import Node

__all__ = ["Surroundings", "surroundings"]

_BIG_ENDIAN = frozenset({"s390x", "s390", "ppc64", "ppc", "mips", "mips64", "sparc64"})
_LONGEST_INTERFACE_NAME = 15
_INTERFACE_NAME = re.compile(rf"[A-Za-z0-9_.@=+-]{{1,{_LONGEST_INTERFACE_NAME}}}")


@frozen
class Surroundings:
    """What a family of the dataplane says besides its Services; see `FamilyDataplane`."""

    service_cidrs: tuple[str, ...]
    node_ports: NodePortAddresses
    pods: PodDetector
    node_addresses: tuple[str, ...]
    primary_address: str | None


def is_big_endian(node: Node | None) -> bool:
    """Whether the node's processor stores numbers big end first (`status.nodeInfo.architecture`)."""
    return node is not None and node.architecture in _BIG_ENDIAN


def surroundings(family: IPFamily, cluster: Cluster, node: Node | None, settings: ClusterSettings) -> Surroundings:
    """Read settings and objects for one family.

    Raises:
        SettingsError: a prefix, address or interface name makes no sense, or a detector lacks what it needs.
    """
    declared = [cidr for item in cluster.service_cidrs for cidr in item.cidrs]
    service_cidrs = [prefix for text in declared if (prefix := canonical_prefix(text))]
    service_cidrs += _prefixes("service_cidrs", settings.service_cidrs)
    addresses = _node_addresses(family, node, settings)
    return Surroundings(
        service_cidrs=collapsed_prefixes(prefix for prefix in service_cidrs if family_of(prefix) is family),
        node_ports=_node_ports(family, node, addresses, settings),
        pods=_pods(family, node, settings),
        node_addresses=addresses,
        primary_address=node.primary_address(family) if node else None,
    )


def _node_addresses(family: IPFamily, node: Node | None, settings: ClusterSettings) -> tuple[str, ...]:
    found: dict[str, None] = {}
    if node and (primary := node.primary_address(family)):
        found[primary] = None
    for entry in node.addresses if node else ():
        if entry.type in ("InternalIP", "ExternalIP") and (address := canonical_address(entry.address)):
            found[address] = None
    for text in settings.local_addresses:
        address = canonical_address(text)
        if address is None:
            raise SettingsError(f"local_addresses: {text!r} is not an IP address")
        found[address] = None
    return tuple(address for address in found if family_of(address) is family)


def _node_ports(
    family: IPFamily, node: Node | None, node_addresses: tuple[str, ...], settings: ClusterSettings
) -> NodePortAddresses:
    wanted = settings.nodeport_addresses
    if PRIMARY in wanted:
        if len(wanted) > 1:
            raise SettingsError(f"nodeport_addresses: {PRIMARY!r} cannot be combined with CIDRs")
        if node is not None:
            primary = node.primary_address(family)
            return NodePortAddresses(addresses=_without_loopback((primary,) if primary else ()))
        # Without a Node object nobody said which address is primary: those given by hand, else any local one.
        return NodePortAddresses(addresses=_without_loopback(node_addresses)) if node_addresses else NodePortAddresses()
    prefixes = [prefix for prefix in _prefixes("nodeport_addresses", wanted) if family_of(prefix) is family]
    if not prefixes or any(prefix.endswith("/0") for prefix in prefixes):
        return NodePortAddresses()
    return NodePortAddresses(prefixes=collapsed_prefixes(prefixes))


def _without_loopback(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """S43: loopback serves no node ports, whoever names it."""
    return tuple(
        address for address in addresses if not any(prefix_contains(each, address) for each in LOOPBACK.values())
    )


def _pods(family: IPFamily, node: Node | None, settings: ClusterSettings) -> PodDetector:
    mode = settings.detect_local_mode
    cluster_cidrs = _prefixes("cluster_cidrs", settings.cluster_cidrs)
    if mode is None:
        mode = DetectLocalMode.CLUSTER_CIDR if cluster_cidrs else DetectLocalMode.NONE
    match mode:
        case DetectLocalMode.CLUSTER_CIDR:
            return PodDetector(source_prefixes=_of_family(family, cluster_cidrs))
        case DetectLocalMode.NODE_CIDR:
            pod_cidrs = [prefix for text in (node.pod_cidrs if node else ()) if (prefix := canonical_prefix(text))]
            return PodDetector(source_prefixes=_of_family(family, pod_cidrs))
        case DetectLocalMode.BRIDGE_INTERFACE:
            return PodDetector(interface=_interface("pod_bridge_interface", settings.pod_bridge_interface))
        case DetectLocalMode.INTERFACE_NAME_PREFIX:
            name = _interface("pod_interface_name_prefix", settings.pod_interface_name_prefix)
            # No name is longer than 15 characters, and nft refuses a wildcard behind that many.
            if len(name) == _LONGEST_INTERFACE_NAME:
                return PodDetector(interface=name)
            return PodDetector(interface_prefix=name)
        case DetectLocalMode.NONE:
            return PodDetector()


def _of_family(family: IPFamily, prefixes: Iterable[str]) -> tuple[str, ...]:
    return collapsed_prefixes(prefix for prefix in prefixes if family_of(prefix) is family)


def _interface(field: str, name: str) -> str:
    if not name:
        raise SettingsError(f"{field}: this way to recognise pods needs the name")
    if not _INTERFACE_NAME.fullmatch(name):
        raise SettingsError(f"{field}: {name!r} is not an interface name of 1 to 15 plain characters")
    return name


def _prefixes(field: str, texts: Iterable[str]) -> list[str]:
    """Canonical prefixes; all that are none are named in one error."""
    found = {text: canonical_prefix(text) for text in texts}
    wrong = [text for text, prefix in found.items() if prefix is None]
    if wrong:
        raise SettingsError(f"{field}: {', '.join(map(repr, wrong))}: must be a valid CIDR value, (e.g. 10.9.8.0/24)")
    return [prefix for prefix in found.values() if prefix is not None]
