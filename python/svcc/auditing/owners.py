"""Whose the tables of a dump are, and in which layout."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

from attrs import frozen

from svcc import _native
from svcc.compiler.ruleset import build_ruleset
from svcc.dataplane.build import build_dataplane
from svcc.model.cluster import Cluster, ClusterSettings
from svcc.nft.objects import Table

__all__ = ["BaseChain", "Owner", "TableOwner", "Tenant", "empty_tables", "table_owners"]


class Owner(enum.StrEnum):
    """Who makes tables, as far as svcc recognises them by the names of tables and chains."""

    SVCC = "svcc"
    OLDER_SVCC = "older-svcc"
    """svcc, of a version that lays its table out differently."""
    KUBE_PROXY = "kube-proxy"
    """kube-proxy in its nftables mode."""
    KUBE_PROXY_IPTABLES = "kube-proxy-iptables"
    """kube-proxy in its modes iptables and ipvs."""
    KUBELET = "kubelet"
    NFTLB = "nftlb"
    DOCKER = "docker"
    FIREWALLD = "firewalld"
    UFW = "ufw"
    LIBVIRT = "libvirt"
    CALICO = "calico"
    CILIUM = "cilium"
    KUBE_ROUTER = "kube-router"
    CNI = "cni"
    """Plugins of the Container Network Interface, and podman."""
    IPTABLES = "iptables"
    """A table of iptables-nft; see `TableOwner.tenants`."""
    UNKNOWN = "unknown"

    @property
    def is_service_proxy(self) -> bool:
        """Whether it translates the addresses of Services."""
        return self in _SERVICE_PROXIES


_SERVICE_PROXIES = frozenset({Owner.SVCC, Owner.OLDER_SVCC, Owner.KUBE_PROXY, Owner.KUBE_PROXY_IPTABLES, Owner.NFTLB})


@frozen
class Tenant:
    """Somebody's chains in a table that many share.

    Attributes:
        owner: whose they are.
        first: the name of the first.
        chains: how many.
        rules: how many rules there are in them.
        hooked: a packet can get to one of them that has rules.
    """

    owner: Owner
    first: str
    chains: int
    rules: int
    hooked: bool


@frozen
class BaseChain:
    """A chain that is hooked.

    Attributes:
        kind: ``filter``, ``nat`` or ``route``.
        hook: such as ``prerouting``.
        priority: small ones run first; among chains of type nat only.
    """

    name: str
    kind: str
    hook: str
    priority: int


@frozen
class TableOwner:
    """Whose a table is.

    Attributes:
        family, table: the table.
        owner: who made it.
        layout: of svcc's table, ``current`` or ``older``; of kube-proxy's, the releases of Kubernetes that write such a
            table, such as ``1.33 to 1.35``; else empty, or where it cannot be told.
        dormant: whether it is switched off as a whole; None if the dump does not tell.
        tenants: who else has chains in it.
        base_chains: its hooked chains.
    """

    family: str
    table: str
    owner: Owner
    layout: str
    dormant: bool | None
    tenants: tuple[Tenant, ...]
    base_chains: tuple[BaseChain, ...]

    @property
    def name(self) -> str:
        """The table as nft writes it: ``table ip svcc``."""
        return f"table {self.family} {self.table}"

    @property
    def translates_services(self) -> bool:
        """Whether a service proxy has rules in it."""
        return self.owner.is_service_proxy or any(each.owner.is_service_proxy and each.rules for each in self.tenants)


def table_owners(inspection: _native.Inspection) -> tuple[TableOwner, ...]:
    """Whose each table of a dump is, in the dump's order."""
    found = []
    for place, (family, table, dormant, word, releases, tenants, bases) in enumerate(inspection.tables()):
        owner, layout = Owner(word), releases
        base_chains = tuple(BaseChain(*base) for base in bases)
        if owner is Owner.SVCC:
            is_current = _is_current(family, base_chains, *inspection.plain_names(place))
            owner, layout = (Owner.SVCC, "current") if is_current else (Owner.OLDER_SVCC, "older")
        rows = (Tenant(Owner(row[0]), *row[1:]) for row in tenants)
        found.append(TableOwner(family, table, owner, layout, dormant, tuple(rows), base_chains))
    return tuple(found)


def _is_current(family: str, bases: Sequence[BaseChain], chains: Sequence[str], sets: Sequence[str]) -> bool:
    """Whether a table called svcc has the hooks, sets and program of this version; what is in them does not matter."""
    expected = empty_tables().get(family)
    if expected is None:
        return False
    hooks = {
        BaseChain(chain.name, chain.hook.type, chain.hook.hook, chain.hook.priority)
        for chain in expected.chains
        if chain.hook
    }
    program = {chain.name for chain in expected.chains}
    return (
        set(bases) == hooks
        and set(sets) == {each.name for each in expected.sets}
        and program <= set(chains)
        and all(name in program or name.startswith("pick-") for name in chains)
    )


@cache
def empty_tables() -> Mapping[str, Table]:
    """The tables of svcc without any Services, by family: the names that every table of this version has."""
    ruleset = build_ruleset(build_dataplane(Cluster(), "", ClusterSettings()).dataplane)
    return MappingProxyType({table.family: table for table in ruleset.tables})
