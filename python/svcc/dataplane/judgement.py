"""All that is to say about a cluster as a whole, each thing once.

The rules across objects and the way to a dataplane meet the same conflicts: the first as the server does, by address or
number, the second by frontend.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from attrs import evolve

from svcc.addresses import IPFamily, canonical_address
from svcc.dataplane.addresses import ServiceAddress, cluster_address, external_addresses
from svcc.dataplane.build import build_dataplane
from svcc.dataplane.conflicts import ClaimKey, Claims
from svcc.dataplane.notices import why_no_rules
from svcc.fields import Problem, Severity
from svcc.model.age import oldest_first
from svcc.model.balancing import LoadBalancing, balancing_of
from svcc.model.cluster import Cluster, ClusterSettings
from svcc.model.service import Service
from svcc.validate.admission import is_fatal
from svcc.validate.cluster import ClusterRuleSettings, cluster_problems
from svcc.validate.refused import is_unread
from svcc.validate.refused_objects import Refused

__all__ = ["judge_cluster"]

_CONFLICT: Final = "cluster/frontend-conflict"
_SETTINGS: Final = ClusterSettings()


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
    services = [*cluster.services, *(item for item in refused if isinstance(item, Service))]
    of_nodes = (
        *_without_rules(cluster.services),
        *_conflicts(oldest_first(_contenders(services))),
        *_too_many_endpoints(cluster),
    )
    return [*found, *(problem for problem in dict.fromkeys(of_nodes) if not _is_told(problem, told))]


def _without_rules(services: Iterable[Service]) -> Iterator[Problem]:
    """Services that yield nothing."""
    for service in services:
        if reason := why_no_rules(service, _SETTINGS):
            # A node serves nothing where a cluster IP is yet to be allocated; the manifest that leaves it open is in
            # order.
            yield evolve(reason, severity=Severity.INFO)


def _too_many_endpoints(cluster: Cluster) -> Iterator[Problem]:
    """What only the endpoints tell, of the few Services that ask for more than chance."""
    asking = tuple(
        service for service in cluster.services if balancing_of(service.annotations).algorithm is LoadBalancing.MAGLEV
    )
    if asking:
        built = build_dataplane(evolve(cluster, services=asking), "", _SETTINGS)
        yield from (problem for problem in built.problems if problem.rule == "cluster/too-many-for-maglev")


def _is_told(problem: Problem, told: AbstractSet[tuple[object, object]]) -> bool:
    if problem.rule != _CONFLICT:
        return False
    steps = problem.path.steps
    # The server speaks of all cluster IPs at once: spec.clusterIPs, where a frontend has spec.clusterIPs[0].
    return (problem.object, steps) in told or (problem.object, steps[:-1]) in told


def _contenders(services: Iterable[Service]) -> list[Service]:
    """The Services that have an address in common with another one: hardly any, and nobody else is in conflict."""
    holders: dict[str, list[Service]] = {}
    for service in services:
        texts = {*service.cluster_ips, *service.external_ips, *(each.ip for each in service.load_balancer_ingress)}
        for address in {canonical_address(text) for text in texts}:
            if address is not None:
                holders.setdefault(address, []).append(service)
    found = {id(service): service for several in holders.values() if len(several) > 1 for service in several}
    return list(found.values())


def _conflicts(services: Sequence[Service]) -> Iterator[Problem]:
    """The frontends on addresses that older Services have; node ports are told by number, whatever the protocol."""
    for family in IPFamily:
        owners: dict[ClaimKey, Service] = {}
        for service in services:
            claims = Claims(service, owners.setdefault)
            for address in _addresses(service, family):
                for port in service.ports:
                    if port.port:  # else it is refused
                        claims.claim(port.protocol, address, port.port)
            yield from claims.problems


def _addresses(service: Service, family: IPFamily) -> Iterator[ServiceAddress]:
    """The addresses that a Service answers on; who is refused for its cluster IP has the others all the same."""
    is_unknown = any(is_unread(service, "spec", name) for name in ("clusterIPs", "ipFamilies"))
    reason = why_no_rules(service, _SETTINGS)
    # Of the reasons only a missing cluster IP is a warning.
    if reason is not None and not (is_unknown and reason.severity is Severity.WARNING):
        return
    cluster = cluster_address(service, family)
    if cluster is not None:
        yield cluster
    elif not is_unknown:
        return
    allow = _SETTINGS.allow_service_external_ips
    yield from external_addresses(service, family, node_address=None, allow_external_ips=allow)
