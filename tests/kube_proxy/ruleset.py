"""The tables: base chains, lookups, checks, and the service ports in them."""

from __future__ import annotations

from svcc.addresses import IPFamily
from svcc.dataplane.build import build_dataplane
from svcc.dataplane.contract import (
    LOOPBACK,
    Dataplane,
    FamilyDataplane,
    FrontendKind,
    Masquerade,
    ServicePortName,
)
from svcc.model.cluster import Cluster, ClusterSettings
from svcc.model.service import Protocol
from svcc.select import EndpointAddress
from tests.kube_proxy.layouts import Layout, layout_of
from tests.kube_proxy.names import chain_name, endpoint_chain_name
from tests.kube_proxy.service_ports import ServicePortWriter, pod_match
from tests.kube_proxy.table import TableText

_NEW = "ct state new"
_BEFORE_TRANSLATION, _TRANSLATION, _AFTER_OLD_TRANSLATION, _FILTER, _SOURCE = -110, -100, -90, 0, 100
_EVERYTHING_AT = {
    False: {
        ("filter", "filter-prerouting-pre-dnat", "prerouting", _BEFORE_TRANSLATION): ("firewall-check",),
        ("filter", "filter-output-pre-dnat", "output", _BEFORE_TRANSLATION): ("firewall-check",),
        ("filter", "filter-input", "input", _FILTER): ("nodeport-endpoints-check", "service-endpoints-check"),
        ("filter", "filter-forward", "forward", _FILTER): ("service-endpoints-check", "cluster-ips-check"),
        ("filter", "filter-output", "output", _FILTER): ("service-endpoints-check", "cluster-ips-check"),
    },
    True: {
        ("filter", "filter-prerouting", "prerouting", _BEFORE_TRANSLATION): ("firewall-check",),
        ("filter", "filter-input", "input", _BEFORE_TRANSLATION): (
            "nodeport-endpoints-check",
            "service-endpoints-check",
        ),
        ("filter", "filter-forward", "forward", _BEFORE_TRANSLATION): (
            "service-endpoints-check",
            "cluster-ips-check",
        ),
        ("filter", "filter-output", "output", _BEFORE_TRANSLATION): ("firewall-check", "service-endpoints-check"),
        ("filter", "filter-output-post-dnat", "output", _AFTER_OLD_TRANSLATION): ("cluster-ips-check",),
    },
}
_TRANSLATIONS = {
    ("nat", "nat-prerouting", "prerouting", _TRANSLATION): ("services",),
    ("nat", "nat-output", "output", _TRANSLATION): ("services",),
    ("nat", "nat-postrouting", "postrouting", _SOURCE): ("masquerading",),
}


def kube_proxy_ruleset(
    source: Cluster | Dataplane,
    node: str = "",
    settings: ClusterSettings | None = None,
    layout: str = "1.37",
    *,
    leftovers: int = 0,
) -> str:
    """The two tables of kube-proxy as text for `nft -f`, in the layout of a release.

    `node` and `settings` are those of a `Cluster`; a `Dataplane` needs neither. `leftovers` chains of Services that are
    gone stand empty in each table (S56).

    Raises:
        ValueError: there is no such layout.
        SettingsError: the settings contradict each other.
    """
    if isinstance(source, Cluster):
        source = build_dataplane(source, node, settings or ClusterSettings()).dataplane
    mark = f"{1 << source.masquerade_bit:#x}"
    chosen = layout_of(layout)
    return "".join(_table(family, chosen, mark, leftovers) for family in source.families)


def _table(dataplane: FamilyDataplane, layout: Layout, mark: str, leftovers: int) -> str:
    table = TableText("ip" if dataplane.family is IPFamily.IPV4 else "ip6")
    _declare(table, dataplane, layout)
    _base_chains(table, layout)
    _lookups(table, dataplane, layout, mark)
    _checks(table, dataplane)
    _masquerading(table, layout, mark)
    for plan in dataplane.service_ports:
        ServicePortWriter(table, dataplane, layout, mark, plan).write()
    for number in range(leftovers):
        gone = ServicePortName("gone", f"leftover-{number}", "http", Protocol.TCP)
        table.chain(chain_name("service-", gone))
        loopback = LOOPBACK[dataplane.family].split("/")[0]
        table.chain(endpoint_chain_name(gone, EndpointAddress(loopback, 8080)))
    return table.text("kube-proxy", "rules for kube-proxy")


