"""What an update may not change, in the API server's words.

Objects are the same if kind, namespace and name are: an object under another name is a new one, and the old one is
deleted, so identity itself cannot change. Labels and annotations may.

The server completes what an update leaves out from what is stored (`patchAllocatedValues`): a manifest without
`clusterIP`, `nodePort` or `healthCheckNodePort` keeps the old values and changes nothing.
Sources: core/validation (`ValidateServiceUpdate`, `ValidateNodeUpdate`), discovery/validation
(`ValidateEndpointSliceUpdate`), networking/validation (`ValidateServiceCIDRUpdate`), registry/core/service.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from svcc.fields import ObjectReference, Problem
from svcc.model.cluster import Cluster, ClusterObject
from svcc.model.endpoints import EndpointSlice
from svcc.model.node import Node, ServiceCIDR
from svcc.model.service import IPFamilyPolicy, Service, ServiceType
from svcc.validate.findings import Findings, Path
from svcc.validate.refused import RefusedService, is_unread
from svcc.wire.service_update import needs_health_check_port

__all__ = ["objects_by_reference", "update_problems"]

_IMMUTABLE = "field is immutable"
_SET_ONCE = "may not change once set"
_CLUSTER_IPS: Path = ("spec", "clusterIPs")
_FAMILIES: Path = ("spec", "ipFamilies")
_POLICY: Path = ("spec", "ipFamilyPolicy")
_OF_LOAD_BALANCERS = ("healthCheckNodePort", "loadBalancerClass")


def update_problems(old: Cluster, new: Cluster, refused: Iterable[ClusterObject] = ()) -> list[Problem]:
    """What the server would refuse where `new` is applied to a cluster that holds `old`.

    Objects of one of them only are created or deleted, which is no update. The problems are those of `new`, in the
    order of its objects and of the server; what is wrong with an object by itself was told when it was loaded (with
    `before`, since the server wipes what a change of the type leaves behind). `refused` are objects of `new` that
    are not in order, as far as they can be read, of which Services are judged; a field that is refused anyway is not
    told again.
    """
    stored = objects_by_reference(old)
    problems: list[Problem] = []
    for item in (*_objects(new), *(each for each in refused if isinstance(each, RefusedService))):
        before = stored.get(item.reference)
        if before is not None:
            findings = Findings(item.reference, item.source)
            _check(before, item, findings)
            problems.extend(each for each in findings.problems if not _is_refused(item, each.path.steps))
    return problems


def objects_by_reference(cluster: Cluster) -> dict[ObjectReference, ClusterObject]:
    """All objects by kind, namespace and name."""
    return {item.reference: item for item in _objects(cluster)}


def _is_refused(item: ClusterObject, path: Path) -> bool:
    """Whether a field of a Service cannot be read, or nobody knows whether its Service has a use for it."""
    if not isinstance(item, RefusedService):
        return False
    if is_unread(item, "spec", "type") and path[-1] in _OF_LOAD_BALANCERS:
        return True
    if is_unread(item, *_CLUSTER_IPS, 0) and path[1] in ("ipFamilies", "ipFamilyPolicy"):
        return True  # of a headless Service families may change
    return is_unread(item, *path)


def _objects(cluster: Cluster) -> Iterable[ClusterObject]:
    yield from cluster.services
    yield from cluster.endpoint_slices
    yield from cluster.nodes
    yield from cluster.service_cidrs


def _check(before: ClusterObject, item: ClusterObject, findings: Findings) -> None:
    if isinstance(item, Service) and isinstance(before, Service):
        _check_service(before, item, findings)
    elif isinstance(item, EndpointSlice) and isinstance(before, EndpointSlice):
        if item.address_type != before.address_type:
            rule = "update/address-type-changed"
            findings.invalid(rule, ("addressType",), str(item.address_type), _IMMUTABLE)
    elif isinstance(item, Node) and isinstance(before, Node):
        if before.pod_cidrs and item.pod_cidrs != before.pod_cidrs:
            detail = 'node updates may not change podCIDR except from "" to valid'
            findings.forbidden("update/pod-cidrs-changed", ("spec", "podCIDRs"), detail)
    elif isinstance(item, ServiceCIDR) and isinstance(before, ServiceCIDR):
        _check_ranges(before.cidrs, item.cidrs, findings)


def _check_service(before: Service, item: Service, findings: Findings) -> None:
    """`ValidateServiceUpdate`, after the allocation of the health check port, which refuses earlier."""
    old_port, new_port = before.health_check_node_port, item.health_check_node_port
    is_needed = needs_health_check_port(before) and needs_health_check_port(item)
    if is_needed and old_port and new_port not in (0, old_port):
        path: Path = ("spec", "healthCheckNodePort")
        findings.invalid("update/health-check-node-port-changed", path, new_port, _IMMUTABLE)
    if ServiceType.EXTERNAL_NAME not in (before.type, item.type):
        _check_cluster_ips(before, item, findings)
        _check_families(before, item, findings)
    if before.type is item.type is ServiceType.LOAD_BALANCER and before.load_balancer_class != item.load_balancer_class:
        path = ("spec", "loadBalancerClass")
        hint = (
            "" if item.load_balancer_class else f'kubectl apply keeps "{before.load_balancer_class}" if others set it'
        )
        findings.invalid("update/load-balancer-class-changed", path, item.load_balancer_class, _SET_ONCE, hint)


def _check_cluster_ips(before: Service, item: Service, findings: Findings) -> None:
    """`validateUpgradeDowngradeClusterIPs`."""
    old, new = before.cluster_ips, _completed(before, item)
    if not old or (before.is_headless and item.is_headless):
        return
    rule = "update/cluster-ip-changed"
    if len(old) == len(new):
        for index, (was, becomes) in enumerate(zip(old, new, strict=True)):
            if was != becomes:
                findings.invalid(rule, (*_CLUSTER_IPS, index), list(new), _SET_ONCE)
        return
    if new[0] != old[0]:
        findings.invalid(rule, (*_CLUSTER_IPS, 0), list(new), _SET_ONCE)
    if len(old) > len(new) and item.ip_family_policy is not IPFamilyPolicy.SINGLE_STACK:
        _refuse_release(item, "clusterIP", findings)


def _completed(before: Service, item: Service) -> Sequence[str]:
    """The cluster IPs with those the server keeps or releases of its own accord.

    An update that names none keeps the old ones; with the policy SingleStack the secondary one is released.
    """
    if item.cluster_ips:
        return item.cluster_ips
    return before.cluster_ips[:1] if item.ip_family_policy is IPFamilyPolicy.SINGLE_STACK else before.cluster_ips


def _check_families(before: Service, item: Service, findings: Findings) -> None:
    """`validateUpgradeDowngradeIPFamilies`; an update that names none keeps the old ones."""
    old, new = before.ip_families, item.ip_families
    if not old or not new or before.is_headless or item.is_headless:
        return
    rule = "update/ip-family-changed"
    values = [family.value for family in new]
    if len(old) == len(new):
        for was, becomes in zip(old, new, strict=True):
            if was is not becomes:
                findings.invalid(rule, (*_FAMILIES, 0), values, _SET_ONCE)
        return
    if new[0] is not old[0]:
        findings.invalid(rule, (*_FAMILIES, 0), values, _SET_ONCE)
    if len(old) > len(new) and item.ip_family_policy is not IPFamilyPolicy.SINGLE_STACK:
        _refuse_release(item, "ipFamily", findings)


def _refuse_release(item: Service, what: str, findings: Findings) -> None:
    value = None if item.ip_family_policy is None else item.ip_family_policy.value
    detail = f"must be set to 'SingleStack' when releasing the secondary {what}"
    findings.invalid("update/secondary-released-without-single-stack", _POLICY, value, detail)


def _check_ranges(old: Sequence[str], new: Sequence[str], findings: Findings) -> None:
    """`ValidateServiceCIDRUpdate`: a second family may come, and nothing else changes."""
    path: Path = ("spec", "cidrs")
    rule = "update/service-cidr-changed"
    if len(old) == len(new):
        for index, (was, becomes) in enumerate(zip(old, new, strict=True)):
            if was != becomes:
                findings.invalid(rule, (*path, index), becomes, _IMMUTABLE)
    elif len(old) == 1 and len(new) == 2:
        if new[0] != old[0]:
            findings.invalid(rule, (*path, 0), new[0], _IMMUTABLE)
    else:
        findings.invalid(rule, path, list(new), _IMMUTABLE)
