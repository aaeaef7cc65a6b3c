"""All that is to say about a cluster as a whole, each thing once.

The rules across objects and the way to a dataplane meet the same conflicts: the first as the server does, by address or
number, the second by frontend.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from attrs import evolve

from svcc.addresses import IPFamily
from svcc.dataplane.addresses import ServiceAddress, cluster_address, external_addresses
from svcc.dataplane.build import build_dataplane
from svcc.dataplane.conflicts import ClaimKey, Claims
from svcc.dataplane.notices import why_no_rules
from svcc.fields import Problem, Severity
from svcc.model.age import oldest_first
from svcc.model.cluster import Cluster, ClusterSettings
from svcc.model.service import Service
from svcc.validate.admission import is_fatal
from svcc.validate.cluster import ClusterRuleSettings, cluster_problems
from svcc.validate.refused import is_unread
from svcc.validate.refused_objects import Refused

__all__ = ["judge_cluster"]

_CONFLICT: Final = "cluster/frontend-conflict"


def judge_cluster(
    cluster: Cluster,
    settings: ClusterRuleSettings | None = None,
    *,
    problems: Iterable[Problem] = (),
    refused: Iterable[Refused] = (),
) -> list[Problem]:
    """What is wrong between the objects of a cluster, whichever node one looks from.

    `problems` are those of single objects, which tell which objects are missing in the cluster for being broken;
    `refused` are those of them that say something all the same.
    """
    refused = tuple(refused)
    left_out = {problem.object for problem in problems if problem.object is not None and is_fatal(problem)}
    found = cluster_problems(cluster, settings, left_out=left_out, refused=refused)
    told = {(problem.object, problem.path.steps) for problem in found if problem.severity is Severity.ERROR}
    settings_of_nodes = ClusterSettings()
    built = build_dataplane(cluster, "", settings_of_nodes).problems
    services = [item for item in refused if isinstance(item, Service)]
    if services:
        # The builder knows Services in order only.
        conflicts = _conflicts(oldest_first([*cluster.services, *services]), settings_of_nodes)
        built = (*(problem for problem in built if problem.rule != _CONFLICT), *conflicts)
    return [*found, *(_of_manifests(problem) for problem in built if not _is_told(problem, told))]


def _of_manifests(problem: Problem) -> Problem:
    """A node serves nothing where a cluster IP is yet to be allocated; the manifest that leaves it open is in order."""
    return evolve(problem, severity=Severity.INFO) if problem.rule == "cluster/yields-no-rules" else problem


def _is_told(problem: Problem, told: AbstractSet[tuple[object, object]]) -> bool:
    if problem.rule != _CONFLICT:
        return False
    steps = problem.path.steps
    # The server speaks of all cluster IPs at once: spec.clusterIPs, where a frontend has spec.clusterIPs[0].
    return (problem.object, steps) in told or (problem.object, steps[:-1]) in told


def _conflicts(services: Sequence[Service], settings: ClusterSettings) -> Iterator[Problem]:
    """The frontends on addresses that older Services have; node ports are told by number, whatever the protocol."""
    for family in IPFamily:
        owners: dict[ClaimKey, Service] = {}
        for service in services:
            claims = Claims(service, owners.setdefault)
            for address in _addresses(service, family, settings):
                for port in service.ports:
                    if port.port:  # else it is refused
                        claims.claim(port.protocol, address, port.port)
            yield from claims.problems


def _addresses(service: Service, family: IPFamily, settings: ClusterSettings) -> Iterator[ServiceAddress]:
    """The addresses that a Service answers on; who is refused for its cluster IP has the others all the same."""
    is_unknown = any(is_unread(service, "spec", name) for name in ("clusterIPs", "ipFamilies"))
    reason = why_no_rules(service, settings)
    # Of the reasons only a missing cluster IP is a warning.
    if reason is not None and not (is_unknown and reason.severity is Severity.WARNING):
        return
    cluster = cluster_address(service, family)
    if cluster is not None:
        yield cluster
    elif not is_unknown:
        return
    allow = settings.allow_service_external_ips
    yield from external_addresses(service, family, node_address=None, allow_external_ips=allow)
