"""`diff`: two states of a cluster in, what changes on one node out."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from svcc.changes.contract import NodeChange, ServicePortChange
from svcc.changes.departures import Departures, departures
from svcc.changes.rulesets import chain_changes, set_changes
from svcc.changes.service_ports import service_port_changes
from svcc.changes.surroundings import surroundings_changes
from svcc.compiler.compilation import chosen_node, compile_cluster, declared_cluster
from svcc.dataplane.conntrack import stale_udp_entries
from svcc.dataplane.contract import Dataplane
from svcc.fields import Problem
from svcc.manifest.load import Loaded
from svcc.model.cluster import Cluster, ClusterObject, ClusterSettings
from svcc.nft.transaction import transaction

__all__ = ["diff", "diff_clusters", "diff_dataplanes"]


def diff(
    before: Cluster | Loaded | Iterable[ClusterObject],
    after: Cluster | Loaded | Iterable[ClusterObject],
    *,
    node: str | None = None,
    settings: ClusterSettings | None = None,
    settings_after: ClusterSettings | None = None,
) -> NodeChange:
    """What changes on a node when what is declared changes: for packets, for connections, and in the ruleset.

    The result is false where nothing changes.

    Args:
        before: as for `compile`.
        after: the same.
        node: the name of the node; None takes the only Node among the objects.
        settings: what is no object of the API; the default is kube-proxy's.
        settings_after: the settings after the change; None takes the same ones.

    Raises:
        InputError: `node` is None and there are several Nodes.
        SettingsError: the settings make no sense.
        TypeError: an object is of a class that svcc does not read.
    """
    (old, _), (new, problems) = declared_cluster(before), declared_cluster(after)
    settings = settings or ClusterSettings()
    return diff_clusters(old, new, node=node, settings=(settings, settings_after or settings), problems=problems)


def diff_clusters(
    before: Cluster,
    after: Cluster,
    *,
    node: str | None,
    settings: tuple[ClusterSettings, ClusterSettings],
    problems: Iterable[Problem] = (),
) -> NodeChange:
    """`diff` for objects that have been validated, with the settings of each side; `problems` are those of `after`.

    Raises:
        InputError: `node` is None and there are several Nodes.
        SettingsError: the settings make no sense.
    """
    name = chosen_node(after if after.nodes or node is not None else before, node)
    old = compile_cluster(before, node=name, settings=settings[0])
    new = compile_cluster(after, node=name, settings=settings[1], problems=problems)
    change = diff_dataplanes(old.dataplane, new.dataplane, departures(before, after))
    commands = transaction(old.ruleset, new.ruleset)
    return evolve(
        change,
        sets=set_changes(commands),
        chains=chain_changes(old.ruleset, new.ruleset),
        transaction=commands,
        problems=new.problems,
    )


def diff_dataplanes(before: Dataplane, after: Dataplane, leaving: Departures) -> NodeChange:
    """What changes for packets and connections between two dataplanes of a node, without the rulesets."""
    service_ports: list[ServicePortChange] = []
    order = before.big_endian, after.big_endian
    for old, new in zip(before.families, after.families, strict=True):
        service_ports += service_port_changes(old, new, leaving, order)
    service_ports.sort(key=lambda change: change.name)
    return NodeChange(
        after.node,
        tuple(service_ports),
        surroundings_changes(before, after, service_ports),
        stale_udp_entries(before, after),
    )
