"""Finding the Service that somebody means, and telling them what there is instead when there is none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from svcc.addresses import IPFamily
from svcc.dataplane.addresses import cluster_address
from svcc.errors import InputError
from svcc.fields import ObjectReference, Problem, Severity, printable
from svcc.model.cluster import Cluster
from svcc.model.service import Protocol, Service

__all__ = ["find_service", "service_destination", "service_named"]

_KINDS = frozenset({"svc", "service", "services"})
_DEFAULT_NAMESPACE = "default"
_SHOWN = 5


def service_named(text: str, namespace: str | None) -> tuple[str | None, str]:
    """Namespace and name from ``NAME``, ``svc/NAME``, ``service/NAME`` or ``NAMESPACE/NAME``.

    Raises:
        InputError: it is none of them, or names another namespace than `namespace`.
    """
    parts = text.split("/")
    if len(parts) > 1 and parts[0].lower() in _KINDS:
        parts = parts[1:]
    if len(parts) > 2 or not all(parts):
        raise InputError(
            f'"{printable(text)}" names no Service',
            hint="write NAME, NAME.NAMESPACE or NAMESPACE/NAME, as in svc/web.shop",
        )
    if len(parts) == 1:
        return namespace, parts[0]
    if namespace and namespace != parts[0]:
        raise InputError(f'"{printable(text)}" is in another namespace than "{printable(namespace)}"')
    return parts[0], parts[1]


def find_service(
    cluster: Cluster, problems: Iterable[Problem], name: str, namespace: str | None
) -> Service | ObjectReference:
    """The Service, or only its reference where its errors left it out of the cluster.

    Without a namespace it is the one in ``default``, else the only one of that name; or `name` has it behind a dot, as
    in DNS: a Service's own name is a label and has none (RFC 1035).

    Raises:
        InputError: there is none, or there are several; the hint names what comes close.
    """
    problems = tuple(problems)
    found: dict[str, Service | ObjectReference] = {
        problem.object.namespace: problem.object
        for problem in problems
        if problem.severity is Severity.ERROR
        and problem.object is not None
        and (problem.object.kind, problem.object.name) == ("Service", name)
    }
    found.update((service.namespace, service) for service in cluster.services if service.name == name)
    if namespace is None and not found and "." in name:
        name, domain = name.split(".", 1)
        return find_service(cluster, problems, name, domain.split(".")[0] or None)
    if namespace is None:
        namespace = next(iter(found)) if len(found) == 1 else _DEFAULT_NAMESPACE
        if len(found) > 1 and namespace not in found:
            raise InputError(f'there are several Services "{name}"', hint=f"say which with -n: {_listed(found)}")
    if namespace in found:
        return found[namespace]
    message = f'there is no Service "{printable(name)}" in namespace "{printable(namespace)}"'
    raise InputError(message, hint=_instead(cluster, name, namespace, found))


def service_destination(
    cluster: Cluster, problems: Iterable[Problem], target: str, family: IPFamily, protocol: Protocol
) -> tuple[str, int]:
    """The cluster IP and port of ``NAME[.NAMESPACE][:PORT]`` or ``NAMESPACE/NAME[:PORT]``; PORT is a name or a number.

    Without a port it is the only one of the protocol. A number need not be declared.

    Raises:
        InputError: there is no such Service, or it has no such port, or no cluster IP of the family.
    """
    text, _, wanted = target.partition(":")
    name, _, domain = text.partition(".")
    namespace, name = service_named(name, domain.split(".")[0] or None)
    service = find_service(cluster, problems, name, namespace)
    if isinstance(service, ObjectReference):
        raise InputError(f"{service} has errors and is left out")
    address = None if service.is_headless else cluster_address(service, family)
    if address is None:
        raise InputError(f"{service.reference} has no {family} cluster IP")
    ports = [port for port in service.ports if port.protocol is protocol and wanted in ("", port.name, str(port.port))]
    if ports and (wanted or len(ports) == 1):
        return address.address, ports[0].port
    if re.fullmatch(r"[1-9][0-9]{0,4}", wanted) and int(wanted) <= 65535:
        return address.address, int(wanted)
    declared = ", ".join(f"{port.name or port.port} {port.protocol}" for port in service.ports)
    raise InputError(
        f'{service.reference} has no {protocol} port "{printable(wanted)}"'
        if wanted
        else f"{service.reference} has {len(ports)} {protocol} ports",
        hint=f"its ports: {printable(declared)}",
    )


def _instead(cluster: Cluster, name: str, namespace: str, found: Iterable[str]) -> str:
    elsewhere = _listed(found)
    if elsewhere:
        return f"there is one in namespace {elsewhere}"
    here = sorted({service.name for service in cluster.services if service.namespace == namespace})
    if not here:
        namespaces = {service.namespace for service in cluster.services}
        if not namespaces:
            return "there are no Services in the manifests"
        similar = get_close_matches(namespace, sorted(namespaces), _SHOWN)
        return f"namespaces with Services: {_listed(similar or namespaces)}"
    similar = get_close_matches(name, here, _SHOWN)
    return f"similar: {_listed(similar)}" if similar else f"there are: {_listed(here)}"


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(set(names))
    return ", ".join(map(printable, ordered[:_SHOWN])) + (", ..." if len(ordered) > _SHOWN else "")
