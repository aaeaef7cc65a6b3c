"""What follows from the declaration itself and surprises people: told even where the node does all of it right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from svcc.auditing.catalogue import CATALOGUE
from svcc.auditing.classify_declared import Owner, frontend_words, service_port_words
from svcc.auditing.classify_messages import listed
from svcc.auditing.finding import Finding, FindingKind
from svcc.dataplane.contract import Dataplane, Decision, Frontend, FrontendKind, ServicePortPlan
from svcc.fields import Severity

__all__ = ["declared_surprises"]

_SERVED = frozenset({Decision.CLUSTER, Decision.LOCAL})


def declared_surprises(dataplane: Dataplane) -> Iterator[Finding]:
    """Findings that need no ruleset.

    They are black holes of Local policies, source ranges with a way around them, and cluster IPs that answer clients
    from outside.
    """
    plans: dict[str, list[ServicePortPlan]] = {}
    for family in dataplane.families:
        for plan in family.service_ports:
            plans.setdefault(service_port_words(plan.name), []).append(plan)
    for subject, group in plans.items():
        yield from _black_holes(subject, group)
        yield from _ways_around_source_ranges(subject, group)
    yield from _cluster_ips_from_outside(dataplane)


def _owners(plans: Iterable[ServicePortPlan], is_meant: Callable[[Frontend], bool]) -> list[Owner]:
    return [Owner(plan, frontend) for plan in plans for frontend in plan.frontends if is_meant(frontend)]


def _black_holes(subject: str, plans: list[ServicePortPlan]) -> Iterator[Finding]:
    """S37: under a Local policy a node without endpoints of its own drops, though others could serve."""
    for from_inside, is_dropped in ((True, _drops_everybody), (False, _drops_outsiders)):
        owners = _owners(plans, is_dropped)
        if not owners:
            continue
        policy = "internalTrafficPolicy" if from_inside else "externalTrafficPolicy"
        whose = "everybody's connections" if from_inside else "connections of clients from outside"
        frontends = sorted({frontend_words(owner) for owner in owners})
        yield _finding(
            FindingKind.LOCAL_POLICY_BLACK_HOLE,
            subject,
            f"{subject}: {policy} is Local and no endpoint is on this node: {whose} are dropped, as declared, at"
            f" {listed(frontends)}",
            owners[0].plan,
            (policy, *frontends),
            ("external", "pod", "node") if from_inside else ("external",),
        )


def _drops_everybody(frontend: Frontend) -> bool:
    return frontend.inside is Decision.DROP


def _drops_outsiders(frontend: Frontend) -> bool:
    return frontend.outside is Decision.DROP and frontend.inside is not Decision.DROP


def _ways_around_source_ranges(subject: str, plans: list[ServicePortPlan]) -> Iterator[Finding]:
    """S40 restricts the addresses of load balancers only, so that other frontends let everybody in."""
    if not any(frontend.allowed_sources is not None for plan in plans for frontend in plan.frontends):
        return
    if open_to_all := _owners(plans, _is_open_to_all):
        frontends = sorted({frontend_words(owner) for owner in open_to_all})
        yield _finding(
            FindingKind.SOURCE_RANGE_BYPASSED_BY_NODE_PORT,
            subject,
            f"{subject}: loadBalancerSourceRanges do not hold, as Kubernetes defines them, at {listed(frontends)}",
            open_to_all[0].plan,
            tuple(frontends),
            ("external",),
        )


def _is_open_to_all(frontend: Frontend) -> bool:
    is_elsewhere = frontend.kind in (FrontendKind.NODE_PORT, FrontendKind.EXTERNAL_IP)
    return is_elsewhere and frontend.allowed_sources is None and frontend.outside in _SERVED


def _cluster_ips_from_outside(dataplane: Dataplane) -> Iterator[Finding]:
    """S26: nothing keeps clients from outside away from a cluster IP, if they route it to the node."""
    count = len(
        {
            (frontend.address, frontend.port, plan.name.protocol)
            for family in dataplane.families
            for plan in family.service_ports
            for frontend in plan.frontends
            if frontend.kind is FrontendKind.CLUSTER_IP and frontend.outside in _SERVED
        }
    )
    if count:
        subject = "cluster IPs"
        message = (
            f"{subject}: {count} frontend{'s' if count > 1 else ''} with a cluster IP answer"
            f"{'s' if count == 1 else ''} clients from outside that route the address to this node, as declared"
        )
        yield _finding(FindingKind.CLUSTER_IP_FROM_OUTSIDE, subject, message, None, (), ("external",))


def _finding(
    kind: FindingKind,
    subject: str,
    message: str,
    plan: ServicePortPlan | None,
    details: tuple[str, ...],
    clients: tuple[str, ...],
) -> Finding:
    entry = CATALOGUE[kind]
    return Finding(
        kind=kind,
        severity=Severity.INFO,  # the node does as it was told
        message=message,
        subject=subject,
        service_port=plan.name if plan else None,
        details=details,
        source=plan.source if plan else None,
        hint=entry.hint,
        clients=clients,
    )