def _declare(table: TableText, dataplane: FamilyDataplane, layout: Layout) -> None:
    address = "ipv4_addr" if dataplane.family is IPFamily.IPV4 else "ipv6_addr"
    by_ip, by_port = f"type {address} . inet_proto . inet_service : verdict", "type inet_proto . inet_service : verdict"
    table.collection("set", "cluster-ips", f"type {address}", 'comment "Active ClusterIPs"')
    table.elements("set", "cluster-ips", dataplane.cluster_ips)
    addresses = _node_port_addresses(dataplane)
    if addresses is not None:
        comment = 'comment "IPs that accept NodePort traffic"'
        table.collection("set", "nodeport-ips", f"type {address}", comment)
        table.elements("set", "nodeport-ips", addresses)
    if not layout.chain_per_endpoint:
        pair = f"type {address} . {address} . inet_proto . inet_service"
        table.collection("set", "hairpin-connections", pair, 'comment "Connections of local endpoints to themselves"')
    for name, kind, comment in (
        ("no-endpoint-services", by_ip, "vmap to drop or reject packets to services with no endpoints"),
        ("no-endpoint-nodeports", by_port, "vmap to drop or reject packets to service nodeports with no endpoints"),
        ("firewall-ips", by_ip, "destinations that are subject to LoadBalancerSourceRanges"),
        ("service-ips", by_ip, "ClusterIP, ExternalIP and LoadBalancer IP traffic"),
        ("service-nodeports", by_port, "NodePort traffic"),
    ):
        table.collection("map", name, kind, f'comment "{comment}"')


def _node_port_addresses(dataplane: FamilyDataplane) -> list[str] | None:
    """S42: None if every local address serves node ports."""
    node_ports = dataplane.node_ports
    if node_ports.addresses is not None:
        return list(node_ports.addresses)
    if not node_ports.prefixes:
        return None
    return [address for address in dataplane.node_addresses if node_ports.serves(address)]


def _base_chains(table: TableText, layout: Layout) -> None:
    for (kind, name, hook, priority), jumps in _EVERYTHING_AT[layout.refuses_before_translation].items():
        start = f"type {kind} hook {hook} priority {priority}; policy accept;"
        table.chain(name, start, *(f"{_NEW} jump {chain}" for chain in jumps))
    for (kind, name, hook, priority), jumps in _TRANSLATIONS.items():
        start = f"type {kind} hook {hook} priority {priority}; policy accept;"
        table.chain(name, start, *(f"jump {chain}" for chain in jumps))


def _lookups(table: TableText, dataplane: FamilyDataplane, layout: Layout, mark: str) -> None:
    ip = table.family
    by_ip, by_port = f"{ip} daddr . meta l4proto . th dport vmap", "meta l4proto . th dport vmap"
    node_address = f"{ip} daddr @nodeport-ips"
    if _node_port_addresses(dataplane) is None:
        node_address = f"fib daddr type local {ip} daddr != {LOOPBACK[dataplane.family].removesuffix('/128')}"
    if not layout.chain_per_endpoint:
        _masquerade_by_address(table, dataplane, mark)
    table.chain("services", f"{by_ip} @service-ips", f"{node_address} {by_port} @service-nodeports")
    table.chain("service-endpoints-check", f"{by_ip} @no-endpoint-services")
    table.chain("nodeport-endpoints-check", f"{node_address} {by_port} @no-endpoint-nodeports")
    table.chain("firewall-check", f"{by_ip} @firewall-ips")


def _masquerade_by_address(table: TableText, dataplane: FamilyDataplane, mark: str) -> None:
    frontends = [frontend for plan in dataplane.service_ports for frontend in plan.frontends]
    masquerades = {each.masquerade for each in frontends if each.kind is FrontendKind.CLUSTER_IP}
    to_cluster_ip, ask = f"{table.family} daddr @cluster-ips", f"mark set mark or {mark}"
    if Masquerade.ALWAYS in masquerades:
        table.chain("services", f'{to_cluster_ip} {ask} comment "masquerade all ClusterIP traffic"')
    elif dataplane.pods:
        others = pod_match(dataplane.pods, table.family, negated=True)
        table.chain("services", f'{to_cluster_ip} {others} {ask} comment "masquerade ClusterIP traffic from outside"')


def _checks(table: TableText, dataplane: FamilyDataplane) -> None:
    """S38 and S39; `reject` is a statement and no verdict, so lookups go to a chain for it."""
    comment = 'comment "Reject traffic to invalid ports of ClusterIPs"'
    table.chain("cluster-ips-check", f"{table.family} daddr @cluster-ips reject {comment}")
    if dataplane.service_cidrs:
        cidrs = ", ".join(dataplane.service_cidrs)
        comment = 'comment "Drop traffic to unallocated ClusterIPs"'
        table.chain("cluster-ips-check", f"{table.family} daddr {{ {cidrs} }} drop {comment}")
    table.chain("reject-chain", "reject")


def _masquerading(table: TableText, layout: Layout, mark: str) -> None:
    """S32: the mark is cleared before it is acted on."""
    if layout.chain_per_endpoint:
        table.chain("mark-for-masquerade", f"mark set mark or {mark}")
    else:
        pair = f"{table.family} saddr . {table.family} daddr . meta l4proto . th dport @hairpin-connections"
        table.chain(
            "masquerading", f'ct status dnat {pair} mark set mark or {mark} comment "masquerade hairpin traffic"'
        )
    table.chain("masquerading", f"mark and {mark} == 0 return", f"mark set mark xor {mark}", "masquerade fully-random")
