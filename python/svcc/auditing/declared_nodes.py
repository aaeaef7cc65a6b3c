"""The auditor of a fleet: what manifests declare for all nodes, asked about one node after the other."""

from __future__ import annotations

from threading import Lock
from typing import Any

from attrs import define, field

from svcc.auditing.audit import audit_dataplane
from svcc.auditing.baseline import Baseline
from svcc.auditing.dump import unpacked
from svcc.auditing.finding import AuditReport
from svcc.auditing.node_dump import NodeDump
from svcc.dataplane.build import build_dataplane
from svcc.dataplane.notices import nodes_there_are
from svcc.errors import InputError
from svcc.manifest.load import load
from svcc.model.cluster import Cluster, ClusterSettings

__all__ = ["DeclaredNodes"]


@define
class DeclaredNodes:
    """Audits the dump of any node of a cluster; a `svcc.auditing.node_dump.Auditor`.

    What is sent to a worker is the names of the manifests, which it reads when it gets its first dump, and then keeps:
    objects know where in which file they stand, and that is too much to send.

    Attributes:
        filenames: of manifests, as for `load`; workers must find them by the same names, and work in folders of
            their own.
        settings: of all nodes.
        baseline: findings that are accepted, on whichever node.
        unreachable: tell rules that no packet meets, too.
    """

    filenames: tuple[str, ...]
    settings: ClusterSettings
    baseline: Baseline | None = None
    unreachable: bool = False
    _cluster: Cluster | None = field(default=None, init=False, eq=False, repr=False)
    _reading: Lock = field(factory=Lock, init=False, eq=False, repr=False)

    def __call__(self, dump: NodeDump, data: bytes) -> AuditReport:
        """The report of a node.

        Raises:
            InputError: the dump or the manifests cannot be read, or nothing was declared of a node of that name.
            SettingsError: the settings make no sense on this node.
        """
        name = str(dump.path)
        try:
            cluster = self._declared()
        except InputError as error:
            raise InputError(f"{name}: where it is audited, {error.message}", hint=error.hint) from None
        if not _knows(cluster, dump.node):
            raise InputError(
                f'{name}: no node is named "{dump.node}"',
                hint=f"{nodes_there_are(cluster)}; name dumps by them: NODE.json",
            )
        dataplane = build_dataplane(cluster, dump.node, self.settings).dataplane
        return audit_dataplane(
            unpacked(data, name),
            dataplane,
            cluster,
            settings=self.settings,
            baseline=self.baseline,
            dump=name,
            unreachable=self.unreachable,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return DeclaredNodes, (self.filenames, self.settings, self.baseline, self.unreachable)

    def _declared(self) -> Cluster:
        with self._reading:
            if self._cluster is None:
                self._cluster = load(self.filenames).cluster
            return self._cluster


def _knows(cluster: Cluster, node: str) -> bool:
    """Whether the name is a node's; without Nodes nobody can tell."""
    if not cluster.nodes or any(each.name == node for each in cluster.nodes):
        return True
    return any(endpoint.node_name == node for each in cluster.endpoint_slices for endpoint in each.endpoints)
