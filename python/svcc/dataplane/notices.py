"""What is worth knowing about a dataplane although nothing is wrong with any object."""

from __future__ import annotations

from collections.abc import Iterator

from svcc.dataplane.surroundings import Surroundings
from svcc.fields import FieldPath, Problem, ProblemKind, Severity
from svcc.model.cluster import Cluster, ClusterSettings, DetectLocalMode
from svcc.model.service import Service, ServiceType
from svcc.select import PROXY_NAME_LABEL

__all__ = ["family_notices", "no_node_object", "nodes_there_are", "notice", "why_no_rules"]


def nodes_there_are(cluster: Cluster) -> str:
    """The names of Nodes in words, for whoever has named another one; only some of many."""
    names = sorted(node.name for node in cluster.nodes)
    return f"there are {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"


def no_node_object(node_name: str) -> Problem:
    """No Node object says where the node is and which addresses it has."""
    return notice("cluster/no-node-object", f'no Node object is named "{node_name}"', Severity.WARNING)


def why_no_rules(service: Service, settings: ClusterSettings) -> Problem | None:
    """Why a Service yields nothing (S1, S5); None if it does."""
    proxy = service.labels.get(PROXY_NAME_LABEL, "")
    severity = Severity.INFO
    if service.type is ServiceType.EXTERNAL_NAME:
        reason = "is of type ExternalName: it is a DNS name only and yields no rules"
    elif service.is_headless:
        reason = "is headless: its endpoints are reached directly, it yields no rules"
    elif proxy != settings.service_proxy_name or (PROXY_NAME_LABEL in service.labels and not proxy):
        reason = f'belongs to the service proxy "{proxy}" by its label {PROXY_NAME_LABEL}, it yields no rules'
    elif not service.cluster_ips or not service.cluster_ips[0]:
        reason = "has no cluster IP yet, it yields no rules"
        severity = Severity.WARNING
    else:
        return None
    return notice("cluster/yields-no-rules", reason, severity, service)


def family_notices(
    name: str, around: Surroundings, settings: ClusterSettings, *, has_frontends: bool, has_node_ports: bool
) -> Iterator[Problem]:
    """What will hardly be meant: node ports on no address, and a detector that knows no pods of the family `name`."""
    if around.node_ports.addresses == () and has_node_ports:
        detail = f"no address serves {name} node ports: the Node object has no {name} address"
        yield notice("cluster/no-node-port-address", detail, Severity.WARNING)
    mode = settings.detect_local_mode or (DetectLocalMode.CLUSTER_CIDR if settings.cluster_cidrs else None)
    if mode not in (None, DetectLocalMode.NONE) and has_frontends and not around.pods:
        detail = f"there is no {name} pod CIDR: {name} pods are treated like other clients"
        yield notice("cluster/no-pod-cidr", detail, Severity.WARNING)


def notice(rule: str, detail: str, severity: Severity, service: Service | None = None) -> Problem:
    """Something svcc noticed, about a Service or the whole."""
    return Problem(
        rule=rule,
        kind=ProblemKind.NOTICE,
        path=FieldPath(),
        detail=detail,
        object=service.reference if service else None,
        source=service.source if service else None,
        severity=severity,
    )
